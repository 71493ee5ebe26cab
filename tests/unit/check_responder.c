/* SPDX-License-Identifier: ISC */
/* core/responder.c: which INITs are answered, and what the confirmation does
 * (PROTOCOL.md 2, 6). */
#include <stdlib.h>
#include <string.h>

#include "../keys.h"
#include "addr.h"
#include "crypto.h"
#include "duo.h"
#include "handshake.h"
#include "mp.h"
#include "ratelimit.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* The client's first INIT, and the number of RESPs that the server sent. */
static struct {
	struct duo_packet *init;
	int resps, cookies;
	bool drop_resps;
} seen;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_handshake h;

	(void)d;
	(void)arg;
	if (!wire_get_handshake(p->data, p->len, &h))
		return DUO_PASS;
	if (h.type == WIRE_T_INIT && seen.init == NULL && p->to == 1) {
		seen.init = malloc(sizeof(*p) + p->len);
		ck_assert_ptr_nonnull(seen.init);
		memcpy(seen.init, p, sizeof(*p) + p->len);
	}
	seen.resps += h.type == WIRE_T_RESP;
	seen.cookies += h.type == WIRE_T_COOKIE;
	return h.type == WIRE_T_RESP && seen.drop_resps ? DUO_DROP : DUO_PASS;
}

static struct duo *
watched(int n, int m)
{
	struct duo *d = duo_new(n, m);

	memset(&seen, 0, sizeof(seen));
	d->tap = watch;
	return d;
}

static void
done(struct duo *d)
{
	free(seen.init);
	duo_free(d);
}

static enum mp_verdict
replay(struct duo *d)
{
	return duo_inject(d, 1, &seen.init->path, seen.init->data,
	    seen.init->len);
}

static int
half_open(const struct duo *d, int e)
{
	int n = 0;

	for (int i = 0; i < STATE_OPEN; i++)
		n += d->end[e].mp.handshakes[i].state != HANDSHAKE_FREE;
	return n;
}

/* A world in which the INIT arrived and the RESP did not. */
static struct duo *
half_way(int n)
{
	struct duo *d = watched(n, 1);

	seen.drop_resps = true;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 100 * MS);
	ck_assert_ptr_nonnull(seen.init);
	ck_assert_int_eq(half_open(d, 1), 1);
	return d;
}

/* Copies of an INIT get the cached RESP, 4 for each source. */
START_TEST(duplicates)
{
	struct duo *d = half_way(1);
	int i;

	ck_assert_int_eq(seen.resps, 1);
	for (i = 0; i < 10; i++)
		replay(d);
	ck_assert_int_eq(seen.resps, 4);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_dup), 7);
	seen.init->path.remote.port++; /* another source: 4 RESPs, 6 drops
					* more */
	for (i = 0; i < 10; i++)
		replay(d);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_dup), 13);
	for (i = 0; i < 100; i++) { /* more sources than are noted */
		seen.init->path.remote.port++;
		replay(d);
	}
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_handshake_dup), 90);
	ck_assert_int_eq(half_open(d, 1), 1);
	ck_assert_ptr_null(duo_session(d, 1)); /* no session was made */
	done(d);
}
END_TEST

/* A half-open handshake lives 5 s. */
START_TEST(half_open_life)
{
	struct duo *d = half_way(1);

	d->end[0].off = true;
	duo_run(d, d->now + 6 * SEC);
	ck_assert_int_eq(half_open(d, 1), 0);
	ck_assert_uint_eq(mp_deadline(&d->end[1].mp), MP_NEVER);
	done(d);
}
END_TEST

/* A replayed INIT changes no live session, then or later. */
START_TEST(replayed)
{
	struct duo *d = watched(2, 1);
	struct session before;
	uint32_t n = 2;

	duo_up(d);
	for (int i = 0; i < 3; i++) {
		before = *duo_session(d, 1);
		ck_assert_int_eq(replay(d), MP_HANDSHAKE);
		ck_assert_mem_eq(&before, duo_session(d, 1), sizeof(before));
		duo_chat(d, d->now + 10 * SEC, 100 * MS, &n);
		/* the client refuses a RESP to an INIT it did not send */
		ck_assert_uint_ge(duo_count(d, 0, MP_C_drop_handshake_sid), 1);
	}
	ck_assert_uint_eq(duo_count(d, 1, MP_C_handshake_done), 1);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	done(d);
}
END_TEST

