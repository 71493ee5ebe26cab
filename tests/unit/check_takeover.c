/* SPDX-License-Identifier: ISC */
/*
 * Who gets an address that the program knows: a newcomer takes it from a
 * session only with that session's key, from that very address, and when that
 * session has been silent for 3 s or is in doubt.
 */
#include <stdlib.h>
#include <string.h>

#include "../keys.h"
#include "addr.h"
#include "bytes.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum { CLIENT = 0, SERVER = 1 };

static const uint8_t second_secret[32] = "another key of the server's";

/* The server's session that shows this address. */
static struct session *
shown_as(const struct duo *d, const struct mp_addr *a)
{
	return state_session(&d->end[SERVER].mp,
	    mp_session_find(&d->end[SERVER].mp, 0, a));
}

/* The source of datagram number n at the server's program; port 0: not
 * received. */
static struct mp_addr
heard_from(const struct duo *d, uint32_t n)
{
	const struct duo_end *end = &d->end[SERVER];

	for (size_t i = 0; i < end->n_got; i++)
		if (end->got[i].len == 8 &&
		    get32(end->got[i].data + 4) == n)
			return end->got[i].from;
	return (struct mp_addr) { .port = 0 };
}

/* --- Thieves -------------------------------------------------------------- */

/* An end that forges another's source address in some of its packets. */
struct thief {
	int e;
	struct mp_addr victim;
	bool inits;  /* its first INIT is forged as well, before the real one */
	bool others; /* all packets but handshakes are forged */
	uint64_t spoofed, to_victim; /* bytes with that source; bytes to it */
};

static enum duo_verdict
thief_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct thief *t = arg;
	struct duo_packet *q;

	if (p->from == SERVER && p->to != t->e)
		t->to_victim += p->len;
	if (p->from != t->e || p->to != SERVER)
		return DUO_PASS;
	if (wire_is_handshake(p->data, p->len)) {
		if (!t->inits)
			return DUO_PASS;
		q = malloc(sizeof(*q) + p->len);
		ck_assert_ptr_nonnull(q);
		memcpy(q, p, sizeof(*q) + p->len);
		q->path.remote = t->victim;
		q->at = d->now;
		t->spoofed += q->len;
		duo_post(d, q);
		free(q);
		p->at += MS;
	} else if (t->others) {
		p->path.remote = t->victim;
		t->spoofed += p->len;
	}
	return DUO_PASS;
}

/* A forged INIT seems to come from the client's address.  It is confirmed from
 * the thief's address, with another key (0) or the client's (1); or from the
 * client's address too, with another key (2). */
START_TEST(thief_gets_nothing)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a = duo_addr(d, CLIENT, 0);
	struct thief t = { .victim = a, .inits = true, .others = _i == 2 };
	const struct session *s;
	uint64_t key = d->end[SERVER].keys.key[0].id;
	uint32_t gen;
	struct mp_addr from;

	t.e = duo_add_end(d, 1, 'A');
	if (_i != 1) {
		mp_keyring_wipe(&d->end[t.e].keys);
		ck_assert_int_eq(test_keys_add(&d->end[t.e].keys, "second",
		    'A', second_secret), 0);
		ck_assert_int_eq(test_keys_add(&d->end[SERVER].keys,
		    "second", 'B', second_secret), 0);
	}
	duo_up(d);
	duo_run(d, d->now + 40 * SEC); /* silent for long, but up */
	s = shown_as(d, &a);
	ck_assert_ptr_nonnull(s);
	gen = s->gen;
	d->tap = thief_tap;
	d->tap_arg = &t;
	for (uint32_t n = 50; n < 90; n += 2) {
		ck_assert_int_eq(duo_say(d, t.e, n), 0);
		duo_run(d, d->now + 100 * MS);
		from = heard_from(d, n);
		ck_assert(!addr_equal(&from, &a));
	}
	ck_assert_ptr_eq(shown_as(d, &a), s);
	ck_assert_uint_eq(s->gen, gen);
	ck_assert_uint_eq(s->key_id, key);
	ck_assert_int_eq(s->state, MP_S_UP);
	if (_i != 2) /* it holds a key, so it has a session */
		ck_assert_int_ne(heard_from(d, 88).port, 0);
	/* Datagrams of the server's program to the client reach the client. */
	d->end[SERVER].peer = a;
	ck_assert_int_eq(duo_say(d, SERVER, 91), 0);
	ck_assert_int_eq(duo_say(d, CLIENT, 92), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, CLIENT, 91), 1);
	from = heard_from(d, 92);
	ck_assert(addr_equal(&from, &a));
	duo_free(d);
}
END_TEST

