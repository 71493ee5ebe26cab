/* SPDX-License-Identifier: ISC */
/* Programs and agents end, in every way. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/connect_agent.h"
#include "suites.h"

static struct player a, b;

/* How many arenas a process has mapped. */
static int
arenas_of(pid_t pid)
{
	char line[512];
	int n = 0;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/maps", (int)pid);
	f = fopen(line, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "memfd:mpshim") != NULL;
	if (f != NULL)
		fclose(f);
	return n;
}

/* Does a session of the port wait: for its peer's addresses, after a first
 * meeting? */
static bool
port_waits(struct player *p)
{
	struct mp_session_info info;

	return mp_session_get(&p->map.mp, 0, &info) == 0 && info.waits;
}

START_TEST(close_announced)
{
	int ms;

	(void)meet(&a, &b, 4300);
	while (port_waits(&a))
		player_sleep(1);
	player_announce_close(&a);
	ms = await_port(LAB_A, 5300, 2000);
	fprintf(stderr, "port free %d ms after an announced close\n", ms);
	ck_assert_int_ge(ms, 0);
	ck_assert_int_le(ms, 60);
	ck_assert_int_eq(arenas_of(worker_of(LAB_A)), 0);
	ck_assert_int_eq(mp_counter_get(&b.map.mp, MP_C_handshake_done), 1);
}
END_TEST

START_TEST(close_and_look)
{
	uint64_t began;

	(void)meet(&a, &b, 4301);
	for (began = player_ms(); port_waits(&a) &&
	     player_ms() - began < 2000;)
		player_sleep(1);
	ck_assert(!port_waits(&a));
	player_close(&a);
	lab_enter(LAB_A);
	ck_assert_int_eq(player_ask(&a, player_question(IPC_CLOSING), NULL, 0,
	    NULL), 0);
	ck_assert(lab_port_free(5301));
}
END_TEST

/* The peer is told, and its session ends. */
/* A socket joins a port whose other sockets are closed before the agent hears
 * of it: it is to open the port anew. */
START_TEST(join_closed)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 4232);
	struct player p, next;

	start_both();
	ck_assert_int_eq(player_open(&b, LAB_B, 4232, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(&p, LAB_A, 5232, lab_key(LAB_A)), 0);
	ck_assert_int_eq(player_bind_beside(&next, &p), 0);
	player_close(&p);
	ck_assert_int_eq(player_ask_open(&next, lab_key(LAB_A), false),
	    -ESTALE);
	ck_assert_int_eq(player_ask_open(&next, lab_key(LAB_A), true), 0);
	ping(&next, &b, &to, 1000);
	player_close(&next);
	player_close(&b);
}
END_TEST

START_TEST(peer_told)
{
	struct mp_session_info info;

	(void)meet(&a, &b, 4302);
	player_announce_close(&a);
	player_sleep(100);
	ck_assert(mp_session_get(&b.map.mp, 0, &info) != 0 ||
	    info.state != MP_S_UP);
}
END_TEST

/* Forks a program that opens the port and sleeps. */
static pid_t
sleeper(uint16_t port)
{
	int pair[2];
	pid_t pid;
	char ok;

	ck_assert_int_eq(pipe(pair), 0);
	pid = fork();
	if (pid == 0) {
		if (player_open(&a, LAB_A, port, lab_key(LAB_A)) == 0)
			(void)!write(pair[1], "", 1);
		for (;;)
			pause();
	}
	close(pair[1]);
	ck_assert_int_eq(read(pair[0], &ok, 1), 1);
	close(pair[0]);
	return pid;
}

