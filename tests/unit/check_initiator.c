/* SPDX-License-Identifier: ISC */
/* core/initiator.c: when and where INIT goes, and what RESP and COOKIE do
 * (PROTOCOL.md 2). */
#include <stdlib.h>
#include <string.h>

#include "../keys.h"
#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "ratelimit.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* INITs of the client that the tap has seen. */
static struct {
	uint64_t start;
	int n;
	struct {
		uint64_t at;
		int addr;
		uint8_t e[32], mac2[16];
	} init[100];
	struct duo_packet *resp; /* kept from the client */
} seen;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_handshake h;

	(void)arg;
	if (p->from != 0 || !wire_get_handshake(p->data, p->len, &h) ||
	    h.type != WIRE_T_INIT)
		return DUO_PASS;
	ck_assert_int_lt(seen.n, COUNT(seen.init));
	seen.init[seen.n].at = d->now - seen.start;
	seen.init[seen.n].addr = p->from_addr;
	memcpy(seen.init[seen.n].e, p->data + WIRE_HANDSHAKE, 32);
	memcpy(seen.init[seen.n].mac2, p->data + WIRE_MAC2_INIT, 16);
	seen.n++;
	return DUO_PASS;
}

static struct duo *
watched(int n_client_addrs)
{
	struct duo *d = duo_new(n_client_addrs, 1);

	memset(&seen, 0, sizeof(seen));
	seen.start = d->now;
	d->tap = watch;
	return d;
}

/* On every pair at once, again at 0.3 and 0.9 s; from 2.1 s on one pair in
 * turn, each once a second while the program is not idle; a new ephemeral key
 * after 5 s. */
START_TEST(rounds)
{
	static const uint64_t at[] = { 0, 0, 0, 300 * MS, 300 * MS, 300 * MS,
		900 * MS, 900 * MS, 900 * MS, 2100 * MS };
	struct duo *d = watched(3);
	uint64_t due;
	int i, j, mask;

	d->end[1].off = true;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 9 * SEC);
	ck_assert_int_eq(seen.n, COUNT(at) + 20);
	for (i = 0; i < seen.n; i++) {
		due = i < COUNT(at) ? at[i] :
		    seen.init[i - 1].at + SEC / 3;
		ck_assert_msg(seen.init[i].at == due, "INIT %d at %llu", i,
		    (unsigned long long)seen.init[i].at);
		ck_assert((memcmp(seen.init[i].e, seen.init[0].e, 32) == 0) ==
		    (due < 5 * SEC));
	}
	for (i = 0; i < 30; i += 3) { /* each pair once in each round */
		for (j = mask = 0; j < 3; j++)
			mask |= 1 << seen.init[i + j].addr;
		ck_assert_int_eq(mask, 7);
	}
	ck_assert_mem_eq(seen.init[29].e, seen.init[28].e, 32);
	duo_free(d);
}
END_TEST

/* After CLOSE the peer was there a moment ago: a server that is replaced by
 * another process.  INIT goes again sooner, so that what the program says waits
 * little longer than for the next one to bind its port. */
START_TEST(rounds_after_close)
{
	static const uint64_t at[] = { 0, 50, 100, 200, 300, 500, 700, 1100 };
	struct duo *d = watched(1);
	struct session *s;
	uint64_t closed;
	uint32_t n = 2;
	int i;

	duo_up(d);
	s = duo_session(d, 0);
	if (_i == 1) { /* two handshakes a second ago, as of a child that failed */
		s->rekey_at = s->last_data = duo_time(d, 0);
		table_arm(&d->end[0].mp, s, s->rekey_at);
		s->keys[s->cur & 1].born_at = s->rekey_at;
	}
	duo_chat(d, d->now + 1200 * MS, 100 * MS, &n);
	ck_assert(_i == 0 || duo_count(d, 0, MP_C_handshake_out) == 2);
	mp_slot_close(&d->end[1].mp, duo_time(d, 1), 0);
	closed = d->now - seen.start;
	seen.n = 0;
	duo_run(d, d->now + DUO_DELAY);
	d->end[1].off = true;
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_ge(seen.n, COUNT(at));
	ck_assert_uint_le(seen.init[0].at - closed, 2 * DUO_DELAY);
	for (i = 0; i < COUNT(at); i++)
		ck_assert_msg(seen.init[i].at - seen.init[0].at ==
		    at[i] * MS, "INIT %d at %llu", i, (unsigned long long)
		    (seen.init[i].at - seen.init[0].at));
	ck_assert_int_le(seen.n, COUNT(at) + 4); /* one a second then */
	duo_free(d);
}
END_TEST

