/* SPDX-License-Identifier: ISC */
/* core/pool.c: what is kept is found again, oldest first, within its bounds;
 * garbage in the rings does no harm. */
#include "pool.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "session.h"
#include "state.h"
#include "suites.h"

#define T0 (UINT64_C(5000) * SEC)

enum { SESSIONS = 3, POOL = 8192, EACH = 4096 };

static struct mp m;
static struct session *s[SESSIONS];

static void
setup(void)
{
	static const uint8_t assoc[8] = { 1 };
	struct mp_limits limits = { .sessions = 4, .flows = 4,
		.flows_each = 4, .pool = POOL, .pool_each = EACH,
		.staged = 1 << 18 };
	struct mp_addr a = duo_ip4(10, 0, 0, 1, 1);

	duo_bare(&m, &limits);
	for (int i = 0; i < SESSIONS; i++) {
		a.port++;
		s[i] = session_new(&m, T0, 0, &a, 0, assoc, true);
		ck_assert_ptr_nonnull(s[i]);
	}
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

/* Puts datagram n, whose bytes tell n. */
static struct record *
put(enum pool_kind kind, int who, uint32_t n, size_t len)
{
	uint8_t data[MP_PAYLOAD_MAX + 1];

	memset(data, (int)(n & 0xff), len);
	if (len >= 4)
		put32(data, n);
	return pool_put(&m, kind, s[who], T0 + n, data, len);
}

static void
check_record(const struct record *r, int who, uint32_t n, size_t len)
{
	bool right = true;

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->len, len);
	ck_assert_uint_eq(r->sent_at, T0 + n);
	ck_assert_uint_eq(r->session, state_index(&m, s[who]));
	ck_assert(!r->dead && r->vias == 0);
	if (len >= 4)
		ck_assert_uint_eq(get32(pool_data(r)), n);
	for (size_t i = 4; i < len; i++)
		right &= pool_data(r)[i] == (uint8_t)n;
	ck_assert(right);
}

START_TEST(order)
{
	static const size_t len[] = { 0, 1, 4, 100, 1400 };
	struct record *r;
	uint32_t n;

	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s[0]));
	pool_drop(&m, POOL_RECENT, s[0]); /* empty: nothing happens */
	for (n = 0; n < 5; n++) {
		check_record(put(POOL_RECENT, 0, n, len[n]), 0, n, len[n]);
		check_record(put(POOL_RECENT, 1, 100 + n, 8), 1, 100 + n, 8);
	}
	r = pool_first(&m, POOL_RECENT, s[0]);
	for (n = 0; n < 5; n++) {
		check_record(r, 0, n, len[n]);
		r = pool_next(&m, POOL_RECENT, r);
	}
	ck_assert_ptr_null(r);
	ck_assert_ptr_null(pool_first(&m, POOL_HELD, s[0])); /* its own ring */
	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s[2]));

	pool_drop(&m, POOL_RECENT, s[0]);
	check_record(pool_first(&m, POOL_RECENT, s[0]), 0, 1, 1);
	ck_assert_uint_eq(s[0]->pool.n, 4);
	pool_clear(&m, POOL_RECENT, s[0]);
	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s[0]));
	ck_assert_uint_eq(s[0]->pool.bytes, 0);
	check_record(pool_first(&m, POOL_RECENT, s[1]), 1, 100, 8);
	check_record(put(POOL_RECENT, 0, 9, 9), 0, 9, 9); /* works again */
	check_record(pool_first(&m, POOL_RECENT, s[0]), 0, 9, 9);
}
END_TEST

/* What pool_clear() drops is wiped: it is plaintext. */
START_TEST(wiped)
{
	struct record *r = put(POOL_RECENT, 0, 0x77, 100);

	pool_clear(&m, POOL_RECENT, s[0]);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(pool_data(r)[i], 0);
}
END_TEST

/* A session over its own bound drops its oldest. */
START_TEST(session_bound)
{
	struct record *r;
	uint32_t n;

	put(POOL_RECENT, 1, 1000, 100);
	for (n = 0; n < 20; n++) {
		ck_assert_ptr_nonnull(put(POOL_RECENT, 0, n, 1000));
		ck_assert_uint_le(s[0]->pool.bytes, EACH);
	}
	r = pool_first(&m, POOL_RECENT, s[0]);
	ck_assert_uint_eq(s[0]->pool.n, 3);
	check_record(r, 0, 17, 1000);
}
END_TEST

