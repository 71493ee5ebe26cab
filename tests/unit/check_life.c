/* SPDX-License-Identifier: ISC */
/* The life of a session from end to end: how it begins, and begins anew, and
 * what its program sees. */
#include <stdlib.h>
#include <string.h>

#include "../keys.h"
#include "addr.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { CLIENT = 0, SERVER = 1 };

static const uint8_t v6_client[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
static const uint8_t v6_server[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };

/* --- Beginnings ----------------------------------------------------------- */

/* Swaps the ends of the key between client and server. */
static void
swap_ends(struct duo *d)
{
	static const uint8_t secret[32] = "turned around";
	int e;

	for (e = 0; e < 2; e++) {
		mp_keyring_wipe(&d->end[e].keys);
		ck_assert_int_eq(test_keys_add(&d->end[e].keys, "swapped",
		    "BA"[e], secret), 0);
	}
}

enum { RIVALS = 10 };

/* Both programs send first, one 0 to 45 ms before the other: one handshake wins
 * (end A's if neither has arrived when the other is sent), each end has one
 * session, and each program sees the address that it sent to. */
START_TEST(both_begin)
{
	struct duo *d = duo_new(2, 2);
	bool swap = _i & 1;
	int first = _i & 2 ? SERVER : CLIENT;
	struct mp_addr to[2];
	uint64_t gap = (uint64_t)(_i / 4) * 5 * MS;
	uint32_t n = 2;
	int e;

	if (swap)
		swap_ends(d);
	d->end[SERVER].peer = duo_addr(d, CLIENT, 0);
	for (e = 0; e < 2; e++)
		to[e] = d->end[e].peer;
	ck_assert_int_eq(duo_say(d, first, (uint32_t)first), 0);
	duo_run(d, d->now + gap);
	ck_assert_int_eq(duo_say(d, !first, (uint32_t)!first), 0);
	duo_run(d, d->now + 4 * SEC);
	duo_all_came(d, 0, 2);
	duo_chat(d, d->now + 3 * SEC, 50 * MS, &n);
	duo_run(d, d->now + 20 * SEC);
	duo_all_came(d, 2, n);
	for (e = 0; e < 2; e++) {
		ck_assert_int_eq(duo_sessions(d, e), 1);
		ck_assert(addr_equal(&duo_session(d, e)->shown, &to[e]));
		ck_assert(addr_equal(&d->end[e].got[d->end[e].n_got -
		    1].from, &to[e]));
	}
	/* The roles are those of one handshake: end A's, if both were sent
	 * before either arrived. */
	ck_assert(duo_session(d, CLIENT)->initiator !=
	    duo_session(d, SERVER)->initiator);
	if (gap < DUO_DELAY)
		ck_assert(duo_session(d, swap ? SERVER : CLIENT)->initiator);
	duo_free(d);
}
END_TEST

/* The server begins by its second link alone, and its first one, whose address
 * the client's program knows, comes up at once: what says so, an INIT from there,
 * comes before or after those of the second link. */
START_TEST(both_begin_elsewhere)
{
	struct duo *d = duo_new(1, 2);
	int e;

	duo_delay(d, 0, _i & 1, 15 * MS);
	if (_i & 2)
		swap_ends(d);
	d->end[SERVER].peer = duo_addr(d, CLIENT, 0);
	duo_addr_del(d, SERVER, 0);
	ck_assert_int_eq(duo_say(d, SERVER, 1), 0);
	duo_run(d, d->now + MS / 10);
	duo_addr_add(d, SERVER, 0);
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 4 * SEC);
	duo_all_came(d, 0, 2);
	for (e = 0; e < 2; e++) {
		ck_assert_int_eq(duo_heard(d, e, (uint32_t)!e), 1);
		ck_assert_int_eq(duo_sessions(d, e), 1);
	}
	duo_free(d);
}
END_TEST

/* Nothing arrives at the server's first address. */
static enum duo_verdict
first_is_deaf(struct duo *d, struct duo_packet *p, void *arg)
{
	struct mp_addr deaf = duo_addr(d, SERVER, 0);

	(void)arg;
	return p->to == SERVER && addr_equal(&p->path.local, &deaf) ? DUO_DROP :
	    DUO_PASS;
}