/* A stranger costs no memory and gets no answer. */
START_TEST(stranger)
{
	struct duo *d = watched(1, 1);
	uint8_t secret[32] = { 1, 2, 3 };
	uint8_t *before;

	mp_keyring_wipe(&d->end[0].keys);
	ck_assert_int_eq(test_keys_add(&d->end[0].keys, "other", 'A',
	    secret), 0);
	before = malloc(d->end[1].size);
	ck_assert_ptr_nonnull(before);
	memcpy(before, d->end[1].block, d->end[1].size);
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_uint_eq(d->sent[1], 0);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_handshake_mac), 3);
	d->end[1].mp.sh->count[MP_C_drop_handshake_mac] = 0;
	ck_assert_mem_eq(before, d->end[1].block, d->end[1].size);
	free(before);
	done(d);
}
END_TEST

/* Whoever knows our public key, but is not known to us, gets no answer and
 * costs no memory. */
START_TEST(unknown_peer)
{
	struct duo *d = watched(1, 1);

	d->end[1].keys.key[0].pub[0] ^= 1;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_uint_eq(d->sent[1], 0);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_handshake_peer), 3);
	ck_assert_int_eq(half_open(d, 1), 0);
	ck_assert_uint_eq(mp_session_end(&d->end[1].mp), 0);
	done(d);
}
END_TEST

/* Both ends must have the same psk, or none. */
START_TEST(other_psk)
{
	struct duo *d = watched(1, 1);

	d->end[1].keys.key[0].psk[31] ^= 1;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	ck_assert_int_ge(seen.resps, 1);
	ck_assert_uint_ge(duo_count(d, 0, MP_C_drop_handshake_auth), 1);
	ck_assert_int_ne(duo_session(d, 0)->state, MP_S_UP);
	done(d);
}
END_TEST

/* A reflected INIT fails at mac1; two holders of one identity cannot talk. */
START_TEST(reflected)
{
	struct duo *d = half_way(1);
	struct mp_path path = duo_path(d, 0, 0, 1, 0);

	ck_assert_int_eq(duo_inject(d, 0, &path, seen.init->data, WIRE_INIT),
	    MP_HANDSHAKE);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_mac), 1);
	ck_assert_int_eq(half_open(d, 0), 0);
	done(d);
}
END_TEST

START_TEST(same_end)
{
	struct duo *d = watched(1, 1);

	d->end[1].keys = d->end[0].keys;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->sent[1], 0);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_handshake_mac), 1);
	done(d);
}
END_TEST

/* End B can be the initiator as well. */
START_TEST(other_end)
{
	struct duo *d = watched(2, 2);

	uint8_t number[32] = "turned around";
	int e;

	for (e = 0; e < 2; e++) {
		mp_keyring_wipe(&d->end[e].keys);
		ck_assert_int_eq(test_keys_add(&d->end[e].keys, "swapped",
		    "BA"[e], number), 0);
	}
	duo_up(d);
	ck_assert(duo_session(d, 0)->initiator);
	done(d);
}
END_TEST

/* --- Malformed ------------------------------------------------------------ */

/* Unknown version, type, flags or length after the magic: dropped in
 * silence. */
static const struct bad_row {
	const char *name;
	size_t byte, len;
	uint8_t value;
} bads[] = {
	{ "type 0", 4, WIRE_INIT, 0 },
	{ "type 6", 4, WIRE_INIT, 6 },
	{ "version 1", 5, WIRE_INIT, 1 },
	{ "flags", 6, WIRE_INIT, 1 },
	{ "flags", 7, WIRE_INIT, 1 },
	{ "short", 4, WIRE_INIT - 1, 1 },
	{ "long", 4, WIRE_INIT + 1, 1 },
	{ "type of a RESP", 4, WIRE_INIT, 2 },
	{ "only magic", 4, 5, 1 },
};

START_TEST(malformed)
{
	const struct bad_row *r = &bads[_i];
	struct duo *d = half_way(1);
	uint64_t sent = d->sent[1];
	uint8_t packet[WIRE_INIT + 1] = { 0 };

	memcpy(packet, seen.init->data, WIRE_INIT);
	packet[r->byte] = r->value;
	ck_assert_int_eq(duo_inject(d, 1, &seen.init->path, packet, r->len),
	    MP_HANDSHAKE);
	ck_assert_msg(duo_count(d, 1, MP_C_drop_handshake_format) == 1, "%s",
	    r->name);
	ck_assert_uint_eq(d->sent[1], sent);
	done(d);
}
END_TEST

