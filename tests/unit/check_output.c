/* SPDX-License-Identifier: ISC */
/* core/output.c: the control packets that go out, and when. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "pool.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Logs the packets of one end with certain flags. */
static struct {
	int side;
	uint16_t mask, value;
	int n;
	struct {
		uint64_t at;
		uint16_t flow, flags;
		uint32_t select;
		size_t len, body;
		int from_addr, to_addr;
		bool df;
	} row[4000];
} seen;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;

	(void)arg;
	if (p->from != seen.side || !duo_peek(d, p, &ad, &msg, NULL) ||
	    (msg.flags & seen.mask) != seen.value || seen.n == COUNT(seen.row))
		return DUO_PASS;
	seen.row[seen.n].at = d->now;
	seen.row[seen.n].flow = ad.flow;
	seen.row[seen.n].flags = msg.flags;
	seen.row[seen.n].select = msg.select;
	seen.row[seen.n].len = p->len;
	seen.row[seen.n].body = msg.len;
	seen.row[seen.n].from_addr = p->from_addr;
	seen.row[seen.n].to_addr = p->to_addr;
	seen.row[seen.n].df = p->df;
	seen.n++;
	return DUO_PASS;
}

static void
log_flags(struct duo *d, int side, uint16_t mask, uint16_t value)
{
	memset(&seen, 0, sizeof(seen));
	seen.side = side;
	seen.mask = mask;
	seen.value = value;
	d->tap = watch;
}

/* --- mp_poll -------------------------------------------------------------- */

START_TEST(small_buffer)
{
	struct duo *d = duo_new(1, 1);
	uint8_t buf[MP_CONTROL_MAX];
	struct mp_out out;

	(void)duo_say(d, 0, 2);
	ck_assert_int_eq(mp_poll(&d->end[0].mp, &d->end[0].keys, d->now,
	    &out, buf, MP_CONTROL_MAX - 1), 0);
	ck_assert_int_eq(mp_poll(&d->end[0].mp, &d->end[0].keys, d->now,
	    &out, buf, MP_CONTROL_MAX), 1);
	ck_assert_uint_eq(out.len, WIRE_INIT);
	ck_assert_uint_eq(out.slot, 0);
	ck_assert_int_eq(mp_poll(&d->end[0].mp, &d->end[0].keys, d->now,
	    &out, buf, MP_CONTROL_MAX), 0);
	ck_assert_uint_gt(mp_deadline(&d->end[0].mp), d->now);
	duo_free(d);
}
END_TEST

/* Sending a control packet failed: what it means, and when it repeats. */
START_TEST(poll_failed)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[0].mp;
	struct flow *f;
	struct mp_out out;

	duo_up(d);
	f = duo_current(d, 0);
	memset(&out, 0, sizeof(out));
	out.gen = duo_session(d, 0)->gen;
	out.flow = f->id;
	for (int i = 0; i < 5; i++)
		mp_poll_failed(m, d->now, &out, MP_ECONNREFUSED);
	ck_assert(!f->failed);
	mp_poll_failed(m, d->now, &out, MP_ENETUNREACH);
	mp_poll_failed(m, d->now, &out, MP_ENETUNREACH);
	ck_assert(f->failed);
	duo_run(d, d->now);
	ck_assert_ptr_ne(duo_current(d, 0), f);
	out.session = MP_NONE; /* a handshake packet */
	mp_poll_failed(m, d->now, &out, MP_ENETUNREACH);
	out.session = 0;
	out.flow = 77;
	mp_poll_failed(m, d->now, &out, MP_ENETUNREACH);
	duo_free(d);
}
END_TEST

/* --- Probes --------------------------------------------------------------- */

/* At most one per 500 ms and flow, at max(RTO + delack, 500 ms); 34 bytes; from
 * the flow's source address; answered on the same flow, 34 bytes. */
