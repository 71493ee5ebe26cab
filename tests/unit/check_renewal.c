/* SPDX-License-Identifier: ISC */
/* Rekeys at the worst moment: the peer has just lost its memory, a datagram is
 * between begin and commit, or the other end rekeys too. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { CLIENT = 0, SERVER = 1 };

/* Makes the end's rekey due after `later' us. */
static void
want_keys(struct duo *d, int e, uint64_t later)
{
	struct session *s = duo_session(d, e);

	s->rekey_at = duo_time(d, e) + later;
	table_set_deadline(&d->end[e].mp, s, s->rekey_at);
}

/* Each end sends under the key that the other holds as its present one. */
static void
assert_keys_match(const struct duo *d)
{
	const struct keys *c = state_keys(duo_session(d, CLIENT));
	const struct keys *s = state_keys(duo_session(d, SERVER));

	ck_assert_uint_eq(c->sid_out, s->sid_in);
	ck_assert_uint_eq(c->sid_in, s->sid_out);
	ck_assert_int_eq(memcmp(c->tx, s->rx, sizeof(c->tx)), 0);
	ck_assert_int_eq(memcmp(c->rx, s->tx, sizeof(c->rx)), 0);
}

/* --- The peer restarts ---------------------------------------------------- */

/* The rekey goes to a session that no longer exists, and must not keep the
 * client from noticing that.  Idle: the program sends again 1 s after it. */
static const struct restart_row {
	uint64_t before; /* us from the restart to the rekey */
	bool idle;
} restarts[] = {
	{ 0, false },
	{ 200 * MS, false },
	{ 500 * MS, false },
	{ 3 * SEC, false },
	{ 200 * MS, true },
	{ 3 * SEC, true },
	{ 10 * SEC, true },
};

START_TEST(restart_before_renewal)
{
	const struct restart_row *r = &restarts[_i];
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;
	uint64_t t;

	duo_up(d);
	duo_chat(d, d->now + 5 * SEC, 100 * MS, &n);
	if (r->idle)
		duo_run(d, d->now + 30 * SEC);
	duo_restart(d, SERVER);
	d->end[SERVER].peer.port = 0; /* its program knows no peer */
	want_keys(d, CLIENT, r->before);
	if (r->idle)
		duo_run(d, d->now + r->before + SEC);
	t = duo_until_heard(d, CLIENT, 5000, 10 * SEC);
	ck_assert_msg(t <= 2 * SEC, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	n = 10000;
	duo_chat(d, d->now + 5 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 10000, n);
	assert_keys_match(d);
	duo_free(d);
}
END_TEST

/* --- The key changes between begin and commit ----------------------------- */

enum { SAY = 8 };

/* The datagram of duo_say(), begun and sealed now, sent when the test says
 * so. */
struct pending {
	struct mp_tx tx[MP_TX_MAX];
	uint8_t data[SAY];
	uint8_t packet[SAY + MP_COPY_OVERHEAD];
	size_t len;
};

static void
begin(struct duo *d, struct pending *p, uint32_t n)
{
	struct duo_end *end = &d->end[CLIENT];

	memcpy(p->data, "say", 4);
	put32(p->data + 4, n);
	ck_assert_int_eq(mp_send_begin(&end->mp, duo_time(d, CLIENT), 0,
	    &end->peer, 0, sizeof(p->data), (enum mp_send_flag)0, p->tx), 1);
	p->len = mp_seal(&p->tx[0], p->data, sizeof(p->data), p->packet);
}

static void
commit(struct duo *d, struct pending *p)
{
	p->tx[0].error = 0;
	ck_assert_int_eq(mp_send_commit(&d->end[CLIENT].mp,
	    duo_time(d, CLIENT), p->tx, 1, p->data, sizeof(p->data)), 0);
}

/* The datagram has a high number under the former key.  If its COPY named the
 * present key, the peer would take all later packets of the flow for old.  Row
 * 0: it is lost and its COPY arrives; row 1: it arrives. */
START_TEST(commit_after_renewal)
{
	struct duo *d = duo_new(2, 1);
	struct pending p;
	struct session *s;
	struct mp_path path;
	uint32_t n = 4, was;
	uint64_t until, old;
	int i;

	duo_up(d);
	for (i = 0; i < 10000; i++) { /* more than a replay window */
		ck_assert_int_eq(duo_say(d, CLIENT, 100000), 0);
		duo_run(d, d->now + 100);
	}
	duo_run(d, d->now + SEC);
	s = duo_session(d, CLIENT);
	was = s->cur;
	want_keys(d, CLIENT, 0);
	/* The answer is already on its way. */
	duo_run(d, d->now + 15 * MS);
	begin(d, &p, 2);
	ck_assert_uint_gt(p.tx[0].seq, 9000);
	until = d->now + SEC;
	while (s->cur == was && d->now < until)
		duo_run(d, d->now + MS);
	ck_assert_uint_ne(s->cur, was);
	commit(d, &p);
	path = duo_path(d, SERVER, 0, CLIENT, 0);
	if (_i == 1)
		ck_assert_int_eq(duo_inject(d, SERVER, &path, p.packet,
		    p.len), MP_DELIVER);
	/* The flow is in doubt: its recent datagrams are copied. */
	duo_cut(d, 0, 0, true);
	for (i = 0; i < 3; i++, n += 2) {
		ck_assert_int_eq(duo_say(d, CLIENT, n), 0);
		duo_run(d, d->now + 20 * MS);
	}
	duo_run(d, d->now + 300 * MS);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_resent), 1);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	duo_cut(d, 0, 0, false);
	for (i = 4; i < (int)n; i += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, (uint32_t)i), 1);
	old = duo_count(d, SERVER, MP_C_drop_old);
	i = (int)n;
	duo_chat(d, d->now + 60 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, (uint32_t)i, n);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_old), old);
	ck_assert_uint_eq(duo_current(d, CLIENT)->id, p.tx[0].flow);
	ck_assert_uint_eq(duo_current(d, CLIENT)->rtt.idle_us, 0);
	duo_free(d);
}
END_TEST