/* By a sender that can make mac1 but not the rest. */
START_TEST(forged)
{
	struct duo *d = half_way(1);
	uint8_t *p = seen.init->data;
	uint64_t sent = d->sent[1];

	for (size_t i = WIRE_HANDSHAKE; i < WIRE_MAC1_INIT; i++) {
		p[i] ^= 1;
		crypto_mac(p + WIRE_MAC1_INIT, p, WIRE_MAC1_INIT,
		    d->end[0].keys.key[0].mac.init);
		replay(d);
		p[i] ^= 1;
	}
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_auth),
	    WIRE_NOISE1);
	ck_assert_uint_eq(d->sent[1], sent);
	done(d);
}
END_TEST

/* --- Over the limits ------------------------------------------------------ */

START_TEST(load_curves)
{
	struct duo *d = half_way(1);

	d->end[1].mp.handshakes[0].state = HANDSHAKE_OPEN;
	duo_run(d, d->now + 5 * SEC); /* the server has forgotten it */
	while (ratelimit_curve(&d->end[1].mp, d->now, 1))
		;
	seen.resps = 0;
	replay(d);
	ck_assert_int_eq(seen.resps, 0);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_rate), 1);
	done(d);
}
END_TEST

/* All records have handshakes that were answered a moment ago: one that waits for
 * its confirmation is not given up for another one, or where more begin than a
 * round trip lets in, none ever ends well.  The client asks again. */
START_TEST(load_crowded)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[1].mp;
	uint64_t now = duo_time(d, 1);
	int i;

	m->sh->handshake_used[0] = STATE_OPEN;
	for (i = 0; i < STATE_OPEN; i++) {
		m->handshakes[i].state = HANDSHAKE_OPEN;
		m->handshakes[i].born_at = now;
		m->handshakes[i].key_id = (uint64_t)i + 1;
		m->handshakes[i].keys.sid_in = table_new_sid(m, 0);
		table_link_sid(m, table_handshake_ref(m, &m->handshakes[i]));
		handshake_rank(m, &m->handshakes[i]);
	}
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 950 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 2), 0);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_rate), 3);
	for (i = 0; i < STATE_OPEN; i++)
		ck_assert_uint_eq(m->handshakes[i].born_at, now);
	duo_run(d, d->now + 1500 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	duo_free(d);
}
END_TEST

/* All records have such handshakes of one peer (0: another one; 1: the one that
 * begins one more). */
START_TEST(load_of_one)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[1].mp;
	uint64_t key = _i == 0 ? 77 : d->end[1].keys.key[0].id;
	int i, left = 0;

	m->sh->handshake_used[0] = STATE_OPEN;
	for (i = 0; i < STATE_OPEN; i++) {
		m->handshakes[i].state = HANDSHAKE_OPEN;
		m->handshakes[i].born_at = duo_time(d, 1);
		m->handshakes[i].key_id = key;
		m->handshakes[i].keys.sid_in = table_new_sid(m, 0);
		table_link_sid(m, table_handshake_ref(m, &m->handshakes[i]));
		handshake_rank(m, &m->handshakes[i]);
	}
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 250 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 2), _i == 0);
	for (i = 0; i < STATE_OPEN; i++)
		left += m->handshakes[i].key_id == key;
	ck_assert_int_eq(left, _i == 0 ? STATE_OPEN - 1 : STATE_OPEN);
	duo_free(d);
}
END_TEST

/* Above 200 a second the answer is a cookie, without curve operations. */
START_TEST(load_cookie_sent)
{
	struct duo *d = half_way(1);
	struct bucket *fresh = &d->end[1].mp.sh->ratelimit.fresh;

	d->end[0].off = true;
	duo_run(d, d->now + 6 * SEC);
	for (int i = 0; i < 10; i++) {
		*fresh = (struct bucket) { d->now, 0 };
		replay(d);
	}
	ck_assert_int_eq(seen.cookies, 10);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_cookie_out), 10);
	ck_assert_int_eq(half_open(d, 1), 0);
	done(d);
}
END_TEST

/* --- Both at once: end A's wins ------------------------------------------- */

static const int64_t leads[] = { /* us that B begins before A */
	0, 3000, -3000, 10000, -10000, 15000, -15000, 25000, -25000, 60000,
	-60000,
};