/* Random puts of three sessions into a small ring: each keeps an unbroken run
 * of its latest. */
START_TEST(ring)
{
	uint8_t seed[32] = { 7 };
	uint32_t next[SESSIONS] = { 0 }, n, who, first;
	uint16_t lens[SESSIONS][3000];
	struct record *r;
	struct rng rng;
	uint32_t kept;

	rng_init(&rng, seed);
	for (n = 0; n < 3000; n++) {
		who = rng_below(&rng, SESSIONS);
		lens[who][next[who]] = (uint16_t)rng_below(&rng, 1500);
		ck_assert_ptr_nonnull(put(POOL_RECENT, (int)who, next[who],
		    lens[who][next[who]]));
		next[who]++;
		ck_assert_uint_le(m.sh->pool.head - m.sh->pool.tail, POOL);
		if (n % 16 != 0)
			continue;
		for (who = 0; who < SESSIONS; who++) {
			kept = s[who]->pool.n;
			r = pool_first(&m, POOL_RECENT, s[who]);
			if (r == NULL)
				continue;
			ck_assert_uint_le(kept, next[who]);
			for (first = next[who] - kept; first < next[who];
			     first++) {
				check_record(r, (int)who, first,
				    lens[who][first]);
				r = pool_next(&m, POOL_RECENT, r);
			}
			ck_assert_ptr_null(r);
		}
	}
	ck_assert_uint_gt(m.sh->pool.head, 100 * POOL); /* many times round */
}
END_TEST

START_TEST(too_big)
{
	ck_assert_ptr_null(put(POOL_RECENT, 0, 1, MP_PAYLOAD_MAX + 1));
	ck_assert_ptr_null(put(POOL_RECENT, 0, 1, EACH + 1));
	ck_assert_ptr_null(put(POOL_HELD, 0, 1, MP_PAYLOAD_MAX + 1));
	check_record(put(POOL_HELD, 0, 1, MP_PAYLOAD_MAX), 0, 1,
	    MP_PAYLOAD_MAX);
}
END_TEST

/* --- Staged datagrams: 208 KiB a session (PROTOCOL.md 2) ------------------ */

START_TEST(staged_number)
{
	uint32_t n;

	for (n = 0; n < 208; n++)
		put(POOL_HELD, 0, n, 1024 - sizeof(struct record));
	ck_assert_uint_eq(s[0]->staged.n, 208);
	check_record(pool_first(&m, POOL_HELD, s[0]), 0, 0,
	    1024 - sizeof(struct record));
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 0);
	put(POOL_HELD, 0, 208, 10);
	ck_assert_uint_eq(s[0]->staged.n, 208);
	check_record(pool_first(&m, POOL_HELD, s[0]), 0, 1,
	    1024 - sizeof(struct record));
	/* each drop is counted */
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 1);
}
END_TEST

START_TEST(staged_bytes)
{
	uint32_t n;

	for (n = 0; n < 8; n++)
		put(POOL_HELD, 0, n, 30000);
	ck_assert_uint_eq(s[0]->staged.n, 7);
	check_record(pool_first(&m, POOL_HELD, s[0]), 0, 1, 30000);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 1);
}
END_TEST

/* All sessions together: the oldest of any session makes room. */
START_TEST(staged_ring)
{
	uint32_t n;

	for (n = 0; n < 6; n++)
		put(POOL_HELD, (int)(n % 3), n, 50000);
	/* 256 KiB hold five of them */
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 1);
	check_record(pool_first(&m, POOL_HELD, s[0]), 0, 3, 50000);
}
END_TEST

/* A freed session leaves dead records that belong to no session. */
START_TEST(gone)
{
	struct mp_addr a = duo_ip4(10, 0, 0, 1, 9);
	static const uint8_t assoc[8] = { 1 };
	uint32_t n;

	put(POOL_HELD, 0, 1, 100);
	session_free(&m, s[0]);
	s[0] = session_new(&m, T0, 0, &a, 0, assoc, true);
	ck_assert_ptr_null(pool_first(&m, POOL_HELD, s[0]));
	for (n = 0; n < 100; n++) /* once round the ring */
		put(POOL_HELD, 1, n, 10000);
	ck_assert_ptr_null(pool_first(&m, POOL_HELD, s[0]));
}
END_TEST

