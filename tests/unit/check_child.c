/* SPDX-License-Identifier: ISC */
/* core/child.c and child_out.c: sessions that begin without a handshake, at the
 * initiator (PROTOCOL.md 2, Children). */
#include <check.h>
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "child.h"
#include "duo.h"
#include "family.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"

/* --- The first datagram --------------------------------------------------- */

/* It arrives one way later, and its answer another way later: no round trip
 * before. */
START_TEST(first_datagram)
{
	struct mp_parent p;
	struct duo *d = family_new(2, 2, &p);

	family_watch(d);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(duo_say(d, SERVER, 101), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SIBLING, 101), 1);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_staged), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_staged), 0);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_child_out), 1);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 1);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(seen.init, 0);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_child_failed), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_auth), 0);
	family_done(d);
}
END_TEST

/* The program sees the child at the address that plain UDP would show,
 * whichever path its first packet took. */
START_TEST(shown)
{
	struct mp_parent p;
	struct duo *d = duo_new(2, 1);
	struct mp_addr want;

	duo_delay(d, 0, 0, _i == 0 ? 10 * MS : 80 * MS);
	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	family_add(d);
	p = family_parent(d);
	family_ticket(d, SIBLING, &p);
	want = duo_session(d, SERVER)->shown;
	want.port = DUO_PORT + SIBLING;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert(addr_equal(&d->end[SERVER].got[d->end[SERVER].n_got -
	    1].from, &want));
	duo_free(d);
}
END_TEST

/* Once the peer's sid is known and a pause was made, packets are ordinary ones;
 * and all that is said meanwhile arrives once. */
START_TEST(unframed)
{
	struct mp_parent p;
	struct duo *d = family_new(2, 2, &p);
	uint32_t n;
	int last;

	family_watch(d);
	for (n = 100; n < 160; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 2 * MS);
	}
	duo_run(d, d->now + 100 * MS);
	ck_assert(!state_keys(duo_session(d, SIBLING))->framed);
	last = seen.child;
	for (; n < 180; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	ck_assert_int_eq(seen.child, last);
	for (n = 100; n < 180; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	family_done(d);
}
END_TEST

/* Datagrams without a pause go as CHILD a while longer, so that none overtakes
 * another in the peer's host; in the end they wait for it once. */
START_TEST(no_pause)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	uint32_t n;

	family_watch(d);
	for (n = 100; n < 100 + 2 * 600; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + MS);
	}
	ck_assert_int_ge(seen.child, CHILD_FRAMES);
	ck_assert_int_le(seen.child, CHILD_FRAMES + 30);
	duo_run(d, d->now + 100 * MS);
	for (n = 100; n < 100 + 2 * 600; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	family_done(d);
}
END_TEST

/* A child that lives makes its own handshake, and can be a parent then. */
START_TEST(own_handshake)
{
	struct mp_parent p;
	struct duo *d = family_new(2, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	struct mp_session_info info;

	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(mp_session_get(m, 0, &info), 0);
	ck_assert(info.child && !info.parent);
	ck_assert_int_eq(mp_parent_take(m, d->now, 0, &p, NULL), MP_ENOENT);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(duo_say(d, SIBLING, 102 + 2 * (uint32_t)i),
		    0);
		duo_run(d, d->now + SEC);
	}
	ck_assert_int_eq(mp_session_get(m, 0, &info), 0);
	ck_assert(!info.child && info.parent);
	ck_assert_int_eq(mp_parent_take(m, d->now, 0, &p, NULL), 0);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 1);
	duo_free(d);
}
END_TEST

/* What confirms the parent's handshake comes late. */
static enum duo_verdict
late_confirm(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->from == CLIENT && !wire_is_handshake(p->data, p->len))
		p->at += 40 * MS;
	return DUO_PASS;
}

/*
 * The client has its keys, and the server does not know yet that it has: no
 * child may come of them, for the server would drop its first packets and take
 * the next ones, when the parent is confirmed.
 */
