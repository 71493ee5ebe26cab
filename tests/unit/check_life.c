/* SPDX-License-Identifier: ISC */
/*
 * The life of a session from end to end: how it begins and begins anew, what
 * the program sees of it, keys that change, sizes, errors.
 */
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "bytes.h"
#include "duo.h"
#include "suites.h"
#include "table.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { CLIENT = 0, SERVER = 1 };

static void
assert_all_came(const struct duo *d, uint32_t from, uint32_t to)
{
	ck_assert_int_eq(duo_missing(d, from, to), 0);
	ck_assert_int_eq(duo_twice(d, from, to), 0);
}

static int
live_sessions(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	int n = 0;

	for (uint32_t i = 0; i < m->limits.sessions; i++)
		n += m->sessions[i].state != MP_S_FREE;
	return n;
}

static const uint8_t v6_client[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
static const uint8_t v6_server[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };

/* --- Beginnings ----------------------------------------------------------- */

/* Gives the ends of the world's key to the other one each. */
static void
swap_ends(struct duo *d)
{
	static const uint8_t secret[32] = "turned around";
	int e;

	for (e = 0; e < 2; e++) {
		mp_keyring_wipe(&d->end[e].keys);
		ck_assert_int_eq(mp_keyring_add(&d->end[e].keys, "swapped",
		    "BA"[e], secret), 0);
	}
}

/* How much later than the client the server begins, us: less than a packet
 * takes, or than a handshake does; and before it. */
static const struct rivals_row {
	int64_t later;
	bool swap;
} rivals[] = {
	{ 0, false }, { 5000, false }, { 15000, false }, { -5000, false },
	{ 0, true }, { 5000, true }, { 15000, true }, { -5000, true },
};

/* Both programs send first: end A's handshake wins, there is one session at
 * each end, and each sees the address that it sent to. */
START_TEST(both_begin)
{
	const struct rivals_row *r = &rivals[_i];
	struct duo *d = duo_new(2, 2);
	int first = r->later < 0 ? SERVER : CLIENT;
	struct mp_addr to[2];
	uint64_t gap = (uint64_t)(r->later < 0 ? -r->later : r->later);
	uint32_t n = 2;
	int e;

	if (r->swap)
		swap_ends(d);
	d->end[SERVER].peer = duo_addr(d, CLIENT, 0);
	for (e = 0; e < 2; e++)
		to[e] = d->end[e].peer;
	ck_assert_int_eq(duo_say(d, first, (uint32_t)first), 0);
	duo_run(d, d->now + gap);
	ck_assert_int_eq(duo_say(d, !first, (uint32_t)!first), 0);
	duo_run(d, d->now + 4 * SEC);
	assert_all_came(d, 0, 2);
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	duo_run(d, d->now + 20 * SEC);
	assert_all_came(d, 2, n);
	for (e = 0; e < 2; e++) {
		ck_assert_int_eq(live_sessions(d, e), 1);
		ck_assert(addr_equal(&duo_session(d, e)->shown, &to[e]));
		ck_assert(addr_equal(&d->end[e].got[d->end[e].n_got -
		    1].from, &to[e]));
	}
	/* Roles are those of one handshake; of end A's if both were sent. */
	ck_assert(duo_session(d, CLIENT)->initiator !=
	    duo_session(d, SERVER)->initiator);
	if (gap < 10000)
		ck_assert(duo_session(d, r->swap ? SERVER : CLIENT)->initiator);
	duo_free(d);
}
END_TEST

/* Datagrams for a peer that is not there yet: the latest 64, or 64 KiB. */
static const struct hold_row {
	int n;
	size_t len;
	int least, most; /* that come */
} holds[] = {
	{ 1, 0, 1, 1 },
	{ 64, 100, 64, 64 },
	{ 70, 100, 64, 64 },
	{ 200, 8, 64, 64 },
	{ 40, 2000, 30, 32 },
	{ 3, 30000, 2, 2 },
	{ 1, 60000, 1, 1 },
};

START_TEST(hold)
{
	const struct hold_row *r = &holds[_i];
	struct duo *d = duo_new(1, 1);
	uint8_t *b = calloc(1, r->len + 1);
	size_t got;
	int i;

	ck_assert_ptr_nonnull(b);
	d->end[SERVER].off = true;
	for (i = 0; i < r->n; i++) {
		b[0] = (uint8_t)i;
		ck_assert_int_eq(duo_send(d, CLIENT, b, r->len), 0);
	}
	duo_run(d, d->now + 5 * SEC);
	d->end[SERVER].off = false;
	duo_run(d, d->now + 5 * SEC);
	got = d->end[SERVER].n_got;
	ck_assert_int_ge((int)got, r->least);
	ck_assert_int_le((int)got, r->most);
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_held), (uint64_t)r->n);
	for (i = 0; i < (int)got; i++) { /* in order, the newest */
		ck_assert_uint_eq(d->end[SERVER].got[i].len, r->len);
		if (r->len > 0)
			ck_assert_uint_eq(d->end[SERVER].got[i].data[0],
			    (uint8_t)(r->n - (int)got + i));
	}
	free(b);
	duo_free(d);
}
END_TEST