/* Both begin, and the client's INIT cannot arrive: what gave way to it is taken
 * from the server's other link after a while. */
START_TEST(both_begin_deaf)
{
	struct duo *d = duo_new(1, 2);
	uint64_t begin = d->now;

	d->tap = first_is_deaf;
	d->end[SERVER].peer = duo_addr(d, CLIENT, 0);
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	ck_assert_int_eq(duo_say(d, SERVER, 1), 0);
	while (duo_heard(d, CLIENT, 1) == 0 && d->now < begin + 60 * SEC)
		duo_run(d, d->now + 10 * MS);
	ck_assert_uint_le(d->now - begin, 600 * MS);
	duo_free(d);
}
END_TEST

/* The peer appears later: it gets the newest 208 KiB of datagrams. */
static const struct staged_row {
	int n;
	size_t len;
	int least, most; /* that arrive */
} staged_rows[] = {
	{ 1, 0, 1, 1 },
	{ 200, 8, 200, 200 },
	{ 1000, 100, 1000, 1000 },
	{ 1500, 100, 1331, 1331 },
	{ 200, 2000, 104, 104 },
	{ 8, 30000, 7, 7 },
	{ 1, 60000, 1, 1 },
};

START_TEST(staged)
{
	const struct staged_row *r = &staged_rows[_i];
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
	ck_assert_uint_eq(duo_count(d, CLIENT, MP_C_staged), (uint64_t)r->n);
	for (i = 0; i < (int)got; i++) { /* the newest, in order */
		ck_assert_uint_eq(d->end[SERVER].got[i].len, r->len);
		if (r->len > 0)
			ck_assert_uint_eq(d->end[SERVER].got[i].data[0],
			    (uint8_t)(r->n - (int)got + i));
	}
	free(b);
	duo_free(d);
}
END_TEST

/* What a session's begin brings arrives, as it would have without a handshake;
 * but of what is over 2 s old 208 KiB at most go to a peer that comes late. */
static const struct {
	int n;
	size_t len;
	uint64_t later;
	int m; /* so many are sent first, and n `later' */
	int arrive;
} begin_rows[] = {
	{ 256, 1200, 0, 0, 256 },
	{ 4000, 200, 0, 0, 4000 },
	{ 800, 1200, 0, 0, 800 }, /* 1 MiB: half of the pool */
	{ 100, 1200, SEC, 256, 356 },
	{ 100, 1200, 3 * SEC, 256, 170 }, /* 208 KiB of 1248 bytes */
	{ 256, 1200, 3 * SEC, 256, 256 },
};

START_TEST(begin)
{
	struct mp_setup setup = { .limits = { .sessions = 8, .flows = 256,
		.flows_each = 64, .pool = 1 << 22, .pool_each = 1 << 21,
		.staged = 1 << 21 }, .chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	uint8_t b[1200] = { 0 };
	int i, n = begin_rows[_i].n + begin_rows[_i].m;

	d->end[SERVER].off = true;
	for (i = 0; i < n; i++) {
		if (i == begin_rows[_i].m)
			duo_run(d, d->now + begin_rows[_i].later);
		b[0] = (uint8_t)i;
		b[1] = (uint8_t)(i >> 8);
		ck_assert_int_eq(duo_send(d, CLIENT, b, begin_rows[_i].len),
		    0);
	}
	d->end[SERVER].off = false;
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq((int)d->end[SERVER].n_got, begin_rows[_i].arrive);
	for (i = 0; i < begin_rows[_i].arrive; i++)
		ck_assert_int_eq(d->end[SERVER].got[i].data[0] |
		    d->end[SERVER].got[i].data[1] << 8,
		    n - begin_rows[_i].arrive + i);
	duo_free(d);
}
END_TEST

/* EHOSTUNREACH after 10 s without an answer, until the peer is there. */
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

/* Chats until both ends have heard something new; fails after 2 s. */
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

/* The client's engine restarts at the same address: at once, or when the
 * server's old session has been silent for over 3 s. */
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
	if (_i == 0) { /* nothing proves that it is the same client */
		ck_assert(addr_is_synthetic(is.ip));
		ck_assert_int_eq(duo_sessions(d, SERVER), 2);
	} else { /* the old session no longer answers */
		ck_assert(addr_equal(&is, &was));
		ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	}
	duo_free(d);
}
END_TEST

