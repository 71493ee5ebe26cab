/* SPDX-License-Identifier: ISC */
/* What sending may meet: errors, by their meaning, and datagrams too big for a
 * path. */
#include <string.h>

#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { CLIENT = 0, SERVER = 1 };

/* --- Errors of sending, by their meaning ---------------------------------- */

static const struct error_row {
	int error;
	bool dead; /* the path is dead: another takes over in the same call */
} errors[] = {
	{ MP_EAGAIN, false },
	{ MP_ENOBUFS, false },
	{ MP_EMSGSIZE, false },
	{ MP_ECONNREFUSED, false },
	{ MP_EPERM, true },	   /* output firewall */
	{ MP_EACCES, true },	   /* prohibit route */
	{ MP_EINVAL, true },	   /* blackhole; IPv6 source removed */
	{ MP_ENETUNREACH, true },  /* no route, link down, source removed */
	{ MP_EHOSTUNREACH, true }, /* unreachable route */
};

START_TEST(send_error)
{
	const struct error_row *r = &errors[_i / 2];
	bool only = _i & 1; /* the only flow */
	struct duo *d = duo_new(only ? 1 : 2, 1);
	uint32_t n = 100;
	struct flow *f;
	int e;

	duo_up(d);
	f = duo_current(d, CLIENT);
	d->end[CLIENT].addr[0].error = r->error;
	e = duo_say(d, CLIENT, 2);
	ck_assert_int_eq(e, r->dead && !only ? 0 : r->error);
	ck_assert(f->failed == r->dead);
	if (r->dead && !only)
		ck_assert_ptr_eq(duo_current(d, CLIENT),
		    duo_flow(d, CLIENT, 1, 0));
	else
		ck_assert_ptr_eq(duo_current(d, CLIENT), f);
	if (r->dead && only) /* no flow is left */
		ck_assert_int_eq(duo_say(d, CLIENT, 2), MP_ENETUNREACH);
	duo_run(d, d->now + 500 * MS);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), r->dead && !only);
	/* sending works again, and the flow is used again */
	d->end[CLIENT].addr[0].error = 0;
	duo_run(d, d->now + 10 * SEC);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 100, n);
	ck_assert(!f->failed);
	ck_assert_ptr_eq(duo_current(d, CLIENT), f);
	duo_free(d);
}
END_TEST

/* An error that does not repeat does not mean a dead path. */
START_TEST(send_error_once)
{
	struct duo *d = duo_new(2, 1);
	struct mp_tx tx[MP_TX_MAX];
	struct flow *f;

	duo_up(d);
	f = duo_current(d, CLIENT);
	ck_assert_int_eq(mp_send_begin(&d->end[CLIENT].mp, duo_time(d, 0), 0,
	    &d->end[CLIENT].peer, 0, 5, (enum mp_send_flag)0, tx), 1);
	tx[0].error = MP_ENETUNREACH;
	ck_assert_int_eq(mp_send_commit(&d->end[CLIENT].mp, duo_time(d, 0), tx,
	    1, "hello", 5), 1);
	ck_assert(!f->failed);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0); /* sent in the second try */
	ck_assert(!f->failed);
	ck_assert_uint_eq(f->send_errors, 0);
	ck_assert_ptr_eq(duo_current(d, CLIENT), f);
	duo_free(d);
}
END_TEST

/* --- Sizes ---------------------------------------------------------------- */

/* Padded probes: longer than any other probe, and sent with DF. */
struct sizes {
	size_t len[64];
	int n;
};

static enum duo_verdict
size_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct sizes *t = arg;
	struct wire_msg msg;
	struct wire_ad ad;

	if (p->from == CLIENT && duo_peek(d, p, &ad, &msg, NULL) &&
	    (msg.flags & WIRE_PROBE) && p->len > 100) {
		ck_assert(p->df);
		ck_assert_int_lt(t->n, COUNT(t->len));
		t->len[t->n++] = p->len;
	}
	return DUO_PASS;
}

static int
say_big(struct duo *d, size_t len, enum mp_send_flag flags)
{
	static uint8_t b[65536];

	return duo_send_to(d, CLIENT, 0, &d->end[CLIENT].peer, b, len, flags);
}

static size_t
heard_big(const struct duo *d, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < d->end[SERVER].n_got; i++)
		n += d->end[SERVER].got[i].len == len;
	return n;
}

/* Nothing is proven before the program needs it; then all rungs up to the size
 * that it needs; MTU 1500. */