static struct duo *
both_begin(int64_t lead)
{
	struct duo *d = watched(2, 2);
	int first = lead > 0;

	d->end[1].peer = duo_addr(d, 0, 0);
	ck_assert_int_eq(duo_say(d, first, 2 + (uint32_t)first), 0);
	duo_run(d, d->now + (uint64_t)(lead > 0 ? lead : -lead));
	ck_assert_int_eq(duo_say(d, !first, 2 + (uint32_t)!first), 0);
	duo_run(d, d->now + 3 * SEC);
	return d;
}

/* One session is left, and both programs see the addresses that they used. */
START_TEST(both)
{
	struct duo *d = both_begin(leads[_i]);
	struct mp_addr client = duo_addr(d, 0, 0);

	for (int e = 0; e < 2; e++)
		for (uint32_t i = 1; i < d->end[e].mp.limits.sessions; i++)
			ck_assert_int_eq(d->end[e].mp.sessions[i].state,
			    MP_S_FREE);
	ck_assert(duo_session(d, 0)->initiator !=
	    duo_session(d, 1)->initiator);
	if (leads[_i] <= 0) /* A began first, or both at once */
		ck_assert(duo_session(d, 0)->initiator);
	ck_assert_int_eq(duo_say(d, 0, 4), 0);
	ck_assert_int_eq(duo_say(d, 1, 5), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 4), 1);
	ck_assert_int_eq(duo_heard(d, 0, 5), 1);
	ck_assert(addr_equal(&d->end[1].peer, &client));
	done(d);
}
END_TEST

/* Datagrams sent before are staged, and sent when the session is up. */
START_TEST(both_staged)
{
	struct duo *d = both_begin(leads[_i]);

	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	ck_assert_int_eq(duo_heard(d, 0, 3), 1);
	done(d);
}
END_TEST

/* --- What the program sees (PROTOCOL.md 6)
 * ----------------------------------- */

START_TEST(shown)
{
	struct duo *d = watched(2, 2);
	struct mp_addr client = duo_addr(d, 0, 0);

	duo_cut(d, 1, 0, true);
	duo_up(d);
	ck_assert(addr_equal(&d->end[1].got[0].from, &client));
	/* and it stays, whatever flow the data takes */
	duo_addr_del(d, 0, 0);
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	ck_assert(addr_equal(&d->end[1].got[1].from, &client));
	done(d);
}
END_TEST

/* An AF_INET program, and only IPv6 works. */
START_TEST(synthetic)
{
	static const uint8_t a[16] = { 0xfd, [15] = 1 }, b[16] = { 0xfd,
		[15] = 2 };
	struct duo *d = watched(1, 1);
	struct mp_addr from;

	ck_assert_int_eq(mp_slot_open(&d->end[1].mp, 0, MP_INET), 0);
	duo_addr_new(d, 0, a, 5);
	d->end[0].peer = duo_addr(d, 1, duo_addr_new(d, 1, b, 5));
	duo_cut(d, 0, 0, true);
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	from = d->end[1].got[0].from;
	ck_assert(addr_is_synthetic(from.ip));
	ck_assert_uint_eq(from.ip[12], 198);
	ck_assert_uint_eq(from.port, DUO_PORT);
	ck_assert_int_eq(duo_say(d, 1, 3), 0); /* the program can answer */
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 0, 3), 1);
	done(d);
}
END_TEST

/* A newcomer at the address that a live session shows takes it over when that
 * session has heard nothing for 3 s; else it is shown a synthetic address. */
static const struct take_row {
	const char *name;
	uint64_t silent;
	bool takes;
} takes[] = {
	{ "at once", 0, false },
	{ "after 2 s", 2 * SEC, false },
	{ "after 4 s", 4 * SEC, true },
	{ "after 200 s", 200 * SEC, true },
};

START_TEST(takeover)
{
	const struct take_row *r = &takes[_i];
	struct duo *d = watched(1, 1);
	struct mp_addr client = duo_addr(d, 0, 0), from;
	int other;

	duo_up(d);
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 50 * MS);
	/* another host gets that address */
	other = duo_add_end(d, 1, 'A');
	d->end[0].off = true;
	duo_run(d, d->now + r->silent);
	d->end[0].addr[0].there = false;
	d->end[other].port = d->end[0].port;
	d->end[other].addr[0].local = d->end[0].addr[0].local;
	duo_tell(d, other);
	ck_assert_int_eq(duo_say(d, other, 4), 0);
	duo_run(d, d->now + 200 * MS);
	ck_assert_int_eq(duo_heard(d, 1, 4), 1);
	from = d->end[1].peer;
	ck_assert_msg(addr_equal(&from, &client) == r->takes, "%s", r->name);
	ck_assert(r->takes || addr_is_synthetic(from.ip));
	if (!r->takes)
		ck_assert_uint_ne(mp_session_find(&d->end[1].mp, 0, &client),
		    MP_NONE);
	done(d);
}
END_TEST

