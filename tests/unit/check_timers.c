/* SPDX-License-Identifier: ISC */
/* core/timers.c: what time alone does to a session (PROTOCOL.md 2, 4). */
#include "timers.h"

#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "rtt.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* When the client's INITs went out, and from which of its addresses. */
static struct {
	int n, rekeys;
	uint64_t at;
	int addrs; /* one bit for each address */
} inits;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_handshake h;
	struct wire_ad ad;
	struct wire_msg msg;

	(void)arg;
	if (p->from != 0)
		return DUO_PASS;
	if (wire_get_handshake(p->data, p->len, &h) && h.type == WIRE_T_INIT) {
		if (inits.n++ == 0)
			inits.at = d->now;
		if (inits.at == d->now)
			inits.addrs |= 1 << p->from_addr;
	} else if (duo_peek(d, p, &ad, &msg, NULL)) {
		inits.rekeys += msg.flags == WIRE_REKEY;
	}
	return DUO_PASS;
}

static struct duo *
watched(int n, int m)
{
	struct duo *d = duo_new(n, m);

	duo_up(d);
	memset(&inits, 0, sizeof(inits));
	d->tap = watch;
	return d;
}

static void
cut_all(struct duo *d, bool down)
{
	for (int i = 0; i < d->end[0].n_addrs; i++)
		duo_cut_addr(d, 0, i, down);
}

/* --- Silence -------------------------------------------------------------- */

/* All flows unanswered for 1 s: INIT on every pair at once. */
START_TEST(lost)
{
	struct duo *d = watched(3, 1);
	uint32_t n = 2;
	uint64_t cut;

	cut_all(d, true);
	cut = d->now;
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	ck_assert_int_ge(inits.n, 3);
	ck_assert_int_eq(inits.addrs, 7);
	ck_assert_uint_ge(inits.at, cut + SEC - 500 * MS);
	ck_assert_uint_le(inits.at, cut + 2 * SEC);
	/* the old keys stay valid until then: the session goes on when the
	 * paths return */
	cut_all(d, false);
	duo_run(d, d->now + 2 * SEC);
	n = 10000;
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 10000, n), 0);
	duo_free(d);
}
END_TEST

/* The peer is not lost while a flow answers. */
START_TEST(not_lost)
{
	struct duo *d = watched(3, 1);
	uint32_t n = 2;

	duo_cut(d, 0, 0, true);
	duo_cut(d, 1, 0, true);
	duo_chat(d, d->now + 10 * SEC, 50 * MS, &n);
	ck_assert_int_eq(inits.n, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_le(duo_missing(d, 2, n), 10); /* two flows died at once */
	duo_free(d);
}
END_TEST

START_TEST(lost_at)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[0].mp;
	struct session *s;
	struct flow *a, *b;

	duo_up(d);
	duo_run(d, d->now + 100 * MS);
	s = duo_session(d, 0);
	a = duo_flow(d, 0, 0, 0);
	b = duo_flow(d, 0, 1, 0);
	ck_assert_uint_eq(timers_lost_at(m, s), MP_NEVER);
	a->silent_since = d->now;
	ck_assert_uint_eq(timers_lost_at(m, s), MP_NEVER);
	b->silent_since = d->now + 300 * MS;
	ck_assert_uint_eq(timers_lost_at(m, s), d->now + 1300 * MS);
	b->down = true;
	ck_assert_uint_eq(timers_lost_at(m, s), d->now + SEC);
	a->rtt = (struct rtt) { 400000, 100000, 500 * SEC };
	ck_assert_uint_eq(timers_lost_at(m, s), d->now + 2400 * MS);
	s->want_handshake = true; /* a handshake is wanted already */
	ck_assert_uint_eq(timers_lost_at(m, s), MP_NEVER);
	ck_assert_uint_eq(timers_lost_at(&d->end[1].mp, duo_session(d, 1)),
	    MP_NEVER); /* only the initiator looks */
	duo_free(d);
}
END_TEST

/* 180 s without a packet: keys wiped, association kept. */
START_TEST(silence)
{
	struct duo *d = duo_new(1, 1);
	uint64_t gone;
	uint8_t assoc[8];

	duo_up(d);
	memcpy(assoc, duo_session(d, 1)->assoc, 8);
	d->end[0].off = true;
	gone = d->now;
	duo_run(d, gone + 150 * SEC);
	ck_assert_int_eq(duo_session(d, 1)->state, MP_S_UP);
	duo_run(d, gone + 181 * SEC);
	ck_assert_int_eq(duo_session(d, 1)->state, MP_S_DOWN);
	ck_assert(!duo_session(d, 1)->keys[0].live);
	ck_assert(!duo_session(d, 1)->keys[1].live);
	ck_assert_mem_eq(duo_session(d, 1)->assoc, assoc, 8);
	ck_assert_uint_eq(mp_deadline(&d->end[1].mp), MP_NEVER);
	/* the client was suspended, and goes on */
	d->end[0].off = false;
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	ck_assert_mem_eq(duo_session(d, 1)->assoc, assoc, 8);
	ck_assert_mem_eq(&d->end[1].got[0].from, &d->end[1].got[1].from,
	    sizeof(struct mp_addr));
	duo_free(d);
}
END_TEST