static const struct rung_row {
	size_t len;
	size_t rungs[5]; /* ends with 0 */
} rungs[] = {
	{ 1166, { 0 } },
	{ 1167, { 1252 } },
	{ 1218, { 1252 } },
	{ 1219, { 1252, 1392 } },
	{ 1358, { 1252, 1392 } },
	{ 1398, { 1252, 1392, 1432 } },
	{ 1438, { 1252, 1392, 1432, 1472 } },
};

START_TEST(padded_probes)
{
	const struct rung_row *r = &rungs[_i];
	struct duo *d = duo_new(1, 1);
	struct sizes t = { .n = 0 };
	size_t top = 1200;
	int i;

	duo_up(d);
	d->tap = size_tap;
	d->tap_arg = &t;
	ck_assert_uint_eq(mp_session_mtu(&d->end[CLIENT].mp, 0),
	    MP_DF_ALWAYS);
	ck_assert_int_eq(say_big(d, r->len, (enum mp_send_flag)0), 0);
	duo_run(d, d->now + SEC);
	for (i = 0; r->rungs[i] != 0; i++) {
		ck_assert_int_lt(i, t.n);
		ck_assert_uint_eq(t.len[i], r->rungs[i]);
		top = r->rungs[i];
	}
	ck_assert_int_eq(t.n, i);
	ck_assert_uint_eq(duo_flow(d, CLIENT, 0, 0)->size, top);
	ck_assert_uint_eq(mp_session_mtu(&d->end[CLIENT].mp, 0),
	    top - 34 > MP_DF_ALWAYS ? top - 34 : MP_DF_ALWAYS);
	ck_assert_uint_eq(heard_big(d, r->len), 1);
	/* a proven size is not tried again */
	ck_assert_int_eq(say_big(d, r->len, MP_DF), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(t.n, i);
	duo_free(d);
}
END_TEST

/* With DF the program gets EMSGSIZE for sizes above the best proven one;
 * without, IP fragments. */
START_TEST(df_emsgsize)
{
	struct duo *d = duo_new(2, 1);
	int i;

	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = 1400;
	duo_link(d, CLIENT, 1, SERVER, 0)->mtu = 1300;
	duo_up(d);
	ck_assert_int_eq(say_big(d, 1166, MP_DF), 0);
	ck_assert_int_eq(say_big(d, 65001, (enum mp_send_flag)0), MP_EMSGSIZE);
	ck_assert_int_eq(say_big(d, 1500, MP_DF), MP_EMSGSIZE);
	ck_assert_int_eq(say_big(d, 1358, MP_DF), 0); /* not disproved yet */
	duo_run(d, d->now + 3 * SEC);
	ck_assert_uint_eq(mp_session_mtu(&d->end[CLIENT].mp, 0), 1392 - 34);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(say_big(d, 1358, MP_DF), 0);
		ck_assert_int_eq(say_big(d, 1359, MP_DF), i == 0 ? 0 :
		    MP_EMSGSIZE); /* disproved now */
		duo_run(d, d->now + SEC);
	}
	ck_assert_uint_eq(heard_big(d, 1358), 6);
	ck_assert_int_eq(say_big(d, 1359, (enum mp_send_flag)0), 0);
	ck_assert_int_eq(say_big(d, 65000, (enum mp_send_flag)0), 0);
	duo_free(d);
}
END_TEST

/* The best path drops packets over 1300 bytes: big datagrams take another,
 * small ones do not. */
START_TEST(black_hole)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;
	int i;

	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = 1300;
	duo_up(d);
	ck_assert_int_eq(say_big(d, 1350, (enum mp_send_flag)0), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_uint_ge(duo_flow(d, CLIENT, 1, 0)->size, 1384);
	ck_assert_uint_le(duo_flow(d, CLIENT, 0, 0)->size, 1300);
	for (i = 0; i < 50; i++) {
		ck_assert_int_eq(say_big(d, 1351, (enum mp_send_flag)0), 0);
		duo_chat(d, d->now + 50 * MS, 50 * MS, &n);
	}
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(heard_big(d, 1351), 50);
	duo_all_came(d, 2, n);
	ck_assert_ptr_eq(duo_current(d, CLIENT), duo_flow(d, CLIENT, 0, 0));
	duo_free(d);
}
END_TEST

/* A good path begins to drop big packets.  The program sends big ones only, or
 * also small ones, which pass. */
