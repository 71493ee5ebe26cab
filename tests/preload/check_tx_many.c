/* SPDX-License-Identifier: ISC */
/* datagram/tx_many.c: which messages of one call may leave together. */
#include <netinet/in.h>
#include <string.h>

#include "datagram/tx_many.h"
#include "suites.h"

enum { N = 6, LEN = 100 };

static struct sockaddr_in6 name[N];
static struct iovec iov[N][2];
static uint64_t control[N][4];
static struct mmsghdr msgs[N];
static char data[70000];

/* Messages that are alike, each with buffers of its own. */
static void
fill(void)
{
	int i;

	memset(name, 0, sizeof(name));
	memset(control, 7, sizeof(control));
	memset(msgs, 0, sizeof(msgs));
	for (i = 0; i < N; i++) {
		name[i].sin6_port = 7;
		iov[i][0] = (struct iovec){ data, LEN / 2 };
		iov[i][1] = (struct iovec){ data, LEN / 2 };
		msgs[i].msg_hdr = (struct msghdr){ .msg_name = &name[i],
			.msg_namelen = sizeof(name[i]), .msg_iov = iov[i],
			.msg_iovlen = 2, .msg_control = control[i],
			.msg_controllen = sizeof(control[i]) };
	}
}

enum what { NOTHING, NAME, NAMELEN, NAMELEN_HUGE, NO_NAME, CONTROL, CONTROLLEN,
	CONTROL_NULL, SHORTER, SHORTER_TWICE, LONGER, EMPTY, IOV_NULL,
	BASE_NULL, IOVLEN_HUGE, TOO_LONG, SAME_POINTERS };

static const struct row {
	const char *text;
	enum what what;
	int at; /* which message */
	unsigned alike;
} rows[] = {
	{ "all alike", NOTHING, 0, N },
	{ "one buffer for all names and options", SAME_POINTERS, 0, N },
	{ "another address", NAME, 3, 3 },
	{ "an address cut short", NAMELEN, 3, 3 },
	{ "an address too long", NAMELEN_HUGE, 3, 3 },
	{ "no address", NO_NAME, 2, 2 },
	{ "other options", CONTROL, 4, 4 },
	{ "fewer options", CONTROLLEN, 4, 4 },
	{ "options nowhere", CONTROL_NULL, 1, 1 },
	{ "a shorter one is the last", SHORTER, 2, 3 },
	{ "also of two", SHORTER_TWICE, 2, 3 },
	{ "a longer one is not of them", LONGER, 2, 2 },
	{ "nor an empty one more than the last", EMPTY, 2, 3 },
	{ "no buffers", IOV_NULL, 2, 2 },
	{ "a buffer nowhere", BASE_NULL, 5, 5 },
	{ "too many buffers", IOVLEN_HUGE, 5, 5 },
	{ "longer than any datagram", TOO_LONG, 1, 1 },
	{ "the first is wrong: it goes alone", BASE_NULL, 0, 1 },
	{ "the first is too long: it goes alone", TOO_LONG, 0, 1 },
};

static void
change(const struct row *r)
{
	struct msghdr *m = &msgs[r->at].msg_hdr;
	int i;

	switch (r->what) {
	case NOTHING:
		break;
	case SAME_POINTERS:
		for (i = 1; i < N; i++) {
			msgs[i].msg_hdr.msg_name = &name[0];
			msgs[i].msg_hdr.msg_control = control[0];
		}
		break;
	case NAME:
		name[r->at].sin6_port = 8;
		break;
	case NAMELEN:
		m->msg_namelen--;
		break;
	case NAMELEN_HUGE:
		m->msg_namelen = UINT32_MAX;
		break;
	case NO_NAME:
		m->msg_name = NULL;
		break;
	case CONTROL:
		control[r->at][3]++;
		break;
	case CONTROLLEN:
		m->msg_controllen -= 8;
		break;
	case CONTROL_NULL:
		m->msg_control = NULL;
		break;
	case SHORTER_TWICE:
		iov[r->at + 1][0].iov_len--;
		/* FALLTHROUGH */
	case SHORTER:
		iov[r->at][1].iov_len--;
		break;
	case LONGER:
		iov[r->at][1].iov_len++;
		break;
	case EMPTY:
		m->msg_iovlen = 0;
		break;
	case IOV_NULL:
		m->msg_iov = NULL;
		break;
	case BASE_NULL:
		iov[r->at][1].iov_base = NULL;
		break;
	case IOVLEN_HUGE:
		m->msg_iovlen = 100000;
		break;
	case TOO_LONG:
		iov[r->at][0].iov_len = sizeof(data);
		break;
	}
}

START_TEST(alike)
{
	const struct row *r = &rows[_i];

	fill();
	change(r);
	ck_assert_msg(tx_many_alike(msgs, N) == r->alike, "%s: %u", r->text,
	    tx_many_alike(msgs, N));
}
END_TEST

START_TEST(no_more_than_there_are)
{
	fill();
	ck_assert_uint_eq(tx_many_alike(msgs, 1), 1);
	ck_assert_uint_eq(tx_many_alike(msgs, 2), 2);
}
END_TEST

Suite *
suite_tx_many(void)
{
	Suite *s = suite_create("tx_many");
	TCase *c = tcase_create("tx_many");

	tcase_add_loop_test(c, alike, 0, COUNT(rows));
	tcase_add_test(c, no_more_than_there_are);
	suite_add_tcase(s, c);
	return s;
}
