/* SPDX-License-Identifier: ISC */
/* preload/process/forked.c: children of forks that run no handler. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/forked.h"
#include "suites.h"

static volatile int ran;

static void
count(void)
{
	ran++;
}

static int
by_fork(void)
{
	return fork();
}

static int
by_Fork(void)
{
	return _Fork();
}

static int
by_syscall(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int (*const ways[])(void) = { by_fork, by_Fork, by_syscall };

/* The function runs once in each child and grandchild, never in the parent. */
START_TEST(noticed)
{
	int i, pid, grandchild;

	ran = 0;
	forked_setup(count);
	forked_check();
	ck_assert_int_eq(ran, 0);
	pid = ways[_i]();
	if (pid == 0) {
		for (i = 0; i < 3; i++)
			forked_check();
		if (ran != 1)
			_exit(1);
		grandchild = ways[_i]();
		if (grandchild == 0) {
			forked_check();
			_exit(ran == 2 ? 0 : 2);
		}
		forked_check();
		child_wait(grandchild);
		_exit(ran == 1 ? 0 : 3);
	}
	child_wait(pid);
	forked_check();
	ck_assert_int_eq(ran, 0);
}
END_TEST

/* A child of vfork(2), which runs in its parent's memory, is not noticed. */
START_TEST(not_vfork)
{
	int pid;

	ran = 0;
	forked_setup(count);
	pid = vfork();
	if (pid == 0) {
		forked_check();
		_exit(0);
	}
	child_wait(pid);
	ck_assert_int_eq(ran, 0);
}
END_TEST

Suite *
suite_forked(void)
{
	Suite *s = suite_create("forked");
	TCase *t = tcase_create("forked");

	tcase_add_loop_test(t, noticed, 0, COUNT(ways));
	tcase_add_test(t, not_vfork);
	suite_add_tcase(s, t);
	return s;
}