START_TEST(probes)
{
	struct duo *d = duo_new(2, 2);
	uint64_t last[4] = { 0 };
	uint32_t n = 2;
	struct flow *f;
	int per[4] = { 0 };

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 100 * MS, &n);
	log_flags(d, 0, WIRE_PROBE | WIRE_REPLY, WIRE_PROBE);
	duo_chat(d, d->now + 20 * SEC, 100 * MS, &n);
	for (int i = 0; i < seen.n; i++) {
		ck_assert_uint_lt(seen.row[i].flow, 4);
		ck_assert_uint_eq(seen.row[i].len, 34 + 2 + (seen.row[i].flags &
		    WIRE_COUNT ? 4U : 0U));
		f = state_flow(&d->end[0].mp, duo_session(d, 0),
		    seen.row[i].flow);
		ck_assert_ptr_eq(f, duo_flow(d, 0, seen.row[i].from_addr,
		    seen.row[i].to_addr));
		if (per[f->id]++ > 0)
			ck_assert_uint_ge(seen.row[i].at, last[f->id] +
			    500 * MS);
		last[f->id] = seen.row[i].at;
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_ge(per[i], 33);
	log_flags(d, 1, WIRE_PROBE | WIRE_REPLY, WIRE_PROBE | WIRE_REPLY);
	duo_chat(d, d->now + SEC, 100 * MS, &n);
	for (int i = 0; i < seen.n; i++) {
		ck_assert_uint_eq(seen.row[i].len, 34 + 4 + (seen.row[i].flags &
		    WIRE_COUNT ? 4U : 0U));
		ck_assert_ptr_eq(duo_flow(d, 1, seen.row[i].to_addr,
		    seen.row[i].from_addr), state_flow(&d->end[1].mp,
		    duo_session(d, 1), seen.row[i].flow));
	}
	ck_assert_int_ge(seen.n, 8);
	duo_free(d);
}
END_TEST

/* SELECT rides on each probe of the chosen flow until it is answered. */
static int drop_first;

static enum duo_verdict
drop_replies(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;

	if (p->from == 1 && drop_first > 0 && duo_peek(d, p, &ad, &msg, NULL) &&
	    ad.flow == duo_flow(d, 1, 1, 0)->id) {
		drop_first--;
		return DUO_DROP;
	}
	return watch(d, p, arg);
}

START_TEST(select_repeated)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2, number;

	duo_up(d);
	number = duo_session(d, 0)->choice;
	log_flags(d, 0, WIRE_SELECT, WIRE_SELECT);
	d->tap = drop_replies;
	drop_first = 3;
	duo_carrier(d, 0, 0, true);
	duo_chat(d, d->now + 4 * SEC, 200 * MS, &n);
	ck_assert_int_ge(seen.n, 3);
	ck_assert_int_le(seen.n, 6);
	for (int i = 0; i < seen.n; i++) {
		ck_assert_uint_gt(seen.row[i].select, number);
		ck_assert_uint_eq(seen.row[i].select, seen.row[0].select);
		ck_assert_uint_eq(seen.row[i].flow, duo_flow(d, 0, 1, 0)->id);
	}
	ck_assert_uint_eq(duo_session(d, 1)->choice, seen.row[0].select);
	duo_free(d);
}
END_TEST

/* Padded probes raise the proven size; they are sent with DF. */
START_TEST(size_probes)
{
	static uint8_t big[1400];
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	log_flags(d, 0, WIRE_PROBE | WIRE_REPLY, WIRE_PROBE);
	ck_assert_int_eq(duo_send(d, 0, big, sizeof(big)), 0);
	duo_run(d, d->now + 200 * MS);
	ck_assert_int_ge(seen.n, 3);
	for (int i = 0, want = 0; i < seen.n; i++) {
		static const size_t rungs[] = { 1252, 1392, 1432, 1472 };

		if (seen.row[i].len < 1200)
			continue;
		ck_assert(seen.row[i].df);
		ck_assert_int_lt(want, 4);
		ck_assert_uint_eq(seen.row[i].len, rungs[want++]);
	}
	ck_assert_uint_ge(mp_session_mtu(&d->end[0].mp, 0), 1400);
	duo_free(d);
}
END_TEST

/* --- Before validation: less than 3 times what arrived -------------------- */

static size_t from_victim, to_victim;

static enum duo_verdict
victim(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->from == 1 && p->to_addr == 1) {
		to_victim += p->len;
		return DUO_DROP; /* the victim never answers */
	}
	if (p->from == 0 && p->from_addr == 1)
		from_victim += p->len;
	return DUO_PASS;
}

START_TEST(amplification)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;

	d->tap = victim;
	from_victim = to_victim = 0;
	duo_up(d);
	duo_chat(d, d->now + 100 * SEC, 500 * MS, &n);
	ck_assert_uint_gt(from_victim, 0);
	ck_assert_uint_lt(to_victim, 3 * from_victim);
	ck_assert(!duo_flow(d, 1, 1, 0)->validated);
	/* another client is not affected */
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	duo_free(d);
}
END_TEST

