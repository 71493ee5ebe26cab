/* SPDX-License-Identifier: ISC */
/* core/handshake.c: what handshakes of either end share. */
#include "../keys.h"
#include "handshake.h"

#include <string.h>

#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define T0 (UINT64_C(5000) * SEC)

static struct mp m;

static void
setup(void)
{
	duo_bare(&m, NULL);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

START_TEST(key)
{
	struct mp_keyring ring = { .n = 0 };
	uint8_t secret[32] = { 1 };

	ck_assert_ptr_null(mp_keyring_find(NULL, 0));
	ck_assert_ptr_null(mp_keyring_find(&ring, 0));
	ck_assert_int_eq(test_keys_add(&ring, "one", 'A', secret), 0);
	secret[0] = 2;
	ck_assert_int_eq(test_keys_add(&ring, "two", 'B', secret), 0);
	ck_assert_ptr_eq(mp_keyring_find(&ring, 0), &ring.key[0]);
	ck_assert_ptr_eq(mp_keyring_find(&ring, ring.key[0].id), &ring.key[0]);
	ck_assert_ptr_eq(mp_keyring_find(&ring, ring.key[1].id), &ring.key[1]);
	ck_assert_ptr_null(mp_keyring_find(&ring, 12345));
}
END_TEST

/* A peer is known by its public key, to the identity that it was added for. */
START_TEST(peer)
{
	struct mp_keyring ring = { .n = 0 };
	uint8_t number[32] = { 1 };

	ck_assert_int_eq(test_keys_add(&ring, "one", 'A', number), 0);
	number[0] = 2;
	ck_assert_int_eq(test_keys_add(&ring, "two", 'B', number), 0);
	ck_assert_ptr_eq(mp_keyring_peer(&ring, 0, ring.key[0].pub),
	    &ring.key[0]);
	ck_assert_ptr_eq(mp_keyring_peer(&ring, 1, ring.key[1].pub),
	    &ring.key[1]);
	ck_assert_ptr_null(mp_keyring_peer(&ring, 1, ring.key[0].pub));
	ring.key[0].pub[31] ^= 1;
	ck_assert_ptr_null(mp_keyring_peer(&ring, 0, ring.key[1].pub));
}
END_TEST

static void
count_up(void *out, size_t len)
{
	static uint8_t n;

	memset(out, ++n, len);
}

/* Ephemeral secrets come from the keyring's source, where it has one. */
START_TEST(ephemeral)
{
	struct mp_keyring ring = { .n = 0 };
	uint8_t one[32], two[32];

	handshake_ephemeral(&m, &ring, one);
	handshake_ephemeral(&m, &ring, two);
	ck_assert_mem_ne(one, two, 32);
	ring.random = count_up;
	handshake_ephemeral(&m, &ring, one);
	handshake_ephemeral(&m, &ring, two);
	ck_assert_uint_eq(one[0] + 1, two[0]);
	ck_assert_mem_eq(one, one + 1, 31);
}
END_TEST

/* PROTOCOL.md 2: "mpshim1" 0 + the first 12 bytes of INIT. */
START_TEST(prologue)
{
	uint8_t packet[WIRE_INIT], out[HANDSHAKE_PROLOGUE];

	for (int i = 0; i < WIRE_INIT; i++)
		packet[i] = (uint8_t)i;
	handshake_prologue(out, packet);
	ck_assert_uint_eq(sizeof(out), 20);
	ck_assert_mem_eq(out, "mpshim1\0", 8);
	ck_assert_mem_eq(out + 8, packet, 12);
}
END_TEST

START_TEST(features)
{
	m.sh->aes = false;
	ck_assert_uint_eq(handshake_features(&m, 0), WIRE_F_PARENT);
	ck_assert_uint_eq(handshake_features(&m, WIRE_F_RESPONDER),
	    WIRE_F_PARENT | WIRE_F_RESPONDER);
	m.sh->aes = true;
	ck_assert_uint_eq(handshake_features(&m, 0),
	    WIRE_F_AES | WIRE_F_PARENT);
	ck_assert_uint_eq(handshake_features(&m, WIRE_F_RESPONDER),
	    WIRE_F_AES | WIRE_F_PARENT | WIRE_F_RESPONDER);
}
END_TEST

/* An entry in use, with a sid. */
static struct handshake *
fill(struct handshake *sh, uint64_t born, enum handshake_state state)
{
	sh->state = (uint8_t)state;
	sh->born_at = born;
	sh->key_id = born;
	handshake_rank(&m, sh);
	if (state != HANDSHAKE_DONE) {
		sh->keys.sid_in = table_new_sid(&m, 0);
		table_link_sid(&m, table_handshake_ref(&m, sh));
	}
	return sh;
}

/* PROTOCOL.md 2: 1024 half-open handshakes at most; the oldest goes first, but
 * confirmed ones before. */
START_TEST(full)
{
	struct handshake *sh;
	uint32_t i, sid;

	for (i = 0; i < STATE_OPEN; i++) {
		sh = handshake_place(&m, i, T0);
		ck_assert_ptr_eq(sh, &m.handshakes[i]);
		fill(sh, T0 + (i == 99 ? 0 : i + 1), HANDSHAKE_OPEN);
	}
	ck_assert_int_eq(STATE_OPEN, 1024);
	/* none is given up before it had a second */
	ck_assert_ptr_null(handshake_place(&m, 1, T0 + SEC - 1));
	ck_assert(handshake_closed(&m, T0 + SEC - 1));
	ck_assert(!handshake_closed(&m, T0 + SEC));
	sid = m.handshakes[99].keys.sid_in;
	sh = handshake_place(&m, 1, T0 + SEC);
	ck_assert_ptr_eq(sh, &m.handshakes[99]);
	ck_assert_int_eq(sh->state, HANDSHAKE_FREE);
	ck_assert_uint_eq(table_find_sid(&m, sid), MP_NONE);
	fill(sh, T0, HANDSHAKE_OPEN);
	m.handshakes[200].state = HANDSHAKE_DONE;
	handshake_rank(&m, &m.handshakes[200]);
	ck_assert(!handshake_closed(&m, T0));
	ck_assert_ptr_eq(handshake_place(&m, 1, T0), &m.handshakes[200]);
	fill(&m.handshakes[200], T0, HANDSHAKE_OPEN);
	handshake_free(&m, &m.handshakes[5]);
	ck_assert_ptr_eq(handshake_place(&m, 1, T0), &m.handshakes[5]);
}
END_TEST

/* Our own have 1024 records besides. */
START_TEST(ours)
{
	struct handshake *sh;
	uint32_t i;

	for (i = 0; i < STATE_SENT; i++) {
		sh = handshake_new(&m);
		ck_assert_ptr_eq(sh, &m.handshakes[STATE_OPEN + i]);
		fill(sh, T0, HANDSHAKE_SENT);
	}
	ck_assert_ptr_null(handshake_new(&m));
	handshake_free(&m, &m.handshakes[STATE_OPEN + 5]);
	ck_assert_ptr_eq(handshake_new(&m), &m.handshakes[STATE_OPEN + 5]);
}
END_TEST

/* Where all records are of those who wait, one of the peer that has most goes,
 * for another peer only. */
START_TEST(most)
{
	struct handshake *sh;
	uint32_t i;

	for (i = 0; i < STATE_OPEN; i++) {
		sh = handshake_place(&m, i, T0);
		fill(sh, T0 + i, HANDSHAKE_OPEN);
		if (i % 50 == 7) {
			sh->key_id = 1;
			handshake_rank(&m, sh);
		}
	}
	ck_assert(!handshake_closed(&m, T0 + 2000));
	ck_assert_ptr_null(handshake_place(&m, 1, T0 + 2000));
	ck_assert_ptr_eq(handshake_place(&m, 2, T0 + 2000), &m.handshakes[7]);
}
END_TEST

/* When a handshake is done its sid belongs to the session. */
START_TEST(free_done)
{
	struct handshake *sh = fill(&m.handshakes[0], T0, HANDSHAKE_OPEN);
	uint32_t sid = sh->keys.sid_in;

	sh->state = HANDSHAKE_DONE;
	handshake_rank(&m, sh);
	handshake_free(&m, sh);
	ck_assert_int_eq(sh->state, HANDSHAKE_FREE);
	ck_assert_uint_eq(table_find_sid(&m, sid), MP_NONE);
}
END_TEST

/* A half-open handshake lives 5 s. */
START_TEST(sweep)
{
	m.sh->handshake_used[0] = 3;
	fill(&m.handshakes[0], T0, HANDSHAKE_OPEN);
	fill(&m.handshakes[1], T0, HANDSHAKE_DONE);
	fill(&m.handshakes[2], T0 + SEC, HANDSHAKE_OPEN);
	handshake_sweep(&m, T0 + 5 * SEC - 1);
	ck_assert_int_eq(m.handshakes[0].state, HANDSHAKE_OPEN);
	ck_assert_uint_ne(m.sh->sweep_at, MP_NEVER);
	handshake_sweep(&m, T0 + 5 * SEC);
	ck_assert_int_eq(m.handshakes[0].state, HANDSHAKE_FREE);
	ck_assert_int_eq(m.handshakes[1].state, HANDSHAKE_FREE);
	ck_assert_int_eq(m.handshakes[2].state, HANDSHAKE_OPEN);
	ck_assert_uint_gt(m.sh->sweep_at, T0 + 5 * SEC);
	ck_assert_uint_eq(mp_deadline(&m), m.sh->sweep_at);
	handshake_sweep(&m, T0 + 6 * SEC);
	ck_assert_int_eq(m.handshakes[2].state, HANDSHAKE_FREE);
	ck_assert_uint_eq(m.sh->sweep_at, MP_NEVER);
}
END_TEST
Suite *
suite_handshake(void)
{
	Suite *suite = suite_create("handshake");
	TCase *t = tcase_create("handshake");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, key);
	tcase_add_test(t, peer);
	tcase_add_test(t, ephemeral);
	tcase_add_test(t, prologue);
	tcase_add_test(t, features);
	tcase_add_test(t, full);
	tcase_add_test(t, ours);
	tcase_add_test(t, most);
	tcase_add_test(t, free_done);
	tcase_add_test(t, sweep);
	suite_add_tcase(suite, t);
	return suite;
}