/* EHOSTUNREACH once 10 s brought no answer, and until the peer is there. */
START_TEST(unreachable)
{
	struct duo *d = duo_new(2, 1);
	uint64_t began = d->now;
	uint32_t n = 0;
	int r;

	d->end[SERVER].off = true;
	while (d->now < began + 15 * SEC) {
		r = duo_say(d, CLIENT, n);
		ck_assert_int_eq(r, d->now < began + 10 * SEC ? 0 :
		    MP_EHOSTUNREACH);
		n += 2;
		duo_run(d, d->now + 500 * MS);
	}
	d->end[SERVER].off = false;
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_say(d, CLIENT, 1000), 0);
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 1000), 1);
	duo_free(d);
}
END_TEST

/* --- Restarts ------------------------------------------------------------- */

/* Chats until both ends heard something new; fails after 2 s. */
static void
back_within_2s(struct duo *d, uint32_t *n)
{
	uint64_t began = d->now;
	size_t got[2] = { d->end[0].n_got, d->end[1].n_got };

	while (d->end[0].n_got == got[0] || d->end[1].n_got == got[1]) {
		duo_chat(d, d->now + 20 * MS, 20 * MS, n);
		ck_assert_msg(d->now <= began + 2 * SEC, "not back in 2 s");
	}
}

/* The client's engine starts anew, from the same address: at once, or when
 * the server's old session was silent for over 3 s. */
START_TEST(initiator_restarts)
{
	struct duo *d = duo_new(2, 1);
	struct mp_addr was, is;
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	was = duo_session(d, SERVER)->shown;
	d->end[CLIENT].off = true;
	duo_run(d, d->now + (_i == 0 ? 100 * MS : 4 * SEC));
	duo_restart(d, CLIENT);
	d->end[CLIENT].off = false;
	back_within_2s(d, &n);
	is = d->end[SERVER].got[d->end[SERVER].n_got - 1].from;
	if (_i == 0) { /* who says that it is the same one? */
		ck_assert(addr_is_synthetic(is.ip));
		ck_assert_int_eq(live_sessions(d, SERVER), 2);
	} else { /* it is: the old one answers no more */
		ck_assert(addr_equal(&is, &was));
		ck_assert_int_eq(live_sessions(d, SERVER), 1);
	}
	duo_free(d);
}
END_TEST

/* The server's does: nobody tells the client, and back it is.  At last one
 * whose program knows its peer and speaks first. */
START_TEST(responder_restarts)
{
	struct duo *d = duo_new(_i == 0 ? 1 : 2, 1 + (_i == 2));
	struct mp_addr was;
	uint32_t n = 2, from;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	was = duo_session(d, SERVER)->shown;
	duo_restart(d, SERVER);
	if (_i == 3) {
		back_within_2s(d, &n);
		duo_free(d);
		return;
	}
	d->end[SERVER].peer.port = 0;
	back_within_2s(d, &n);
	from = n;
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	assert_all_came(d, from, n);
	ck_assert(addr_equal(&duo_session(d, SERVER)->shown, &was));
	ck_assert_int_eq(live_sessions(d, CLIENT), 1);
	duo_free(d);
}
END_TEST