/* --- Addresses ------------------------------------------------------------ */

/* A request as soon as the session is up, every 60 s while active, none while
 * idle. */
START_TEST(addr_requests)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n = 2;
	uint64_t start = d->now;

	log_flags(d, 0, WIRE_ADDR, WIRE_ADDR);
	duo_up(d);
	ck_assert_int_eq(seen.n, 1);
	ck_assert_uint_le(seen.row[0].at, start + 100 * MS);
	duo_chat(d, start + 100 * SEC, SEC, &n);
	ck_assert_int_eq(seen.n, 2);
	ck_assert_uint_ge(seen.row[1].at, seen.row[0].at + 60 * SEC);
	ck_assert_uint_le(seen.row[1].at, seen.row[0].at + 61 * SEC);
	duo_run(d, d->now + 200 * SEC);
	ck_assert_int_eq(seen.n, 2);
	duo_free(d);
}
END_TEST

/* It is repeated until a list arrives. */
static enum duo_verdict
no_lists(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;

	if (p->from == 1 && duo_peek(d, p, &ad, &msg, NULL) &&
	    (msg.flags & WIRE_ADDR))
		return DUO_DROP;
	return watch(d, p, arg);
}

START_TEST(addr_repeated)
{
	struct duo *d = duo_new(1, 2);

	log_flags(d, 0, WIRE_ADDR, WIRE_ADDR);
	d->tap = no_lists;
	duo_up(d);
	ck_assert_int_ge(seen.n, 3);
	ck_assert_int_le(seen.n, 6);
	d->tap = NULL;
	duo_run(d, d->now + 6 * SEC);
	ck_assert_ptr_nonnull(duo_flow(d, 0, 0, 1));
	duo_free(d);
}
END_TEST

/* The responder sends its list unasked when its addresses change. */
START_TEST(addr_pushed)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a = duo_ip4(10, 1, 0, 50, 0);
	int i;

	duo_up(d);
	log_flags(d, 1, WIRE_ADDR, WIRE_ADDR);
	i = duo_addr_new(d, 1, a.ip, 3);
	duo_run(d, d->now + 500 * MS);
	ck_assert_int_ge(seen.n, 1);
	ck_assert_uint_eq(seen.row[0].flags, WIRE_ADDR | WIRE_REPLY);
	ck_assert_uint_eq(seen.row[0].body, 16);
	ck_assert_ptr_nonnull(duo_flow(d, 0, 0, i));
	ck_assert(duo_flow(d, 0, 0, i)->validated);
	duo_free(d);
}
END_TEST

/* A list has 16 addresses at most, none whose link is down. */
START_TEST(addr_many)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a;

	for (int i = 0; i < 15; i++) {
		a = duo_ip4(10, 1, 0, (uint8_t)(50 + i), 0);
		duo_addr_new(d, 1, a.ip, 3);
	}
	log_flags(d, 1, WIRE_ADDR, WIRE_ADDR);
	d->end[1].addr[7].local.down = true;
	duo_tell(d, 1);
	duo_up(d);
	ck_assert_uint_eq(seen.row[0].body, 15 * 8);
	duo_free(d);
}
END_TEST

/* More go in two messages, 32 in all, one of each interface first. */
START_TEST(addr_parts)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a;
	int last;

	for (int i = 0; i < 39; i++) {
		a = duo_ip4(10, 9, (uint8_t)i, 1, 0);
		duo_addr_new(d, 1, a.ip, (uint32_t)(i < 10 ? 20 : 20 + i));
	}
	last = duo_addr_new(d, 1, duo_ip4(10, 1, 0, 99, 0).ip, 99);
	log_flags(d, 1, WIRE_ADDR, WIRE_ADDR);
	duo_up(d);
	ck_assert_int_ge(seen.n, 2);
	ck_assert_uint_eq(seen.row[0].body, 3 + 16 * 8);
	ck_assert_uint_eq(seen.row[1].body, 3 + 16 * 8);
	ck_assert_uint_eq(seen.row[1].at, seen.row[0].at);
	ck_assert_uint_eq(duo_session(d, 0)->told_n, 31); /* one is shown */
	ck_assert_ptr_nonnull(duo_flow(d, 0, 0, last));
	ck_assert(duo_flow(d, 0, 0, last)->validated);
	duo_free(d);
}
END_TEST