/* A key holder claims an address where nothing runs mpshim: no more than three
 * times its bytes go there, however much the program sends. */
START_TEST(amplification)
{
	static const uint8_t big[1000];
	struct duo *d = duo_new(1, 1);
	struct thief t = { .e = CLIENT, .inits = _i & 1, .others = true };
	int victim = duo_add_end(d, 1, 'A');
	struct session *s;

	mp_keyring_wipe(&d->end[victim].keys);
	t.victim = duo_addr(d, victim, 0);
	d->tap = thief_tap;
	d->tap_arg = &t;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	for (int i = 0; i < 10000; i++) {
		s = duo_session(d, SERVER);
		if (s != NULL)
			(void)duo_send_to(d, SERVER, 0, &s->shown, big,
			    sizeof(big), (enum mp_send_flag)0);
		duo_run(d, d->now + 2 * MS);
		ck_assert_msg(t.to_victim <= 3 * t.spoofed,
		    "%llu bytes for %llu", (unsigned long long)t.to_victim,
		    (unsigned long long)t.spoofed);
	}
	ck_assert_uint_gt(t.spoofed, 0);
	duo_free(d);
}
END_TEST

static enum duo_verdict
lose_control(struct duo *d, struct duo_packet *p, void *arg)
{
	const uint64_t *until = arg;

	return p->from == SERVER && d->now < *until && p->data[0] ==
	    mp_sid_prefix(&d->end[p->to].mp) && (p->data[3] & 1) != 0 ?
	    DUO_DROP : DUO_PASS;
}

/* A peer heard from two addresses is bound in the same way at first.  A program
 * that sends as much as it may at once, as a QUIC server does, leaves room for
 * the probes that lift the bound, even if the first of them is lost. */
START_TEST(bound_is_lifted)
{
	uint64_t until = 60 * MS;
	static const uint8_t big[1200];
	struct duo *d = duo_new(2, 1);
	struct session *s;
	bool bound = false;
	int n = 0;

	d->link[CLIENT][1][SERVER][0].delay = DUO_DELAY;
	d->tap = lose_control;
	until += d->now;
	d->tap_arg = &until;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	for (int i = 0; i < 2000; i++) {
		s = duo_session(d, SERVER);
		if (s != NULL && s->state == MP_S_UP) {
			bound |= state_flow(&d->end[SERVER].mp, s,
			    s->current)->unproven;
			n += duo_send_to(d, SERVER, 0, &s->shown, big,
			    sizeof(big), (enum mp_send_flag)0) == 0;
		}
		duo_run(d, d->now + MS / 2);
	}
	ck_assert(bound);
	ck_assert(!state_flow(&d->end[SERVER].mp, s, s->current)->unproven);
	ck_assert_msg(d->end[CLIENT].n_got > 1000, "%zu of %d came",
	    d->end[CLIENT].n_got, n);
	duo_free(d);
}
END_TEST

/* --- Successors ----------------------------------------------------------- */

/* The client restarts on its address and port, so many us after its last
 * packet.  After 3 s of silence the server's program sees the same address;
 * before, the newcomer may be another peer and is shown a synthetic one.
 * Nothing is lost. */
static const uint64_t pauses[] = { 0, 100 * MS, 900 * MS, 5 * SEC };

START_TEST(restart_keeps_address)
{
	struct duo *d = duo_new(1 + _i / 4, 1);
	struct mp_addr a = duo_addr(d, CLIENT, 0), from;
	uint64_t t;
	size_t i;
	uint32_t n;

	duo_up(d);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + 30 * MS);
	d->end[CLIENT].off = true;
	duo_run(d, d->now + pauses[_i % 4]);
	duo_restart(d, CLIENT);
	d->end[CLIENT].off = false;
	t = duo_until_heard(d, CLIENT, 5000, 4 * SEC);
	ck_assert_msg(t <= 2 * SEC, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	n = 10000;
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 10000, n), 0);
	ck_assert_int_eq(duo_twice(d, 10000, n), 0);
	for (i = 0; i < d->end[SERVER].n_got; i++) {
		from = d->end[SERVER].got[i].from;
		if (pauses[_i % 4] > 3 * SEC || i < 2)
			ck_assert(addr_equal(&from, &a));
		else
			ck_assert(addr_is_synthetic(from.ip));
	}
	ck_assert_int_eq(duo_sessions(d, SERVER),
	    pauses[_i % 4] > 3 * SEC ? 1 : 2);
	duo_free(d);
}
END_TEST

