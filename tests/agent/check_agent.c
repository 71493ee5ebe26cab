/* SPDX-License-Identifier: ISC */
/* The agent, with a program that plays the library (player.c) beside it. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "player.h"

/* Starts an agent on both hosts. */
static void
start_both(void)
{
	int host;

	for (host = 0; host < LAB_HOSTS; host++) {
		lab_enter(host);
		ck_assert_int_eq(lab_agent(), 0);
	}
}

/* The worker's pid, or 0. */
static pid_t
worker_of(int host)
{
	struct player p;

	lab_enter(host);
	return player_ask(&p, player_question(IPC_HELLO), NULL, 0, NULL) == 0 ?
	    (pid_t)p.answer.pid : 0;
}

/* What the engines of two players counted, when something went wrong. */
static void
explain(const struct player *a, const struct player *b)
{
	int c;

	for (c = 0; c < MP_C_MAX; c++)
		if (mp_counter(&a->map.mp, c) != 0 ||
		    mp_counter(&b->map.mp, c) != 0)
			fprintf(stderr, "%-20s %6llu %6llu\n",
			    mp_counter_name(c),
			    (unsigned long long)mp_counter(&a->map.mp, c),
			    (unsigned long long)mp_counter(&b->map.mp, c));
}

/* One datagram there, one back. */
static void
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
	ck_assert_int_eq(n, 5);
	ck_assert_str_eq(buf, "pong");
}

START_TEST(one_agent)
{
	pid_t first;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	first = worker_of(LAB_A);
	ck_assert_int_gt(first, 0);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(worker_of(LAB_A), first);
}
END_TEST

START_TEST(talk)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 4001);
	struct player a, b;
	int i;

	lab_fresh();
	start_both();
	ck_assert_int_eq(player_open(&b, LAB_B, 4001, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 5001, lab_key(LAB_A)), 0);
	for (i = 0; i < 100; i++)
		ping(&a, &b, &to, 1000);
	player_close(&a);
	player_close(&b);
}
END_TEST

static Suite *
suite_agent(void)
{
	Suite *s = suite_create("agent");
	TCase *t = tcase_create("agent");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, one_agent);
	tcase_add_test(t, talk);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r;
	int failed;

	if (sodium_init() < 0)
		return 1;
	if (!lab_begin()) {
		lab_end();
		return 0;
	}
	r = srunner_create(suite_agent());
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	lab_end();
	return failed > 0;
}
