/* SPDX-License-Identifier: ISC */
/* core/part.c: a datagram in two parts is delivered once or not at all, whatever
 * becomes of them; what waits is bounded. */
#include "part.h"

#include <string.h>

#include "bytes.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { CLIENT = 0, SERVER = 1, BIG = 1401 };

static uint8_t big[MP_PAYLOAD_MAX];

/* A session over one or two silent paths of 1252 bytes of UDP payload: longer
 * ones are known not to pass. */
static struct duo *
narrow(int paths)
{
	struct duo *d = duo_new(paths, 1);
	size_t i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	for (int k = 0; k < paths; k++)
		duo_link(d, CLIENT, k, SERVER, 0)->mtu = 1252;
	duo_up(d);
	ck_assert_int_eq(duo_send(d, CLIENT, big, BIG), 0);
	duo_run(d, d->now + 3 * SEC);
	return d;
}

/* How often the server got this payload, whole. */
static int
came(const struct duo *d, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < d->end[SERVER].n_got; i++)
		n += d->end[SERVER].got[i].len == len &&
		    memcmp(d->end[SERVER].got[i].data, big, len) == 0;
	return n;
}

/* What becomes of the client's parts. */
struct fate {
	bool lose[2]; /* by part, of the first flow */
	uint64_t late[2];
	bool twice[2];
	uint16_t flags; /* of the last one seen */
	int seen[2];
	bool other_flow; /* those of others, too */
};

static enum duo_verdict
fate_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct fate *f = arg;
	struct duo_packet *again;
	struct wire_msg msg;
	struct wire_ad ad;
	static uint8_t room[4096];

	if (p->from != CLIENT || !duo_peek(d, p, &ad, &msg, NULL) ||
	    !WIRE_IS_FRAG(msg.flags))
		return DUO_PASS;
	ck_assert(ad.control);
	ck_assert_uint_le(p->len, 1252);
	f->flags = msg.flags;
	f->seen[msg.part]++;
	if (ad.flow != msg.copy.flow && !f->other_flow)
		return DUO_PASS;
	if (f->lose[msg.part])
		return DUO_DROP;
	if (f->twice[msg.part]) {
		ck_assert_uint_le(sizeof(*p) + p->len, sizeof(room));
		memcpy(room, p, sizeof(*p) + p->len);
		again = (struct duo_packet *)(void *)room;
		again->at += 5 * MS;
		duo_post(d, again);
	}
	p->at += f->late[msg.part];
	return DUO_PASS;
}

static const struct fate_row {
	const char *what;
	struct fate fate;
	int comes;
} fates[] = {
	{ "nothing", { .flags = 0 }, 1 },
	{ "the second first", { .late = { 5 * MS, 0 } }, 1 },
	{ "both twice", { .twice = { true, true } }, 1 },
	{ "twice, the second first",
	    { .twice = { true, true }, .late = { 3 * MS, 0 } }, 1 },
	{ "the first lost", { .lose = { true, false } }, 0 },
	{ "the second lost", { .lose = { false, true } }, 0 },
	{ "the first lost, the second twice",
	    { .lose = { true, false }, .twice = { false, true } }, 0 },
	{ "the second late", { .late = { 0, PART_AGE - 20 * MS } }, 1 },
	{ "the second too late", { .late = { 0, PART_AGE + 20 * MS } }, 0 },
	{ "the first too late", { .late = { PART_AGE + 20 * MS, 0 } }, 0 },
};

static const struct queue *
check_part_queue(struct duo *d)
{
	return &state_annexed(&d->end[SERVER].mp, duo_session(d, SERVER))->parts;
}

