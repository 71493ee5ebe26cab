/* SPDX-License-Identifier: ISC */
/* core/ticket.c: parents and tickets; and the numbers of children. */
#include <check.h>
#include <string.h>

#include "child.h"
#include "duo.h"
#include "family.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

/* --- Parents and tickets - */

/* The secret is taken once; a number is given once. */
START_TEST(taken_once)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[CLIENT].mp;
	struct mp_parent p, again;
	struct mp_ticket t;
	struct session *s;
	static const uint8_t zeros[32];

	duo_up(d);
	s = duo_session(d, CLIENT);
	p = family_parent(d);
	ck_assert_mem_eq(state_keys(s)->secret, zeros, 32);
	ck_assert_int_eq(mp_parent_take(m, d->now, state_index(m, s), &again,
	    NULL),
	    MP_ENOENT);
	ck_assert_int_eq(mp_parent_take(&d->end[SERVER].mp, d->now,
	    state_index(&d->end[SERVER].mp, duo_session(d, SERVER)), &again,
	    NULL), MP_ENOENT); /* the responder's is not for taking */
	ck_assert_int_eq(mp_parent_take(m, d->now, MP_NONE, &again, NULL),
	    MP_ENOENT);
	for (uint32_t i = 1; i < 100; i++) {
		ck_assert_int_eq(mp_parent_ticket(&p, d->now, &t), 0);
		ck_assert_uint_eq(t.number, i);
	}
	p.number = UINT32_MAX - 2;
	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &t), 0);
	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &t), MP_ENOENT);
	p.number = 0;
	ck_assert_int_eq(mp_parent_ticket(&p, p.until, &t), MP_ENOENT);
	duo_free(d);
}
END_TEST

/* A ticket serves one session, with its peer and key, before its end. */
START_TEST(ticket_use)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct mp *m = &d->end[SIBLING].mp;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_addr other = duo_ip4(10, 1, 0, 99, 7);

	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &other, 0, 1,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	ck_assert_int_eq(mp_send_begin(m, p.until, 0, &d->end[SIBLING].peer,
	    0, 1, (enum mp_send_flag)0, tx), MP_EAGAIN); /* too late */
	mp_slot_close(m, d->now, 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer,
	    p.peer.key_id + 1, 1, (enum mp_send_flag)0, tx), MP_EAGAIN);
	mp_slot_close(m, d->now, 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer,
	    0, 1, (enum mp_send_flag)0, tx), 1);
	mp_slot_close(m, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[SIBLING].peer,
	    0, 1, (enum mp_send_flag)0, tx), MP_EAGAIN); /* used */
	duo_free(d);
}
END_TEST

/* No list of addresses arrives in one direction. */
static bool no_lists;

static enum duo_verdict
lose_lists(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;
	uint8_t body[2048];

	(void)arg;
	return no_lists && p->from == SERVER && p->len <= sizeof(body) &&
	    duo_peek(d, p, &ad, &msg, body) && (msg.flags & WIRE_ADDR) ?
	    DUO_DROP : DUO_PASS;
}

/* The parent's socket lived too short to hear its peer's addresses: the next
 * socket asks for them; until they are there its end has to wait; and what is
 * known of the peer is not forgotten for one that knows less. */
START_TEST(addresses)
{
	struct duo *d = duo_new(2, 3);
	struct mp_session_info info;
	struct mp_parent p, again;
	struct mp *m;

	d->tap = lose_lists;
	no_lists = true;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 5 * DUO_DELAY);
	p = family_parent(d);
	ck_assert_uint_eq(p.peer.ntold, 0);
	family_add(d);
	family_ticket(d, SIBLING, &p);
	m = &d->end[SIBLING].mp;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 5 * DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	ck_assert_int_eq(mp_session_get(m, 0, &info), 0);
	ck_assert(info.waits);
	mp_parent_learn(m, d->now, 0, &p);
	ck_assert_uint_eq(p.peer.ntold, 0);
	no_lists = false;
	mp_slot_part(m, d->now, 0); /* the program is gone */
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(mp_session_get(m, 0, &info), 0);
	ck_assert(!info.waits);
	mp_parent_learn(m, d->now, 0, &p);
	ck_assert_uint_eq(p.peer.ntold, 2);

	no_lists = true;
	mp_slot_close(m, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	ck_assert_int_eq(duo_say(d, SIBLING, 102), 0);
	duo_run(d, d->now + 5 * DUO_DELAY);
	again = p;
	mp_parent_learn(m, d->now, 0, &again);
	ck_assert_uint_eq(again.peer.ntold, 2);
	ck_assert_int_eq(mp_parent_take(m, d->now, 0, &again, &p), 0);
	ck_assert_uint_eq(again.peer.ntold, 2);
	duo_free(d);
}
END_TEST

/* The only session that tried other paths lived too briefly for their answers:
 * it stays until they came.  A child that used one flow alone takes nothing from
 * what is known of the others; and when that flow dies before it has answered at
 * all, the next one goes on by another within a fraction of a second. */