START_TEST(black_hole_opens)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;
	int i;

	duo_up(d);
	ck_assert_int_eq(say_big(d, 1350, (enum mp_send_flag)0), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_uint_ge(duo_flow(d, CLIENT, 0, 0)->size, 1384);
	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = 1300;
	for (i = 0; i < 200; i++) {
		ck_assert_int_eq(say_big(d, i < 100 ? 1350 : 1351,
		    (enum mp_send_flag)0), 0);
		if (_i == 1)
			duo_chat(d, d->now + 100 * MS, 100 * MS, &n);
		else
			duo_run(d, d->now + 100 * MS);
	}
	duo_run(d, d->now + SEC);
	ck_assert_uint_le(duo_flow(d, CLIENT, 0, 0)->size, 1300);
	ck_assert_uint_eq(heard_big(d, 1351), 100);
	duo_all_came(d, 2, n);
	duo_free(d);
}
END_TEST

/* The program asks for the MTU and sends nothing big: the answer is soon what
 * the path carries, and one byte more is refused. */
static const struct {
	size_t link, proven; /* UDP payload */
} asked[] = { { 0, 1472 }, { 1400, 1392 }, { 1251, 1200 } };

static uint32_t
client_mtu(const struct duo *d)
{
	return mp_session_mtu(&d->end[CLIENT].mp, 0);
}

static int
begin_df(struct duo *d, size_t size)
{
	struct mp_tx tx[MP_TX_MAX];

	return mp_send_begin(&d->end[CLIENT].mp, duo_time(d, CLIENT), 0,
	    &d->end[CLIENT].peer, 0, size - MP_OVERHEAD, MP_DF, tx);
}

START_TEST(asked_for)
{
	struct duo *d = duo_new(1, 1);
	size_t proven = asked[_i].proven, told = proven - MP_OVERHEAD;

	if (told < MP_DF_ALWAYS)
		told = MP_DF_ALWAYS;
	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = asked[_i].link;
	duo_up(d);
	ck_assert_uint_eq(client_mtu(d), MP_DF_ALWAYS);
	for (int i = 0; i < 3; i++) {
		mp_session_probe_mtu(&d->end[CLIENT].mp, duo_time(d, CLIENT),
		    0);
		duo_run(d, d->now + 500 * MS);
		ck_assert_uint_eq(client_mtu(d), told);
	}
	ck_assert_int_eq(begin_df(d, told + MP_OVERHEAD + 1), MP_EMSGSIZE);
	/* In two parts, where it is only said to fit. */
	ck_assert_int_eq(begin_df(d, told + MP_OVERHEAD),
	    told + MP_OVERHEAD <= proven ? 1 : 2);
	duo_run(d, d->now + SEC); /* none in parts is before it */
	ck_assert_int_eq(begin_df(d, proven), 1);
	mp_session_probe_mtu(&d->end[CLIENT].mp, duo_time(d, CLIENT), 99);
	duo_free(d);
}
END_TEST

/* The kernel learned from a router that a size does not pass: the program soon
 * learns it too. */
START_TEST(refused)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[CLIENT].mp;
	static const uint8_t big[1430];
	struct mp_tx tx[MP_TX_MAX];

	duo_up(d);
	mp_session_probe_mtu(m, duo_time(d, CLIENT), 0);
	duo_run(d, d->now + 500 * MS);
	ck_assert_uint_eq(client_mtu(d), 1472 - MP_OVERHEAD);
	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = 1400;
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, CLIENT), 0,
	    &d->end[CLIENT].peer, 0, 1430, MP_DF, tx), 1);
	tx[0].error = MP_EMSGSIZE;
	ck_assert_int_eq(mp_send_commit(m, duo_time(d, CLIENT), tx, 1, big,
	    1430), MP_EMSGSIZE);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(begin_df(d, 1393), MP_EMSGSIZE);
	ck_assert_int_eq(begin_df(d, 1392), 1);
	ck_assert_uint_eq(client_mtu(d), 1392 - MP_OVERHEAD);
	duo_free(d);
}
END_TEST

Suite *
suite_size(void)
{
	Suite *s = suite_create("size");
	TCase *tc = tcase_create("size");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, send_error, 0, 2 * COUNT(errors));
	tcase_add_test(tc, send_error_once);
	tcase_add_loop_test(tc, padded_probes, 0, COUNT(rungs));
	tcase_add_loop_test(tc, asked_for, 0, COUNT(asked));
	tcase_add_test(tc, refused);
	tcase_add_test(tc, df_emsgsize);
	tcase_add_test(tc, black_hole);
	tcase_add_loop_test(tc, black_hole_opens, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