/* --- No room -------------------------------------------------------------- */

START_TEST(no_slot)
{
	struct duo *d = watched(1, 1);

	mp_slot_close(&d->end[1].mp, d->now, 0);
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->sent[1], 0);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_handshake_slot), 1);
	done(d);
}
END_TEST

/* The slot closes between INIT and its confirmation. */
START_TEST(slot_closed)
{
	struct duo *d = watched(1, 1);

	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 15 * MS);
	ck_assert_int_eq(seen.resps, 1);
	mp_slot_close(&d->end[1].mp, d->now, 0);
	duo_run(d, d->now + SEC);
	ck_assert_ptr_null(duo_session(d, 1));
	ck_assert_int_eq(duo_heard(d, 1, 2), 0);
	done(d);
}
END_TEST

START_TEST(no_room)
{
	struct mp_setup setup = { .limits = { .sessions = 1 },
		.chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	int other = duo_add_end(d, 1, 'A');
	uint32_t n = 2;

	memset(&seen, 0, sizeof(seen));
	duo_up(d);
	(void)duo_say(d, other, 500);
	duo_chat(d, d->now + 2 * SEC, 100 * MS, &n);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_drop_handshake_full), 1);
	ck_assert_int_eq(duo_heard(d, 1, 500), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	done(d);
}
END_TEST

/* More half-open handshakes than records: the oldest goes first. */
START_TEST(half_open_full)
{
	struct duo *d = half_way(1);

	d->end[1].mp.sh->handshake_used[0] = STATE_OPEN;
	for (int i = 1; i < STATE_OPEN; i++) {
		d->end[1].mp.handshakes[i].state = HANDSHAKE_DONE;
		d->end[1].mp.handshakes[i].born_at = d->now + 1;
		handshake_rank(&d->end[1].mp, &d->end[1].mp.handshakes[i]);
	}
	seen.drop_resps = false;
	duo_restart(d, 0); /* sends another INIT */
	d->end[0].peer = duo_addr(d, 1, 0);
	(void)duo_say(d, 0, 4);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 4), 1);
	done(d);
}
END_TEST

/* Holds every INIT back until `arg', a time; counts the answers. */
static enum duo_verdict
crowd_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	const uint64_t *at = arg;
	struct wire_handshake h;

	(void)d;
	if (!wire_get_handshake(p->data, p->len, &h))
		return DUO_PASS;
	if (h.type == WIRE_T_INIT)
		p->at = *at;
	else
		seen.resps += h.type == WIRE_T_RESP;
	return DUO_PASS;
}

/* 600 peers begin at once, as after a restart of their server: all are answered,
 * and none of these handshakes is given up for another one. */
START_TEST(crowd)
{
	struct duo *d = duo_new(1, 1);
	uint64_t at = d->now + SEC;

	seen.resps = 0;
	d->tap = crowd_tap;
	d->tap_arg = &at;
	for (uint32_t i = 0; i < 600; i++) {
		duo_restart(d, 0);
		d->end[0].peer = duo_addr(d, 1, 0);
		(void)duo_say(d, 0, 2 * i);
		duo_run(d, d->now + MS);
	}
	d->end[0].off = true;
	duo_run(d, at + 200 * MS);
	ck_assert_int_eq(seen.resps, 600);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_rate), 0);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_cookie_out), 0);
	ck_assert_int_eq(half_open(d, 1), 600);
	duo_free(d);
}
END_TEST

/* --- Inside a session ----------------------------------------------------- */

/* Rekey at 120 s +-10 %: make before break; roles and flows stay. */
START_TEST(rekey)
{
	struct duo *d = watched(2, 2);
	uint32_t n = 2, sid[2];

	duo_up(d);
	for (int e = 0; e < 2; e++)
		sid[e] = state_keys(duo_session(d, e))->sid_in;
	duo_chat(d, d->now + 135 * SEC, 200 * MS, &n);
	duo_run(d, d->now + SEC);
	for (int e = 0; e < 2; e++) {
		ck_assert_uint_eq(duo_count(d, e, MP_C_handshake_done), 2);
		ck_assert_uint_ne(state_keys(duo_session(d, e))->sid_in,
		    sid[e]);
		ck_assert_uint_eq(duo_session(d, e)->live_flows, 4);
	}
	ck_assert(duo_session(d, 0)->initiator);
	ck_assert(!duo_session(d, 1)->initiator);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	ck_assert_int_eq(duo_twice(d, 2, n), 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_flow_switch), 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_copy_out), 0);
	done(d);
}
END_TEST

