/* SPDX-License-Identifier: ISC */
/* preload/process/reentry.c: signal handlers that interrupt a hook. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "process/reentry.h"
#include "suites.h"

#define APART __attribute__((noinline))

static struct arena_map map;
static volatile sig_atomic_t calls, got;
static struct reentry_buf *volatile mine, *volatile its;
static sigjmp_buf back;
static bool jump;

/* What a hook does, one frame deeper than its caller. */
static APART bool
hook_lock(void)
{
	volatile char frame[64] = { 0 };
	bool ok = reentry_lock(map.arena);

	return ok && frame[0] == 0;
}

static APART void
hook_unlock(void)
{
	reentry_unlock(map.arena);
}

static APART struct reentry_buf *
hook_take(void)
{
	volatile char frame[64] = { 0 };
	struct reentry_buf *b = reentry_take();

	return frame[0] == 0 ? b : NULL;
}

static void
on_lock(int sig)
{
	(void)sig;
	calls++;
	got = hook_lock();
	if (got)
		hook_unlock();
	if (jump)
		siglongjmp(back, 1);
}

static void
on_take(int sig)
{
	(void)sig;
	calls++;
	its = hook_take();
	if (jump)
		siglongjmp(back, 1);
	reentry_give(its);
}

static void
handle(void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	ck_assert_int_eq(sigaction(SIGUSR1, &sa, NULL), 0);
}

static void
setup(void)
{
	close(arena_fresh(&map));
	reentry_setup();
	calls = got = 0;
	jump = false;
	mine = its = NULL;
}

static void
teardown(void)
{
	arena_unmap(&map);
}

/* --- The lock ------------------------------------------------------------- */

START_TEST(handler_outside)
{
	handle(on_lock, 0);
	raise(SIGUSR1);
	ck_assert_int_eq(calls, 1);
	ck_assert(got);
	ck_assert(hook_lock());
	hook_unlock();
	ck_assert_uint_eq(map.arena->died, 0);
}
END_TEST

/* On the thread's stack, and on an alternate one. */
static void
alternate(char **memory)
{
	stack_t ss = { .ss_size = 1 << 16 };

	ss.ss_sp = *memory = malloc(ss.ss_size);
	ck_assert_ptr_nonnull(ss.ss_sp);
	ck_assert_int_eq(sigaltstack(&ss, NULL), 0);
}

static void
alternate_end(char *memory)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	ck_assert_int_eq(sigaltstack(&ss, NULL), 0);
	free(memory);
}

START_TEST(handler_inside)
{
	char *memory = NULL;

	if (_i)
		alternate(&memory);
	handle(on_lock, _i ? SA_ONSTACK : 0);
	ck_assert(hook_lock());
	raise(SIGUSR1);
	raise(SIGUSR1);
	ck_assert_int_eq(calls, 2);
	ck_assert(!got);
	ck_assert_uint_ne(map.arena->lock, 0); /* still held */
	hook_unlock();
	raise(SIGUSR1);
	ck_assert(got);
	ck_assert_uint_eq(map.arena->died, 0);
	if (_i)
		alternate_end(memory);
}
END_TEST

/* A hook in a handler that is left by siglongjmp(3). */
static APART void
hook_left(void)
{
	volatile char frame[256] = { 0 };

	ck_assert(hook_lock());
	raise(SIGUSR1);
	ck_abort_msg("came back: %d", frame[0]);
}

START_TEST(handler_jumps)
{
	char *memory = NULL;
	volatile int i;

	if (_i)
		alternate(&memory);
	handle(on_lock, SA_NODEFER | (_i ? SA_ONSTACK : 0));
	for (i = 1; i <= 3; i++) {
		jump = true;
		if (sigsetjmp(back, 1) == 0)
			hook_left();
		jump = false;
		ck_assert(!got);
		ck_assert(hook_lock());
		ck_assert_uint_eq(map.arena->died, (unsigned)i);
		hook_unlock();
		ck_assert_uint_eq(map.arena->lock, 0);
	}
	if (_i)
		alternate_end(memory);
}
END_TEST

/* The lock is free again for other threads, and the thread for other locks. */
static void *
take_it(void *arg)
{
	arena_lock(arg);
	arena_unlock(arg);
	return NULL;
}