START_TEST(killed_program)
{
	pid_t pid, worker;
	int ms;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	pid = sleeper(5303);
	worker = worker_of(LAB_A);
	ck_assert_int_eq(arenas_of(worker), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ms = await_port(LAB_A, 5303, 2000);
	fprintf(stderr, "port free %d ms after kill -9 of its program\n", ms);
	ck_assert_int_ge(ms, 0);
	ck_assert_int_eq(arenas_of(worker), 0);
	ck_assert_int_eq(worker_of(LAB_A), worker);
}
END_TEST

/* A socket stays open in another process, of which the agent does not know. */
START_TEST(inherited)
{
	struct mp_addr to = meet(&a, &b, 4304);
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	player_announce_close(&b);
	player_sleep(1500);
	lab_enter(LAB_B);
	ck_assert(!lab_port_free(4304));
	ck_assert_int_eq(player_send(&a, &to, "more", 5), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_ge(await_port(LAB_B, 4304, 2000), 0);
}
END_TEST

START_TEST(killed_worker)
{
	struct mp_addr to = meet(&a, &b, 4305);
	uint64_t done = mp_counter_get(&a.map.mp, MP_C_handshake_done);
	pid_t old = worker_of(LAB_A), new;
	uint64_t began;
	int i;

	for (i = 0; i < 4; i++) {
		kill(old, SIGKILL);
		began = player_ms();
		ping(&a, &b, &to, 1000); /* data needs no worker */
		new = await_worker(LAB_A, old, 1000);
		fprintf(stderr, "another worker after %d ms\n",
		    (int)(player_ms() - began));
		ck_assert_int_gt(new, 0);
		ping(&a, &b, &to, 1000);
		old = new;
	}
	ck_assert_uint_eq(mp_counter_get(&a.map.mp, MP_C_handshake_done), done);
	/* Probes are answered again: the loss of a path is noticed. */
	lab_ip(LAB_A, "link set l1 down");
	i = ping_ms(&a, &b, &to);
	lab_ip(LAB_A, "link set l1 up");
	ck_assert_int_ge(i, 0);
	ck_assert_int_le(i, 150);
	/* The new worker closes the port, too. */
	player_announce_close(&a);
	ck_assert_int_ge(await_port(LAB_A, 5305, 200), 0);
}
END_TEST

/* Workers are killed at any moment of a transfer; no datagram is lost. */
START_TEST(killed_often)
{
	struct mp_addr to = meet(&a, &b, 4306);
	uint64_t until = player_ms() + 6000;
	pid_t killer, worker;
	int n = 0;

	killer = fork();
	if (killer == 0) {
		lab_enter(LAB_A);
		for (;;) {
			worker = worker_of(LAB_A);
			if (worker > 0)
				kill(worker, SIGKILL);
			player_sleep(1000 + rand() % 50);
		}
	}
	while (player_ms() < until) {
		ping(&a, &b, &to, 5000); /* a lost one would never arrive */
		n++;
	}
	kill(killer, SIGKILL);
	waitpid(killer, NULL, 0);
	fprintf(stderr, "%d datagrams there and back, a worker killed each "
	    "second\n", n);
	ck_assert_int_gt(await_worker(LAB_A, 0, 1000), 0);
}
END_TEST

START_TEST(killed_keeper)
{
	struct mp_addr to = meet(&a, &b, 4312);
	pid_t worker = worker_of(LAB_A);
	struct player more;

	kill(parent_of(worker), SIGKILL);
	player_sleep(50);
	ck_assert_int_eq(worker_of(LAB_A), worker);
	ping(&a, &b, &to, 1000);
	ck_assert_int_eq(player_open(&more, LAB_A, 5313, lab_key(LAB_A)), 0);
	player_announce_close(&a);
	player_announce_close(&more);
	ck_assert_int_ge(await_port(LAB_A, 5312, 200), 0);
	ck_assert_int_ge(await_end(worker, 11500), 8000);
	ck_assert_int_eq(lab_agent(), 0); /* replaces the socket that it left */
	ck_assert_int_gt(worker_of(LAB_A), 0);
}
END_TEST

/* A keeper that does not answer delays no client for long, and its late answers
 * are not taken for those of later requests. */
START_TEST(stopped_keeper)
{
	struct mp_addr to = meet(&a, &b, 4307);
	pid_t worker = worker_of(LAB_A), keeper = parent_of(worker);
	struct player more;
	char twice[512];
	int i;

	snprintf(twice, sizeof(twice), "%s\n%s", lab_key(LAB_A),
	    lab_key(LAB_A));
	kill(keeper, SIGSTOP);
	/* Keys that were read a moment ago take no keeper. */
	ck_assert_int_eq(player_open(&more, LAB_A, 5407, lab_key(LAB_A)), 0);
	player_close(&more);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(player_open(&more, LAB_A, 5308, twice),
		    -ETIMEDOUT);
		player_close(&more);
		ping(&a, &b, &to, 1000);
	}
	kill(keeper, SIGCONT);
	player_sleep(50);
	ck_assert_int_eq(player_open(&more, LAB_A, 5308, twice), 0);
	ck_assert_int_eq(worker_of(LAB_A), worker);
	player_announce_close(&more);
	ck_assert_int_ge(await_port(LAB_A, 5308, 200), 0);
}
END_TEST

START_TEST(killed_both)
{
	struct mp_addr to = meet(&a, &b, 4308);
	pid_t worker = worker_of(LAB_A);

	kill(parent_of(worker), SIGKILL);
	kill(worker, SIGKILL);
	ping(&a, &b, &to, 1000);
	ck_assert_int_ge(await_end(worker, 1000), 0);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_find(&a), -ENOENT);
	player_close(&a);
	ck_assert_int_eq(player_open(&a, LAB_A, 5309, lab_key(LAB_A)), 0);
	ping(&a, &b, &to, 1000);
}
END_TEST