/* Off for long, then on again: within 2 s of its return. */
START_TEST(responder_returns)
{
	static const uint64_t away[] = { 5, 30, 170, 300 };
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	d->end[SERVER].off = true;
	duo_chat(d, d->now + away[_i] * SEC, 500 * MS, &n);
	duo_restart(d, SERVER);
	d->end[SERVER].peer.port = 0;
	d->end[SERVER].off = false;
	back_within_2s(d, &n);
	duo_free(d);
}
END_TEST

/* Keys are long gone and so is the address that the program knows; the
 * association is not. */
START_TEST(association_keeps_address)
{
	struct duo *d = duo_new(2, 1);
	struct mp_addr was;
	uint32_t n = 2;

	duo_up(d);
	was = duo_session(d, SERVER)->shown;
	ck_assert(addr_equal(&was, &(struct mp_addr) { .port = DUO_PORT,
	    .ip = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } }));
	duo_cut_addr(d, CLIENT, 0, true);
	duo_cut_addr(d, CLIENT, 1, true);
	duo_run(d, d->now + 200 * SEC);
	ck_assert_int_eq(duo_session(d, SERVER)->state, MP_S_DOWN);
	ck_assert(!duo_session(d, SERVER)->keys[0].live &&
	    !duo_session(d, SERVER)->keys[1].live);
	duo_addr_del(d, CLIENT, 0);
	duo_cut_addr(d, CLIENT, 1, false);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_say(d, CLIENT, n), 0);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, n), 1);
	ck_assert(addr_equal(&d->end[SERVER].peer, &was));
	ck_assert_int_eq(duo_say(d, SERVER, n + 1), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, CLIENT, n + 1), 1);
	ck_assert_int_eq(live_sessions(d, SERVER), 1);
	duo_free(d);
}
END_TEST

/* The peer's program closes its socket. */
START_TEST(peer_closes)
{
	struct duo *d = duo_new(2, 1);

	duo_up(d);
	mp_slot_close(&d->end[_i].mp, duo_time(d, _i), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(live_sessions(d, _i), 0);
	if (_i == CLIENT) /* a server forgets it, a client may try again */
		ck_assert_int_eq(live_sessions(d, SERVER), 0);
	else
		ck_assert_int_ne(duo_session(d, CLIENT)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

/* --- What the program sees ------------------------------------------------ */

/* An AF_INET program that only IPv6 reaches. */
START_TEST(synthetic_address)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a;
	uint32_t n = 2;
	int c6, s6;

	c6 = duo_addr_new(d, CLIENT, v6_client, 2);
	s6 = duo_addr_new(d, SERVER, v6_server, 2);
	duo_addr_del(d, CLIENT, 0);
	duo_addr_del(d, SERVER, 0);
	ck_assert_int_eq(mp_slot_open(&d->end[SERVER].mp, 0, MP_INET), 0);
	d->end[CLIENT].peer = duo_addr(d, SERVER, s6);
	duo_up(d);
	a = d->end[SERVER].peer;
	ck_assert(addr_is4(a.ip) && addr_is_synthetic(a.ip));
	ck_assert_uint_eq(a.port, d->end[CLIENT].port);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	/* IPv4 turns up: it is used, the address stays. */
	duo_addr_new(d, SERVER, (uint8_t[16]) { [10] = 0xff, [11] = 0xff, 192,
	    0, 2, 1 }, 3);
	duo_addr_new(d, CLIENT, (uint8_t[16]) { [10] = 0xff, [11] = 0xff, 192,
	    0, 2, 2 }, 3);
	duo_delay(d, c6, s6, 100 * MS);
	duo_chat(d, d->now + 70 * SEC, SEC, &n);
	duo_run(d, d->now + SEC);
	assert_all_came(d, 2, n);
	ck_assert(addr_equal(&d->end[SERVER].peer, &a));
	ck_assert(addr_is4(duo_current(d, SERVER)->path.remote.ip));
	duo_free(d);
}
END_TEST

/* Another client comes from the address that a session shows: that one is
 * alive, was silent for 3 s, or is in doubt. */
START_TEST(takeover)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr a;
	uint32_t gen;

	duo_up(d);
	a = duo_session(d, SERVER)->shown;
	gen = duo_session(d, SERVER)->gen;
	if (_i == 1)
		d->end[CLIENT].off = true;
	duo_run(d, d->now + 4 * SEC);
	d->end[CLIENT].off = false;
	if (_i == 0) { /* it spoke just now */
		ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
		duo_run(d, d->now + 100 * MS);
	} else if (_i == 2) { /* so it did, but it does not answer */
		d->end[CLIENT].off = true;
		ck_assert_int_eq(duo_say(d, SERVER, 3), 0);
		duo_run(d, d->now + 500 * MS);
		d->end[CLIENT].off = false;
	}
	duo_restart(d, CLIENT);
	ck_assert_int_eq(duo_say(d, CLIENT, 4), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 4), 1);
	if (_i == 0) {
		ck_assert_int_eq(live_sessions(d, SERVER), 2);
		ck_assert(addr_is_synthetic(d->end[SERVER].peer.ip));
		ck_assert_uint_eq(d->end[SERVER].peer.port, a.port);
	} else {
		ck_assert_int_eq(live_sessions(d, SERVER), 1);
		ck_assert(addr_equal(&d->end[SERVER].peer, &a));
		ck_assert_uint_ne(duo_session(d, SERVER)->gen, gen);
	}
	ck_assert_int_eq(duo_say(d, SERVER, 5), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, CLIENT, 5), 1);
	duo_free(d);
}
END_TEST

