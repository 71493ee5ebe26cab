/* SPDX-License-Identifier: ISC */
/*
 * Which address the responder's program sees: the source of the initiator's
 * primary pair, as with plain UDP (PROTOCOL.md 6).
 */
#include <string.h>

#include "addr.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum { CLIENT = 0, SERVER = 1 };

static const struct mp_tx_option nothing = { .tos = -1, .ttl = -1 };

/* A client whose kernel would send from its address `primary'. */
static struct duo *
duo_primary(int n, int primary, struct mp_tx_option *option)
{
	struct duo *d = duo_new(n, 1);

	*option = nothing;
	memcpy(option->source, d->end[CLIENT].addr[primary].local.ip, 16);
	d->end[CLIENT].option = option;
	return d;
}

/* The source of the only datagram that the server's program got. */
static struct mp_addr
from(const struct duo *d)
{
	ck_assert_uint_eq(d->end[SERVER].n_got, 1);
	return d->end[SERVER].got[0].from;
}

static void
seen_as(struct duo *d, int addr, const char *ip)
{
	d->end[CLIENT].addr[addr].nat = true;
	memcpy(d->end[CLIENT].addr[addr].seen,
	    duo_ip4((uint8_t)ip[0], (uint8_t)ip[1], 0, 9, 0).ip, 16);
}

/* Delays of the paths, which of them is the primary pair, and the ms within
 * which the first datagram arrives.  Each row plain, and with all addresses
 * behind NATs; then, if several pairs answer before the primary one, its source
 * is not known. */
static const struct {
	unsigned ms[3]; /* one way */
	int n, primary;
	unsigned within;
} paths[] = {
	{ { 10, 10 }, 2, 0, 30 },  /* equally fast */
	{ { 10, 10 }, 2, 1, 30 },
	{ { 10, 11 }, 2, 1, 33 },
	{ { 2, 15 }, 2, 1, 45 },  /* the other pair's RESP comes much sooner */
	{ { 2, 90 }, 2, 1, 270 },
	{ { 15, 2 }, 2, 1, 6 },
	{ { 5, 20, 60 }, 3, 0, 15 },
	{ { 5, 20, 60 }, 3, 1, 60 },
	{ { 5, 20, 60 }, 3, 2, 180 },
};

#define PATHS (int)(sizeof(paths) / sizeof(paths[0]))

START_TEST(as_plain)
{
	bool nat = _i >= PATHS;
	int i = _i % PATHS, k;
	struct mp_tx_option option;
	struct duo *d = duo_primary(paths[i].n, paths[i].primary, &option);
	struct mp_addr shown, want = duo_addr(d, CLIENT, paths[i].primary);
	uint64_t began = d->now;

	for (k = 0; k < paths[i].n; k++) {
		duo_delay(d, k, 0, paths[i].ms[k] * MS);
		if (nat)
			seen_as(d, k, (char[]) { (char)(50 + k), 7 });
	}
	if (nat)
		memcpy(want.ip, d->end[CLIENT].addr[paths[i].primary].seen, 16);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + 2 * SEC);
	shown = from(d);
	ck_assert(addr_equal(&shown, &want));
	ck_assert_uint_le(d->end[SERVER].got[0].at, began +
	    paths[i].within * MS);
	duo_free(d);
}
END_TEST

/* The primary pair is silent: the peer is soon shown at another address. */
START_TEST(primary_silent)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(2, 0, &option);
	struct mp_addr shown, other = duo_addr(d, CLIENT, 1);
	uint64_t began = d->now;

	duo_cut_addr(d, CLIENT, 0, true);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + 2 * SEC);
	shown = from(d);
	ck_assert(addr_equal(&shown, &other));
	ck_assert_uint_le(d->end[SERVER].got[0].at - began, 300 * MS);
	duo_free(d);
}
END_TEST

/* INIT waits until the program has staged its first datagram, 20 ms at most. */
START_TEST(init_waits)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(2, 1, &option);
	struct mp_tx tx[MP_TX_MAX];
	struct mp_addr to = duo_addr(d, SERVER, 0);

	ck_assert_int_eq(mp_send_begin(&d->end[CLIENT].mp,
	    duo_time(d, CLIENT), 0, &to, 0, 8, (enum mp_send_flag)0, tx),
	    MP_EAGAIN);
	duo_run(d, d->now + 2 * MS);
	ck_assert_uint_eq(d->sent[CLIENT], 0);
	if (_i) {
		ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
		duo_run(d, d->now);
		ck_assert_uint_eq(d->sent[CLIENT], 2);
	} else { /* no mp_stage(): the program died, or may not send */
		duo_run(d, d->now + 30 * MS);
		ck_assert_uint_eq(d->sent[CLIENT], 2);
	}
	duo_free(d);
}
END_TEST

/* An address that nothing came from is not believed: a holder of a key may
 * claim any. */