/* The responder's program sends to a peer that is off: an error after 10 s; and
 * it is heard when the peer is back. */
START_TEST(responder_calls)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n;

	duo_up(d);
	d->end[0].off = true;
	duo_run(d, d->now + 200 * SEC);
	ck_assert_int_eq(duo_session(d, 1)->state, MP_S_DOWN);
	for (n = 3; n < 33; n += 2) {
		(void)duo_say(d, 1, n);
		duo_run(d, d->now + SEC);
	}
	ck_assert_int_eq(duo_say(d, 1, n), MP_EHOSTUNREACH);
	d->end[0].off = false;
	for (n = 101; n < 121; n += 2) {
		(void)duo_say(d, 1, n);
		duo_run(d, d->now + SEC);
	}
	ck_assert_int_eq(duo_heard(d, 0, 119), 1);
	ck_assert(duo_session(d, 0)->initiator); /* the roles stay */
	ck_assert(!duo_session(d, 1)->initiator);
	duo_free(d);
}
END_TEST

/* --- Validation ----------------------------------------------------------- */

/* 3 unanswered probes and a long silence end it; an answered challenge restores
 * it. */
START_TEST(invalid)
{
	struct duo *d = duo_new(2, 1);
	struct flow *f;
	uint32_t n = 2;
	uint64_t cut;

	duo_up(d);
	f = duo_flow(d, 0, 1, 0); /* not in use */
	duo_cut(d, 1, 0, true);
	cut = d->now;
	while (f->validated && d->now < cut + 10 * SEC)
		duo_chat(d, d->now + 100 * MS, 50 * MS, &n);
	ck_assert(!f->validated);
	ck_assert_uint_ge(f->probes, 3);
	duo_cut(d, 1, 0, false);
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	ck_assert(f->validated);
	ck_assert_uint_eq(f->rtt.idle_us, 0);
	ck_assert(duo_flow(d, 1, 1, 0)->validated);
	duo_free(d);
}
END_TEST

/* One loss: SRTT unchanged, idle_time up by one RTO, the next probe at once,
 * all reset by the answer; however late the engine is called. */
static const uint64_t lates[] = { 0, 10 * MS, 2 * SEC };

START_TEST(missed)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[0].mp;
	struct session *s;
	struct flow *f;
	struct rtt before;
	uint64_t end;

	duo_up(d);
	duo_run(d, d->now + 100 * MS);
	s = duo_session(d, 0);
	f = duo_flow(d, 0, 0, 0);
	before = f->rtt;
	flow_probe_sent(f, d->now, 1);
	end = flow_wait_end(f, d->now);
	ck_assert_uint_eq(end, d->now + rtt_drto(&before));
	timers_session(m, s, end - 1);
	ck_assert_uint_eq(f->rtt.idle_us, 0);
	timers_session(m, s, end + lates[_i]);
	ck_assert_uint_eq(f->rtt.idle_us, rtt_rto(&before));
	ck_assert_uint_eq(f->rtt.srtt_us, before.srtt_us);
	ck_assert_uint_eq(f->rtt.rttvar_us, before.rttvar_us);
	ck_assert(f->probe_now);
	timers_session(m, s, end + lates[_i]); /* only once */
	ck_assert_uint_eq(f->rtt.idle_us, rtt_rto(&before));
	d->now = end + lates[_i];
	duo_run(d, d->now + 100 * MS);
	ck_assert_uint_eq(f->rtt.idle_us, 0);
	duo_free(d);
}
END_TEST

/* --- Keys ----------------------------------------------------------------- */

static void
many_packets(struct session *s, struct flow *f)
{
	(void)s;
	f->tx_seq = WIRE_SEQ_MAX;
}

static void
many_forgeries(struct session *s, struct flow *f)
{
	(void)f;
	state_keys(s)->forged = UINT32_MAX;
}

static void
old_key(struct session *s, struct flow *f)
{
	(void)f;
	s->rekey_at = 1;
}

static void (*const wears[])(struct session *, struct flow *) = {
	many_packets, many_forgeries, old_key };

START_TEST(used_up)
{
	struct duo *d = watched(2, 1);
	uint32_t n = 2;

	wears[_i](duo_session(d, 0), duo_current(d, 0));
	duo_chat(d, d->now + 3 * SEC, 100 * MS, &n);
	ck_assert_int_ge(inits.rekeys, 1);
	ck_assert_int_eq(inits.n, 0); /* inside the session */
	ck_assert_uint_eq(duo_count(d, 0, MP_C_handshake_done), 2);
	ck_assert_uint_lt(duo_current(d, 0)->tx_seq, 1000);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	duo_free(d);
}
END_TEST