START_TEST(fate)
{
	const struct fate_row *r = &fates[_i];
	struct duo *d = narrow(1);
	struct fate f = r->fate;
	uint32_t n = 100;
	int i;

	ck_assert_int_eq(came(d, BIG), 1); /* the one that asked */
	d->tap = fate_tap;
	d->tap_arg = &f;
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + 1), 0);
		duo_run(d, d->now + 251 * MS); /* none is behind it */
		duo_chat(d, d->now + SEC, 50 * MS, &n);
	}
	duo_run(d, d->now + 3 * SEC);
	ck_assert_msg(came(d, BIG + 1) == 5 * r->comes, "%s: %d", r->what,
	    came(d, BIG + 1));
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_part_out), 6);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_part_in),
	    1 + 5 * (uint64_t)r->comes);
	ck_assert_uint_eq(f.flags, WIRE_FRAG); /* no COPY: nothing is wrong */
	duo_all_came(d, 100, n);
	/* nothing waits longer than it must */
	ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + 2), 0);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_uint_le(check_part_queue(d)->n, 2);
	duo_free(d);
}
END_TEST

/* Which sizes go in parts: those over what is proven, as long as both parts are
 * not; of others the path may make IP fragments, as for plain datagrams. */
static const struct {
	size_t len;
	int packets;
	bool parts;
} lengths[] = {
	{ 1, 1, false },
	{ 1252 - MP_OVERHEAD, 1, false },
	{ 1252 - MP_OVERHEAD + 1, 2, true },
	{ 2 * (1252 - PART_OVERHEAD), 2, true },
	{ 2 * (1252 - PART_OVERHEAD) + 1, 1, false },
	{ MP_PAYLOAD_MAX, 1, false },
};

START_TEST(length)
{
	struct duo *d = narrow(1);
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_tx tx[MP_TX_MAX];
	static uint8_t out[66000];
	size_t len = lengths[_i].len;
	int i;

	ck_assert_uint_eq(duo_flow(d, CLIENT, 0, 0)->size, 1252);
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, CLIENT), 0,
	    &d->end[CLIENT].peer, 0, len, (enum mp_send_flag)0, tx),
	    lengths[_i].packets);
	for (i = 0; i < lengths[_i].packets; i++) {
		ck_assert_uint_le(mp_seal(&tx[i], big, len, out),
		    lengths[_i].parts ? 1252 : len + MP_OVERHEAD);
		ck_assert(!tx[i].copy);
		tx[i].error = 0;
	}
	ck_assert_int_eq(mp_send_commit(m, duo_time(d, CLIENT), tx,
	    lengths[_i].packets, big, len), 0);
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_part_out),
	    1 + lengths[_i].parts);
	duo_free(d);
}
END_TEST

/* Either packet may fail to go out: the program learns it. */
START_TEST(send_error)
{
	struct duo *d = narrow(1);
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_tx tx[MP_TX_MAX];

	ck_assert_int_eq(mp_send_begin(m, duo_time(d, CLIENT), 0,
	    &d->end[CLIENT].peer, 0, BIG, (enum mp_send_flag)0, tx), 2);
	tx[_i].error = MP_EAGAIN;
	ck_assert_int_eq(mp_send_commit(m, duo_time(d, CLIENT), tx, 2, big,
	    BIG), MP_EAGAIN);
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_part_out), 1);
	duo_free(d);
}
END_TEST

/* What is staged goes in parts as well, before anything is proven. */
START_TEST(staged)
{
	struct duo *d = duo_new(1, 1);
	struct fate f = { .flags = 0 };

	duo_link(d, CLIENT, 0, SERVER, 0)->mtu = 1252;
	d->tap = fate_tap;
	d->tap_arg = &f;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t n = 0; n < 5; n++) {
		ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + n), 0);
		ck_assert_int_eq(duo_send(d, CLIENT, big, 100 + n), 0);
	}
	duo_run(d, d->now + 3 * SEC);
	for (size_t n = 0; n < 5; n++) {
		ck_assert_int_eq(came(d, BIG + n), 1);
		ck_assert_int_eq(came(d, 100 + n), 1);
	}
	/* Short ones, too, so that they pass no long one. */
	ck_assert_int_eq(f.seen[0], 10);
	ck_assert_int_eq(f.seen[1], 10);
	duo_free(d);
}
END_TEST

/* Two such paths, and the one in use dies: what was on its way goes again, in
 * parts, and is delivered once. */