/* --- Both rekey ----------------------------------------------------------- */

/* One end's RESP is delayed, once. */
struct late_resp {
	int from;
	uint64_t by;
	int n;
};

enum { INTERNAL_RESP = WIRE_AD + WIRE_HEAD + WIRE_RESP + WIRE_TAG };

static enum duo_verdict
late_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct late_resp *l = arg;

	(void)d;
	if (p->from == l->from && p->len == INTERNAL_RESP && l->n++ == 0)
		p->at += l->by;
	return DUO_PASS;
}

static const uint64_t lates[] = { 0, 1 * MS, 3 * MS, 6 * MS, 8 * MS,
	15 * MS, 40 * MS, 150 * MS };
static const uint64_t gaps[] = { 0, 5 * MS, 9 * MS, 11 * MS, 15 * MS,
	19 * MS, 25 * MS, 35 * MS };

enum { BOTH = 4 * COUNT(lates) * COUNT(gaps) };

/* Either end begins, the other a little later. */
START_TEST(both_renew)
{
	struct duo *d = duo_new(2, 1);
	int first = _i & 1;
	struct late_resp l = { .from = _i >> 1 & 1,
		.by = lates[_i / 4 % COUNT(lates)] };
	uint64_t gap = gaps[_i / 4 / COUNT(lates)];
	uint32_t n = 2;
	int e;

	duo_up(d);
	duo_chat(d, d->now + 500 * MS, 20 * MS, &n);
	d->tap = late_tap;
	d->tap_arg = &l;
	want_keys(d, first, 0);
	duo_run(d, d->now + gap);
	want_keys(d, !first, 0);
	duo_chat(d, d->now + 2 * SEC, 10 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	assert_keys_match(d);
	for (e = 0; e < 2; e++) {
		ck_assert_uint_eq(duo_session(d, e)->handshake, MP_NONE);
		/* Answers may be under way on the slower flow, under the keys
		 * that were given up. */
		ck_assert_uint_le(duo_count(d, e, MP_C_drop_sid), 2);
	}
	ck_assert(duo_session(d, CLIENT)->initiator);
	ck_assert(!duo_session(d, SERVER)->initiator);
	duo_free(d);
}
END_TEST

/* --- Idle programs -------------------------------------------------------- */

/* A key that no datagram used is not renewed, however old it is; once one did,
 * it is. */
START_TEST(idle_keeps_keys)
{
	struct duo *d = duo_new(1, 1);
	uint64_t shook;
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 100 * MS, &n);
	duo_run(d, d->now + 300 * SEC); /* the used one is renewed */
	shook = duo_count(d, CLIENT, MP_C_handshake_done);
	ck_assert_uint_eq(shook, 2);
	duo_run(d, d->now + 1000 * SEC);
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_handshake_done), shook);
	ck_assert_int_eq(duo_session(d, CLIENT)->state, MP_S_UP);
	duo_chat(d, d->now + SEC, 100 * MS, &n);
	duo_run(d, d->now + 40 * SEC);
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_handshake_done), shook + 1);
	duo_all_came(d, 2, n);
	assert_keys_match(d);
	duo_free(d);
}
END_TEST

Suite *
suite_renewal(void)
{
	Suite *s = suite_create("renewal");
	TCase *tc = tcase_create("renewal");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, restart_before_renewal, 0, COUNT(restarts));
	tcase_add_loop_test(tc, commit_after_renewal, 0, 2);
	tcase_add_loop_test(tc, both_renew, 0, BOTH);
	tcase_add_test(tc, idle_keeps_keys);
	suite_add_tcase(s, tc);
	return s;
}