/* A peer at a global address is not told of private ones. */
START_TEST(addr_private)
{
	struct mp_setup setup = { .limits = { .sessions = 4 },
		.chacha_only = true, .tell_private = _i != 0 };
	struct duo *d = duo_new_setup(&setup, 0, 1);
	struct mp_addr global = duo_ip4(192, 0, 2, 7, 0);
	struct mp_addr theirs = duo_ip4(192, 0, 2, 8, 0);

	duo_addr_new(d, 0, global.ip, 1);
	d->end[0].peer = duo_addr(d, 1, duo_addr_new(d, 1, theirs.ip, 2));
	log_flags(d, 1, WIRE_ADDR, WIRE_ADDR);
	duo_up(d);
	ck_assert_uint_eq(seen.row[0].body, _i == 0 ? 8 : 16);
	duo_free(d);
}
END_TEST

/* --- Resending ------------------------------------------------------------ */

/* The flow in use dies in silence: its datagrams are resent on the other one,
 * once; nothing is lost, nothing comes twice. */
START_TEST(resend)
{
	struct duo *d = duo_new(2, 2);
	uint32_t n = 2, from;

	duo_up(d);
	duo_chat(d, d->now + SEC, 20 * MS, &n);
	from = n;
	duo_cut(d, 0, 0, true);
	duo_chat(d, d->now + 2 * SEC, 20 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, from, n), 0);
	ck_assert_int_eq(duo_twice(d, from, n), 0);
	ck_assert_uint_ge(duo_count(d, 0, MP_C_resent), 1);
	ck_assert_ptr_ne(duo_current(d, 0), duo_flow(d, 0, 0, 0));
	/* copies go only while in doubt */
	ck_assert_uint_le(duo_count(d, 0, MP_C_copy_out), 30);
	duo_free(d);
}
END_TEST

/* The flow that the copies go on dies as well: they go again on the next, none
 * is lost and none comes twice. */
START_TEST(resend_again)
{
	struct duo *d = duo_new(3, 1);
	uint32_t n = 2, from;

	duo_up(d);
	duo_chat(d, d->now + SEC, 20 * MS, &n);
	from = n;
	duo_cut(d, 0, 0, true);
	duo_chat(d, d->now + 60 * MS + (uint64_t)_i * 20 * MS, 20 * MS, &n);
	duo_cut(d, 1, 0, true);
	duo_chat(d, d->now + 2 * SEC, 20 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, from, n), 0);
	ck_assert_int_eq(duo_twice(d, from, n), 0);
	ck_assert_ptr_eq(duo_current(d, 0), duo_flow(d, 0, 2, 0));
	duo_free(d);
}
END_TEST

/* A stream one way gets one answer for two datagrams, also where each second one
 * comes some ms late; more are answers to probes. */
START_TEST(stream_answers)
{
	struct duo *d = duo_new(1, 1);
	uint64_t asked, before, began;
	uint32_t n = 2;
	int i;

	duo_up(d);
	duo_run(d, d->now + SEC);
	before = d->sent[1];
	asked = d->sent[0];
	began = d->now;
	for (i = 0; i < 100; i++) {
		duo_say(d, 0, n++);
		duo_run(d, began + (uint64_t)(i + 1) * 20 * MS +
		    (i % 2 == 0 ? (uint64_t)_i * MS : 0));
	}
	asked = d->sent[0] - asked - 100;
	ck_assert_uint_le(d->sent[1] - before, 51 + asked);
	duo_free(d);
}
END_TEST

/* What was sent under the keys before the last two is not resent: the number is
 * another packet's under those that have its place. */
START_TEST(resend_former_keys)
{
	struct duo *d = duo_new(2, 2);
	struct session *s;
	struct record *r;

	duo_up(d);
	duo_run(d, d->now + 500 * MS);
	s = duo_session(d, 0);
	pool_clear(&d->end[0].mp, POOL_RECENT, s);
	for (uint32_t i = 0; i < 2; i++) {
		r = pool_put(&d->end[0].mp, POOL_RECENT, s, d->now - 10 * MS,
		    "x", 1);
		ck_assert_ptr_nonnull(r);
		r->flow = duo_current(d, 0)->id;
		r->keys = (uint8_t)(state_keys(s)->id - 2 * i);
		r->seq = 1000 + i;
	}
	duo_current(d, 0)->proof_at = d->now - 400 * MS;
	log_flags(d, 0, WIRE_COPYFLAG, WIRE_COPYFLAG);
	d->end[0].addr[0].local.down = true;
	duo_tell(d, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(seen.n, 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_resent), 1);
	duo_free(d);
}
END_TEST