START_TEST(resent)
{
	struct duo *d = narrow(2);
	struct fate f = { .flags = 0 };
	size_t n;

	d->tap = fate_tap;
	d->tap_arg = &f;
	duo_link(d, CLIENT, 1, SERVER, 0)->mtu = 1252;
	for (n = 1; n <= 100; n++) {
		if (n == 30)
			duo_cut(d, 0, 0, true);
		ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	duo_run(d, d->now + 2 * SEC);
	for (n = 1; n <= 100; n++)
		ck_assert_msg(came(d, BIG + n) == 1, "%zu: %d", n,
		    came(d, BIG + n));
	ck_assert_uint_gt(duo_count(d, CLIENT, MP_C_resent), 2);
	duo_free(d);
}
END_TEST

/* Parts one of which is lost, while copies go: the copy brings the other. */
START_TEST(mended_by_copy)
{
	struct duo *d = narrow(2);
	struct fate f = { .lose = { _i == 0, _i == 1 } };
	size_t n;

	d->tap = fate_tap;
	d->tap_arg = &f;
	duo_flow(d, CLIENT, 0, 0)->tx_loss = (struct loss) { .n = 200,
		.lost = 100, .at = duo_time(d, CLIENT),
		.since = duo_time(d, CLIENT) };
	for (n = 1; n <= 20; n++) {
		ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + n), 0);
		duo_run(d, d->now + 20 * MS);
	}
	duo_run(d, d->now + SEC);
	for (n = 1; n <= 20; n++)
		ck_assert_int_eq(came(d, BIG + n), 1);
	duo_free(d);
}
END_TEST

/* A peer that sends nothing but first parts costs its own 64 KiB. */
START_TEST(bounded)
{
	struct duo *d = narrow(1);
	struct fate f = { .lose = { false, true } };
	uint32_t n;

	d->tap = fate_tap;
	d->tap_arg = &f;
	for (n = 0; n < 2000; n++) {
		ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + 1), 0);
		if (n % 100 == 0)
			duo_run(d, d->now + MS);
	}
	duo_run(d, d->now + 100 * MS);
	ck_assert_uint_le(check_part_queue(d)->bytes, 64 * 1024);
	ck_assert_uint_gt(check_part_queue(d)->n, 50);
	ck_assert_int_eq(came(d, BIG + 1), 0);
	duo_run(d, d->now + SEC);
	f.lose[1] = false;
	ck_assert_int_eq(duo_send(d, CLIENT, big, BIG + 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(came(d, BIG + 2), 1);
	ck_assert_uint_eq(check_part_queue(d)->n, 1);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_part), 50);
	duo_free(d);
}
END_TEST

/* Parts that do not fit each other, of a peer with the key that is up to
 * something: nothing is delivered, and nothing lies about. */
static const struct forged_row {
	uint16_t total[2];
	uint8_t part[2];
	size_t len[2];
} forged[] = {
	{ { 1401, 1403 }, { 0, 1 }, { 701, 701 } },
	{ { 1401, 1400 }, { 0, 1 }, { 701, 700 } },
	{ { 1401, 1401 }, { 0, 0 }, { 701, 701 } },
	{ { 1401, 1401 }, { 1, 1 }, { 700, 700 } },
	{ { 1401, 1401 }, { 0, 1 }, { 701, 10 } },
	{ { 1401, 65535 }, { 0, 1 }, { 701, 700 } },
	{ { 1401, 0 }, { 0, 1 }, { 701, 0 } },
};

static enum mp_verdict
inject_part(struct duo *d, uint64_t seq, uint64_t name, uint16_t total,
    uint8_t part, size_t len)
{
	static uint8_t packet[70000];
	struct session *s = duo_session(d, CLIENT);
	struct mp_path path = duo_path(d, SERVER, 0, CLIENT, 0);
	struct wire_msg msg = { .flags = WIRE_FRAG, .tsreply = WIRE_TS_NONE,
		.total = total, .part = part };
	size_t n;

	msg.copy = (struct wire_ad) { .sid = state_keys(s)->sid_out,
		.seq = name };
	n = duo_make(d, CLIENT, 0, seq, &msg, big, len, packet);
	return duo_inject(d, SERVER, &path, packet, n);
}