START_TEST(other_ways)
{
	struct duo *d = duo_new(2, 2);
	struct mp_session_info info;
	struct mp_parent p;
	struct mp *c = &d->end[CLIENT].mp, *m;

	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 6 * DUO_DELAY);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	ck_assert_int_eq(mp_session_get(c, 0, &info), 0);
	ck_assert(info.waits); /* it has the list; and not yet the answers */
	mp_slot_part(c, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(mp_session_get(c, 0, &info), 0);
	ck_assert(!info.waits);
	p = family_parent(d);
	ck_assert_uint_ge(p.peer.nflows, 4);
	ck_assert_uint_ne(p.peer.answered, 0);
	family_add(d);
	p.peer.nflows = 1;
	family_ticket(d, SIBLING, &p);
	p.peer.nflows = 4;
	m = &d->end[SIBLING].mp;
	ck_assert_int_eq(duo_say(d, SIBLING, 2), 0);
	duo_run(d, d->now + 4 * DUO_DELAY);
	mp_parent_learn(m, d->now, 0, &p);
	ck_assert_uint_ge(p.peer.nflows, 4);
	ck_assert_uint_ne(p.peer.answered, 0);

	mp_slot_close(m, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	p.peer.nflows = 1; /* all that is known works no more */
	family_ticket(d, SIBLING, &p);
	duo_cut_addr(d, CLIENT, 0, true);
	duo_cut_addr(d, SERVER, 0, true);
	ck_assert_int_eq(duo_say(d, SIBLING, 4), 0);
	duo_run(d, d->now + 400 * 1000);
	ck_assert_int_eq(duo_heard(d, SERVER, 4), 1);
	duo_free(d);
}
END_TEST

/* A peer with one address has told all there is: its list is not asked for
 * again. */
START_TEST(one_address)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct mp_session_info info;

	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 3 * DUO_DELAY);
	ck_assert_int_eq(mp_session_get(&d->end[SIBLING].mp, 0, &info), 0);
	ck_assert(!info.waits);
	ck_assert_uint_gt(duo_session(d, SIBLING)->addr_at, d->now + SEC);
	duo_free(d);
}
END_TEST

/* Numbers of a window: each once, 64 below the highest at most. */
START_TEST(numbers)
{
	struct keys k = { .parent = true };
	uint32_t i, taken[200], at, n = 0;

	ck_assert(child_used(&k, 0));
	ck_assert(child_used(&k, UINT32_MAX));
	for (i = 10; i <= 100; i += 10) {
		ck_assert(!child_used(&k, i));
		child_use(&k, i);
		ck_assert(child_used(&k, i));
	}
	ck_assert(!child_used(&k, 99));
	ck_assert(!child_used(&k, 37));
	ck_assert(child_used(&k, 36)); /* 64 below */
	ck_assert(child_used(&k, 90));
	child_use(&k, 1000000);
	ck_assert(child_used(&k, 100));
	dice_seed(7);
	for (i = 0; i < 200; i++) {
		at = 1000001 + dice(300);
		if (!child_used(&k, at)) {
			child_use(&k, at);
			taken[n++] = at;
		}
		for (uint32_t j = 0; j < n; j++)
			ck_assert(child_used(&k, taken[j]));
	}
}
END_TEST

/* Many children of one parent, each its own session at the server. */
START_TEST(many)
{
	struct mp_limits limits = { .sessions = 256, .flows = 2048,
		.flows_each = 8, .pool = 1 << 18, .pool_each = 1 << 17,
		.staged = 1 << 18 };
	struct mp_setup setup = { .limits = limits, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	struct mp *m;
	struct mp_parent p;

	duo_up(d);
	family_add(d);
	m = &d->end[SIBLING].mp;
	p = family_parent(d);
	for (uint32_t i = 0; i < 500; i++) {
		d->end[SIBLING].port = (uint16_t)(10000 + i);
		family_ticket(d, SIBLING, &p);
		ck_assert_int_eq(duo_say(d, SIBLING, 100 + 2 * i), 0);
		duo_run(d, d->now + 2 * DUO_DELAY);
		ck_assert_int_eq(duo_heard(d, SERVER, 100 + 2 * i), 1);
		ck_assert_int_eq(duo_say(d, SERVER, 101 + 2 * i), 0);
		duo_run(d, d->now + DUO_DELAY);
		ck_assert_int_eq(duo_heard(d, SIBLING, 101 + 2 * i), 1);
		mp_slot_close(m, d->now, 0);
		duo_run(d, d->now + DUO_DELAY);
		ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	}
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_child_in), 500);
	/* a socket that lives for one datagram costs no probe */
	ck_assert_uint_le(duo_count(d, SERVER, MP_C_probe_out), 20);
	ck_assert_uint_le(duo_count(d, SIBLING, MP_C_probe_out), 20);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_handshake_done), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_ticket(void)
{
	Suite *s = suite_create("ticket");
	TCase *tc = tcase_create("ticket");

	tcase_add_test(tc, taken_once);
	tcase_add_test(tc, ticket_use);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, other_ways);
	tcase_add_test(tc, one_address);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, many);
	suite_add_tcase(s, tc);
	return s;
}