/* What is older than 250 ms, and what the next flow's answer may take, is not
 * worth it. */
START_TEST(resend_old)
{
	struct duo *d = duo_new(2, 2);
	struct session *s;
	struct record *r;

	duo_up(d);
	duo_run(d, d->now + 500 * MS);
	s = duo_session(d, 0);
	pool_clear(&d->end[0].mp, POOL_RECENT, s);
	for (int i = 0; i < 3; i++) {
		const uint64_t most = 250 * MS +
		    flow_patience(duo_flow(d, 0, 1, 0));
		const uint64_t ages[] = { most + 50 * MS, most + 1,
			most - 1 };

		r = pool_put(&d->end[0].mp, POOL_RECENT, s, d->now - ages[i],
		    "x", 1);
		ck_assert_ptr_nonnull(r);
		r->flow = duo_current(d, 0)->id;
		r->keys = state_keys(s)->id;
		r->seq = 1000 + (uint32_t)i;
	}
	duo_current(d, 0)->proof_at = d->now - 400 * MS;
	log_flags(d, 0, WIRE_COPYFLAG, WIRE_COPYFLAG);
	d->end[0].addr[0].local.down = true;
	duo_tell(d, 0);
	duo_run(d, d->now);
	ck_assert_int_eq(seen.n, 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_resent), 1);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(seen.n, 1);
	duo_free(d);
}
END_TEST

/* A program is interrupted between mp_send_begin() and mp_send_commit(), while
 * the agent finds that the flow died, and resends what went on it: what the
 * program commits then is resent, too.  Staged ones that the agent took: the
 * same. */
START_TEST(resend_begun)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[0].mp;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_out out = { .staged = false };
	uint8_t said[8] = "say", buf[2000];
	uint32_t n = 2;

	duo_delay(d, 1, 0, 15 * MS);
	duo_up(d);
	duo_chat(d, d->now + SEC, 5 * MS, &n);
	said[6] = (uint8_t)(n >> 8);
	said[7] = (uint8_t)n;
	duo_cut(d, 0, 0, true);
	if (_i == 0) {
		ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[0].peer, 0,
		    8, (enum mp_send_flag)0, tx), 1);
	} else {
		ck_assert_int_eq(mp_stage(m, d->now, 0, &d->end[0].peer, NULL,
		    said, 8), 1);
		table_arm(m, duo_session(d, 0), d->now);
		while (!out.staged)
			ck_assert_int_eq(mp_poll(m, &d->end[0].keys, d->now,
			    &out, buf, sizeof(buf)), 1);
	}
	/* The dead flow is found by what went before. */
	duo_run(d, d->now + 200 * MS);
	ck_assert_uint_ge(duo_count(d, 0, MP_C_resent), 1);
	ck_assert_int_eq(duo_heard(d, 1, n), 0);
	tx[0].error = 0;
	if (_i == 0)
		ck_assert_int_eq(mp_send_commit(m, d->now, tx, 1, said, 8), 0);
	else
		mp_poll_sent(m, d->now, &out);
	duo_run(d, d->now + 50 * MS);
	ck_assert_int_eq(duo_heard(d, 1, n), 1);
	duo_free(d);
}
END_TEST

/* No datagram is sent again that the user holds to be too old. */
START_TEST(resend_age)
{
	static const struct {
		uint32_t age; /* us; 0: the default */
		bool resent;
	} rows[] = { { 0, true }, { 1, false }, { 20 * 1000, true },
		{ 10 * 1000 * 1000, true } };
	struct mp_setup setup = { .limits = { .sessions = 4 },
		.chacha_only = true, .resend_us = rows[_i].age };
	struct duo *d = duo_new_setup(&setup, 2, 1);
	uint64_t said[200], worst = 0, most;
	const struct duo_got *g;
	uint32_t n;
	size_t i;

	duo_delay(d, 1, 0, 15 * MS);
	duo_up(d);
	for (n = 0; n < 200; n++) {
		if (n == 100)
			duo_cut(d, 0, 0, true);
		said[n] = d->now;
		ck_assert_int_eq(duo_say(d, 0, n), 0);
		duo_run(d, d->now + 5 * MS);
	}
	duo_run(d, d->now + SEC);
	for (i = 1; i < d->end[1].n_got; i++) { /* without duo_up()'s */
		g = &d->end[1].got[i];
		n = (uint32_t)g->data[6] << 8 | g->data[7];
		if (g->at - said[n] > worst)
			worst = g->at - said[n];
	}
	most = rows[_i].age == 0 ? SEC : rows[_i].age;
	ck_assert_uint_le(worst, most + 15 * MS + 1);
	ck_assert_int_eq(duo_count(d, 0, MP_C_resent) > 0, rows[_i].resent);
	for (n = 0, i = 0; n < 200; n++)
		i += duo_heard(d, 1, n) == 0;
	ck_assert_int_eq(i > 0, most < 60 * MS);
	duo_free(d);
}
END_TEST