START_TEST(jump_then_another)
{
	struct arena_map other;
	pthread_t thread;

	close(arena_fresh(&other));
	handle(on_lock, SA_NODEFER);
	jump = true;
	if (sigsetjmp(back, 1) == 0)
		hook_left();
	ck_assert(reentry_lock(other.arena));
	reentry_unlock(other.arena);
	ck_assert_int_eq(pthread_create(&thread, NULL, take_it, map.arena), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(map.arena->died, 1);
	ck_assert_uint_eq(other.arena->died, 0);
	arena_unmap(&other);
}
END_TEST

/* A handler on an alternate stack, left in the middle of a hook: the mark lies
 * on that stack, above or below the thread's. */
static void
on_lock_and_leave(int sig)
{
	(void)sig;
	if (calls++ == 0 && hook_lock())
		siglongjmp(back, 1);
}

START_TEST(jump_off_another_stack)
{
	char *memory = NULL;

	alternate(&memory);
	handle(on_lock_and_leave, SA_ONSTACK);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR1);
	ck_assert_int_eq(calls, 1);
	ck_assert(hook_lock());
	ck_assert_uint_eq(map.arena->died, 1);
	hook_unlock();
	alternate_end(memory);
}
END_TEST

/* The same in a thread whose stack lies below the alternate one. */
static void *
leave_above(void *arg)
{
	stack_t ss = { .ss_sp = arg, .ss_size = 1 << 16 };

	ck_assert_int_eq(sigaltstack(&ss, NULL), 0);
	handle(on_lock_and_leave, SA_ONSTACK);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR1);
	got = hook_lock();
	if (got)
		hook_unlock();
	return NULL;
}

START_TEST(jump_off_a_stack_above)
{
	enum { STACK = 1 << 20 };
	pthread_attr_t attr;
	pthread_t thread;
	char *memory = aligned_alloc(4096, 2 * STACK);

	ck_assert_ptr_nonnull(memory);
	pthread_attr_init(&attr);
	ck_assert_int_eq(pthread_attr_setstack(&attr, memory, STACK), 0);
	ck_assert_int_eq(pthread_create(&thread, &attr, leave_above,
	    memory + STACK), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(calls, 1);
	ck_assert(got);
	ck_assert_uint_eq(map.arena->died, 1);
	free(memory);
}
END_TEST

/* --- The buffers ---------------------------------------------------------- */

START_TEST(buffer_again)
{
	struct reentry_buf *b = hook_take();

	ck_assert_ptr_nonnull(b);
	memset(b, 1, sizeof(*b));
	reentry_give(b);
	ck_assert_ptr_eq(hook_take(), b);
	reentry_give(b);
	reentry_give(NULL);
	ck_assert_ptr_eq(hook_take(), b);
	reentry_give(b);
}
END_TEST

START_TEST(buffer_in_handler)
{
	char *memory = NULL;

	if (_i)
		alternate(&memory);
	handle(on_take, _i ? SA_ONSTACK : 0);
	mine = hook_take();
	raise(SIGUSR1);
	ck_assert_ptr_nonnull(its);
	ck_assert_ptr_ne(its, mine);
	raise(SIGUSR1);
	ck_assert_ptr_ne(its, mine);
	reentry_give(mine);
	raise(SIGUSR1);
	ck_assert_ptr_eq(its, mine);
	if (_i)
		alternate_end(memory);
}
END_TEST

/* Takes buffers in nested frames; the innermost gets none. */
static APART int
nest(struct reentry_buf **all, int n)
{
	volatile char frame[64] = { 0 };
	struct reentry_buf *b = reentry_take();
	int deepest = n, i;

	if (b == NULL)
		return n;
	for (i = 0; i < n; i++)
		ck_assert_ptr_ne(all[i], b);
	all[n] = b;
	memset(b, n, sizeof(*b));
	if (n < 15)
		deepest = nest(all, n + 1);
	ck_assert_int_eq(b->packet[REENTRY_PACKET - 1], n);
	reentry_give(b);
	return deepest + frame[0];
}

START_TEST(buffers_by_depth)
{
	struct reentry_buf *all[16], *again[16];

	ck_assert_int_eq(nest(all, 0), 4);
	ck_assert_int_eq(nest(again, 0), 4);
	ck_assert_mem_eq(all, again, 4 * sizeof(all[0]));
}
END_TEST

static APART void
take_left(void)
{
	volatile char frame[256] = { 0 };

	mine = hook_take();
	ck_assert_ptr_nonnull(mine);
	raise(SIGUSR1);
	ck_abort_msg("came back: %d", frame[0]);
}

/* However often a handler is left by siglongjmp(3), no buffer is lost. */
START_TEST(buffer_jumps)
{
	struct reentry_buf *all[16];
	volatile int i;

	handle(on_take, SA_NODEFER);
	for (i = 0; i < 20; i++) {
		jump = true;
		if (sigsetjmp(back, 1) == 0)
			take_left();
		ck_assert_ptr_nonnull(its);
		ck_assert_ptr_ne(its, mine);
	}
	ck_assert_int_eq(nest(all, 0), 4);
}
END_TEST

/* --- Threads -------------------------------------------------------------- */

static void *
take_some(void *arg)
{
	struct reentry_buf **all = arg;

	ck_assert_int_eq(nest(all, 0), 4);
	return NULL;
}

/* Address space of the process, bytes. */
static size_t
space(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(threads_give_back)
{
	struct reentry_buf *all[16];
	pthread_t thread;
	size_t before = 0;
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, take_some, all),
		    0);
		pthread_join(thread, NULL);
		if (i == 0) /* the C library keeps the stack for others */
			before = space();
	}
	ck_assert_uint_lt(space(), before + 50 * sizeof(struct reentry_buf));
}
END_TEST