/* The server restarts: the client is not told, and finds it.  Last: a server
 * whose program knows its peer and sends first. */
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
	duo_all_came(d, from, n);
	ck_assert(addr_equal(&duo_session(d, SERVER)->shown, &was));
	ck_assert_int_eq(duo_sessions(d, CLIENT), 1);
	duo_free(d);
}
END_TEST

/* It restarts again and again, each time when it was back for a moment, and is
 * found within 2 s each time: it is not one that answers INIT and no more.
 * Last: its program only listens. */
START_TEST(responder_restarts_often)
{
	static const uint64_t lives[] = { 300 * MS, 1300 * MS, 1500 * MS };
	struct duo *d = duo_new(2, 1);
	uint64_t until;
	uint32_t n = 2;
	int i;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	for (i = 0; i < 6; i++) {
		duo_restart(d, SERVER);
		d->end[SERVER].peer.port = 0;
		if (_i < 2) {
			back_within_2s(d, &n);
			duo_chat(d, d->now + lives[_i], 50 * MS, &n);
			continue;
		}
		ck_assert_uint_le(duo_until_heard(d, CLIENT, n, 2 * SEC),
		    2 * SEC);
		n += 1000;
		for (until = d->now + lives[_i]; d->now < until; n += 2) {
			(void)duo_say(d, CLIENT, n);
			duo_run(d, d->now + 50 * MS);
		}
	}
	duo_free(d);
}
END_TEST

/* Off for long, then on: found within 2 s of its return. */
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

/* The keys are wiped and the peer's address has changed; the program still sees
 * the first address, by the association. */
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
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
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
	ck_assert_int_eq(duo_sessions(d, _i), 0);
	if (_i == CLIENT) /* the server forgets it, the client may try again */
		ck_assert_int_eq(duo_sessions(d, SERVER), 0);
	else
		ck_assert_int_ne(duo_session(d, CLIENT)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

/* The program of `sleeper' reads nothing while the peer sends and closes. */
static void
sleep_over_close(struct duo *d, int sleeper, uint64_t us)
{
	uint32_t n = sleeper == SERVER ? 100 : 101;

	d->end[sleeper].asleep = true;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(duo_say(d, 1 - sleeper,
		    n + 2 * (uint32_t)i), 0);
	duo_run(d, d->now + SEC);
	mp_slot_close(&d->end[1 - sleeper].mp, duo_time(d, 1 - sleeper), 0);
	duo_run(d, d->now + us);
	duo_wake(d, sleeper);
}

/* Datagrams sent before a CLOSE are delivered once, whenever the program reads
 * them, in a new session or an old one. */
START_TEST(close_after_data)
{
	static const uint64_t later[] = { 0, SEC, 55 * SEC };
	struct duo *d = duo_new(2, 1);
	int sleeper = _i / 6, i;
	uint32_t n = sleeper == SERVER ? 100 : 101;

	if (sleeper == CLIENT || _i % 2 == 0)
		duo_up(d);
	sleep_over_close(d, sleeper, later[_i / 2 % 3]);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(duo_heard(d, sleeper, n + 2 * (uint32_t)i), 1);
	duo_free(d);
}
END_TEST

/* When the keys of a closed session are 180 s old, so that it can have no more
 * children, nothing of it is left. */
START_TEST(close_and_later)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[SERVER].mp;

	duo_up(d);
	sleep_over_close(d, SERVER, 181 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 0);
	for (uint32_t i = 0; i < m->limits.sessions; i++)
		ck_assert_int_eq(m->sessions[i].state, MP_S_FREE);
	ck_assert_uint_eq(table_flows_left(m), m->limits.flows);
	duo_free(d);
}
END_TEST

