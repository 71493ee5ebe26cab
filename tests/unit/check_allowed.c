/* SPDX-License-Identifier: ISC */
/* What the line of a peer allows: where it comes from, and how many sessions. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "duo.h"
#include "family.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

/* 10.a.0.0/16, as the server's line of the client may have it. */
static void
allow_from(struct duo *d, uint8_t a)
{
	struct mp_addr from = duo_ip4(10, a, 0, 0, 0);

	ck_assert_int_eq(mp_keyring_from(&d->end[SERVER].keys, from.ip,
	    96 + 16), 0);
}

static void
allow_most(struct duo *d, uint32_t sessions)
{
	ck_assert_int_eq(mp_keyring_most(&d->end[SERVER].keys, sessions), 0);
	mp_revoke(&d->end[SERVER].mp, &d->end[SERVER].keys,
	    duo_time(d, SERVER));
}

/* --- Where it comes from -------------------------------------------------- */

/* From elsewhere it is a stranger: no answer, no memory. */
START_TEST(from_elsewhere)
{
	struct duo *d = duo_new(1, 1);

	allow_from(d, 9);
	(void)duo_say(d, CLIENT, 2);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_uint_eq(d->sent[SERVER], 0);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_handshake_from), 3);
	ck_assert_uint_eq(mp_session_end(&d->end[SERVER].mp), 0);
	allow_from(d, 0);
	ck_assert_uint_lt(duo_until_heard(d, CLIENT, 10, 20 * SEC), 20 * SEC);
	duo_free(d);
}
END_TEST

/* Of the client's two addresses one is allowed: the session begins there. */
START_TEST(from_one)
{
	struct duo *d = duo_new(2, 1);
	struct mp_addr from = duo_addr(d, CLIENT, 1);

	ck_assert_int_eq(mp_keyring_from(&d->end[SERVER].keys, from.ip, 128),
	    0);
	(void)duo_say(d, CLIENT, 2);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	duo_free(d);
}
END_TEST

/* One that is up follows the peer, and its keys are renewed; a line that comes
 * later ends those that are elsewhere, and no others. */
START_TEST(from_later)
{
	struct duo *d = duo_new(2, 1);
	struct mp_addr from = duo_addr(d, CLIENT, 0);
	uint32_t n = 2;

	duo_up(d);
	ck_assert_int_eq(mp_keyring_from(&d->end[SERVER].keys, from.ip, 128),
	    0);
	mp_revoke(&d->end[SERVER].mp, &d->end[SERVER].keys,
	    duo_time(d, SERVER));
	duo_addr_del(d, CLIENT, 0);
	duo_chat(d, d->now + 300 * SEC, SEC, &n);
	duo_run(d, d->now + SEC);
	duo_all_came(d, 2, n);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_handshake_done), 2);
	mp_revoke(&d->end[SERVER].mp, &d->end[SERVER].keys,
	    duo_time(d, SERVER));
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_sessions(d, SERVER), 0);
	ck_assert_uint_eq(duo_until_heard(d, CLIENT, 5000, 5 * SEC), MP_NEVER);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_handshake_from), 1);
	duo_addr_add(d, CLIENT, 0);
	ck_assert_uint_lt(duo_until_heard(d, CLIENT, 6000, 20 * SEC), 20 * SEC);
	duo_free(d);
}
END_TEST

/* --- How many sessions ---------------------------------------------------- */

/* Three programs of one peer, and two are allowed: the third gets no answer until
 * one of the others has ended. */
START_TEST(most)
{
	struct duo *d = duo_new(1, 1);
	int e;

	allow_most(d, 2);
	for (e = 2; e < 4; e++)
		ck_assert_int_eq(duo_add_end(d, 1, 'A'), e);
	(void)duo_say(d, CLIENT, 2);
	(void)duo_say(d, 2, 4);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(duo_sessions(d, SERVER), 2);
	(void)duo_say(d, 3, 6);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_sessions(d, SERVER), 2);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_most), 1);
	ck_assert_int_eq(duo_heard(d, SERVER, 6), 0);
	mp_slot_close(&d->end[2].mp, duo_time(d, 2), 0);
	duo_run(d, d->now + SEC);
	for (e = 8; e < 200 && duo_heard(d, SERVER, 6) == 0; e += 2) {
		(void)duo_say(d, 3, (uint32_t)e);
		duo_run(d, d->now + 100 * MS);
	}
	ck_assert_int_eq(duo_heard(d, SERVER, 6), 1);
	duo_free(d);
}
END_TEST

/* One that vanished without a word gives way once nothing was heard of it for a
 * minute; those that were heard do not. */
START_TEST(most_vanished)
{
	struct duo *d = duo_new(1, 1);
	uint32_t n = 2;

	allow_most(d, 1);
	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	duo_chat(d, d->now + 2 * SEC, 200 * MS, &n);
	d->end[CLIENT].off = true;
	duo_run(d, d->now + 30 * SEC);
	ck_assert_uint_eq(duo_until_heard(d, 2, 5000, 20 * SEC), MP_NEVER);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_most), 1);
	ck_assert_uint_lt(duo_until_heard(d, 2, 8000, 40 * SEC), 40 * SEC);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	duo_free(d);
}
END_TEST

/* A child counts, too, in whatever process it arrives. */
START_TEST(most_child)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);

	allow_most(d, 1);
	(void)duo_say(d, SIBLING, 100);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_uint_ge(duo_count(d, SERVER, MP_C_drop_most), 1);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 0);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	allow_most(d, 2);
	(void)duo_say(d, SIBLING, 102);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	family_done(d);
}
END_TEST

/* Where both ends begin at the same time, it is one session. */
START_TEST(most_both)
{
	struct duo *d = duo_new(1, 1);

	d->end[SERVER].peer = duo_addr(d, CLIENT, 0);
	ck_assert_int_eq(mp_keyring_most(&d->end[CLIENT].keys, 1), 0);
	allow_most(d, 1);
	(void)duo_say(d, CLIENT, 2);
	duo_run(d, d->now + (uint64_t)_i * 5 * MS);
	(void)duo_say(d, SERVER, 3);
	duo_run(d, d->now + 5 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	ck_assert_int_eq(duo_heard(d, CLIENT, 3), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_allowed(void)
{
	Suite *s = suite_create("allowed");
	TCase *t = tcase_create("allowed");

	tcase_add_test(t, from_elsewhere);
	tcase_add_test(t, from_one);
	tcase_add_test(t, from_later);
	tcase_add_test(t, most);
	tcase_add_test(t, most_vanished);
	tcase_add_test(t, most_child);
	tcase_add_loop_test(t, most_both, 0, 6);
	suite_add_tcase(s, t);
	return s;
}
