/* SPDX-License-Identifier: ISC */
/* preload/socket/pinned.c: a call that is left without a return releases its
 * socket. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include "process/reentry.h"
#include "socket/fdtab.h"
#include "socket/pinned.h"
#include "suites.h"

static sigjmp_buf back;

static void *
blocked(void *arg)
{
	struct sock *s = arg;

	(void)pinned_begin(s);
	for (;;)
		pause();
	return NULL;
}

/* Threads are cancelled; only the test's reference is left. */
START_TEST(cancelled)
{
	struct sock *s = fdtab_new();
	pthread_t t[5];
	int i;

	for (i = 0; i < 5; i++) {
		atomic_fetch_add(&s->refs, 1); /* as fdtab_hold() */
		ck_assert_int_eq(pthread_create(&t[i], NULL, blocked, s), 0);
	}
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(pthread_cancel(t[i]), 0);
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	}
	/* A thread that is cancelled before it began keeps its reference. */
	ck_assert_uint_eq(atomic_load(&s->refs), 1);
}
END_TEST

/* As nested signal handlers: each frame lies deeper than the one before. */
__attribute__((noinline)) static void
nested(struct sock *s, int depth)
{
	char room[256];
	int place;

	__asm__ volatile("" : : "r"(room) : "memory");
	place = pinned_begin(s);
	if (depth > 1)
		nested(s, depth - 1);
	pinned_end(place);
}

static void *
twice(void *arg)
{
	nested(arg, 2);
	return NULL;
}

START_TEST(came_back)
{
	struct sock *s = fdtab_new();
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, twice, s), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	ck_assert_uint_eq(atomic_load(&s->refs), 1);
}
END_TEST

static void
leave(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* In a deeper frame than the next pinned_begin()'s. */
__attribute__((noinline)) static void
interrupted(struct sock *s)
{
	char room[512];

	__asm__ volatile("" : : "r"(room) : "memory");
	(void)pinned_begin(s);
	raise(SIGUSR1);
	ck_abort_msg("back from the handler");
}

START_TEST(jumped_out)
{
	struct sock *s = fdtab_new();
	int place, i;

	signal(SIGUSR1, leave);
	for (i = 0; i < 10; i++) {
		atomic_fetch_add(&s->refs, 1);
		if (sigsetjmp(back, 1) == 0)
			interrupted(s);
	}
	place = pinned_begin(s);
	pinned_end(place);
	ck_assert_uint_eq(atomic_load(&s->refs), 1);
}
END_TEST

/* More nested calls than are recorded. */
START_TEST(too_deep)
{
	struct sock *s = fdtab_new();

	nested(s, 8);
	ck_assert_uint_eq(atomic_load(&s->refs), 1);
}
END_TEST

Suite *
suite_pinned(void)
{
	Suite *s = suite_create("held");
	TCase *t = tcase_create("held");

	tcase_add_test(t, cancelled);
	tcase_add_test(t, came_back);
	tcase_add_test(t, jumped_out);
	tcase_add_test(t, too_deep);
	suite_add_tcase(s, t);
	return s;
}
