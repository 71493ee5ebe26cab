/* SPDX-License-Identifier: ISC */
/*
 * The engine does not wake up for nothing: a deadline without anything to do
 * costs the host its sleep, and one that returns each millisecond costs a
 * processor.
 */
#include <stdlib.h>
#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "path.h"
#include "rtt.h"
#include "session.h"
#include "state.h"
#include "suites.h"
#include "table.h"

enum { CLIENT = 0, SERVER = 1, A_SECOND = 3 };

/* Runs for a while, in which an end may wake up for nothing at most so
 * often. */
static void
assert_quiet(struct duo *d, int e, uint64_t span, unsigned a_second)
{
	uint64_t before = d->end[e].idle_wakes, n;

	duo_run(d, d->now + span);
	n = d->end[e].idle_wakes - before;
	ck_assert_msg(n <= a_second * (span / SEC),
	    "end %d woke %llu times for nothing in %llu s", e,
	    (unsigned long long)n, (unsigned long long)(span / SEC));
}

/* A session that has been in use lately. */
static struct duo *
used(int n_client_addrs)
{
	struct duo *d = duo_new(n_client_addrs, 1);
	uint32_t n = 2;

	duo_up(d);
	duo_chat(d, d->now + SEC, 50 * MS, &n);
	duo_run(d, d->now + SEC);
	return d;
}

/* The link goes down while an acknowledgement is due. */
START_TEST(carrier)
{
	struct duo *d = duo_new(2, 1);
	uint32_t n = 1;

	duo_up(d);
	d->end[SERVER].peer = duo_session(d, SERVER)->shown;
	do {
		ck_assert_int_eq(duo_say(d, SERVER, n), 0);
		duo_run(d, d->now + 4 * MS);
		n += 2;
	} while (n < 200 || duo_current(d, CLIENT)->ack_due == MP_NEVER);
	duo_carrier(d, CLIENT, 0, true);
	assert_quiet(d, CLIENT, 10 * SEC, A_SECOND);
	duo_free(d);
}
END_TEST

/* An end's only address goes: nothing to do until one comes back. */
START_TEST(no_address)
{
	struct duo *d = used(1);

	duo_addr_del(d, _i, 0);
	assert_quiet(d, _i, 60 * SEC, A_SECOND);
	duo_addr_add(d, _i, 0); /* and then it wakes up */
	ck_assert_uint_le(duo_until_heard(d, CLIENT, 5000, 4 * SEC), 4 * SEC);
	duo_free(d);
}
END_TEST

/* The key leaves the keyring while a handshake needs it: the first one, one for
 * a lost peer, one inside the session, and one that has not begun. */
START_TEST(no_key)
{
	struct duo *d = _i == 0 ? duo_new(1, 1) : used(1);
	struct session *s;

	if (_i < 3)
		d->end[SERVER].off = true;
	if (_i < 2)
		ck_assert_int_eq(duo_say(d, CLIENT, 1000), 0);
	s = duo_session(d, CLIENT);
	if (_i >= 2)
		s->rekey_at = d->now + 100 * MS;
	if (_i >= 2)
		table_arm(&d->end[CLIENT].mp, s, s->rekey_at);
	if (_i < 3) {
		duo_run(d, d->now + (_i == 1 ? 1500 * MS : 250 * MS));
		ck_assert_uint_lt(s->handshake, STATE_HANDSHAKES);
	}
	mp_keyring_wipe(&d->end[CLIENT].keys);
	assert_quiet(d, CLIENT, 30 * SEC, A_SECOND);
	duo_free(d);
}
END_TEST

/* The peers of many sessions vanish at once: more than there are records for
 * handshakes. */
static const struct crowd_row {
	int n;
	unsigned a_second;
} crowds[] = { { 250, 20 }, { 300, 20 }, { 1000, 70 } };

START_TEST(crowd)
{
	struct mp_setup setup = { .limits = { .sessions = 2048 },
		.chacha_only = true };
	struct duo *d = duo_new_setup(&setup, 1, 1);
	struct mp *m = &d->end[CLIENT].mp;
	struct session *s;
	struct flow *f;
	struct mp_addr a;
	struct keys k;
	uint8_t assoc[8] = "crowd";
	int i;

	for (i = 0; i < crowds[_i].n; i++) {
		a = duo_ip4(20, 0, (uint8_t)(i >> 8), (uint8_t)i, 4000);
		assoc[6] = (uint8_t)(i >> 8);
		assoc[7] = (uint8_t)i;
		s = session_new(m, d->now, 0, &a,
		    d->end[CLIENT].keys.key[0].id, assoc, true);
		ck_assert_ptr_nonnull(s);
		path_make_all(m, s, d->now);
		memset(&k, 0, sizeof(k));
		k.sid_in = table_new_sid(m, 0);
		k.sid_out = 77;
		session_install(m, s, d->now, &k, 64);
		f = state_flow(m, s, 0);
		ck_assert_ptr_nonnull(f);
		f->validated = f->proven_once = true;
		f->answer_at = d->now;
		rtt_sample(&f->rtt, 20000);
		flow_data_sent(f, d->now);
	}
	assert_quiet(d, CLIENT, 60 * SEC, crowds[_i].a_second);
	duo_free(d);
}
END_TEST

/* Neither program sends. */
START_TEST(idle)
{
	struct duo *d = used(2);

	duo_run(d, d->now + 20 * SEC);
	assert_quiet(d, _i, 60 * SEC, 1);
	duo_free(d);
}
END_TEST

Suite *
suite_wakeups(void)
{
	Suite *s = suite_create("wakeups");
	TCase *tc = tcase_create("wakeups");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, carrier);
	tcase_add_loop_test(tc, no_address, 0, 2);
	tcase_add_loop_test(tc, no_key, 0, 4);
	tcase_add_loop_test(tc, crowd, 0,
	    (int)(sizeof(crowds) / sizeof(crowds[0])));
	tcase_add_loop_test(tc, idle, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
