/* SPDX-License-Identifier: ISC */
/* preload/shared/arena.c: shared memory, and a lock whose owners may die. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/arena.h"
#include "suites.h"

static struct arena_map map;
static int memory;

static void
setup(void)
{
	memory = arena_fresh(&map);
}

static void
teardown(void)
{
	arena_unmap(&map);
	close(memory);
}

/* Forks a child that may take locks; returns 0 in it. */
static pid_t
child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		arena_forked();
	return pid;
}

/* Starts a child that has the lock until it is killed. */
static pid_t
owner_start(void)
{
	int ready[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = child();
	if (pid == 0) {
		arena_lock(map.arena);
		if (write(ready[1], "!", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
kill_and_reap(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Waits until another process sleeps for the lock. */
static void
await_waiter(void)
{
	while ((atomic_load(&map.arena->lock) & FUTEX_WAITERS) == 0)
		poll(NULL, 0, 1);
}

/* --- The memory ----------------------------------------------------------- */

START_TEST(made)
{
	static const uint8_t zero[ARENA_KEY];
	struct arena_map other;

	ck_assert_uint_eq(map.arena->port, 4242);
	ck_assert_uint_eq(map.arena->size, map.size);
	ck_assert_uint_eq(map.arena->version, ARENA_VERSION);
	ck_assert_uint_eq(map.arena->lock, 0);
	ck_assert_mem_ne(map.arena->key, zero, ARENA_KEY);
	ck_assert_mem_ne(map.arena->token, zero, ARENA_TOKEN);
	ck_assert_mem_ne(map.arena->token, map.arena->key, ARENA_TOKEN);
	close(arena_fresh(&other));
	ck_assert_uint_ne(other.arena->id, map.arena->id);
	ck_assert_mem_ne(other.arena->key, map.arena->key, ARENA_KEY);
	arena_unmap(&other);
	ck_assert_ptr_null(other.arena);
	arena_unmap(&other); /* nothing to do */
}
END_TEST

START_TEST(mapped_by_another)
{
	struct arena_map m;
	pid_t pid = child();

	if (pid == 0) {
		if (arena_open(&m, memory) != 0 ||
		    m.arena->id != map.arena->id || m.size != map.size ||
		    memcmp(m.arena->token, map.arena->token, ARENA_TOKEN) != 0 ||
		    mp_sid_prefix(&m.mp) != mp_sid_prefix(&map.mp))
			_exit(1);
		arena_lock(m.arena);
		m.arena->slot[3].cookie = 77;
		arena_unlock(m.arena);
		_exit(0);
	}
	child_wait(pid);
	ck_assert_uint_eq(map.arena->slot[3].cookie, 77);
}
END_TEST

START_TEST(not_mapped)
{
	struct arena_map m;
	int fds[2];
	int fd = memfd_create("short", MFD_CLOEXEC);

	ck_assert_int_eq(arena_open(&m, -1), -EBADF);
	ck_assert_int_eq(arena_open(&m, fd), -EINVAL);
	ck_assert_int_eq(ftruncate(fd, ARENA_HEAD), 0);
	ck_assert_int_eq(arena_open(&m, fd), -EINVAL);
	ck_assert_int_eq(ftruncate(fd, ARENA_HEAD + 4096), 0);
	ck_assert_int_eq(arena_open(&m, fd), -EINVAL);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_ne(arena_open(&m, fds[0]), 0);
	map.arena->version++;
	ck_assert_int_eq(arena_open(&m, memory), -EINVAL);
	map.arena->version--;
	map.arena->magic[0] ^= 1;
	ck_assert_int_eq(arena_open(&m, memory), -EINVAL);
	map.arena->magic[0] ^= 1;
	memset((char *)map.arena + ARENA_HEAD, 0, 4096);
	ck_assert_int_eq(arena_open(&m, memory), -EINVAL);
	ck_assert_ptr_null(m.arena);
	close(fd);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(not_made)
{
	struct mp_setup setup_none = { .port = 1 };
	struct mp_limits bad = { .sessions = 1 << 20 };
	uint8_t random[96] = { 1 };
	struct arena_map m;
	int fd = memfd_create("small", MFD_CLOEXEC);

	ck_assert_uint_eq(arena_size(&bad), 0);
	ck_assert_int_eq(ftruncate(fd, ARENA_HEAD + 4096), 0);
	ck_assert_int_eq(arena_make(&m, fd, ARENA_HEAD + 4096, &setup_none,
	    random), -EINVAL);
	ck_assert_ptr_null(m.arena);
	ck_assert_int_eq(arena_make(&m, fd, 4096, &setup_none, random),
	    -EINVAL);
	ck_assert_int_eq(arena_make(&m, -1, 1 << 20, &setup_none, random),
	    -EBADF);
	close(fd);
}
END_TEST

/* --- The lock ------------------------------------------------------------- */

START_TEST(lock_plain)
{
	int i;

	errno = 4711;
	for (i = 0; i < 3; i++) {
		arena_lock(map.arena);
		ck_assert_uint_eq(map.arena->lock & FUTEX_TID_MASK,
		    (unsigned)gettid());
		arena_unlock(map.arena);
		ck_assert_uint_eq(map.arena->lock, 0);
		ck_assert(arena_try(map.arena));
		arena_unlock(map.arena);
	}
	ck_assert_int_eq(errno, 4711);
	ck_assert_uint_eq(map.arena->died, 0);
}
END_TEST

/* The child of a fork is another owner than its parent. */
START_TEST(lock_forked)
{
	pid_t pid;

	arena_lock(map.arena);
	arena_unlock(map.arena);
	pid = child();
	if (pid == 0) {
		arena_lock(map.arena);
		_exit((map.arena->lock & FUTEX_TID_MASK) == (unsigned)gettid() ?
			0 : 1);
	}
	child_wait(pid);
	arena_lock(map.arena); /* the child died with it */
	ck_assert_uint_eq(map.arena->died, 1);
	arena_unlock(map.arena);
}
END_TEST

START_TEST(try_gives_up)
{
	pid_t pid = owner_start();
	uint64_t before = arena_now(), took;

	errno = 4711;
	ck_assert(!arena_try(map.arena));
	took = arena_now() - before;
	ck_assert_int_eq(errno, 4711);
	ck_assert_uint_ge(took, ARENA_WAIT_US);
	ck_assert_uint_lt(took, 1000000);
	kill_and_reap(pid);
	ck_assert(arena_try(map.arena));
	ck_assert_uint_eq(map.arena->died, 1);
	arena_unlock(map.arena);
}
END_TEST

START_TEST(owner_killed)
{
	int i;

	for (i = 1; i <= 10; i++) {
		kill_and_reap(owner_start());
		ck_assert_uint_ne(map.arena->lock & FUTEX_OWNER_DIED, 0);
		arena_lock(map.arena);
		ck_assert_uint_eq(map.arena->died, (unsigned)i);
		ck_assert_uint_eq(map.arena->lock & FUTEX_TID_MASK,
		    (unsigned)gettid());
		arena_unlock(map.arena);
	}
}
END_TEST

/* A process that sleeps for the lock while its owner dies gets it at once. */
START_TEST(owner_killed_while_others_wait)
{
	pid_t pid = owner_start(), waiter[3];
	uint64_t before;
	int i;

	for (i = 0; i < 3; i++) {
		waiter[i] = child();
		if (waiter[i] == 0) {
			arena_lock(map.arena);
			map.arena->slot[0].gen++;
			arena_unlock(map.arena);
			_exit(0);
		}
	}
	await_waiter();
	before = arena_now();
	kill_and_reap(pid);
	for (i = 0; i < 3; i++)
		child_wait(waiter[i]);
	ck_assert_uint_eq(map.arena->slot[0].gen, 3);
	ck_assert_uint_eq(map.arena->died, 1);
	ck_assert_uint_eq(map.arena->lock & FUTEX_TID_MASK, 0);
	/* Woken, not by a timeout. */
	ck_assert_uint_lt(arena_now() - before, 1900000);
}
END_TEST

/* A thread dies with the lock, in a process that lives on. */
static void *
lock_and_end(void *arg)
{
	(void)arg;
	arena_lock(map.arena);
	return NULL;
}

START_TEST(thread_ended)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, lock_and_end, NULL), 0);
	pthread_join(thread, NULL);
	arena_lock(map.arena);
	ck_assert_uint_eq(map.arena->died, 1);
	arena_unlock(map.arena);
}
END_TEST

/* An owner that has died, and that the kernel did not know as one. */
START_TEST(owner_unknown)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	child_wait(pid);
	atomic_store(&map.arena->lock, (uint32_t)pid);
	ck_assert(!arena_try(map.arena));
	arena_lock(map.arena);
	ck_assert_uint_eq(map.arena->died, 1);
	arena_unlock(map.arena);
}
END_TEST

START_TEST(abandoned)
{
	pid_t pid;

	arena_abandon(map.arena); /* no effect: not held */
	ck_assert_uint_eq(map.arena->lock, 0);
	arena_lock(map.arena);
	arena_abandon(map.arena);
	arena_lock(map.arena);
	ck_assert_uint_eq(map.arena->died, 1);
	arena_unlock(map.arena);
	pid = owner_start();
	arena_abandon(map.arena); /* no effect: another process's */
	ck_assert(!arena_try(map.arena));
	ck_assert_uint_eq(map.arena->died, 1);
	kill_and_reap(pid);
}
END_TEST

enum { PROCESSES = 4, TIMES = 20000 };

START_TEST(stress)
{
	struct slot *s = &map.arena->slot[0];
	pid_t pid[PROCESSES];
	int i, k;

	for (i = 0; i < PROCESSES; i++) {
		pid[i] = child();
		if (pid[i] == 0) {
			for (k = 0; k < TIMES; k++) {
				if (k % 7 == 0)
					while (!arena_try(map.arena))
						;
				else
					arena_lock(map.arena);
				s->cookie++;
				arena_unlock(map.arena);
			}
			_exit(0);
		}
	}
	for (i = 0; i < PROCESSES; i++)
		child_wait(pid[i]);
	ck_assert_uint_eq(s->cookie, PROCESSES * TIMES);
	ck_assert_uint_eq(map.arena->died, 0);
}
END_TEST

/* Processes are killed at any point.  The lock is never lost, and never has two
 * owners. */
START_TEST(stress_with_deaths)
{
	struct slot *s = &map.arena->slot[0];
	pid_t pid[PROCESSES] = { 0 };
	uint64_t seen;
	int i, round;

	for (round = 0; round < 60; round++) {
		i = round % PROCESSES;
		if (pid[i] != 0)
			kill_and_reap(pid[i]);
		pid[i] = child();
		while (pid[i] == 0) {
			arena_lock(map.arena);
			if (s->inode != 0 && s->inode != (uint64_t)s->pid)
				abort();
			s->pid = (uint32_t)gettid();
			s->inode = s->pid;
			s->cookie++;
			if (s->pid != (uint32_t)gettid())
				_exit(1);
			arena_unlock(map.arena);
		}
		/* The others go on, whichever was killed. */
		arena_lock(map.arena);
		seen = s->cookie;
		s->inode = 0;
		arena_unlock(map.arena);
		while (__atomic_load_n(&s->cookie, __ATOMIC_RELAXED) == seen)
			sched_yield();
	}
	for (i = 0; i < PROCESSES; i++)
		kill_and_reap(pid[i]);
	arena_lock(map.arena);
	ck_assert_uint_le(map.arena->died, 60);
	arena_unlock(map.arena);
}
END_TEST

Suite *
suite_arena(void)
{
	Suite *s = suite_create("arena");
	TCase *t = tcase_create("arena");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, made);
	tcase_add_test(t, mapped_by_another);
	tcase_add_test(t, not_mapped);
	tcase_add_test(t, not_made);
	tcase_add_test(t, lock_plain);
	tcase_add_test(t, lock_forked);
	tcase_add_test(t, try_gives_up);
	tcase_add_test(t, owner_killed);
	tcase_add_test(t, owner_killed_while_others_wait);
	tcase_add_test(t, thread_ended);
	tcase_add_test(t, owner_unknown);
	tcase_add_test(t, abandoned);
	tcase_add_test(t, stress);
	tcase_add_test(t, stress_with_deaths);
	suite_add_tcase(s, t);
	return s;
}