/* --- Load ----------------------------------------------------------------- */

struct load_watch {
	int inits, cookies, resps, with_mac2;
	uint8_t init[WIRE_INIT]; /* the last with a mac2 */
	struct mp_path path;
};

/* The server is under load whenever an INIT comes. */
static enum duo_verdict
load_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	static const uint8_t zero[WIRE_MAC];
	struct load_watch *w = arg;
	struct wire_shake h;
	struct bucket *b = &d->end[SERVER].mp.sh->load.fresh;

	b->level = 0;
	b->at = UINT64_MAX / 2; /* nothing flows into it */
	if (!wire_get_shake(p->data, p->len, &h))
		return DUO_PASS;
	w->inits += h.type == WIRE_T_INIT;
	w->resps += h.type == WIRE_T_RESP;
	w->cookies += h.type == WIRE_T_COOKIE;
	if (h.type == WIRE_T_INIT &&
	    memcmp(p->data + WIRE_MAC2_INIT, zero, WIRE_MAC) != 0) {
		w->with_mac2++;
		memcpy(w->init, p->data, WIRE_INIT);
		w->path = p->path;
		if (w->with_mac2 == 1)
			return DUO_DROP; /* for us to play with */
	}
	return DUO_PASS;
}

START_TEST(cookies)
{
	struct duo *d = duo_new(1, 1);
	struct load_watch w = { .inits = 0 };
	struct mp_path far;

	d->tap = load_tap;
	d->tap_arg = &w;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 25 * MS);
	ck_assert_int_eq(w.inits, 2);
	ck_assert_int_eq(w.cookies, 1);
	ck_assert_int_eq(w.with_mac2, 1);
	ck_assert_int_eq(w.resps, 0);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->heap_n, 0);
	/* the cookie is of that address and port, and of none else */
	far = w.path;
	far.remote.port++;
	d->end[SERVER].mp.sh->load.fresh.level = 0;
	d->end[SERVER].mp.sh->load.fresh.at = UINT64_MAX / 2;
	(void)duo_inject(d, SERVER, &far, w.init, WIRE_INIT);
	far = w.path;
	far.remote.ip[14] ^= 1;
	d->end[SERVER].mp.sh->load.fresh.at = UINT64_MAX / 2;
	(void)duo_inject(d, SERVER, &far, w.init, WIRE_INIT);
	ck_assert_int_eq(w.resps, 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_ge(w.resps, 1);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	duo_free(d);
}
END_TEST

/* --- Keys ----------------------------------------------------------------- */