/* The responder begins a rekey; both do: end A's wins. */
START_TEST(rekey_who)
{
	struct duo *d = watched(2, 2);
	uint32_t n = 2;

	duo_up(d);
	for (int e = 0; e < 2; e++)
		if (_i & 1 << e) {
			duo_session(d, e)->rekey_at = d->now;
			mp_link_event(&d->end[e].mp, d->now, MP_NONE);
		}
	duo_chat(d, d->now + 5 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	for (int e = 0; e < 2; e++)
		ck_assert_uint_eq(duo_count(d, e, MP_C_handshake_done), 2);
	ck_assert_int_eq(duo_missing(d, 2, n), 0);
	ck_assert_int_eq(duo_twice(d, 2, n), 0);
	ck_assert(duo_session(d, 0)->initiator); /* the roles stay */
	ck_assert(!duo_session(d, 1)->initiator);
	done(d);
}
END_TEST

/* An INIT inside a session that names another association, or an unknown
 * one. */
START_TEST(inner_foreign)
{
	struct duo *d = half_way(1);
	struct wire_msg msg = { .flags = WIRE_REKEY };
	uint8_t packet[300];
	struct mp_path path = seen.init->path;
	size_t len;

	seen.drop_resps = false;
	duo_run(d, d->now + SEC); /* a later RESP brings it up */
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_UP);
	memset(d->end[1].mp.handshakes, 0, sizeof(struct handshake));
	duo_session(d, 1)->assoc[0] ^= 1; /* the INIT names another one now */
	seen.resps = 0;
	len = duo_make(d, 0, duo_current(d, 0)->id, 1000, &msg,
	    seen.init->data, WIRE_INIT, packet);
	ck_assert_int_eq(duo_inject(d, 1, &path, packet, len), MP_HANDSHAKE);
	ck_assert_uint_eq(duo_count(d, 1, MP_C_drop_handshake_auth), 1);
	done(d);
}
END_TEST

/* The responder restarts without memory: found within 2 s. */
START_TEST(restart)
{
	struct duo *d = watched(2, 2);
	uint32_t n = 2;
	int who = _i;

	duo_up(d);
	duo_chat(d, d->now + 2 * SEC, 100 * MS, &n);
	duo_restart(d, who);
	if (who == 1)
		d->end[1].peer.port = 0; /* its program knows no peer */
	duo_chat(d, d->now + 2 * SEC, 100 * MS, &n);
	n = 10000;
	duo_chat(d, d->now + SEC, 100 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 10000, n), 0);
	ck_assert_int_eq(duo_twice(d, 10000, n), 0);
	done(d);
}
END_TEST

Suite *
suite_responder(void)
{
	Suite *suite = suite_create("responder");
	TCase *t = tcase_create("responder");

	tcase_add_test(t, duplicates);
	tcase_add_test(t, half_open_life);
	tcase_add_test(t, replayed);
	tcase_add_test(t, stranger);
	tcase_add_test(t, unknown_peer);
	tcase_add_test(t, other_psk);
	tcase_add_test(t, reflected);
	tcase_add_test(t, same_end);
	tcase_add_test(t, other_end);
	tcase_add_loop_test(t, malformed, 0, COUNT(bads));
	tcase_add_test(t, forged);
	tcase_add_test(t, load_curves);
	tcase_add_test(t, load_crowded);
	tcase_add_loop_test(t, load_of_one, 0, 2);
	tcase_add_test(t, load_cookie_sent);
	tcase_add_loop_test(t, both, 0, COUNT(leads));
	tcase_add_loop_test(t, both_staged, 0, COUNT(leads));
	tcase_add_test(t, shown);
	tcase_add_test(t, synthetic);
	tcase_add_loop_test(t, takeover, 0, COUNT(takes));
	tcase_add_test(t, no_slot);
	tcase_add_test(t, slot_closed);
	tcase_add_test(t, no_room);
	tcase_add_test(t, half_open_full);
	tcase_add_test(t, crowd);
	tcase_add_test(t, rekey);
	tcase_add_loop_test(t, rekey_who, 1, 4);
	tcase_add_test(t, inner_foreign);
	tcase_add_loop_test(t, restart, 0, 2);
	suite_add_tcase(suite, t);
	return suite;
}
