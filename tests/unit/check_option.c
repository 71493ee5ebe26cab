/* SPDX-License-Identifier: ISC */
/*
 * TOS, TTL and "don't fragment" that the program asked for: each packet that
 * carries its datagram, or a part or a COPY of it, has them, whoever sends it
 * and however often; what the agent sends of its own accord has none of them.
 */
#include <check.h>
#include <string.h>

#include "duo.h"
#include "family.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

enum { LONG = 1401 };

static const struct mp_tx_option asked = { .tos = 0xb9, .ttl = 33, .df = true };

/* Packets that carried something of the program's. */
static struct {
	int n, copies, parts;
	bool after_child; /* what goes as CHILD the duo cannot open */
} went;

/* Does a packet carry a datagram, whole or in part? */
static bool
carries(struct duo *d, const struct duo_packet *p)
{
	struct wire_msg msg;
	struct wire_ad ad;

	if (wire_is_handshake(p->data, p->len) ||
	    !duo_peek(d, p, &ad, &msg, NULL) ||
	    (ad.control && (msg.flags & WIRE_COPYFLAG) == 0 &&
	    !WIRE_IS_FRAG(msg.flags)))
		return false;
	went.n++;
	went.copies += (msg.flags & WIRE_COPYFLAG) != 0;
	went.parts += WIRE_IS_FRAG(msg.flags);
	return true;
}

static enum duo_verdict
look(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)arg;
	if (p->to != SERVER || (went.after_child && p->from != SIBLING))
		return DUO_PASS;
	if (carries(d, p)) {
		ck_assert_int_eq(p->tos, asked.tos);
		ck_assert_int_eq(p->ttl, asked.ttl);
		ck_assert(p->df);
	} else if (!went.after_child) {
		ck_assert_int_eq(p->tos, -1);
		ck_assert_int_eq(p->ttl, -1);
	}
	return DUO_PASS;
}

/* From now on the client asks for something. */
static void
asks(struct duo *d, int e)
{
	memset(&went, 0, sizeof(went));
	d->tap = look;
	d->end[e].option = &asked;
}

/* --- Ways of a datagram --------------------------------------------------- */

static void
by_program(struct duo *d, const void *data, size_t len)
{
	ck_assert_int_eq(duo_send(d, CLIENT, data, len), 0);
}

/* Staged, and sent by the agent. */
static void
by_agent(struct duo *d, const void *data, size_t len)
{
	struct mp *m = &d->end[CLIENT].mp;

	ck_assert_int_ge(mp_stage(m, d->now, 0, &d->end[CLIENT].peer, &asked,
	    data, len), 0);
	table_arm(m, duo_session(d, CLIENT), d->now);
}

/* In a bundle of four, if it may; what of it does not go, goes alone. */
static void
by_bundle(struct duo *d, const void *data, size_t len)
{
	static uint8_t out[2048], four[4 * LONG];
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_bundle b;
	unsigned n, i;
	size_t size;

	for (i = 0; i < 4; i++)
		memcpy(four + i * len, data, len);
	n = mp_bundle_begin(m, d->now, 0, &d->end[CLIENT].peer, len, len, 4,
	    (enum mp_send_flag)0, &b);
	if (n == 0) {
		by_program(d, data, len);
		return;
	}
	b.tx.tos = asked.tos;
	b.tx.ttl = asked.ttl;
	b.tx.df = asked.df;
	for (i = 0; i < n; i++) {
		size = mp_bundle_seal(&b, i, four + i * len, len, out);
		ck_assert_int_eq(duo_transmit(d, CLIENT, &b.tx.path, out,
		    size), 0);
	}
	ck_assert_int_eq(mp_bundle_commit(m, d->now, &b, n, 0, four, len, len,
	    len), 0);
}

/* Gathered for a bundle, and sent by the agent, as the program is slow. */
static void
by_gathering(struct duo *d, const void *data, size_t len)
{
	struct mp *m = &d->end[CLIENT].mp;
	int n, i;

	for (i = 0; i < 40; i++) {
		n = mp_gather(m, d->now, 0, &d->end[CLIENT].peer, &asked, 64,
		    data, len);
		if (n > 0)
			continue;
		if (n == MP_EAGAIN)
			break;
		by_program(d, data, len);
	}
}

