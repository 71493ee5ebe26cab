/* SPDX-License-Identifier: ISC */
/* core/info.c: the status of an endpoint. */
#include <check.h>
#include <string.h>

#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

START_TEST(counters)
{
	struct mp m;
	int c, b;

	duo_bare(&m, NULL);
	for (c = 0; c < MP_C_MAX; c++) {
		ck_assert_str_ne(mp_counter_name((enum mp_counter)c), "?");
		ck_assert_str_ne(mp_counter_what((enum mp_counter)c), "?");
		for (b = 0; b < c; b++)
			ck_assert_str_ne(mp_counter_name((enum mp_counter)c),
			    mp_counter_name((enum mp_counter)b));
		ck_assert_uint_eq(mp_counter_get(&m, (enum mp_counter)c), 0);
		state_count(&m, (enum mp_counter)c);
		ck_assert_uint_eq(mp_counter_get(&m, (enum mp_counter)c), 1);
	}
	ck_assert_str_eq(mp_counter_name(MP_C_drop_replay), "drop_replay");
	ck_assert_str_eq(mp_counter_name(MP_C_MAX), "?");
	ck_assert_str_eq(mp_counter_what(MP_C_MAX), "?");
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_MAX), 0);
	duo_bare_free(&m);
}
END_TEST

START_TEST(reasons)
{
	int r;

	for (r = 0; r < MP_WHY_MAX; r++) {
		ck_assert_str_ne(mp_reason_name((enum mp_reason)r), "?");
		ck_assert_str_ne(mp_reason_what((enum mp_reason)r), "?");
	}
	ck_assert_str_eq(mp_reason_name(MP_WHY_silent), "silent");
	ck_assert_str_eq(mp_reason_name(MP_WHY_MAX), "?");
	ck_assert_str_eq(mp_reason_what(MP_WHY_MAX), "?");
}
END_TEST

static uint32_t
find(const struct duo *d, int e)
{
	return mp_session_find(&d->end[e].mp, 0, &d->end[e].peer);
}

START_TEST(session)
{
	struct duo *d = duo_new(2, 2);
	struct mp_session_info i;
	struct mp_addr a;
	uint64_t before = d->now;

	duo_up(d);
	ck_assert_int_eq(duo_say(d, 1, 1), 0);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(find(d, 0), 0);
	ck_assert_int_eq(mp_session_get(&d->end[0].mp, 0, &i), 0);
	ck_assert_int_eq(i.state, MP_S_UP);
	ck_assert(i.initiator);
	ck_assert_uint_eq(i.slot, 0);
	ck_assert_uint_eq(i.key_id, d->end[0].keys.key[0].id);
	a = duo_addr(d, 1, 0);
	ck_assert_mem_eq(i.shown.ip, a.ip, 16);
	ck_assert_uint_eq(i.shown.port, a.port);
	ck_assert_uint_eq(i.reflexive.port, DUO_PORT);
	ck_assert_str_eq(i.suite, "ChaCha20-Poly1305");
	ck_assert_uint_eq(i.flows, 4);
	ck_assert_uint_eq(i.current, duo_current(d, 0)->id);
	ck_assert_uint_gt(i.up_at, before);
	ck_assert_uint_ge(i.last_in_at, i.up_at);
	ck_assert_uint_ge(i.choice, 1);
	ck_assert_uint_eq(i.tx_datagrams, 1);
	ck_assert_uint_eq(i.rx_datagrams, 1);
	ck_assert_uint_eq(i.tx_bytes, 8);
	ck_assert_uint_eq(i.rx_bytes, 8);
	ck_assert_int_eq(mp_session_get(&d->end[1].mp, 0, &i), 0);
	ck_assert(!i.initiator);
	ck_assert_uint_eq(i.rx_datagrams, 1);
	ck_assert_int_eq(mp_session_get(&d->end[0].mp, 1, &i), MP_ENOENT);
	ck_assert_int_eq(mp_session_get(&d->end[0].mp, 99999, &i),
	    MP_ENOENT);
	a.port++;
	ck_assert_uint_eq(mp_session_find(&d->end[0].mp, 0, &a), MP_NONE);
	ck_assert_uint_eq(mp_session_find(&d->end[0].mp, 77, &a), MP_NONE);
	duo_free(d);
}
END_TEST