START_TEST(unconfirmed)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_parent p;
	uint32_t n;
	bool taken;

	d->tap = late_confirm;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	while (duo_session(d, CLIENT)->state != MP_S_UP)
		duo_run(d, d->now + MS);
	family_add(d);
	taken = mp_parent_take(m, d->now, 0, &p, NULL) == 0;
	if (taken)
		family_ticket(d, SIBLING, &p);
	for (n = 100; n < 300; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + MS);
	}
	duo_run(d, d->now + SEC);
	for (n = 100; n < 300; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_child), 0);
	ck_assert(taken || mp_parent_take(m, d->now, 0, &p, NULL) == 0);
	duo_free(d);
}
END_TEST

/* The parent's socket is closed, and its endpoint gone, before the child. */
START_TEST(orphan)
{
	static const uint64_t later[] = { 0, SEC, 100 * SEC, 160 * SEC };
	struct duo *d = duo_new(2, 2);
	struct mp_parent p;

	duo_up(d);
	family_add(d);
	p = family_parent(d);
	mp_slot_close(&d->end[CLIENT].mp, d->now, 0);
	duo_run(d, d->now + 100 * MS + later[_i]);
	family_ticket(d, SIBLING, &p);
	family_watch(d);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(seen.init, 0);
	family_done(d);
}
END_TEST

/* The parent makes new keys, before or after the ticket is used. */
START_TEST(parent_renewed)
{
	struct duo *d = duo_new(1, 1);
	struct mp_parent p;
	uint32_t n = 2;

	duo_up(d);
	family_add(d);
	p = family_parent(d);
	duo_chat(d, d->now + 140 * SEC, SEC, &n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 2);
	d->end[SERVER].peer = duo_addr(d, SIBLING, 0);
	family_ticket(d, SIBLING, &p);
	ck_assert_int_eq(duo_say(d, SIBLING, 1000), 0);
	duo_run(d, d->now + DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 1000), 1);
	/* and the new key makes a parent of its own */
	p = family_parent(d);
	ck_assert_uint_ne(p.sid, 0);
	duo_free(d);
}
END_TEST

/* The flows that work are known at once, and a path that is dead is not tried:
 * the program says an address that leads nowhere any more. */
START_TEST(dead_address)
{
	struct mp_parent p;
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	duo_cut_addr(d, SERVER, 0, true); /* the one that the program uses */
	for (uint32_t i = 0; i < 20; i++) {
		(void)duo_say(d, CLIENT, 2 + 2 * i);
		duo_run(d, d->now + 100 * MS);
	}
	family_add(d);
	p = family_parent(d);
	family_ticket(d, SIBLING, &p);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 3 * DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	duo_free(d);
}
END_TEST

/* Of equal paths a child takes one to the address that its program uses (0: the
 * other one is not better by the margin), else the best (1). */
START_TEST(own_address)
{
	struct duo *d = duo_new(1, 2);
	struct mp_parent p;
	struct session *s;

	duo_delay(d, 0, 0, _i == 0 ? DUO_DELAY + DUO_DELAY / 8 :
	    4 * DUO_DELAY);
	duo_delay(d, 0, 1, DUO_DELAY);
	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	family_add(d);
	p = family_parent(d);
	family_ticket(d, SIBLING, &p);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	s = duo_session(d, SIBLING);
	ck_assert_int_eq(addr_equal(&state_flow(&d->end[SIBLING].mp, s,
	    s->current)->path.remote, &s->shown), _i == 0);
	duo_free(d);
}
END_TEST

/* The path that was best fell silent since the ticket was made: the socket's only
 * datagram arrives by another one, which is three times as long, within half a
 * second, whether the peer knows the parent still or not (bit 0); also where the
 * parent's socket is closed (bit 1), or has just begun (bit 2). */