START_TEST(adopted)
{
	struct mp_addr to = meet(&a, &b, 4310);
	uint64_t done = mp_counter_get(&a.map.mp, MP_C_handshake_done);
	pid_t worker = worker_of(LAB_A);
	int ms;

	kill(parent_of(worker), SIGKILL);
	kill(worker, SIGKILL);
	ck_assert_int_ge(await_end(worker, 1000), 0);
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_adopt(&a, lab_key(LAB_A)), 0);
	ping(&a, &b, &to, 1000);
	ck_assert_uint_eq(mp_counter_get(&a.map.mp, MP_C_handshake_done), done);
	lab_ip(LAB_A, "link set l1 down");
	ms = ping_ms(&a, &b, &to);
	lab_ip(LAB_A, "link set l1 up");
	ck_assert_int_ge(ms, 0);
	ck_assert_int_le(ms, 150);
	worker = worker_of(LAB_A); /* the keeper has the port */
	kill(worker, SIGKILL);
	ck_assert_int_gt(await_worker(LAB_A, worker, 1000), 0);
	ping(&a, &b, &to, 1000);
	player_announce_close(&a);
	ck_assert_int_ge(await_port(LAB_A, 5310, 200), 0);
}
END_TEST

/* The agent ends 10 s after the last socket closed. */
START_TEST(end)
{
	pid_t worker, keeper;
	int ms;

	(void)meet(&a, &b, 4311);
	worker = worker_of(LAB_A);
	keeper = parent_of(worker);
	player_announce_close(&a);
	ms = await_end(keeper, 11500);
	fprintf(stderr, "the agent ended after %d ms\n", ms);
	ck_assert_int_ge(ms, 9500);
	ck_assert_int_lt(await_end(worker, 0), 5);
	ck_assert_int_lt(connect_agent_open(), 0);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_gt(worker_of(LAB_A), 0);
}
END_TEST

TCase *
case_death(void)
{
	TCase *t = tcase_create("death");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, close_announced);
	tcase_add_test(t, close_and_look);
	tcase_add_test(t, join_closed);
	tcase_add_test(t, peer_told);
	tcase_add_test(t, killed_program);
	tcase_add_test(t, inherited);
	tcase_add_test(t, killed_worker);
	tcase_add_test(t, killed_often);
	tcase_add_test(t, killed_keeper);
	tcase_add_test(t, stopped_keeper);
	tcase_add_test(t, killed_both);
	tcase_add_test(t, adopted);
	tcase_add_test(t, end);
	return t;
}
