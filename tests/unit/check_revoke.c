/* SPDX-License-Identifier: ISC */
/* core/revoke.c: what ends when a key is gone from the keyring. */
#include <string.h>

#include "../keys.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"

/* The end knows another peer from now on, instead of the one that it knew. */
static struct mp_keyring
revoke_all(struct duo *d, int e)
{
	static const uint8_t other[32] = { 77, 7 };
	struct mp_keyring was = d->end[e].keys;

	memset(&d->end[e].keys, 0, sizeof(d->end[e].keys));
	ck_assert_int_eq(test_keys_add(&d->end[e].keys, "other", 'B', other),
	    0);
	mp_revoke(&d->end[e].mp, &d->end[e].keys, duo_time(d, e));
	return was;
}

/* A session that is up: the peer hears a CLOSE, what it sends is not received,
 * and it gets in again once it is known again. */
START_TEST(up)
{
	struct duo *d = duo_new(2, 1);
	struct mp_keyring was;
	uint64_t sent;

	duo_up(d);
	was = revoke_all(d, _i);
	ck_assert_int_eq(duo_say(d, !_i, 7), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_eq(duo_sessions(d, _i), 0);
	ck_assert(duo_sessions(d, !_i) == 0 || duo_session(d, !_i)->state !=
	    MP_S_UP);
	sent = d->sent[_i];
	duo_run(d, d->now + 3 * SEC);
	ck_assert_int_eq(duo_heard(d, _i, 7), 0);
	ck_assert_uint_eq(d->sent[_i], sent); /* it is a stranger now */
	d->end[_i].keys = was;
	ck_assert_uint_lt(duo_until_heard(d, _i, 10, 20 * SEC), 20 * SEC);
	duo_free(d);
}
END_TEST

/* With a keyring that still has the key nothing changes. */
START_TEST(kept)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 2;

	duo_up(d);
	mp_revoke(&d->end[_i].mp, &d->end[_i].keys, duo_time(d, _i));
	duo_chat(d, d->now + 2 * SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	ck_assert_int_eq(duo_session(d, !_i)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

/* What the program staged for the peer never goes out. */
START_TEST(connecting)
{
	struct duo *d = duo_new(1, 1);
	struct mp_keyring was;

	d->end[1].off = true;
	ck_assert_int_eq(duo_say(d, 0, 1), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_sessions(d, 0), 1);
	was = revoke_all(d, 0);
	ck_assert_int_eq(duo_sessions(d, 0), 0);
	d->end[1].off = false;
	d->end[0].keys = was;
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_heard(d, 1, 1), 0);
	ck_assert_int_eq(duo_say(d, 0, 2), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 2), 1);
	duo_free(d);
}
END_TEST

/* A handshake that waits for its confirmation makes no session any more. */
START_TEST(half_open)
{
	struct duo *d = duo_new(1, 1);

	ck_assert_int_eq(duo_say(d, 0, 1), 0);
	duo_run(d, d->now + 15 * MS); /* INIT has arrived, RESP is on its way */
	ck_assert_int_eq(duo_sessions(d, 1), 0);
	(void)revoke_all(d, 1);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_sessions(d, 1), 0);
	ck_assert_int_eq(duo_heard(d, 1, 1), 0);
	duo_free(d);
}
END_TEST

Suite *
suite_revoke(void)
{
	Suite *s = suite_create("revoke");
	TCase *tc = tcase_create("revoke");

	tcase_add_loop_test(tc, up, 0, 2);
	tcase_add_loop_test(tc, kept, 0, 2);
	tcase_add_test(tc, connecting);
	tcase_add_test(tc, half_open);
	suite_add_tcase(s, tc);
	return s;
}
