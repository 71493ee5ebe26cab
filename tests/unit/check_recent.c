/* SPDX-License-Identifier: ISC */
/* core/recent.c: which datagrams arrived for certain, and which wait. */
#include "recent.h"

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "path.h"
#include "pool.h"
#include "session.h"
#include "state.h"
#include "suites.h"

#define T0 (UINT64_C(5000) * SEC)

static struct mp m;
static struct session *s;
static struct flow *f[2];

static void
setup(void)
{
	static const uint8_t assoc[8] = { 1 };
	struct mp_addr peer = duo_ip4(10, 1, 0, 1, 9);
	struct mp_path p = { .ifindex = 1 };
	uint32_t id;

	duo_bare(&m, NULL);
	s = session_new(&m, T0, 0, &peer, 0, assoc, true);
	for (id = 0; id < 2; id++) {
		f[id] = path_flow(&m, s, id, T0);
		p.local = duo_ip4(10, 0, 0, (uint8_t)(1 + id), 0);
		p.remote = peer;
		path_begin(&m, s, f[id], &p, T0);
	}
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

static void
sent(unsigned flow, uint64_t at)
{
	struct record *r = pool_put(&m, POOL_RECENT, s, at, "x", 1);

	ck_assert_ptr_nonnull(r);
	r->flow = (uint8_t)flow;
}

/* The first one on that flow after a time, among the oldest that are kept. */
START_TEST(after)
{
	int i;

	ck_assert_uint_eq(recent_after(&m, s, f[0], T0), MP_NEVER);
	sent(0, T0);
	sent(1, T0 + 10 * MS);
	sent(0, T0 + 20 * MS);
	sent(0, T0 + 30 * MS);
	ck_assert_uint_eq(recent_after(&m, s, f[0], T0 - 1), T0);
	ck_assert_uint_eq(recent_after(&m, s, f[0], T0), T0 + 20 * MS);
	ck_assert_uint_eq(recent_after(&m, s, f[1], T0), T0 + 10 * MS);
	ck_assert_uint_eq(recent_after(&m, s, f[0], T0 + 30 * MS), MP_NEVER);
	for (i = 0; i < 40; i++)
		sent(0, T0 + 31 * MS);
	sent(1, T0 + 40 * MS); /* too far from the oldest */
	ck_assert_uint_eq(recent_after(&m, s, f[1], T0 + 10 * MS), MP_NEVER);
}
END_TEST

/* What arrived by its flow, or by a COPY, leaves from the front. */
START_TEST(trim)
{
	sent(0, T0);
	sent(0, T0 + 10 * MS);
	sent(1, T0 + 20 * MS);
	f[0]->proof_at = T0 + 5 * MS;
	recent_trim(&m, s, T0 + 30 * MS, 9);
	ck_assert_uint_eq(pool_first(&m, POOL_RECENT, s)->sent_at,
	    T0 + 10 * MS);
	f[0]->proof_at = T0 + 15 * MS;
	recent_trim(&m, s, T0 + 30 * MS, 9);
	ck_assert_uint_eq(pool_first(&m, POOL_RECENT, s)->sent_at,
	    T0 + 20 * MS);
	recent_trim(&m, s, T0 + 20 * MS + RECENT_LONGEST + 1, 9);
	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s));
}
END_TEST

/* What went to where the peer was before it moved is not proven by what it
 * answered since. */
START_TEST(moved)
{
	sent(0, T0);
	sent(0, T0 + 20 * MS);
	f[0]->moved_at = T0 + 10 * MS;
	f[0]->proof_at = T0 + 30 * MS;
	recent_trim(&m, s, T0 + 40 * MS, 9);
	ck_assert_uint_eq(pool_first(&m, POOL_RECENT, s)->sent_at, T0);
	ck_assert(!recent_arrived(s, f[0], T0));
	ck_assert(recent_arrived(s, f[0], T0 + 20 * MS));
}
END_TEST

/* Nor is what was sent before the peer of a child was heard at all. */
START_TEST(unheard)
{
	sent(0, T0);
	s->unheard_at = T0 + 10 * MS;
	f[0]->proof_at = T0 + 30 * MS;
	recent_trim(&m, s, T0 + 40 * MS, 9);
	ck_assert_uint_eq(pool_first(&m, POOL_RECENT, s)->sent_at, T0);
	pool_first(&m, POOL_RECENT, s)->via[0] = 0;
	pool_first(&m, POOL_RECENT, s)->vias = 1;
	pool_first(&m, POOL_RECENT, s)->copied_us = 15 * MS; /* but a copy is */
	recent_trim(&m, s, T0 + 40 * MS, 9);
	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s));
}
END_TEST

Suite *
suite_recent(void)
{
	Suite *suite = suite_create("recent");
	TCase *t = tcase_create("recent");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, after);
	tcase_add_test(t, trim);
	tcase_add_test(t, moved);
	tcase_add_test(t, unheard);
	suite_add_tcase(suite, t);
	return suite;
}
