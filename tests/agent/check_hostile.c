/* SPDX-License-Identifier: ISC */
/* Programs that attack the agent, or each other through it. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/connect_agent.h"
#include "suites.h"

static struct player a, b;

enum { PORTS = 500, SOCKETS = 5000 };

/* A program holds its lock for ever: other ports work as before. */
START_TEST(lock_held)
{
	struct mp_addr to = meet(&a, &b, 4400);
	struct player evil;
	int i, ms, worst = 0;

	ck_assert_int_eq(player_open(&evil, LAB_A, 5409, lab_key(LAB_A)), 0);
	arena_lock(evil.map.arena);
	lab_ip(LAB_A, "link set l1 down"); /* all ports are to be told */
	for (i = 0; i < 50; i++) {
		ms = ping_ms(&a, &b, &to);
		worst = ms > worst ? ms : worst;
		player_sleep(10);
	}
	lab_ip(LAB_A, "link set l1 up");
	fprintf(stderr, "worst %d ms while another program holds its lock\n",
	    worst);
	ck_assert_int_le(worst, 150);
	arena_unlock(evil.map.arena);
	ck_assert_int_gt(worker_of(LAB_A), 0);
}
END_TEST

/* A program writes random bytes into its arena: the worker lives, other ports
 * go on. */
START_TEST(scribble)
{
	struct mp_addr to = meet(&a, &b, 4401);
	pid_t worker = worker_of(LAB_A), pid;
	uint64_t until;

	pid = fork();
	if (pid == 0) {
		struct player evil;
		uint8_t *bytes, wake[64];
		size_t size;

		if (player_open(&evil, LAB_A, 5410, lab_key(LAB_A)) != 0)
			_exit(1);
		to.port = 4409; /* no peer */
		(void)player_send(&evil, &to, "ping", 5);
		bytes = (uint8_t *)evil.map.arena;
		size = evil.map.size;
		for (until = player_ms() + 3000; player_ms() < until;) {
			randombytes_buf(wake, sizeof(wake));
			/* mostly at its beginning, where the state is */
			bytes[randombytes_uniform(randombytes_uniform(2) == 0 ?
			    (uint32_t)size : 400000)] = wake[0];
		}
		_exit(0);
	}
	for (until = player_ms() + 3200; player_ms() < until;) {
		ping(&a, &b, &to, 5000);
		player_sleep(10);
	}
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(worker_of(LAB_A), worker);
	/* The bytes may say that a datagram is staged: then the slot stays for
	 * 3 s. */
	ck_assert_int_ge(await_port(LAB_A, 5410, 8000), 0);
}
END_TEST

/* Clients that send nothing, or malformed requests. */
START_TEST(silent_clients)
{
	int i, fd[200];
	struct player p;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	for (i = 0; i < 200; i++) {
		fd[i] = connect_agent_open();
		ck_assert_int_ge(fd[i], 0);
		if (i % 2 == 0)
			(void)ipc_send(fd[i], "nonsense", 8, NULL, 0);
	}
	ck_assert_int_eq(player_open(&p, LAB_A, 5411, lab_key(LAB_A)), 0);
	for (i = 0; i < 200; i++)
		close(fd[i]);
}
END_TEST

/* How many descriptors the process has. */
static int
fds_of(pid_t pid)
{
	struct dirent *e;
	char path[32];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Each kind of request, with descriptors that it does not need. */
START_TEST(descriptors)
{
	const int pass[IPC_PASS] = { 0, 0, 0 };
	int i, fd, kind, before;
	pid_t worker;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	worker = worker_of(LAB_A);
	before = fds_of(worker);
	for (kind = 0; kind < 20; kind++)
		for (i = 0; i < 5; i++) {
			fd = connect_agent_open();
			ck_assert_int_ge(fd, 0);
			ck_assert_int_eq(ipc_send(fd, player_question(
			    (enum ipc_kind)kind), i == 4 ? IPC_SHORT :
			    sizeof(struct ipc_request), pass, IPC_PASS), 0);
			player_sleep(5);
			close(fd);
		}
	for (i = 0; i < 100 && fds_of(worker) > before; i++)
		player_sleep(20);
	ck_assert_int_eq(fds_of(worker), before);
}
END_TEST

/* No other service runs as the worker's user, so none sends it signals. */
START_TEST(own_user)
{
	char path[32], line[128] = "";
	unsigned uid = 0;
	FILE *f;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)worker_of(LAB_A));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL &&
	    sscanf(line, "Uid: %u", &uid) != 1)
		continue;
	fclose(f);
	ck_assert_uint_ne(uid, 0);
	ck_assert_uint_ne(uid, 65534);
}
END_TEST

