/* SPDX-License-Identifier: ISC */
/* The real agent, and a program that does what the library would (player.c). */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suites.h"

void
start_both(void)
{
	int host;

	lab_fresh();
	for (host = 0; host < LAB_HOSTS; host++) {
		lab_enter(host);
		ck_assert_int_eq(lab_agent(), 0);
	}
}

pid_t
worker_of(int host)
{
	struct player p;

	lab_enter(host);
	return player_ask(&p, player_question(IPC_HELLO), NULL, 0, NULL) == 0 ?
	    (pid_t)p.answer.pid : 0;
}

/* The text of /proc/PID/stat from its field 2 on, or "". */
static const char *
stat_text(pid_t pid)
{
	static char text[512];
	char path[64], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return "";
	at = fgets(text, sizeof(text), f) != NULL ? strrchr(text, ')') : NULL;
	fclose(f);
	return at != NULL ? at : "";
}

/* A numeric field of it, counted as in proc(5). */
static long
stat_of(pid_t pid, int field)
{
	const char *at = stat_text(pid);
	int i;

	for (i = 2; at != NULL && i < field; i++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtol(at, NULL, 10) : -1;
}

/* Dead, reaped or not. */
static bool
ended(pid_t pid)
{
	const char *at = stat_text(pid);

	return at[0] == '\0' || strncmp(at, ") Z", 3) == 0;
}

pid_t
parent_of(pid_t pid)
{
	return (pid_t)stat_of(pid, 4);
}

long
cpu_of(pid_t pid)
{
	return (stat_of(pid, 14) + stat_of(pid, 15)) * 1000 /
	    sysconf(_SC_CLK_TCK);
}

pid_t
await_worker(int host, pid_t not, int wait_ms)
{
	uint64_t until = player_ms() + (uint64_t)wait_ms;
	pid_t pid;

	do {
		pid = worker_of(host);
		if (pid != 0 && pid != not)
			return pid;
		player_sleep(5);
	} while (player_ms() < until);
	return 0;
}

int
await_end(pid_t pid, int wait_ms)
{
	uint64_t began = player_ms();

	while (!ended(pid)) {
		if (player_ms() - began > (uint64_t)wait_ms)
			return -1;
		player_sleep(5);
	}
	return (int)(player_ms() - began);
}

int
await_port(int host, uint16_t port, int wait_ms)
{
	uint64_t began = player_ms();

	lab_enter(host);
	while (!lab_port_free(port)) {
		if (player_ms() - began > (uint64_t)wait_ms)
			return -1;
		player_sleep(1);
	}
	return (int)(player_ms() - began);
}

/* Shows the counters of both engines, after a failure. */
static void
explain(const struct player *a, const struct player *b)
{
	int c;

	for (c = 0; c < MP_C_MAX; c++)
		if (mp_counter_get(&a->map.mp, c) != 0 ||
		    mp_counter_get(&b->map.mp, c) != 0)
			fprintf(stderr, "%-20s %6llu %6llu\n",
			    mp_counter_name(c),
			    (unsigned long long)mp_counter_get(&a->map.mp, c),
			    (unsigned long long)mp_counter_get(&b->map.mp, c));
}

void
ping(struct player *from, struct player *to, const struct mp_addr *address,
    int wait_ms)
{
	struct mp_addr shown;
	char buf[64];
	int n;

	ck_assert_int_eq(player_send(from, address, "ping", 5), 0);
	n = player_recv(to, &shown, buf, sizeof(buf), wait_ms);
	if (n != 5)
		explain(from, to);
	ck_assert_int_eq(n, 5);
	ck_assert_str_eq(buf, "ping");
	ck_assert_int_eq(player_send(to, &shown, "pong", 5), 0);
	n = player_recv(from, &shown, buf, sizeof(buf), wait_ms);
	if (n != 5)
		explain(from, to);
	ck_assert_int_eq(n, 5);
	ck_assert_str_eq(buf, "pong");
}

struct mp_addr
meet(struct player *a, struct player *b, uint16_t n)
{
	struct mp_addr to = lab_addr(LAB_B, 1, n);

	start_both();
	ck_assert_int_eq(player_open(b, LAB_B, n, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(a, LAB_A, (uint16_t)(n + 1000),
	    lab_key(LAB_A)), 0);
	ping(a, b, &to, 1000);
	return to;
}

int
ping_ms(struct player *from, struct player *to, const struct mp_addr *address)
{
	uint64_t began = player_ms();
	struct mp_addr shown;
	char buf[64];

	do {
		if (player_send(from, address, "ping", 5) == 0 &&
		    player_recv(to, &shown, buf, sizeof(buf), 20) > 0 &&
		    player_send(to, &shown, "pong", 5) == 0 &&
		    player_recv(from, &shown, buf, sizeof(buf), 20) > 0)
			return (int)(player_ms() - began);
	} while (player_ms() - began < 5000);
	return -1;
}

int
main(void)
{
	Suite *s = suite_create("agent");
	SRunner *r;
	int failed;

	if (sodium_init() < 0)
		return 1;
	if (!lab_begin()) {
		lab_end();
		return 0;
	}
	suite_add_tcase(s, case_serve());
	suite_add_tcase(s, case_keys());
	suite_add_tcase(s, case_traffic());
	suite_add_tcase(s, case_death());
	suite_add_tcase(s, case_events());
	suite_add_tcase(s, case_hostile());
	suite_add_tcase(s, case_abstract());
	suite_add_tcase(s, case_ephemeral());
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	lab_end();
	return failed > 0;
}