/* A session that was up, whose program is idle: one pair every 2 s. */
START_TEST(rounds_of_the_idle)
{
	struct duo *d = watched(3);

	duo_up(d);
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	(void)duo_say(d, 0, 4);
	d->end[1].off = true;
	duo_run(d, d->now + 30 * SEC);
	seen.n = 0;
	duo_run(d, d->now + 30 * SEC);
	ck_assert_int_eq(seen.n, 15);
	duo_free(d);
}
END_TEST

/* However often a session wants new keys: handshakes have a distance that
 * doubles from 1 to 10 s, and is 1 s again after 4 of them without one. */
START_TEST(pace)
{
	static const uint64_t gaps[] = { 1, 2, 4, 8, 10, 10 };
	struct duo *d = duo_new(1, 1);
	struct session *s;
	uint64_t began, done, last;
	int i, round;

	duo_up(d);
	s = duo_session(d, 0);
	for (round = 0; round < 2; round++) {
		duo_run(d, d->now + 60 * SEC); /* it is quiet */
		done = duo_count(d, 0, MP_C_handshake_done);
		for (last = 0, i = -1; i < COUNT(gaps); last = began, i++) {
			for (began = d->now; done ==
			    duo_count(d, 0, MP_C_handshake_done); ) {
				s->rekey_at = s->last_data = duo_time(d, 0);
				table_arm(&d->end[0].mp, s, s->rekey_at);
				duo_run(d, d->now + 5 * MS);
				ck_assert_uint_le(d->now, began + 11 * SEC);
			}
			began = d->now;
			done = duo_count(d, 0, MP_C_handshake_done);
			if (i >= 0)
				ck_assert_msg(began + 20 * MS >= last +
				    gaps[i] * SEC && began <= last +
				    gaps[i] * SEC + 50 * MS, "%d: %llu ms", i,
				    (unsigned long long)((began - last) / MS));
		}
	}
	duo_free(d);
}
END_TEST

/* Two sockets of the server's port have a session with one client each, of
 * which the client knows only one: the server's second asks, is answered, and
 * hears nothing.  Neither end shakes hands more than a few times a second, and
 * in the end that session is up. */
START_TEST(storm)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[1].mp;
	struct mp_addr client;
	uint64_t out, before;
	uint32_t i;

	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC / 2);
	client = d->end[1].peer;
	ck_assert_int_eq(mp_slot_open(m, 1, MP_INET), 0);
	for (i = 0; i < 10; i++) {
		before = duo_count(d, 0, MP_C_handshake_out) +
		    duo_count(d, 1, MP_C_handshake_out);
		for (int k = 0; k < 10; k++) {
			(void)duo_send_to(d, 1, 1, &client, "answer", 6,
			    (enum mp_send_flag)0);
			(void)duo_say(d, 0, 100 + 20 * i + 2 * (uint32_t)k);
			duo_run(d, d->now + SEC / 10);
		}
		out = duo_count(d, 0, MP_C_handshake_out) +
		    duo_count(d, 1, MP_C_handshake_out) - before;
		ck_assert_uint_le(out, 4);
	}
	ck_assert_uint_gt(d->end[0].n_got, 0);
	duo_free(d);
}
END_TEST

/* An address or link event: on all pairs again. */
static void
event_addr(struct duo *d)
{
	struct mp_addr a = duo_ip4(10, 0, 0, 77, 0);

	duo_addr_new(d, 0, a.ip, 9);
}

static void
event_link(struct duo *d)
{
	mp_link_event(&d->end[0].mp, d->now, 1);
}

static void
event_say(struct duo *d)
{
	(void)duo_say(d, 0, 4);
}

static void (*const events[])(struct duo *) = { event_addr, event_link,
	event_say };

START_TEST(event)
{
	struct duo *d = watched(3);
	uint64_t at;
	int n;

	d->end[1].off = true;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 4900 * MS);
	at = d->now - seen.start;
	n = seen.n;
	events[_i](d);
	duo_run(d, d->now + 1 * SEC);
	ck_assert_int_ge(seen.n, n + 6);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(seen.init[n + i].at, at);
	ck_assert_uint_eq(seen.init[seen.n - 1].at, at + 900 * MS);
	duo_free(d);
}
END_TEST

/* --- Cookies -------------------------------------------------------------- */

/* The server is over its limit of handshakes whenever an INIT arrives. */
static enum duo_verdict
load(struct duo *d, struct duo_packet *p, void *arg)
{
	struct bucket *fresh = &d->end[1].mp.sh->ratelimit.fresh;

	if (p->from == 0 && wire_is_handshake(p->data, p->len)) {
		fresh->level = 0;
		fresh->at = p->at;
	}
	return watch(d, p, arg);
}