/* Every (sid, nonce) that went over the wire. */
struct nonces {
	uint8_t (*p)[12];
	size_t n;
	uint32_t sids; /* changes of sid of the client's packets */
	uint32_t sid;
};

static enum duo_verdict
nonce_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct nonces *t = arg;

	(void)d;
	if (wire_is_shake(p->data, p->len))
		return DUO_PASS;
	if (t->n % 4096 == 0) {
		t->p = realloc(t->p, (t->n + 4096) * sizeof(*t->p));
		ck_assert_ptr_nonnull(t->p);
	}
	memcpy(t->p[t->n], p->data, 12);
	t->p[t->n][3] &= (uint8_t)~WIRE_SID_C; /* the key is the same */
	if (p->from == CLIENT && get32(t->p[t->n]) != t->sid) {
		t->sid = get32(t->p[t->n]);
		t->sids++;
	}
	t->n++;
	return DUO_PASS;
}

static int
nonce_order(const void *a, const void *b)
{
	return memcmp(a, b, 12);
}

static void
assert_no_nonce_twice(struct nonces *t)
{
	size_t i;

	qsort(t->p, t->n, sizeof(*t->p), nonce_order);
	for (i = 1; i < t->n; i++)
		ck_assert(memcmp(t->p[i], t->p[i - 1], 12) != 0);
	free(t->p);
}

/* The end's time to renew its keys has come. */
static void
want_keys(struct duo *d, int e)
{
	struct session *s = duo_session(d, e);

	s->rekey_at = d->now;
	table_set_deadline(&d->end[e].mp, s, d->now);
}

/* The keys change while datagrams flow: none is lost, nothing comes twice,
 * and the old keys are wiped in time. */
START_TEST(rekey_in_traffic)
{
	struct duo *d = duo_new(2, 2);
	struct nonces t = { .p = NULL };
	const struct keys *k;
	uint32_t n = 2;
	int i, e, s;

	d->tap = nonce_tap;
	d->tap_arg = &t;
	duo_up(d);
	for (i = 0; i < 45; i++) {
		duo_chat(d, d->now + 10 * SEC, 100 * MS, &n);
		for (e = 0; e < 2; e++)
			for (s = 0; s < 2; s++) {
				k = &duo_session(d, e)->keys[s];
				ck_assert(!k->live || d->now - k->born_at <=
				    181 * SEC);
			}
	}
	duo_run(d, d->now + SEC);
	assert_all_came(d, 2, n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 4);
	ck_assert_uint_le(duo_count(d, CLIENT, MP_C_handshake_done), 6);
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_handshake_done),
	    duo_count(d, CLIENT, MP_C_handshake_done));
	ck_assert_uint_eq(duo_count(d, SERVER, MP_C_drop_auth) +
	    duo_count(d, CLIENT, MP_C_drop_auth), 0);
	ck_assert_uint_ge(t.sids, 4);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

/* While a path is down, so that what was sent under the old key is copied
 * under the new one. */
