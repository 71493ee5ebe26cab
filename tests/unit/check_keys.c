/* SPDX-License-Identifier: ISC */
/* Keys that change within a session, and that no nonce is ever used twice. */
#include <stdlib.h>
#include <string.h>

#include "../keys.h"
#include "bytes.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

enum { CLIENT = 0, SERVER = 1 };

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

/* --- Keys ----------------------------------------------------------------- */

/* Every (sid, nonce) that went over the wire. */
struct nonces {
	uint8_t (*p)[12];
	size_t n;
	uint32_t sids; /* changes of the sid in the client's packets */
	uint32_t sid;
};

static enum duo_verdict
nonce_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct nonces *t = arg;

	(void)d;
	if (wire_is_handshake(p->data, p->len))
		return DUO_PASS;
	if (t->n % 4096 == 0) {
		t->p = realloc(t->p, (t->n + 4096) * sizeof(*t->p));
		ck_assert_ptr_nonnull(t->p);
	}
	memcpy(t->p[t->n], p->data, 12);
	t->p[t->n][3] &= (uint8_t)~WIRE_SID_C; /* C does not change the key */
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

/* Makes the end's rekey due now. */
static void
want_keys(struct duo *d, int e)
{
	struct session *s = duo_session(d, e);

	s->rekey_at = d->now;
	table_set_deadline(&d->end[e].mp, s, d->now);
}

/* Keys change while datagrams flow: none is lost or comes twice, and the old
 * keys are wiped in time. */
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
	duo_all_came(d, 2, n);
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

/* The same while a path is down, so that datagrams of the old key are copied
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
	duo_all_came(d, 2, n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 15);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

/* Both ends rekey at about the same time: end A's INIT wins while neither was
 * answered. */
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
		/* either end is up to 15 ms earlier */
		want_keys(d, i < 10 ? CLIENT : SERVER);
		duo_run(d, d->now + (uint64_t)(i % 10) * 5 * MS / 3);
		want_keys(d, i < 10 ? SERVER : CLIENT);
	}
	duo_run(d, d->now + SEC);
	duo_chat(d, d->now + 5 * SEC, 20 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	ck_assert(duo_session(d, CLIENT)->initiator);
	ck_assert(!duo_session(d, SERVER)->initiator);
	ck_assert_int_eq(duo_sessions(d, CLIENT), 1);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	ck_assert_uint_eq(state_keys(duo_session(d, CLIENT))->sid_out,
	    state_keys(duo_session(d, SERVER))->sid_in);
	ck_assert_uint_eq(state_keys(duo_session(d, CLIENT))->sid_in,
	    state_keys(duo_session(d, SERVER))->sid_out);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

/* Addresses come and go, and new ones too, so that flow ids are reused; either
 * end restarts in between. */
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
		/* returns as another address */
		d->end[e].addr[a].local.ip[14] = (uint8_t)(i / 4);
		if (i % 10 == 5)
			want_keys(d, e);
		duo_addr_add(d, e, a);
		duo_chat(d, d->now + 500 * MS, 20 * MS, &n);
		if (i % 20 == 19)
			duo_restart(d, e);
		duo_chat(d, d->now + SEC, 20 * MS, &n);
	}
	ck_assert_uint_ge(t.sids, 5); /* first, 2 renewed, 2 after restarts */
	ck_assert_uint_gt(t.n, 5000);
	assert_no_nonce_twice(&t);
	duo_free(d);
}
END_TEST

Suite *
suite_keys(void)
{
	Suite *s = suite_create("keys");
	TCase *tc = tcase_create("keys");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, rekey_in_traffic);
	tcase_add_test(tc, rekey_in_trouble);
	tcase_add_loop_test(tc, rekey_both, 0, 2);
	tcase_add_test(tc, no_nonce_twice);
	suite_add_tcase(s, tc);
	return s;
}
