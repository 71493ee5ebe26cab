/* SPDX-License-Identifier: ISC */
/* preload/datagram/cork.c: a datagram of several calls. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datagram/cork.h"
#include "socket/fdtab.h"
#include "suites.h"

static struct msghdr
piece(struct iovec *iov, void *data, size_t len)
{
	*iov = (struct iovec) { data, len };
	return (struct msghdr) { .msg_iov = iov, .msg_iovlen = 1 };
}

START_TEST(pieces)
{
	struct sock s = { .cookie = 7 };
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = 5 };
	struct iovec iov;
	struct msghdr msg = piece(&iov, (char *)"one ", 4);
	struct cork *c = cork_enter(&s);

	ck_assert_ptr_nonnull(c);
	msg.msg_name = &name;
	msg.msg_namelen = sizeof(name);
	ck_assert_int_eq(cork_begin(c, &msg), 0);
	ck_assert_int_eq(cork_add(c, &msg), 4);
	atomic_store(&s.options.corked, true);
	cork_leave(c, true);
	ck_assert_ptr_eq(cork_enter(&s), c);
	/* While a call has it, no other gets it. */
	ck_assert_ptr_ne(cork_enter(&s), c);
	msg = piece(&iov, (char *)"two", 3);
	ck_assert_int_eq(cork_add(c, &msg), 3);
	ck_assert_mem_eq(c->msg.msg_iov->iov_base, "one two", 7);
	ck_assert_uint_eq(c->msg.msg_iov->iov_len, 7);
	ck_assert_uint_eq(c->msg.msg_namelen, sizeof(name));
	ck_assert_mem_eq(c->msg.msg_name, &name, sizeof(name));
	cork_leave(c, false);
}
END_TEST

START_TEST(too_long)
{
	static char data[CORK_MAX];
	struct sock s = { .cookie = 8 };
	struct iovec iov;
	struct msghdr msg = piece(&iov, data, CORK_MAX);
	struct cork *c = cork_enter(&s);

	ck_assert_int_eq(cork_begin(c, &msg), 0);
	ck_assert_int_eq(cork_add(c, &msg), CORK_MAX);
	msg = piece(&iov, data, 1);
	ck_assert_int_eq(cork_add(c, &msg), -EMSGSIZE);
	cork_leave(c, false);
}
END_TEST

/* Corks of sockets that were closed with an unfinished datagram are reused. */
START_TEST(forgotten)
{
	struct sock s = { .cookie = 0 };
	struct cork *c;
	int i;

	for (i = 1; i <= 100; i++) {
		s.cookie = (uint64_t)i;
		c = cork_enter(&s);
		ck_assert_ptr_nonnull(c);
		ck_assert_uint_eq(c->iov.iov_len, 0);
		c->iov.iov_len = 3;
		cork_leave(c, true);
	}
}
END_TEST

START_TEST(bad)
{
	struct sock s = { .cookie = 9 };
	struct iovec iov;
	struct msghdr msg = piece(&iov, (char *)"x", 1);
	struct cork *c = cork_enter(&s);

	msg.msg_controllen = 10;
	ck_assert_int_eq(cork_begin(c, &msg), -EFAULT);
	msg.msg_controllen = NET_CONTROL + 1;
	ck_assert_int_eq(cork_begin(c, &msg), -ENOBUFS);
	cork_leave(c, false);
}
END_TEST

Suite *
suite_cork(void)
{
	Suite *s = suite_create("cork");
	TCase *t = tcase_create("cork");

	tcase_add_test(t, pieces);
	tcase_add_test(t, too_long);
	tcase_add_test(t, forgotten);
	tcase_add_test(t, bad);
	suite_add_tcase(s, t);
	return s;
}