START_TEST(at)
{
	struct record *r;
	uint64_t first, second;
	uint32_t n;

	for (n = 0; n < 3; n++)
		put(POOL_RECENT, 0, n, 500);
	first = s[0]->pool.first;
	r = pool_first(&m, POOL_RECENT, s[0]);
	second = r->next;
	check_record(pool_at(&m, POOL_RECENT, s[0], first), 0, 0, 500);
	check_record(pool_at(&m, POOL_RECENT, s[0], second), 0, 1, 500);
	check_record(pool_at(&m, POOL_RECENT, s[0], MP_NEVER), 0, 0, 500);
	/* another session's position: that one's own oldest, here none */
	ck_assert_ptr_null(pool_at(&m, POOL_RECENT, s[1], first));
	pool_drop(&m, POOL_RECENT, s[0]);
	check_record(pool_at(&m, POOL_RECENT, s[0], first), 0, 1, 500);
	for (n = 10; n < 40; n++)
		put(POOL_RECENT, 1, n, 500); /* overwrites all records */
	ck_assert_ptr_null(pool_at(&m, POOL_RECENT, s[0], second));
}
END_TEST

/* --- Garbage -------------------------------------------------------------- */

/* What another process may write into a record or a ring. */
static void
spoil_magic(struct record *r)
{
	r->magic ^= 1;
}

static void
spoil_size(struct record *r)
{
	r->size = UINT32_MAX;
}

static void
spoil_small(struct record *r)
{
	r->size = 0;
}

static void
spoil_len(struct record *r)
{
	r->len = UINT16_MAX;
}

static void
spoil_next(struct record *r)
{
	r->next = 8; /* not aligned */
}

static void
spoil_far(struct record *r)
{
	r->next = UINT64_MAX - 31;
}

static void
spoil_owner(struct record *r)
{
	r->session = 99999;
}

static void
spoil_ring(struct record *r)
{
	(void)r;
	m.sh->pool.tail = m.sh->pool.head + 16;
}

static void
spoil_ring_far(struct record *r)
{
	(void)r;
	m.sh->pool.head += 1 << 20;
}

static void
spoil_ring_odd(struct record *r)
{
	(void)r;
	m.sh->pool.head += 5;
}

static void
spoil_queue(struct record *r)
{
	(void)r;
	s[0]->pool.first = 3 * POOL - 16;
}

static void (*const spoilers[])(struct record *) = {
	spoil_magic,
	spoil_size,
	spoil_small,
	spoil_len,
	spoil_next,
	spoil_far,
	spoil_owner,
	spoil_ring,
	spoil_ring_far,
	spoil_ring_odd,
	spoil_queue,
};

START_TEST(garbage)
{
	struct record *r;
	uint32_t n, walked;

	for (n = 0; n < 6; n++)
		put(POOL_RECENT, (int)(n % 2), n, 900);
	spoilers[_i](pool_first(&m, POOL_RECENT, s[0]));
	for (r = pool_first(&m, POOL_RECENT, s[0]), walked = 0;
	     r != NULL && walked < 100; walked++)
		r = pool_next(&m, POOL_RECENT, r);
	ck_assert_uint_lt(walked, 100);
	for (n = 0; n < 100; n++)
		put(POOL_RECENT, (int)(n % 3), n, 700);
	for (n = 0; n < 3; n++)
		pool_clear(&m, POOL_RECENT, s[n]);
	/* and the ring works again */
	check_record(put(POOL_RECENT, 0, 1, 700), 0, 1, 700);
	check_record(pool_first(&m, POOL_RECENT, s[0]), 0, 1, 700);
}
END_TEST

Suite *
suite_pool(void)
{
	Suite *suite = suite_create("pool");
	TCase *t = tcase_create("pool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, order);
	tcase_add_test(t, wiped);
	tcase_add_test(t, session_bound);
	tcase_add_test(t, ring);
	tcase_add_test(t, too_big);
	tcase_add_test(t, staged_number);
	tcase_add_test(t, staged_bytes);
	tcase_add_test(t, staged_ring);
	tcase_add_test(t, gone);
	tcase_add_test(t, at);
	tcase_add_loop_test(t, garbage, 0,
	    (int)(sizeof(spoilers) / sizeof(spoilers[0])));
	suite_add_tcase(suite, t);
	return suite;
}