START_TEST(false_claim)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(2, 0, &option);
	struct mp_addr shown, real = duo_addr(d, CLIENT, 0);

	seen_as(d, 0, (char[]) { 50, 1 });
	seen_as(d, 1, (char[]) { 51, 1 });
	duo_cut_addr(d, CLIENT, 0, _i != 0);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + 2 * SEC);
	shown = from(d);
	ck_assert(!addr_equal(&shown, &real));
	memcpy(real.ip, d->end[CLIENT].addr[_i].seen, 16);
	ck_assert(addr_equal(&shown, &real));
	duo_free(d);
}
END_TEST

/* No route led to the address that the client's program asked, and the server's
 * socket can express none of the sources: a synthetic address is shown. */
START_TEST(other_family)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(1, 0, &option);
	struct mp_addr shown;

	memset(option.source, 0, sizeof(option.source));
	ck_assert_int_eq(mp_slot_open(&d->end[SERVER].mp, 0, MP_INET6), 0);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + SEC);
	shown = from(d);
	ck_assert(addr_is_synthetic(shown.ip));
	ck_assert_uint_eq(shown.port, d->end[CLIENT].port);
	duo_free(d);
}
END_TEST

/* The client asks an IPv4 address, and the server's socket is of IPv6 alone:
 * without mpshim the datagram would not come.  One of IPv4 besides gets it. */
START_TEST(other_family_asked)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(1, 0, &option);
	struct mp *m = &d->end[SERVER].mp;

	ck_assert_int_eq(mp_slot_open(m, 0, MP_INET6), 0);
	if (_i == 1) {
		ck_assert_int_eq(mp_slot_open(m, 3, MP_INET), 0);
		ck_assert_int_eq(mp_slot_accept(m, 0), 0);
	}
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[SERVER].n_got, (size_t)_i);
	if (_i == 1)
		ck_assert_uint_eq(d->end[SERVER].got[0].slot, 3);
	else
		ck_assert_uint_gt(duo_count(d, SERVER,
		    MP_C_drop_handshake_slot), 0);
	duo_free(d);
}
END_TEST

/* The client restarts on its port.  Its new session is confirmed from another
 * address than the one shown, at which the old session's peer has proven to
 * be. */
START_TEST(restart)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(2, 1, &option);
	struct mp_addr want = duo_addr(d, CLIENT, 1), shown;

	duo_delay(d, 0, 0, 2 * MS);
	duo_delay(d, 1, 0, 15 * MS);
	duo_up(d);
	duo_restart(d, CLIENT);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_say(d, CLIENT, 4), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 4), 1);
	shown = d->end[SERVER].peer;
	ck_assert(addr_equal(&shown, &want));
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	/* A server that restarts sees the same address. */
	duo_restart(d, SERVER);
	for (uint32_t n = 6; n < 60; n += 2) {
		(void)duo_say(d, CLIENT, n);
		duo_run(d, d->now + 200 * MS);
	}
	shown = d->end[SERVER].peer;
	ck_assert(addr_equal(&shown, &want));
	duo_free(d);
}
END_TEST

/* A recorded INIT that is replayed, from any source, changes nothing of a live
 * session. */
static struct duo_packet *init;

static enum duo_verdict
record(struct duo *d, struct duo_packet *p, void *arg)
{
	static union {
		struct duo_packet p;
		uint8_t room[sizeof(struct duo_packet) + WIRE_INIT];
	} copy;

	(void)d;
	(void)arg;
	if (init == NULL && p->to == SERVER && p->len == WIRE_INIT &&
	    wire_is_handshake(p->data, p->len)) {
		memcpy(&copy, p, sizeof(*p) + p->len);
		init = &copy.p;
	}
	return DUO_PASS;
}

START_TEST(replayed)
{
	struct mp_tx_option option;
	struct duo *d = duo_primary(2, 1, &option);
	struct mp_addr want = duo_addr(d, CLIENT, 1), shown;
	struct mp_path path;
	uint32_t n = 2;

	init = NULL;
	d->tap = record;
	duo_up(d);
	ck_assert_ptr_nonnull(init);
	for (int i = 0; i < 4; i++) {
		path = init->path;
		path.remote = duo_ip4(203, 0, 113, (uint8_t)i, 7);
		(void)duo_inject(d, SERVER, &path, init->data, init->len);
		duo_chat(d, d->now + 4 * SEC, 100 * MS, &n);
	}
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	shown = d->end[SERVER].peer;
	ck_assert(addr_equal(&shown, &want));
	duo_free(d);
}
END_TEST

Suite *
suite_primary(void)
{
	Suite *s = suite_create("primary");
	TCase *tc = tcase_create("primary");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, as_plain, 0, 2 * PATHS - 1);
	tcase_add_test(tc, primary_silent);
	tcase_add_loop_test(tc, init_waits, 0, 2);
	tcase_add_loop_test(tc, false_claim, 0, 2);
	tcase_add_test(tc, other_family);
	tcase_add_loop_test(tc, other_family_asked, 0, 2);
	tcase_add_test(tc, restart);
	tcase_add_test(tc, replayed);
	suite_add_tcase(s, tc);
	return s;
}
