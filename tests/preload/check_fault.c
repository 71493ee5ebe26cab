/* SPDX-License-Identifier: ISC */
/* preload/process/fault.c: at the edges of mapped memory; and nothing is
 * changed. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/fault.h"
#include "suites.h"

enum { PAGE = 4096 };

/* Two pages: the protection of the first; the second has none. */
static const struct row {
	int first;
	size_t at, len;
	bool read, write; /* faults */
} rows[] = {
	{ PROT_READ | PROT_WRITE, 0, 28, false, false },
	{ PROT_READ | PROT_WRITE, PAGE - 1, 1, false, false },
	{ PROT_READ | PROT_WRITE, PAGE - 28, 28, false, false },
	{ PROT_READ | PROT_WRITE, PAGE - 27, 28, true, true },
	{ PROT_READ | PROT_WRITE, PAGE - 1, 2, true, true },
	{ PROT_READ | PROT_WRITE, PAGE, 1, true, true },
	{ PROT_READ | PROT_WRITE, PAGE, 0, false, false },
	{ PROT_READ, 7, 16, false, true },
	{ PROT_NONE, 0, 16, true, true },
};

START_TEST(fault)
{
	const struct row *r = &rows[_i];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char *p = mmap(NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED);
	ck_assert_int_eq(mprotect(p, PAGE, r->first), 0);
	ck_assert_int_eq(mprotect(p + PAGE, PAGE, PROT_NONE), 0);
	errno = 4242;
	ck_assert_int_eq(fault_read(fd, p + r->at, r->len), r->read);
	ck_assert_int_eq(fault_write(fd, p + r->at, r->len), r->write);
	ck_assert_int_eq(errno, 4242);
	munmap(p, (size_t)2 * PAGE);
	close(fd);
}
END_TEST

/* fault_write() changes only bytes of the buffer, fault_read() none. */
START_TEST(bounds)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char room[32], was[32];

	memset(room, 0xa5, sizeof(room));
	memcpy(was, room, sizeof(was));
	ck_assert(!fault_read(fd, room + 8, 16));
	ck_assert_mem_eq(room, was, sizeof(was));
	ck_assert(!fault_write(fd, room + 8, 16));
	ck_assert_mem_eq(room, was, 8);
	ck_assert_mem_eq(room + 24, was, 8);
	close(fd);
}
END_TEST

/* A descriptor that is no socket is no fault: another call gives its error. */
START_TEST(no_socket)
{
	char room[4] = "";

	ck_assert(!fault_read(-1, room, 4));
	ck_assert(!fault_write(-1, room, 4));
}
END_TEST

Suite *
suite_fault(void)
{
	Suite *s = suite_create("fault");
	TCase *t = tcase_create("fault");

	tcase_add_loop_test(t, fault, 0, COUNT(rows));
	tcase_add_test(t, bounds);
	tcase_add_test(t, no_socket);
	suite_add_tcase(s, t);
	return s;
}