/* --- No peer -------------------------------------------------------------- */

/* Staged datagrams are given up after 10 s, each of them counted. */
START_TEST(given_up)
{
	struct duo *d = duo_new(1, 1);

	d->end[1].off = true;
	for (uint32_t n = 0; n < 5; n++)
		ck_assert_int_eq(duo_say(d, 0, 2 * n), 0);
	duo_run(d, d->now + 9900 * MS);
	ck_assert_uint_eq(duo_session(d, 0)->staged.n, 5);
	duo_run(d, d->now + 200 * MS);
	ck_assert_uint_eq(duo_session(d, 0)->staged.n, 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), 5);
	ck_assert_uint_ge(duo_count(d, 0, MP_C_drop_unanswered), 1);
	duo_run(d, d->now + 20 * SEC);
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_DOWN);
	ck_assert_uint_eq(mp_deadline(&d->end[0].mp), MP_NEVER);
	duo_free(d);
}
END_TEST

/* --- When timers_session() is to be called -------------------------------- */

START_TEST(next)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[0].mp;
	struct session *s;
	struct flow *f;
	uint64_t at;

	duo_up(d);
	duo_run(d, d->now + 100 * MS);
	s = duo_session(d, 0);
	f = duo_flow(d, 0, 0, 0);
	at = timers_next(m, s, d->now);
	ck_assert_uint_gt(at, d->now);
	ck_assert_uint_le(at, d->now + 500 * MS);
	f->reply = true;
	ck_assert_uint_le(timers_next(m, s, d->now), d->now);
	f->reply = false;
	s->addr_reply = true;
	ck_assert_uint_le(timers_next(m, s, d->now), d->now);
	s->addr_reply = false;
	s->resend = true;
	ck_assert_uint_le(timers_next(m, s, d->now), d->now);
	s->resend = false;
	f->ack_due = d->now + 3;
	ck_assert_uint_eq(timers_next(m, s, d->now), d->now + 3);
	f->ack_due = MP_NEVER;
	f->alt_at = d->now + 4;
	ck_assert_uint_eq(timers_next(m, s, d->now), d->now + 4);
	f->alt_at = MP_NEVER;
	s->review_at = d->now + 5;
	ck_assert_uint_eq(timers_next(m, s, d->now), d->now + 5);
	s->review_at = MP_NEVER;
	s->rekey_at = d->now + 6;
	ck_assert_uint_eq(timers_next(m, s, d->now), d->now + 6);
	s->rekey_at = MP_NEVER;
	s->push_at = d->now + 7;
	ck_assert_uint_eq(timers_next(m, s, d->now), d->now + 7);
	s->push_at = MP_NEVER;
	s->keys[!(s->cur & 1)].live = true;
	s->keys[!(s->cur & 1)].wipe_at = d->now + 8;
	ck_assert_uint_eq(timers_next(m, s, d->now), d->now + 8);
	s->keys[!(s->cur & 1)].live = false;
	ck_assert_uint_eq(timers_next(m, s, d->now), at);
	s->state = MP_S_CLOSING;
	ck_assert_uint_le(timers_next(m, s, d->now), d->now);
	s->state = MP_S_DOWN;
	ck_assert_uint_eq(timers_next(m, s, d->now), MP_NEVER);
	duo_free(d);
}
END_TEST

/* An idle session: the flow in use is probed every 15 s, others every 60 s;
 * less than 15 bytes of UDP payload a second for 4 flows, both ways. */
START_TEST(idle_cost)
{
	struct duo *d = duo_new(2, 2);
	uint64_t bytes;

	duo_up(d);
	duo_run(d, d->now + 60 * SEC);
	bytes = d->sent_bytes[0] + d->sent_bytes[1];
	duo_run(d, d->now + 1200 * SEC);
	bytes = d->sent_bytes[0] + d->sent_bytes[1] - bytes;
	ck_assert_msg(bytes < 15 * 1200, "%llu bytes",
	    (unsigned long long)bytes);
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

Suite *
suite_timers(void)
{
	Suite *suite = suite_create("timers");
	TCase *t = tcase_create("timers");

	tcase_add_test(t, lost);
	tcase_add_test(t, not_lost);
	tcase_add_test(t, lost_at);
	tcase_add_test(t, silence);
	tcase_add_test(t, responder_calls);
	tcase_add_test(t, invalid);
	tcase_add_loop_test(t, missed, 0, COUNT(lates));
	tcase_add_loop_test(t, used_up, 0, COUNT(wears));
	tcase_add_test(t, given_up);
	tcase_add_test(t, next);
	tcase_add_test(t, idle_cost);
	suite_add_tcase(suite, t);
	return suite;
}