START_TEST(dead_path)
{
	struct duo *d = duo_new(2, 1);
	struct mp_parent p;

	for (int e = CLIENT; e <= SIBLING; e++) {
		duo_link(d, e, 1, SERVER, 0)->delay *= 3;
		duo_link(d, SERVER, 0, e, 1)->delay *= 3;
	}
	if (_i & 4) {
		ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
		duo_run(d, d->now + 5 * DUO_DELAY);
	} else {
		duo_up(d);
		duo_run(d, d->now + 4 * SEC);
	}
	family_add(d);
	p = family_parent(d);
	if (_i & 2) {
		mp_slot_close(&d->end[CLIENT].mp, d->now, 0);
		duo_run(d, d->now + SEC);
	}
	family_ticket(d, SIBLING, &p);
	if (_i & 1)
		duo_restart(d, SERVER);
	duo_cut_addr(d, CLIENT, 0, true);
	duo_cut_addr(d, SIBLING, 0, true);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + SEC / 2);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	duo_free(d);
}
END_TEST

/* A ticket that begins no session, for its time is over (0) or none of its flows
 * is left (1), tells the addresses of the peer: INIT goes to all of them. */
START_TEST(addresses_alone)
{
	struct mp_parent p;
	struct mp_ticket t;
	struct duo *d = duo_new(2, 2);
	int error;

	duo_up(d);
	duo_run(d, d->now + 4 * SEC);
	duo_cut_addr(d, SERVER, 0, true); /* the one that the program uses */
	family_add(d);
	p = family_parent(d);
	if (_i == 0)
		p.until = d->now;
	error = mp_parent_ticket(&p, d->now, &t);
	ck_assert_int_eq(error, _i == 0 ? MP_ENOENT : 0);
	if (_i == 1)
		t.peer.nflows = 0;
	mp_ticket_put(&d->end[SIBLING].mp, &t);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	ck_assert_int_eq(duo_session(d, SIBLING)->state, MP_S_CONNECTING);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(duo_session(d, SIBLING)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

/* --- No parent any more --------------------------------------------------- */

/* The peer does not know the parent: silence; a handshake does it, and nothing
 * is lost or comes twice. */
START_TEST(unknown_parent)
{
	struct mp_parent p;
	struct duo *d = family_new(2, 2, &p);
	uint64_t sent, began;
	uint32_t n;

	duo_restart(d, SERVER);
	d->end[SERVER].peer.port = 0;
	family_watch(d);
	began = d->now;
	sent = d->sent[SERVER];
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 30 * MS);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_child), 1);
	ck_assert_uint_eq(d->sent[SERVER], sent);
	ck_assert_int_eq(duo_sessions(d, SERVER), 0);
	for (n = 102; n < 120; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	while (duo_heard(d, SERVER, 100) == 0 && d->now < began + 5 * SEC)
		duo_run(d, d->now + MS);
	/* one way out of the handshake after the patience */
	ck_assert_uint_le(d->now - began, 150 * MS);
	duo_run(d, d->now + SEC);
	for (n = 100; n < 120; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert_uint_eq(duo_count(d, SIBLING, MP_C_child_failed), 1);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	family_done(d);
}
END_TEST

/* Nobody answers at all for a while, whether the peer knows the parent or not:
 * all that was said meanwhile arrives once, as if the session had connected. */
START_TEST(no_answer)
{
	static const uint64_t wait[] = { 100 * MS, 300 * MS, 500 * MS, 800 * MS,
		1500 * MS, 5 * SEC };
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	uint32_t n;

	if (_i % 2 == 0)
		duo_restart(d, SERVER);
	duo_cut(d, 0, 0, true);
	d->link[SIBLING][0][SERVER][0].down = true;
	for (n = 100; n < 104; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 10 * MS);
	}
	duo_run(d, d->now + wait[_i / 2]);
	if (wait[_i / 2] > SEC)
		ck_assert_int_eq(duo_session(d, SIBLING)->state,
		    MP_S_CONNECTING);
	d->link[SIBLING][0][SERVER][0].down = false;
	duo_cut(d, 0, 0, false);
	if (_i / 2 % 2 == 1) /* also a program that says no more */
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, n), _i / 2 % 2);
	for (n = 100; n < 104; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	family_done(d);
}
END_TEST

/* The peer has the child, but no answer comes through, for less or more time
 * than it takes to give it up: what it took is not delivered again. */