/* Random packets for the control socket. */
START_TEST(garbage)
{
	struct mp_addr to = meet(&a, &b, 4402), from;
	struct mp_addr at = lab_addr(LAB_A, 1, 5402);
	static uint8_t packet[1500];
	pid_t worker = worker_of(LAB_A);
	int i;

	for (i = 0; i < 2000; i++) {
		size_t len = randombytes_uniform(sizeof(packet));

		randombytes_buf(packet, len);
		if (i % 3 == 0)
			memcpy(packet, "\x9d\x4e\xc2\xb7\x01\x01", 6);
		else if (i % 3 == 1) {
			packet[0] = mp_sid_prefix(&a.map.mp);
			packet[3] |= 1;
			packet[6] = packet[7] = 0;
		}
		player_throw(&b, &at, packet, len);
	}
	while (player_recv(&a, &from, packet, sizeof(packet), 10) != -EAGAIN)
		continue; /* this socket has no filter */
	ping(&a, &b, &to, 1000);
	ck_assert_int_eq(worker_of(LAB_A), worker);
}
END_TEST

/* Many ports at once. */
START_TEST(many_ports)
{
	struct mp_addr to = meet(&a, &b, 4403);
	static struct player many[PORTS];
	long before, after;
	uint64_t began;
	pid_t worker;
	int i, ms;

	began = player_ms();
	for (i = 0; i < PORTS; i++)
		ck_assert_int_eq(player_open(&many[i], LAB_A,
		    (uint16_t)(20000 + i), lab_key(LAB_A)), 0);
	fprintf(stderr, "%d ports opened in %d ms\n", PORTS,
	    (int)(player_ms() - began));
	worker = worker_of(LAB_A);
	before = cpu_of(worker);
	player_sleep(3000);
	after = cpu_of(worker);
	fprintf(stderr, "%d idle ports: %ld ms of a processor in 3 s\n", PORTS,
	    after - before);
	ck_assert_int_le(after - before, 100);
	ms = ping_ms(&a, &b, &to);
	ck_assert_int_le(ms, 20);
	for (i = 0; i < PORTS; i++)
		player_close(&many[i]);
	began = player_ms();
	ck_assert_int_eq(player_ask(&a, player_question(IPC_CLOSING), NULL, 0,
	    NULL), 0);
	fprintf(stderr, "%d ports closed in %d ms\n", PORTS,
	    (int)(player_ms() - began));
	ck_assert(lab_port_free(20000));
}
END_TEST

/* A host with many sockets of programs without mpshim. */
START_TEST(many_sockets)
{
	struct mp_addr to = meet(&a, &b, 4405);
	long before, after;
	pid_t worker = worker_of(LAB_A);
	int i, ms;

	lab_enter(LAB_A);
	for (i = 0; i < SOCKETS; i++)
		if (!lab_any_socket())
			break;
	ck_assert_int_ge(i, 1000);
	before = cpu_of(worker);
	player_sleep(3000);
	after = cpu_of(worker);
	fprintf(stderr, "%d foreign sockets: %ld ms of a processor in 3 s\n", i,
	    after - before);
	ck_assert_int_le(after - before, 600);
	ping(&a, &b, &to, 1000);
	player_announce_close(&a);
	ms = await_port(LAB_A, 5405, 2000);
	fprintf(stderr, "port free %d ms after an announced close\n", ms);
	ck_assert_int_ge(ms, 0);
	ck_assert_int_le(ms, 2000);
}
END_TEST

TCase *
case_hostile(void)
{
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, lock_held);
	tcase_add_test(t, scribble);
	tcase_add_test(t, silent_clients);
	tcase_add_test(t, garbage);
	tcase_add_test(t, descriptors);
	tcase_add_test(t, own_user);
	tcase_add_test(t, many_ports);
	tcase_add_test(t, many_sockets);
	return t;
}
