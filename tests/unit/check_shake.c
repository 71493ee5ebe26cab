/* SPDX-License-Identifier: ISC */
/* core/shake.c: what handshakes of either side share. */
#include "shake.h"

#include <string.h>

#include "duo.h"
#include "suites.h"
#include "table.h"

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

	ck_assert_ptr_null(shake_key(NULL, 0));
	ck_assert_ptr_null(shake_key(&ring, 0));
	ck_assert_int_eq(mp_keyring_add(&ring, "one", 'A', secret), 0);
	secret[0] = 2;
	ck_assert_int_eq(mp_keyring_add(&ring, "two", 'B', secret), 0);
	ck_assert_ptr_eq(shake_key(&ring, 0), &ring.key[0]);
	ck_assert_ptr_eq(shake_key(&ring, ring.key[0].id), &ring.key[0]);
	ck_assert_ptr_eq(shake_key(&ring, ring.key[1].id), &ring.key[1]);
	ck_assert_ptr_null(shake_key(&ring, 12345));
	ck_assert_int_eq(shake_end('A'), 0);
	ck_assert_int_eq(shake_end('B'), 1);
}
END_TEST

/* PROTOCOL 2: "mpshim1" 0 + the first 12 bytes of INIT. */
START_TEST(prologue)
{
	uint8_t packet[WIRE_INIT], out[SHAKE_PROLOGUE];

	for (int i = 0; i < WIRE_INIT; i++)
		packet[i] = (uint8_t)i;
	shake_prologue(out, packet);
	ck_assert_uint_eq(sizeof(out), 20);
	ck_assert_mem_eq(out, "mpshim1\0", 8);
	ck_assert_mem_eq(out + 8, packet, 12);
}
END_TEST

START_TEST(features)
{
	m.sh->aes = false;
	ck_assert_uint_eq(shake_features(&m, 0), 0);
	ck_assert_uint_eq(shake_features(&m, WIRE_F_RESPONDER),
	    WIRE_F_RESPONDER);
	m.sh->aes = true;
	ck_assert_uint_eq(shake_features(&m, 0), WIRE_F_AES);
	ck_assert_uint_eq(shake_features(&m, WIRE_F_RESPONDER),
	    WIRE_F_AES | WIRE_F_RESPONDER);
}
END_TEST

/* An entry in use, with a sid. */
static struct shake *
fill(struct shake *sh, uint64_t born, enum shake_state state)
{
	sh->state = (uint8_t)state;
	sh->born_at = born;
	if (state != SHAKE_DONE) {
		sh->keys.sid_in = table_new_sid(&m, 0);
		table_link_sid(&m, table_shake_ref(&m, sh));
	}
	return sh;
}

/* PROTOCOL 2: 256 half-open at most, the oldest goes first. */
START_TEST(full)
{
	struct shake *sh;
	uint32_t i, sid;

	for (i = 0; i < STATE_OPEN; i++) {
		sh = shake_new(&m, 0, STATE_OPEN, true);
		ck_assert_ptr_eq(sh, &m.shakes[i]);
		fill(sh, T0 + (i == 99 ? 0 : i + 1), SHAKE_OPEN);
	}
	ck_assert_int_eq(STATE_OPEN, 256);
	ck_assert_ptr_null(shake_new(&m, 0, STATE_OPEN, false));
	sid = m.shakes[99].keys.sid_in;
	sh = shake_new(&m, 0, STATE_OPEN, true);
	ck_assert_ptr_eq(sh, &m.shakes[99]);
	ck_assert_int_eq(sh->state, SHAKE_FREE);
	ck_assert_uint_eq(table_find_sid(&m, sid), MP_NONE);
	/* those of our own are others */
	ck_assert_ptr_eq(shake_new(&m, STATE_OPEN, STATE_SENT, false),
	    &m.shakes[STATE_OPEN]);
	shake_free(&m, &m.shakes[5]);
	ck_assert_ptr_eq(shake_new(&m, 0, STATE_OPEN, false), &m.shakes[5]);
}
END_TEST

/* One that is done gave its sid to the session. */
START_TEST(free_done)
{
	struct shake *sh = fill(&m.shakes[0], T0, SHAKE_OPEN);
	uint32_t sid = sh->keys.sid_in;

	sh->state = SHAKE_DONE;
	shake_free(&m, sh);
	ck_assert_int_eq(sh->state, SHAKE_FREE);
	ck_assert_uint_eq(table_find_sid(&m, sid), MP_NONE);
}
END_TEST

/* Half-open for 5 s. */
START_TEST(sweep)
{
	fill(&m.shakes[0], T0, SHAKE_OPEN);
	fill(&m.shakes[1], T0, SHAKE_DONE);
	fill(&m.shakes[2], T0 + SEC, SHAKE_OPEN);
	shake_sweep(&m, T0 + 5 * SEC - 1);
	ck_assert_int_eq(m.shakes[0].state, SHAKE_OPEN);
	ck_assert_uint_ne(m.sh->sweep_at, MP_NEVER);
	shake_sweep(&m, T0 + 5 * SEC);
	ck_assert_int_eq(m.shakes[0].state, SHAKE_FREE);
	ck_assert_int_eq(m.shakes[1].state, SHAKE_FREE);
	ck_assert_int_eq(m.shakes[2].state, SHAKE_OPEN);
	ck_assert_uint_gt(m.sh->sweep_at, T0 + 5 * SEC);
	ck_assert_uint_eq(mp_deadline(&m), m.sh->sweep_at);
	shake_sweep(&m, T0 + 6 * SEC);
	ck_assert_int_eq(m.shakes[2].state, SHAKE_FREE);
	ck_assert_uint_eq(m.sh->sweep_at, MP_NEVER);
}
END_TEST

Suite *
suite_shake(void)
{
	Suite *suite = suite_create("shake");
	TCase *t = tcase_create("shake");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, key);
	tcase_add_test(t, prologue);
	tcase_add_test(t, features);
	tcase_add_test(t, full);
	tcase_add_test(t, free_done);
	tcase_add_test(t, sweep);
	suite_add_tcase(suite, t);
	return suite;
}