START_TEST(cookie)
{
	static const uint8_t zero[16];
	struct duo *d = watched(2);

	d->tap = load;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	ck_assert_uint_ge(duo_count(d, 1, MP_C_cookie_out), 1);
	ck_assert_mem_eq(seen.init[0].mac2, zero, 16);
	ck_assert_mem_ne(seen.init[2].mac2, zero, 16);
	/* the same INIT, as soon as the cookie arrived */
	ck_assert_mem_eq(seen.init[0].e, seen.init[2].e, 32);
	ck_assert_uint_eq(seen.init[2].at, 20 * MS);
	duo_free(d);
}
END_TEST

/* --- Answers that must be refused ----------------------------------------- */

/* Takes the first RESP or COOKIE away. */
static enum duo_verdict
steal(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_handshake h;

	(void)arg;
	if (p->from == 0 && seen.n > 0)
		load(d, p, arg); /* the server asks for a cookie */
	if (p->from == 1 && wire_get_handshake(p->data, p->len, &h)) {
		if (seen.resp == NULL) {
			seen.resp = malloc(sizeof(*p) + p->len);
			ck_assert_ptr_nonnull(seen.resp);
			memcpy(seen.resp, p, sizeof(*p) + p->len);
		}
		return DUO_DROP;
	}
	return DUO_PASS;
}

static struct duo *
stolen(int want_cookie)
{
	struct duo *d = watched(1);

	d->tap = steal;
	seen.n = want_cookie;
	(void)duo_say(d, 0, 2);
	duo_run(d, d->now + 50 * MS);
	ck_assert_ptr_nonnull(seen.resp);
	ck_assert_int_eq(seen.resp->data[4], want_cookie ? WIRE_T_COOKIE :
	    WIRE_T_RESP);
	d->tap = NULL;
	return d;
}

static enum mp_verdict
inject(struct duo *d)
{
	return duo_inject(d, 0, &seen.resp->path, seen.resp->data,
	    seen.resp->len);
}

static void
done(struct duo *d)
{
	free(seen.resp);
	duo_free(d);
}

static void
up_after(struct duo *d, int is_up)
{
	ck_assert_int_eq(duo_session(d, 0)->state, is_up ? MP_S_UP :
	    MP_S_CONNECTING);
}

/* One changed byte: counted for the right reason, without effect; the true
 * answer that follows is taken. */
START_TEST(resp_changed)
{
	struct duo *d = stolen(0);
	uint64_t drops;

	for (size_t i = 8; i < seen.resp->len; i++) {
		drops = duo_count(d, 0, MP_C_drop_handshake_sid) +
		    duo_count(d, 0, MP_C_drop_handshake_mac);
		seen.resp->data[i] ^= 0x10;
		ck_assert_int_eq(inject(d), MP_HANDSHAKE);
		seen.resp->data[i] ^= 0x10;
		up_after(d, 0);
		ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_sid) +
		    duo_count(d, 0, MP_C_drop_handshake_mac), drops + 1);
	}
	inject(d);
	up_after(d, 1);
	inject(d); /* a late copy */
	ck_assert_uint_eq(duo_count(d, 0, MP_C_handshake_done), 1);
	done(d);
}
END_TEST

/* By a sender that can make mac1 but not the rest. */
START_TEST(resp_forged)
{
	struct duo *d = stolen(0);
	uint8_t *p = seen.resp->data;

	for (size_t i = WIRE_HANDSHAKE; i < WIRE_MAC1_RESP; i++) {
		p[i] ^= 1;
		crypto_mac(p + WIRE_MAC1_RESP, p, WIRE_MAC1_RESP,
		    d->end[0].keys.own[0].mac.resp);
		inject(d);
		p[i] ^= 1;
		up_after(d, 0);
	}
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_auth),
	    WIRE_NOISE2);
	crypto_mac(p + WIRE_MAC1_RESP, p, WIRE_MAC1_RESP,
	    d->end[0].keys.own[0].mac.resp);
	inject(d);
	up_after(d, 1);
	done(d);
}
END_TEST

/* The budget of curve operations is used up. */
START_TEST(resp_load)
{
	struct duo *d = stolen(0);

	while (ratelimit_known(&d->end[0].mp, d->now,
	    d->end[0].keys.key[0].id, 1))
		;
	inject(d);
	up_after(d, 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_rate), 1);
	done(d);
}
END_TEST

/* The key was removed from the keyring meanwhile. */
START_TEST(resp_no_key)
{
	struct duo *d = stolen(0);

	mp_keyring_wipe(&d->end[0].keys);
	inject(d);
	up_after(d, 0);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_sid), 1);
	done(d);
}
END_TEST