/* Too big for the buffer, or no flow to go on: given up, without a loop. */
START_TEST(resend_nowhere)
{
	static uint8_t big[2000];
	struct duo *d = duo_new(1, 1);
	struct session *s;
	uint32_t n = 2;

	duo_up(d);
	s = duo_session(d, 0);
	(void)duo_send(d, 0, big, sizeof(big));
	duo_cut(d, 0, 0, true);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	ck_assert(!s->resend);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_resent), 0);
	duo_free(d);
}
END_TEST

/* --- CLOSE ---------------------------------------------------------------- */

/* Keeps a RESP from the client, for the test to inject. */
static struct duo_packet *resp;

static enum duo_verdict
keep_resp(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->to != 0 || p->len != WIRE_RESP || resp != NULL)
		return DUO_PASS;
	resp = malloc(sizeof(*p) + p->len);
	ck_assert_ptr_nonnull(resp);
	memcpy(resp, p, sizeof(*p) + p->len);
	return DUO_DROP;
}

/* A program sends once and closes its socket: before the RESP arrived (0: the
 * datagram is dropped) or just after (1), when it was not sent yet. */
START_TEST(close_staged)
{
	struct duo *d = duo_new(1, 1);
	struct mp_session_info info;

	resp = NULL;
	d->tap = keep_resp;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 100 * MS);
	ck_assert_ptr_nonnull(resp);
	if (_i)
		(void)duo_inject(d, 0, &resp->path, resp->data, resp->len);
	ck_assert_int_eq(mp_session_get(&d->end[0].mp, 0, &info), 0);
	ck_assert_uint_eq(info.staged, 1);
	ck_assert_int_eq(info.state, _i ? MP_S_UP : MP_S_CONNECTING);
	mp_slot_close(&d->end[0].mp, duo_time(d, 0), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), _i);
	ck_assert_int_eq(duo_sessions(d, 0), 0);
	ck_assert_int_eq(duo_sessions(d, 1), 0); /* CLOSE arrived as well */
	free(resp);
	duo_free(d);
}
END_TEST

/* CLOSE goes on the flow in use and on another, as one may be lost. */
START_TEST(close_twice)
{
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	log_flags(d, 0, WIRE_CLOSE, WIRE_CLOSE);
	duo_cut(d, 0, 0, true);
	mp_slot_close(&d->end[0].mp, d->now, 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_eq(seen.n, 2);
	ck_assert_uint_ne(seen.row[0].flow, seen.row[1].flow);
	ck_assert_ptr_null(duo_session(d, 0));
	ck_assert_ptr_null(duo_session(d, 1));
	duo_free(d);
}
END_TEST

Suite *
suite_output(void)
{
	Suite *suite = suite_create("output");
	TCase *t = tcase_create("output");

	tcase_add_test(t, small_buffer);
	tcase_add_test(t, poll_failed);
	tcase_add_test(t, probes);
	tcase_add_test(t, select_repeated);
	tcase_add_test(t, size_probes);
	tcase_add_test(t, amplification);
	tcase_add_test(t, addr_requests);
	tcase_add_test(t, addr_repeated);
	tcase_add_test(t, addr_pushed);
	tcase_add_test(t, addr_many);
	tcase_add_test(t, addr_parts);
	tcase_add_loop_test(t, addr_private, 0, 2);
	tcase_add_test(t, resend);
	tcase_add_loop_test(t, resend_again, 0, 8);
	tcase_add_loop_test(t, stream_answers, 0, 10);
	tcase_add_test(t, resend_old);
	tcase_add_test(t, resend_former_keys);
	tcase_add_loop_test(t, resend_begun, 0, 2);
	tcase_add_loop_test(t, resend_age, 0, 4);
	tcase_add_test(t, resend_nowhere);
	tcase_add_loop_test(t, close_staged, 0, 2);
	tcase_add_test(t, close_twice);
	suite_add_tcase(suite, t);
	return suite;
}