static void (*const ways[])(struct duo *, const void *, size_t) = {
	by_program, by_agent, by_bundle, by_gathering,
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* --- Sent again ------------------------------------------------------------ */

static enum duo_verdict
look_bundle(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_msg msg;
	struct wire_ad ad;

	/* The duo's bundle has no options: by_bundle() sends it. */
	return duo_peek(d, p, &ad, &msg, NULL) && !ad.control && p->tos == -1 ?
	    DUO_PASS : look(d, p, arg);
}

/* The path in use dies, by which datagrams went in each way; over IPv4 and
 * IPv6. */
START_TEST(resent)
{
	struct duo *d = duo_new(2, 2);
	int way = _i % WAYS, i;
	uint8_t b[8] = "say";

	if (_i >= WAYS) {
		duo_addr_new(d, CLIENT, (uint8_t[16]) { 0xfd, 1, [15] = 1 }, 7);
		duo_addr_new(d, SERVER, (uint8_t[16]) { 0xfd, 1, [15] = 2 }, 7);
		duo_cut_addr(d, CLIENT, 1, true);
	}
	duo_up(d);
	asks(d, CLIENT);
	d->tap = way == 2 ? look_bundle : look;
	for (i = 0; i < 20; i++) {
		if (i == 10)
			duo_cut_addr(d, CLIENT, 0, true);
		b[7] = (uint8_t)i;
		ways[way](d, b, sizeof(b));
		duo_run(d, d->now + 3 * MS);
	}
	duo_run(d, d->now + 2 * SEC);
	for (i = 0; i < 20; i++)
		ck_assert_int_ge(duo_heard(d, SERVER, (uint32_t)i), 1);
	ck_assert_uint_gt(duo_count(d, CLIENT, MP_C_resent), 4);
	ck_assert_int_gt(went.copies, 4);
	duo_free(d);
}
END_TEST

/* The same of datagrams that go in two parts. */
START_TEST(resent_parts)
{
	static uint8_t data[LONG];
	struct duo *d = duo_new(2, 1);
	int i;

	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = 1252;
	duo_link(d, CLIENT, 1, SERVER, 0)->mtu = 1252;
	duo_up(d);
	ck_assert_int_eq(duo_send(d, CLIENT, data, LONG), 0);
	duo_run(d, d->now + 3 * SEC);
	asks(d, CLIENT);
	duo_cut(d, 0, 0, true);
	for (i = 0; i < 20; i++) {
		ways[_i](d, data, LONG);
		duo_run(d, d->now + 5 * MS);
	}
	duo_run(d, d->now + 2 * SEC);
	ck_assert_uint_gt(duo_count(d, CLIENT, MP_C_resent), 2);
	ck_assert_int_gt(went.parts, 20);
	duo_free(d);
}
END_TEST

static enum duo_verdict
look_long(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)arg;
	if (p->to == SERVER && carries(d, p)) {
		ck_assert_int_eq(p->tos, asked.tos);
		ck_assert_int_eq(p->ttl, asked.ttl);
		ck_assert(!p->df);
	}
	return DUO_PASS;
}

/* A COPY that is longer than the path is known to carry may be fragmented: what
 * was lost once is not to be lost to "don't fragment". */
START_TEST(resent_long)
{
	static uint8_t data[4000];
	struct duo *d = duo_new(2, 1);

	duo_up(d);
	asks(d, CLIENT);
	d->tap = NULL;
	duo_cut(d, 0, 0, true);
	ck_assert_int_eq(duo_send(d, CLIENT, data, sizeof(data)), 0);
	d->tap = look_long;
	duo_run(d, d->now + 2 * SEC);
	ck_assert_uint_gt(duo_count(d, CLIENT, MP_C_resent), 0);
	ck_assert_int_gt(went.copies, 0);
	duo_free(d);
}
END_TEST

/* --- Staged again ----------------------------------------------------------- */

/* The server forgot the parent: what went as CHILD goes again when there is a
 * session; whole, and where another one is staged behind it. */
START_TEST(child_failed)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	uint32_t n;

	duo_restart(d, SERVER);
	asks(d, SIBLING);
	went.after_child = true;
	for (n = 100; n < 120; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 4 * MS);
	}
	duo_run(d, d->now + 4 * SEC);
	for (n = 100; n < 120; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert_uint_ge(duo_count(d, SIBLING, MP_C_child_failed), 1);
	ck_assert_int_ge(went.n, 10);
	duo_free(d);
}
END_TEST

/* A program is interrupted between begin and commit of a CHILD, and a handshake
 * took the child's place meanwhile. */
START_TEST(child_late)
{
	static const uint8_t b[8] = { 's', 'a', 'y', 0, 0, 0, 0, 100 };
	struct mp_tx tx[MP_TX_MAX];
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	int n;

	duo_restart(d, SERVER);
	asks(d, SIBLING);
	went.after_child = true;
	n = mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer, 0, sizeof(b),
	    (enum mp_send_flag)0, tx);
	ck_assert_int_eq(n, 1);
	ck_assert(tx[0].frame);
	ck_assert_int_eq(duo_say(d, SIBLING, 102), 0);
	duo_run(d, d->now + 4 * SEC);
	tx[0].tos = asked.tos;
	tx[0].ttl = asked.ttl;
	tx[0].df = asked.df;
	ck_assert_int_eq(mp_send_commit(m, d->now, tx, n, b, sizeof(b)), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(duo_heard(d, SERVER, 102), 1);
	ck_assert_int_eq(went.n, 2);
	duo_free(d);
}
END_TEST

Suite *
suite_option(void)
{
	Suite *s = suite_create("option");
	TCase *t = tcase_create("resent");

	tcase_add_loop_test(t, resent, 0, 2 * WAYS);
	tcase_add_loop_test(t, resent_parts, 0, 2);
	tcase_add_test(t, resent_long);
	suite_add_tcase(s, t);
	t = tcase_create("staged again");
	tcase_add_test(t, child_failed);
	tcase_add_test(t, child_late);
	suite_add_tcase(s, t);
	return s;
}