/* A COOKIE is valid for one INIT and one pair, and only unchanged. */
START_TEST(cookie_forged)
{
	struct duo *d = stolen(1);
	uint64_t sent = d->sent[0];

	for (size_t i = WIRE_HANDSHAKE; i < WIRE_COOKIE; i++) {
		seen.resp->data[i] ^= 1;
		inject(d);
		seen.resp->data[i] ^= 1;
	}
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_auth),
	    WIRE_COOKIE - WIRE_HANDSHAKE);
	seen.resp->data[11] ^= 2;
	inject(d);
	seen.resp->data[11] ^= 2;
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_sid), 1);
	seen.resp->path.remote.port++;
	inject(d);
	seen.resp->path.remote.port--;
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_handshake_sid), 2);
	duo_run(d, d->now);
	ck_assert_uint_eq(d->sent[0], sent);
	inject(d);
	duo_run(d, d->now);
	ck_assert_uint_eq(d->sent[0], sent + 1); /* at once */
	inject(d);
	duo_run(d, d->now);
	ck_assert_uint_eq(d->sent[0], sent + 1); /* a copy of it: nothing */
	done(d);
}
END_TEST

/* --- What cannot begin now begins later ----------------------------------- */

/* More sessions are connecting than there are records for handshakes. */
START_TEST(many)
{
	struct mp_setup setup = { .limits = { .sessions = STATE_SENT + 44 },
		.chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	struct mp_addr a;

	for (int i = 0; i < STATE_SENT + 1; i++) {
		a = duo_ip4(10, 9, (uint8_t)(i >> 8), (uint8_t)i, 99);
		ck_assert_int_eq(duo_send_to(d, 0, 0, &a, "x", 1,
		    (enum mp_send_flag)0), 0);
	}
	duo_run(d, d->now);
	for (uint32_t n = 0; n < 30 && duo_session(d, 1) == NULL; n++) {
		(void)duo_say(d, 0, 2 * n); /* the peer is there */
		duo_run(d, d->now + SEC);
	}
	ck_assert_ptr_nonnull(duo_session(d, 1));
	duo_free(d);
}
END_TEST

/* The key is added while the program sends. */
START_TEST(key_later)
{
	struct duo *d = duo_new(1, 1);
	struct mp_keyring ring = d->end[0].keys;

	mp_keyring_wipe(&d->end[0].keys);
	for (uint32_t n = 0; n < 5; n++) {
		(void)duo_say(d, 0, 2 * n);
		duo_run(d, d->now + SEC);
	}
	d->end[0].keys = ring;
	for (uint32_t n = 5; n < 15; n++) {
		(void)duo_say(d, 0, 2 * n);
		duo_run(d, d->now + SEC);
	}
	ck_assert_int_eq(duo_heard(d, 1, 28), 1);
	duo_free(d);
}
END_TEST

/* With several keys, the session's own is used. */
START_TEST(which_key)
{
	struct duo *d = duo_new(1, 1);
	uint8_t secret[32] = { 5 };
	struct mp_keyring ring;
	struct mp_tx tx[MP_TX_MAX];

	memset(&ring, 0, sizeof(ring));
	ck_assert_int_eq(test_keys_add(&ring, "other", 'A', secret), 0);
	ck_assert_int_eq(mp_keyring_add(&ring, "peer",
	    d->end[0].keys.own[0].secret, d->end[0].keys.key[0].pub,
	    d->end[0].keys.key[0].psk), 0);
	d->end[0].keys = ring;
	ck_assert_int_eq(mp_send_begin(&d->end[0].mp, d->now, 0,
	    &d->end[0].peer, ring.key[1].id, 1, (enum mp_send_flag)0, tx),
	    MP_EAGAIN);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_UP);
	ck_assert_uint_eq(duo_session(d, 0)->key_id, ring.key[1].id);
	duo_free(d);
}
END_TEST

Suite *
suite_initiator(void)
{
	Suite *suite = suite_create("initiator");
	TCase *t = tcase_create("initiator");

	tcase_add_test(t, pace);
	tcase_add_test(t, storm);

	tcase_add_test(t, rounds);
	tcase_add_test(t, rounds_of_the_idle);
	tcase_add_loop_test(t, rounds_after_close, 0, 2);
	tcase_add_loop_test(t, event, 0, COUNT(events));
	tcase_add_test(t, cookie);
	tcase_add_test(t, resp_changed);
	tcase_add_test(t, resp_forged);
	tcase_add_test(t, resp_load);
	tcase_add_test(t, resp_no_key);
	tcase_add_test(t, cookie_forged);
	tcase_add_test(t, many);
	tcase_add_test(t, key_later);
	tcase_add_test(t, which_key);
	suite_add_tcase(suite, t);
	return suite;
}