START_TEST(no_way_back)
{
	static const uint64_t wait[] = { 20 * MS, 60 * MS, 200 * MS, 900 * MS,
		1500 * MS, 5 * SEC };
	struct mp_parent p;
	struct duo *d = family_new(2, 1, &p);
	uint32_t n;

	family_watch(d);
	seen.lose_back = true;
	for (n = 100; n < 110; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + 2 * MS);
	}
	duo_run(d, d->now + wait[_i]);
	seen.lose_back = false;
	ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
	duo_run(d, d->now + 4 * SEC);
	for (n = 100; n < 112; n += 2)
		ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert_int_eq(duo_session(d, SIBLING)->state, MP_S_UP);
	family_done(d);
}
END_TEST

/* The handshake is done while the program's thread sends: its datagram is
 * staged with those before it. */
START_TEST(between)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	struct mp_tx tx[MP_TX_MAX];
	uint8_t b[8] = "say";

	duo_restart(d, SERVER);
	put32(b + 4, 100);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer, 0,
	    sizeof(b), (enum mp_send_flag)0, tx), 1);
	duo_run(d, d->now + SEC);
	ck_assert(!state_keys(duo_session(d, SIBLING))->child);
	tx[0].error = 0;
	ck_assert_int_eq(mp_send_commit(m, d->now, tx, 1, b, sizeof(b)), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	duo_free(d);
}
END_TEST

/* INIT is there first, and CHILD, held back, later: it is refused then and for
 * good, also when the session has ended. */
START_TEST(held_back)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct duo_packet *kept;

	family_watch(d);
	seen.lose_child = true;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_ge(seen.init, 1);
	kept = seen.first;
	ck_assert_int_eq(duo_inject(d, SERVER, &kept->path, kept->data,
	    kept->len), MP_DROPPED);
	mp_slot_close(&d->end[SIBLING].mp, d->now, 0);
	duo_run(d, d->now + 10 * SEC);
	ck_assert_int_eq(duo_inject(d, SERVER, &kept->path, kept->data,
	    kept->len), MP_DROPPED);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 0);
	family_done(d);
}
END_TEST

/* First packets are lost, or come in another order. */
static enum duo_verdict
shuffle(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)arg;
	if (p->from != SIBLING && p->to != SIBLING)
		return DUO_PASS;
	p->at += dice(30) * MS;
	return dice(100) < 10 ? DUO_DROP : DUO_PASS;
}

START_TEST(disorder)
{
	struct mp_parent p;
	struct duo *d = family_new(2, 2, &p);
	int got = 0, times;
	uint32_t n;

	dice_seed((uint64_t)_i + 1);
	d->tap = shuffle;
	for (n = 100; n < 300; n += 2) {
		ck_assert_int_eq(duo_say(d, SIBLING, n), 0);
		duo_run(d, d->now + dice(4) * MS);
	}
	duo_run(d, d->now + 3 * SEC);
	for (n = 100; n < 300; n += 2) {
		times = duo_heard(d, SERVER, n);
		ck_assert_int_le(times, 1);
		got += times;
	}
	ck_assert_int_ge(got, 70);
	duo_free(d);
}
END_TEST

Suite *
suite_child(void)
{
	Suite *s = suite_create("child");
	TCase *tc = tcase_create("child");

	tcase_add_test(tc, first_datagram);
	tcase_add_loop_test(tc, shown, 0, 2);
	tcase_add_test(tc, unframed);
	tcase_add_test(tc, no_pause);
	tcase_add_test(tc, own_handshake);
	tcase_add_test(tc, unconfirmed);
	tcase_add_loop_test(tc, orphan, 0, 4);
	tcase_add_test(tc, parent_renewed);
	tcase_add_test(tc, dead_address);
	tcase_add_loop_test(tc, own_address, 0, 2);
	tcase_add_loop_test(tc, dead_path, 0, 8);
	tcase_add_loop_test(tc, addresses_alone, 0, 2);
	tcase_add_test(tc, unknown_parent);
	tcase_add_loop_test(tc, no_answer, 0, 12);
	tcase_add_loop_test(tc, no_way_back, 0, 6);
	tcase_add_test(tc, between);
	tcase_add_test(tc, held_back);
	tcase_add_loop_test(tc, disorder, 0, 40);
	suite_add_tcase(s, tc);
	return s;
}