/* A peer from the port of a closed one is shown at its own address. */
START_TEST(close_and_a_successor)
{
	struct duo *d = duo_new(2, 1);
	struct mp_addr shown;

	duo_up(d);
	shown = duo_session(d, SERVER)->shown;
	mp_slot_close(&d->end[CLIENT].mp, duo_time(d, CLIENT), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_ptr_null(duo_session(d, SERVER));
	duo_restart(d, CLIENT);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert(addr_equal(&duo_session(d, SERVER)->shown, &shown));
	duo_free(d);
}
END_TEST

/* --- What the program sees ------------------------------------------------ */

/* An AF_INET program, and a path for IPv6 alone. */
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
	/* IPv4 becomes available: it is used; the address shown stays. */
	duo_addr_new(d, SERVER, (uint8_t[16]) { [10] = 0xff, [11] = 0xff, 192,
	    0, 2, 1 }, 3);
	duo_addr_new(d, CLIENT, (uint8_t[16]) { [10] = 0xff, [11] = 0xff, 192,
	    0, 2, 2 }, 3);
	duo_delay(d, c6, s6, 100 * MS);
	duo_chat(d, d->now + 70 * SEC, SEC, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	ck_assert(addr_equal(&d->end[SERVER].peer, &a));
	ck_assert(addr_is4(duo_current(d, SERVER)->path.remote.ip));
	duo_free(d);
}
END_TEST

/* Another client appears at the address that a session shows.  That session is
 * alive, has been silent for 3 s, or is in doubt. */
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
	if (_i == 0) { /* it sent just now */
		ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
		duo_run(d, d->now + 100 * MS);
	} else if (_i == 2) { /* it sent just now, but does not answer */
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
		ck_assert_int_eq(duo_sessions(d, SERVER), 2);
		ck_assert(addr_is_synthetic(d->end[SERVER].peer.ip));
		ck_assert_uint_eq(d->end[SERVER].peer.port, a.port);
	} else {
		ck_assert_int_eq(duo_sessions(d, SERVER), 1);
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
	uint8_t init[WIRE_INIT]; /* the last INIT with a mac2 */
	struct mp_path path;
};

/* The server is over its limit of handshakes whenever an INIT arrives. */
static enum duo_verdict
load_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	static const uint8_t zero[WIRE_MAC];
	struct load_watch *w = arg;
	struct wire_handshake h;
	struct bucket *b = &d->end[SERVER].mp.sh->ratelimit.fresh;

	b->level = 0;
	b->at = UINT64_MAX / 2; /* no tokens are added */
	if (!wire_get_handshake(p->data, p->len, &h))
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
			return DUO_DROP; /* the test injects it changed */
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
	/* the cookie staged_rows for that address and port alone */
	far = w.path;
	far.remote.port++;
	d->end[SERVER].mp.sh->ratelimit.fresh.level = 0;
	d->end[SERVER].mp.sh->ratelimit.fresh.at = UINT64_MAX / 2;
	(void)duo_inject(d, SERVER, &far, w.init, WIRE_INIT);
	far = w.path;
	far.remote.ip[14] ^= 1;
	d->end[SERVER].mp.sh->ratelimit.fresh.at = UINT64_MAX / 2;
	(void)duo_inject(d, SERVER, &far, w.init, WIRE_INIT);
	ck_assert_int_eq(w.resps, 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_ge(w.resps, 1);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_life(void)
{
	Suite *s = suite_create("life");
	TCase *tc = tcase_create("life");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, both_begin, 0, 4 * RIVALS);
	tcase_add_loop_test(tc, both_begin_elsewhere, 0, 4);
	tcase_add_test(tc, both_begin_deaf);
	tcase_add_loop_test(tc, staged, 0, COUNT(staged_rows));
	tcase_add_loop_test(tc, begin, 0, COUNT(begin_rows));
	tcase_add_test(tc, unreachable);
	tcase_add_loop_test(tc, initiator_restarts, 0, 2);
	tcase_add_loop_test(tc, responder_restarts, 0, 4);
	tcase_add_loop_test(tc, responder_restarts_often, 0, 3);
	tcase_add_loop_test(tc, responder_returns, 0, 4);
	tcase_add_test(tc, association_keeps_address);
	tcase_add_loop_test(tc, peer_closes, 0, 2);
	tcase_add_loop_test(tc, close_after_data, 0, 12);
	tcase_add_test(tc, close_and_later);
	tcase_add_test(tc, close_and_a_successor);
	tcase_add_test(tc, synthetic_address);
	tcase_add_loop_test(tc, takeover, 0, 3);
	tcase_add_test(tc, cookies);
	suite_add_tcase(s, tc);
	return s;
}