START_TEST(rekey_in_trouble)
{
	struct duo *d = duo_new(2, 1);
	struct nonces t = { .p = NULL };
	uint32_t n = 2;
	int i;

	d->tap = nonce_tap;
	d->tap_arg = &t;
	duo_up(d);
	for (i = 0; i < 20; i++) {
		duo_chat(d, d->now + 2 * SEC, 20 * MS, &n);
		want_keys(d, i & 1);
		duo_chat(d, d->now + (uint64_t)i * 3 * MS, 3 * MS, &n);
		duo_cut(d, i >> 1 & 1, 0, true);
		duo_chat(d, d->now + 2 * SEC, 20 * MS, &n);
		duo_cut(d, i >> 1 & 1, 0, false);
	}
	duo_run(d, d->now + 5 * SEC);
	assert_all_came(d, 2, n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 15);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

/* Both ends want new keys at the same moment, or nearly: end A's INIT wins
 * while neither was answered. */
START_TEST(rekey_both)
{
	struct duo *d = duo_new(2, 1);
	struct nonces t = { .p = NULL };
	uint32_t n = 2;
	int i;

	if (_i == 1)
		swap_ends(d);
	d->tap = nonce_tap;
	d->tap_arg = &t;
	duo_up(d);
	for (i = 0; i < 20; i++) {
		duo_chat(d, d->now + SEC, 20 * MS, &n);
		/* either first, and up to 15 ms before the other */
		want_keys(d, i < 10 ? CLIENT : SERVER);
		duo_run(d, d->now + (uint64_t)(i % 10) * 5 * MS / 3);
		want_keys(d, i < 10 ? SERVER : CLIENT);
	}
	duo_run(d, d->now + SEC);
	duo_chat(d, d->now + 5 * SEC, 20 * MS, &n);
	duo_run(d, d->now + SEC);
	assert_all_came(d, 2, n);
	ck_assert(duo_session(d, CLIENT)->initiator);
	ck_assert(!duo_session(d, SERVER)->initiator);
	ck_assert_int_eq(live_sessions(d, CLIENT), 1);
	ck_assert_int_eq(live_sessions(d, SERVER), 1);
	ck_assert_uint_eq(state_keys(duo_session(d, CLIENT))->sid_out,
	    state_keys(duo_session(d, SERVER))->sid_in);
	ck_assert_uint_eq(state_keys(duo_session(d, CLIENT))->sid_in,
	    state_keys(duo_session(d, SERVER))->sid_out);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

/* Addresses go and come, other ones too, so that flow ids are used anew;
 * restarts of either end in between. */
START_TEST(no_nonce_twice)
{
	struct duo *d = duo_new(2, 2);
	struct nonces t = { .p = NULL };
	uint32_t n = 2;
	int i, e, a;

	duo_up(d);
	d->tap = nonce_tap;
	d->tap_arg = &t;
	for (i = 0; i < 60; i++) {
		e = i & 1;
		a = i >> 1 & 1;
		duo_addr_del(d, e, a);
		duo_chat(d, d->now + 500 * MS, 20 * MS, &n);
		/* as another address */
		d->end[e].addr[a].local.ip[14] = (uint8_t)(i / 4);
		if (i % 10 == 5)
			want_keys(d, e);
		duo_addr_add(d, e, a);
		duo_chat(d, d->now + 500 * MS, 20 * MS, &n);
		if (i % 20 == 19)
			duo_restart(d, e);
		duo_chat(d, d->now + SEC, 20 * MS, &n);
	}
	ck_assert_uint_ge(t.sids, 6);
	ck_assert_uint_gt(t.n, 5000);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

/* --- Errors of sending, by what they mean --------------------------------- */

static const struct error_row {
	int error;
	bool dead; /* the path is: another takes over in the same call */
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
	bool only = _i & 1; /* there is but one flow */
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
	if (r->dead && only) /* nothing left */
		ck_assert_int_eq(duo_say(d, CLIENT, 2), MP_ENETUNREACH);
	duo_run(d, d->now + 500 * MS);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), r->dead && !only);
	/* it passes, and is used again */
	d->end[CLIENT].addr[0].error = 0;
	duo_run(d, d->now + 10 * SEC);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	assert_all_came(d, 100, n);
	ck_assert(!f->failed);
	ck_assert_ptr_eq(duo_current(d, CLIENT), f);
	duo_free(d);
}
END_TEST

/* One that does not repeat is no dead path. */
START_TEST(send_error_once)
{
	struct duo *d = duo_new(2, 1);
	struct mp_tx tx[2];
	struct flow *f;

	duo_up(d);
	f = duo_current(d, CLIENT);
	ck_assert_int_eq(mp_send_begin(&d->end[CLIENT].mp, duo_time(d, 0), 0,
	    &d->end[CLIENT].peer, 0, 5, (enum mp_send_flag)0, tx), 1);
	tx[0].error = MP_ENETUNREACH;
	ck_assert_int_eq(mp_send_commit(&d->end[CLIENT].mp, duo_time(d, 0), tx,
	    1, "hello", 5), 1);
	ck_assert(!f->failed);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0); /* begun anew: it went */
	ck_assert(!f->failed);
	ck_assert_uint_eq(f->send_errors, 0);
	ck_assert_ptr_eq(duo_current(d, CLIENT), f);
	duo_free(d);
}
END_TEST