/* A session that has sent and received nothing. */
START_TEST(new_session)
{
	struct duo *d = duo_new(1, 1);
	struct mp_session_info i;

	ck_assert_int_eq(duo_say(d, 0, 1), 0);
	ck_assert_int_eq(mp_session_get(&d->end[0].mp, 0, &i), 0);
	ck_assert_int_eq(i.state, MP_S_CONNECTING);
	ck_assert_uint_eq(i.current, MP_NONE);
	ck_assert_int_eq(i.why, MP_WHY_none);
	ck_assert_uint_eq(i.up_at, 0);
	ck_assert_uint_eq(i.reflexive.port, 0);
	duo_free(d);
}
END_TEST

START_TEST(flow)
{
	struct duo *d = duo_new(2, 1);
	struct mp_flow_info i;
	struct mp *m = &d->end[0].mp;
	struct flow *f;

	duo_up(d);
	f = duo_flow(d, 0, 0, 0);
	ck_assert_int_eq(mp_flow_get(m, d->now, 0, f->id, &i), 0);
	ck_assert(i.validated && i.in_use && !i.failed && !i.doubt);
	ck_assert_uint_ge(i.srtt_us, 19500); /* 2 * DUO_DELAY, units of 250 */
	ck_assert_uint_le(i.srtt_us, 20500);
	ck_assert_uint_eq(i.idle_us, 0);
	ck_assert_uint_eq(i.size, MP_SIZE_MIN);
	ck_assert_uint_eq(i.loss_permille, 0);
	ck_assert_uint_gt(i.tx_packets, 0);
	ck_assert_uint_gt(i.rx_packets, 0);
	ck_assert_uint_ge(i.tx_bytes, i.tx_packets * WIRE_MIN);
	ck_assert_uint_eq(i.path.ifindex, 1);
	f = duo_flow(d, 0, 1, 0);
	f->down = true;
	ck_assert_int_eq(mp_flow_get(m, d->now, 0, f->id, &i), 0);
	ck_assert(!i.in_use && i.failed);
	f->gone = true;
	ck_assert_int_eq(mp_flow_get(m, d->now, 0, f->id, &i), MP_ENOENT);
	ck_assert_int_eq(mp_flow_get(m, d->now, 0, 63, &i), MP_ENOENT);
	ck_assert_int_eq(mp_flow_get(m, d->now, 0, 64, &i), MP_ENOENT);
	ck_assert_int_eq(mp_flow_get(m, d->now, 1, 0, &i), MP_ENOENT);
	ck_assert_int_eq(mp_flow_get(m, d->now, 99999, 0, &i), MP_ENOENT);
	duo_free(d);
}
END_TEST

/* The best proven size less MP_OVERHEAD, and at least MP_DF_ALWAYS (PROTOCOL.md
 * 4). */
START_TEST(mtu)
{
	struct duo *d = duo_new(2, 1);

	duo_up(d);
	ck_assert_uint_eq(mp_session_mtu(&d->end[0].mp, 0), MP_DF_ALWAYS);
	duo_flow(d, 0, 1, 0)->size = 1400;
	ck_assert_uint_eq(mp_session_mtu(&d->end[0].mp, 0), 1400 - 34);
	duo_flow(d, 0, 1, 0)->failed = true;
	ck_assert_uint_eq(mp_session_mtu(&d->end[0].mp, 0), MP_DF_ALWAYS);
	ck_assert_uint_eq(mp_session_mtu(&d->end[0].mp, 99999), 0);
	duo_free(d);
}
END_TEST

Suite *
suite_info(void)
{
	Suite *suite = suite_create("info");
	TCase *t = tcase_create("info");

	tcase_add_test(t, counters);
	tcase_add_test(t, reasons);
	tcase_add_test(t, session);
	tcase_add_test(t, new_session);
	tcase_add_test(t, flow);
	tcase_add_test(t, mtu);
	suite_add_tcase(suite, t);
	return suite;
}