START_TEST(forgery)
{
	const struct forged_row *r = &forged[_i];
	struct duo *d = narrow(1);
	uint64_t seq = duo_flow(d, CLIENT, 0, 0)->tx_seq + 1;
	size_t got = d->end[SERVER].n_got;

	(void)inject_part(d, seq, seq, r->total[0], r->part[0], r->len[0]);
	(void)inject_part(d, seq + 1, seq, r->total[1], r->part[1], r->len[1]);
	ck_assert_uint_eq(d->end[SERVER].n_got, got);
	ck_assert_uint_le(check_part_queue(d)->n, 2);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_corrupt), 0);
	duo_free(d);
}
END_TEST

/* A first part that comes again and again is no datagram, and never more than
 * one. */
START_TEST(replayed)
{
	struct duo *d = narrow(1);
	uint64_t seq = duo_flow(d, CLIENT, 0, 0)->tx_seq + 1;
	size_t got = d->end[SERVER].n_got;
	int i;

	for (i = 0; i < 5; i++)
		(void)inject_part(d, seq, seq, 1401, 0, 701);
	ck_assert_uint_eq(d->end[SERVER].n_got, got);
	ck_assert_uint_eq(check_part_queue(d)->n, 1);
	memmove(big, big + 701, 700);
	ck_assert_int_eq(inject_part(d, seq + 1, seq, 1401, 1, 700),
	    MP_DELIVER);
	ck_assert_uint_eq(d->end[SERVER].n_got, got + 1);
	ck_assert_uint_eq(d->end[SERVER].got[got].len, 1401);
	for (i = 0; i < 5; i++) {
		(void)inject_part(d, seq, seq, 1401, 0, 701);
		(void)inject_part(d, seq + 1, seq, 1401, 1, 700);
		(void)inject_part(d, seq + 2 + (uint64_t)i, seq, 1401, 1, 700);
	}
	ck_assert_uint_eq(d->end[SERVER].n_got, got + 1);
	duo_free(d);
}
END_TEST

/* Datagrams go in parts while a size is not proven, and whole then; parts are
 * read by an agent, which is late.  None is passed by a later one, short ones
 * neither. */
START_TEST(in_order)
{
	static const size_t kinds[4] = { BIG, BIG, 100, 0 };
	struct duo *b;
	uint8_t say[BIG] = { 0 };
	size_t said[200];
	uint32_t i, n, random = 1;
	int out_of_order = 0;

	for (i = 0; i < 200; i++) {
		b = duo_new(1, 1);
		if (_i == 2)
			duo_link(b, CLIENT, 0, SERVER, 0)->mtu = 1252;
		b->end[1].read_us = 1 + i * 97 % 8000;
		for (n = 0; n < 200; n++) {
			say[0] = (uint8_t)n;
			said[n] = kinds[_i == 0 ? 0 : (random >> 8) % 4];
			ck_assert_int_eq(duo_send(b, 0, say, said[n]), 0);
			random = random * 1103515245 + 12345;
			duo_run(b, b->now + (random >> 16) % 2000);
		}
		duo_run(b, b->now + 500 * MS);
		ck_assert_uint_eq(b->end[1].n_got, 200);
		for (n = 0; n < 200; n++)
			out_of_order += b->end[1].got[n].len != said[n] ||
			    (said[n] > 0 && b->end[1].got[n].data[0] != n);
		/* In parts only for a round trip, and some more. */
		if (_i == 0)
			ck_assert_uint_lt(duo_count(b, 0, MP_C_part_out), 150);
		duo_free(b);
	}
	ck_assert_int_eq(out_of_order, 0);
}
END_TEST

Suite *
suite_part(void)
{
	Suite *s = suite_create("part");
	TCase *tc = tcase_create("part");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, fate, 0, COUNT(fates));
	tcase_add_loop_test(tc, length, 0, COUNT(lengths));
	tcase_add_loop_test(tc, send_error, 0, 2);
	tcase_add_test(tc, staged);
	tcase_add_test(tc, resent);
	tcase_add_loop_test(tc, mended_by_copy, 0, 2);
	tcase_add_test(tc, bounded);
	tcase_add_loop_test(tc, forgery, 0, COUNT(forged));
	tcase_add_test(tc, replayed);
	tcase_add_loop_test(tc, in_order, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}