/* --- Sizes ---------------------------------------------------------------- */

/* Probes for sizes: more than any other probe has, and not to be cut up. */
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

/* Nothing is proven before the program needs it; then all steps up to what
 * it needs; MTU 1500. */
static const struct rung_row {
	size_t len;
	size_t rungs[5]; /* until 0 */
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
	ck_assert_uint_eq(mp_session_mtu(&d->end[CLIENT].mp, 0), 1166);
	ck_assert_int_eq(say_big(d, r->len, (enum mp_send_flag)0), 0);
	duo_run(d, d->now + SEC);
	for (i = 0; r->rungs[i] != 0; i++) {
		ck_assert_int_lt(i, t.n);
		ck_assert_uint_eq(t.len[i], r->rungs[i]);
		top = r->rungs[i];
	}
	ck_assert_int_eq(t.n, i);
	ck_assert_uint_eq(duo_flow(d, CLIENT, 0, 0)->size, top);
	ck_assert_uint_eq(mp_session_mtu(&d->end[CLIENT].mp, 0), top - 34);
	ck_assert_uint_eq(heard_big(d, r->len), 1);
	/* what is proven is not asked again */
	ck_assert_int_eq(say_big(d, r->len, MP_DF), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(t.n, i);
	duo_free(d);
}
END_TEST

/* A program that asked for DF gets EMSGSIZE for what is over the best proven
 * size; the others get fragments. */
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
	ck_assert_int_eq(say_big(d, 1358, MP_DF), MP_EMSGSIZE); /* not yet */
	duo_run(d, d->now + 3 * SEC);
	ck_assert_uint_eq(mp_session_mtu(&d->end[CLIENT].mp, 0), 1392 - 34);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(say_big(d, 1358, MP_DF), 0);
		ck_assert_int_eq(say_big(d, 1359, MP_DF), MP_EMSGSIZE);
		duo_run(d, d->now + SEC);
	}
	ck_assert_uint_eq(heard_big(d, 1358), 5);
	ck_assert_int_eq(say_big(d, 1359, (enum mp_send_flag)0), 0);
	ck_assert_int_eq(say_big(d, 65000, (enum mp_send_flag)0), 0);
	duo_free(d);
}
END_TEST

/* The best path eats packets over 1300 bytes: big datagrams take another,
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
	assert_all_came(d, 2, n);
	ck_assert_ptr_eq(duo_current(d, CLIENT), duo_flow(d, CLIENT, 0, 0));
	duo_free(d);
}
END_TEST

/* A path that was fine begins to eat big packets; the program sends nothing
 * else, or small ones besides, which pass. */
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
	assert_all_came(d, 2, n);
	duo_free(d);
}
END_TEST

Suite *
suite_life(void)
{
	Suite *s = suite_create("life");
	TCase *tc = tcase_create("life");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, both_begin, 0, COUNT(rivals));
	tcase_add_loop_test(tc, hold, 0, COUNT(holds));
	tcase_add_test(tc, unreachable);
	tcase_add_loop_test(tc, initiator_restarts, 0, 2);
	tcase_add_loop_test(tc, responder_restarts, 0, 4);
	tcase_add_loop_test(tc, responder_returns, 0, 4);
	tcase_add_test(tc, association_keeps_address);
	tcase_add_loop_test(tc, peer_closes, 0, 2);
	tcase_add_test(tc, synthetic_address);
	tcase_add_loop_test(tc, takeover, 0, 3);
	tcase_add_test(tc, cookies);
	tcase_add_test(tc, rekey_in_traffic);
	tcase_add_test(tc, rekey_in_trouble);
	tcase_add_loop_test(tc, rekey_both, 0, 2);
	tcase_add_test(tc, no_nonce_twice);
	tcase_add_loop_test(tc, send_error, 0, 2 * COUNT(errors));
	tcase_add_test(tc, send_error_once);
	tcase_add_loop_test(tc, padded_probes, 0, COUNT(rungs));
	tcase_add_test(tc, df_emsgsize);
	tcase_add_test(tc, black_hole);
	tcase_add_loop_test(tc, black_hole_opens, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
