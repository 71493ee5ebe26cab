/* SPDX-License-Identifier: ISC */
/* preload/process/iov.c: the kernel's errors, and datagrams across buffers. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

#include "process/iov.h"
#include "suites.h"

static char some[16];

static const struct check_row {
	void *base;
	size_t len, n;
	int result;
} checks[] = {
	{ some, 5, 1, 0 },
	{ some, 5, 0, 0 },
	{ NULL, 0, 1, 0 },
	{ NULL, 5, 1, 0 }, /* an error only when a byte would go there */
	{ some, (size_t)SSIZE_MAX + 1, 1, -EINVAL },
	{ (void *)-4096L, 1, 1, -EFAULT },
	{ some, 5, IOV_MAX + 1, -EMSGSIZE },
};

START_TEST(check)
{
	const struct check_row *r = &checks[_i];
	struct iovec iov = { r->base, r->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = r->n };

	ck_assert_int_eq(iov_check(&msg), r->result);
}
END_TEST

START_TEST(check_none)
{
	struct msghdr msg = { .msg_iovlen = 1 };

	ck_assert_int_eq(iov_check(&msg), -EFAULT);
	msg.msg_iovlen = 0;
	ck_assert_int_eq(iov_check(&msg), 0);
}
END_TEST

START_TEST(bad)
{
	ck_assert(!iov_bad(NULL, 0));
	ck_assert(iov_bad(NULL, 1));
	ck_assert(iov_bad((void *)4095, 1));
	ck_assert(iov_bad((void *)-1L, 1));
	ck_assert(!iov_bad(some, sizeof(some)));
	ck_assert_uint_eq(iov_len(7), 7);
	ck_assert_uint_eq(iov_len(SIZE_MAX), INT_MAX);
}
END_TEST

static const struct gather_row {
	struct iovec iov[3];
	size_t room;
	ssize_t result;
} gathers[] = {
	{ { { (char *)"ab", 2 }, { NULL, 0 }, { (char *)"cde", 3 } }, 8, 5 },
	{ { { (char *)"ab", 2 }, { NULL, 0 }, { (char *)"cde", 3 } }, 5, 5 },
	{ { { (char *)"ab", 2 }, { NULL, 0 }, { (char *)"cde", 3 } }, 4,
	    -EMSGSIZE },
	{ { { (char *)"ab", 2 }, { NULL, 1 }, { (char *)"cde", 3 } }, 8,
	    -EFAULT },
	/* EMSGSIZE comes before EFAULT. */
	{ { { (char *)"ab", 2 }, { NULL, 9 }, { (char *)"cde", 3 } }, 8,
	    -EMSGSIZE },
};

START_TEST(gather)
{
	const struct gather_row *r = &gathers[_i];
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)r->iov,
		.msg_iovlen = 3 };
	uint8_t to[8] = "";

	ck_assert_int_eq(iov_gather(&msg, to, r->room), r->result);
	if (r->result > 0)
		ck_assert_mem_eq(to, "abcde", 5);
}
END_TEST

START_TEST(scatter)
{
	char a[2] = "", b[4] = "";
	struct iovec iov[] = { { a, 2 }, { NULL, 0 }, { b, 4 }, { NULL, 9 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 4 };
	const uint8_t from[] = "abcdefgh";

	ck_assert_int_eq(iov_scatter(&msg, from, 5), 5);
	ck_assert_mem_eq(a, "ab", 2);
	ck_assert_mem_eq(b, "cde", 4);
	/* The last buffer is used only when it is needed. */
	ck_assert_int_eq(iov_scatter(&msg, from, 6), 6);
	ck_assert_int_eq(iov_scatter(&msg, from, 7), -EFAULT);
	msg.msg_iovlen = 3;
	ck_assert_int_eq(iov_scatter(&msg, from, 8), 6);
	ck_assert_int_eq(iov_scatter(&msg, from, 0), 0);
}
END_TEST

Suite *
suite_iov(void)
{
	Suite *s = suite_create("iov");
	TCase *t = tcase_create("iov");

	tcase_add_loop_test(t, check, 0, COUNT(checks));
	tcase_add_test(t, check_none);
	tcase_add_test(t, bad);
	tcase_add_loop_test(t, gather, 0, COUNT(gathers));
	tcase_add_test(t, scatter);
	suite_add_tcase(s, t);
	return s;
}