/* Two threads have two locks at once. */
static void *
try_both(void *arg)
{
	bool *ok = arg;

	*ok = reentry_lock(map.arena);
	if (*ok)
		reentry_unlock(map.arena);
	return NULL;
}

START_TEST(threads_apart)
{
	struct arena_map other;
	pthread_t thread;
	bool ok = false;

	close(arena_fresh(&other));
	ck_assert(reentry_lock(other.arena));
	ck_assert_int_eq(pthread_create(&thread, NULL, try_both, &ok), 0);
	pthread_join(thread, NULL);
	ck_assert(ok);
	reentry_unlock(other.arena);
	arena_unmap(&other);
}
END_TEST

/* The child of a fork can take a lock that its parent had. */
START_TEST(after_fork)
{
	pid_t pid;

	ck_assert(hook_lock());
	hook_unlock();
	pid = fork();
	if (pid == 0) {
		reentry_setup();
		_exit(hook_lock() ? 0 : 1);
	}
	child_wait(pid);
	ck_assert(hook_lock());
	ck_assert_uint_eq(map.arena->died, 1);
	hook_unlock();
}
END_TEST

/* Under a seccomp filter that allows nothing the thread's id and robust list
 * are known all the same: the kernel marks the lock when the thread dies.  A
 * thread that cannot sleep gives up. */
static void *
dies_within(void *unused)
{
	seccomp_add(NULL);
	if (reentry_lock(map.arena))
		got = (map.arena->lock & FUTEX_TID_MASK) ==
		    (uint32_t)syscall(SYS_gettid);
	return unused;
}

START_TEST(filtered)
{
	pthread_t thread;

	reentry_setup();
	ck_assert_int_eq(pthread_create(&thread, NULL, dies_within, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert(got);
	ck_assert(reentry_lock(map.arena));
	ck_assert_uint_eq(map.arena->died, 1);
	reentry_unlock(map.arena);
}
END_TEST

static void *
cannot_wait(void *unused)
{
	got = reentry_lock(map.arena);
	return unused;
}

START_TEST(filtered_waits_awake)
{
	pthread_t thread;

	reentry_setup();
	ck_assert(reentry_lock(map.arena));
	seccomp_add(NULL);
	got = true;
	ck_assert_int_eq(pthread_create(&thread, NULL, cannot_wait, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert(!got);
	reentry_unlock(map.arena);
	ck_assert_uint_eq(map.arena->lock, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, cannot_wait, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert(got);
}
END_TEST

Suite *
suite_reentry(void)
{
	Suite *s = suite_create("guard");
	TCase *t = tcase_create("guard");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, handler_outside);
	tcase_add_loop_test(t, handler_inside, 0, 2);
	tcase_add_loop_test(t, handler_jumps, 0, 2);
	tcase_add_test(t, jump_then_another);
	tcase_add_test(t, jump_off_another_stack);
	tcase_add_test(t, jump_off_a_stack_above);
	tcase_add_test(t, filtered);
	tcase_add_test(t, filtered_waits_awake);
	tcase_add_test(t, buffer_again);
	tcase_add_loop_test(t, buffer_in_handler, 0, 2);
	tcase_add_test(t, buffers_by_depth);
	tcase_add_test(t, buffer_jumps);
	tcase_add_test(t, threads_give_back);
	tcase_add_test(t, threads_apart);
	tcase_add_test(t, after_fork);
	suite_add_tcase(s, t);
	return s;
}