/* The client has moved away from the address that it is shown at, and another
 * host has that address now.  The client sent just now, so it keeps the
 * address; the other one is shown a synthetic one. */
START_TEST(alive_keeps_address)
{
	struct duo *d = duo_new(2, 1);
	struct mp_addr a = duo_addr(d, CLIENT, 0), from;
	int other;
	uint32_t n = 2;
	uint64_t t;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	duo_addr_del(d, CLIENT, 0);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	other = duo_add_end(d, 1, 'A');
	d->end[other].port = d->end[CLIENT].port;
	d->end[other].addr[0].local = d->end[CLIENT].addr[0].local;
	duo_tell(d, other);
	duo_run(d, d->now + 100 * MS);
	t = duo_until_heard(d, other, 5000, 4 * SEC);
	ck_assert_msg(t <= 2 * SEC, "heard after %llu ms",
	    (unsigned long long)(t / MS));
	ck_assert_int_eq(duo_sessions(d, SERVER), 2);
	from = d->end[SERVER].peer;
	ck_assert(addr_is_synthetic(from.ip));
	ck_assert_uint_eq(from.port, a.port);
	/* Each gets its own datagrams. */
	ck_assert_int_eq(duo_send_to(d, SERVER, 0, &from, "other", 5,
	    (enum mp_send_flag)0), 0);
	ck_assert_int_eq(duo_send_to(d, SERVER, 0, &a, "first", 5,
	    (enum mp_send_flag)0), 0);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[other].n_got, 1);
	ck_assert_mem_eq(d->end[other].got[0].data, "other", 5);
	ck_assert_mem_eq(d->end[CLIENT].got[d->end[CLIENT].n_got - 1].data,
	    "first", 5);
	/* And it stays so. */
	n = 10000;
	d->end[SERVER].peer = a;
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 10000, n), 0);
	from = d->end[SERVER].peer;
	ck_assert(addr_equal(&from, &a));
	ck_assert_int_eq(duo_say(d, other, 20000), 0);
	duo_run(d, d->now + SEC);
	from = heard_from(d, 20000);
	ck_assert(addr_is_synthetic(from.ip));
	duo_free(d);
}
END_TEST

/* --- Keys that the program asks for --------------------------------------- */

/* A program whose rule names a key does not talk to a peer with another. */
START_TEST(wrong_key)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr to = duo_addr(d, !_i, 0);
	struct mp *m = &d->end[_i].mp;
	uint64_t id = d->end[_i].keys.key[0].id;
	struct mp_tx tx[MP_TX_MAX];

	duo_up(d);
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, _i), 0, &to, id + 1, 8,
	    (enum mp_send_flag)0, tx), MP_EACCES);
	ck_assert_int_ge(mp_send_begin(m, duo_time(d, _i), 0, &to, id, 8,
	    (enum mp_send_flag)0, tx), 1);
	ck_assert_int_ge(mp_send_begin(m, duo_time(d, _i), 0, &to, 0, 8,
	    (enum mp_send_flag)0, tx), 1);
	duo_free(d);
}
END_TEST

/* Nor does it stage anything for a peer that was looked for with another
 * key. */
START_TEST(wrong_key_early)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr to = duo_addr(d, SERVER, 0);
	struct mp *m = &d->end[CLIENT].mp;
	uint64_t id = d->end[CLIENT].keys.key[0].id;
	struct mp_tx tx[MP_TX_MAX];

	d->end[SERVER].off = true;
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, CLIENT), 0, &to, id, 8,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	duo_run(d, d->now + 500 * MS);
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, CLIENT), 0, &to, id + 1,
	    8, (enum mp_send_flag)0, tx), MP_EACCES);
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, CLIENT), 0, &to, id, 8,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	duo_free(d);
}
END_TEST

Suite *
suite_takeover(void)
{
	Suite *s = suite_create("takeover");
	TCase *tc = tcase_create("takeover");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, thief_gets_nothing, 0, 3);
	tcase_add_loop_test(tc, amplification, 0, 2);
	tcase_add_test(tc, bound_is_lifted);
	tcase_add_loop_test(tc, restart_keeps_address, 0, 8);
	tcase_add_test(tc, alive_keeps_address);
	tcase_add_loop_test(tc, wrong_key, 0, 2);
	tcase_add_test(tc, wrong_key_early);
	suite_add_tcase(s, tc);
	return s;
}
