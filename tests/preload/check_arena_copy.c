/* SPDX-License-Identifier: ISC */
/* preload/socket/arena_copy.c: what a copy of an arena has in common with
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "socket/arena_copy.h"
#include "state.h"
#include "suites.h"

static struct arena_map map, copy;
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
	arena_unmap(&copy);
	close(memory);
}

/* A memory file as large as the arena. */
static int
empty_file(void)
{
	int fd = memfd_create("copy", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)map.size), 0);
	return fd;
}

/* Copies the arena and maps the copy. */
static int
copied(void)
{
	int error, fd = empty_file();

	arena_lock(map.arena);
	error = arena_copy_into(&map, fd);
	arena_unlock(map.arena);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(arena_open(&copy, fd), 0);
	return fd;
}

/* The next number of a generator, which stays as it is. */
static uint32_t
next_number(const struct mp *mp)
{
	struct rng r = mp->sh->rng;

	return rng_u32(&r);
}

START_TEST(same)
{
	int fd;

	map.arena->slot[3].cookie = 77;
	map.arena->wakeup_at = 5;
	map.arena->moved = 1;
	map.arena->sent = 9;
	fd = copied();
	ck_assert_uint_eq(copy.size, map.size);
	ck_assert_uint_eq(copy.arena->id, map.arena->id);
	ck_assert_uint_eq(copy.arena->slot[3].cookie, 77);
	ck_assert_mem_eq(copy.arena->key, map.arena->key, ARENA_KEY);
	ck_assert_mem_eq(copy.arena->token, map.arena->token, ARENA_TOKEN);
	ck_assert_mem_eq(copy.mp.sh->hash_key, map.mp.sh->hash_key,
	    sizeof(map.mp.sh->hash_key));
	ck_assert_uint_eq(mp_sid_prefix(&copy.mp), mp_sid_prefix(&map.mp));
	/* What is the copy's own. */
	ck_assert_uint_eq(copy.arena->lock, 0);
	ck_assert_uint_eq(copy.arena->moved, 0);
	ck_assert_uint_eq(copy.arena->wakeup_at, 0);
	ck_assert_uint_ge(copy.arena->sent, UINT64_C(1) << 40);
	ck_assert_uint_eq(map.arena->sent, 9);
	ck_assert_uint_eq(map.arena->moved, 1);
	close(fd);
}
END_TEST

/* An arena is mostly memory that nothing was written to. */
START_TEST(holes)
{
	struct stat was, is;
	int fd = copied();

	ck_assert_int_eq(fstat(memory, &was), 0);
	ck_assert_int_eq(fstat(fd, &is), 0);
	ck_assert_int_eq(is.st_size, was.st_size);
	ck_assert_int_le(is.st_blocks, was.st_blocks);
	close(fd);
}
END_TEST

/* The system calls fail from now on. */
static void
forbid(uint32_t first, uint32_t second)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	const struct sock_fprog prog = { .len = COUNT(filter),
		.filter = filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

/* Pages here and there, and the last one; also where the host may have swap,
 * whose pages mincore(2) takes for holes. */
static void
check_pages(void)
{
	uint8_t *was = (uint8_t *)map.arena, *is;
	size_t at, last = map.size - 4096;
	struct stat st, of;
	int fd;

	for (at = 64 * 4096; at < last; at += 97 * 4096)
		was[at] = (uint8_t)(at / 4096 % 255 + 1);
	was[last + 4095] = 7;
	fd = copied();
	is = (uint8_t *)copy.arena;
	ck_assert_int_eq(fstat(memory, &of), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(of.st_blocks, st.st_blocks);
	for (at = 64 * 4096; at < last; at += 97 * 4096)
		ck_assert_uint_eq(is[at], (uint8_t)(at / 4096 % 255 + 1));
	ck_assert_uint_eq(is[last + 4095], 7);
	close(fd);
}

START_TEST(all_pages)
{
	check_pages();
}
END_TEST

START_TEST(all_pages_with_swap)
{
	forbid(SYS_sysinfo, SYS_mincore);
	check_pages();
}
END_TEST

static void
refused(int fd, int error)
{
	arena_lock(map.arena);
	ck_assert_int_eq(arena_copy_into(&map, fd), error);
	arena_unlock(map.arena);
	close(fd);
}

/* In doubt there is no copy. */
START_TEST(doubt)
{
	int before = fds_open(), fd = empty_file();

	forbid(SYS_sysinfo, SYS_userfaultfd);
	refused(fd, -EIO);
	ck_assert_int_eq(fds_open(), before);
}
END_TEST

START_TEST(other_size)
{
	int before = fds_open(), fd = empty_file();

	ck_assert_int_eq(ftruncate(fd, (off_t)map.size - 4096), 0);
	refused(fd, -EINVAL);
	ck_assert_int_eq(fds_open(), before);
}
END_TEST

START_TEST(other_numbers)
{
	uint32_t first;
	int fd = copied();

	first = next_number(&copy.mp);
	ck_assert_uint_ne(first, next_number(&map.mp));
	close(fd);
	arena_unmap(&copy);
	fd = copied(); /* and each copy makes others */
	ck_assert_uint_ne(first, next_number(&copy.mp));
	close(fd);
}
END_TEST

/* A program that may not ask for random numbers is not killed for it. */
START_TEST(getrandom_forbidden)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	static const struct sock_fprog prog = { .len = COUNT(filter),
		.filter = filter };
	int fd;

	seccomp_add(&prog);
	ck_assert(!arena_stir(&map));
	fd = copied();
	ck_assert_uint_eq(next_number(&copy.mp), next_number(&map.mp));
	seccomp_undo();
	close(fd);
}
END_TEST

START_TEST(not_copied)
{
	int before = fds_open(), fd = empty_file();

	map.mp.sh->magic++; /* no arena any more */
	arena_lock(map.arena);
	ck_assert_int_eq(arena_copy_into(&map, fd), -EINVAL);
	arena_unlock(map.arena);
	close(fd);
	ck_assert_int_eq(fds_open(), before);
}
END_TEST

Suite *
suite_arena_copy(void)
{
	Suite *s = suite_create("arena_copy");
	TCase *t = tcase_create("arena_copy");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, same);
	tcase_add_test(t, all_pages);
	tcase_add_test(t, all_pages_with_swap);
	tcase_add_test(t, doubt);
	tcase_add_test(t, other_size);
	tcase_add_test(t, holes);
	tcase_add_test(t, other_numbers);
	tcase_add_test(t, getrandom_forbidden);
	tcase_add_test(t, not_copied);
	suite_add_tcase(s, t);
	return s;
}
