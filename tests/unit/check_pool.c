/* SPDX-License-Identifier: ISC */
/* core/pool.c: what is kept is found again, oldest first, within its bounds;
 * and fairly; garbage in the pools does no harm. */
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

enum { SESSIONS = 3, POOL = 8192, EACH = 4096, CHUNKS = POOL / POOL_CHUNK };

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
check_kept(enum pool_kind kind, const struct record *r, int who, uint32_t n, size_t len)
{
	static uint8_t is[MP_PAYLOAD_MAX];
	bool right = true;

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->len, len);
	ck_assert_uint_eq(r->sent_at, T0 + n);
	ck_assert_uint_eq(r->session, state_index(&m, s[who]));
	ck_assert_uint_eq(r->vias, 0);
	ck_assert_uint_eq(pool_len(r), len);
	ck_assert(pool_read(&m, kind, r, 0, is, len));
	if (len >= 4)
		ck_assert_uint_eq(get32(is), n);
	for (size_t i = 4; i < len; i++)
		right &= is[i] == (uint8_t)n;
	ck_assert(right);
}

static void
check_record(const struct record *r, int who, uint32_t n, size_t len)
{
	check_kept(POOL_RECENT, r, who, n, len);
}

static void
check_held(const struct record *r, int who, uint32_t n, size_t len)
{
	check_kept(POOL_HELD, r, who, n, len);
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
	ck_assert_ptr_null(pool_first(&m, POOL_HELD, s[0])); /* another pool */
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

static bool
in_pool(const char *text)
{
	for (size_t i = 0; i < POOL - strlen(text); i++)
		if (memcmp(m.pool + i, text, strlen(text)) == 0)
			return true;
	return false;
}

/* What pool_clear() drops is wiped: it is plaintext. */
START_TEST(wiped)
{
	put(POOL_RECENT, 0, 'w', 1000);
	ck_assert(in_pool("wwww"));
	pool_clear(&m, POOL_RECENT, s[0]);
	ck_assert(!in_pool("wwww"));
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

/* What holds for a pool whatever happened to it: each session has an unbroken
 * run of its latest records, and each chunk has one owner at most. */
static void
check_whole(const uint32_t next[SESSIONS], const uint16_t lens[SESSIONS][3000])
{
	uint32_t chunks = 0, who, i;
	struct record *r;

	for (who = 0; who < SESSIONS; who++) {
		chunks += s[who]->pool.chunks;
		ck_assert_uint_le(s[who]->pool.bytes, EACH);
		r = pool_first(&m, POOL_RECENT, s[who]);
		ck_assert_uint_le(s[who]->pool.n, next[who]);
		for (i = next[who] - s[who]->pool.n; r != NULL; i++) {
			check_record(r, (int)who, i, lens[who][i]);
			r = pool_next(&m, POOL_RECENT, r);
		}
		ck_assert(s[who]->pool.n == 0 || i == next[who]);
	}
	ck_assert_uint_eq(chunks, m.sh->pool.taken);
	ck_assert_uint_le(chunks, CHUNKS);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_corrupt), 0);
}

/* Random puts, drops and clears of three sessions in a small pool. */
START_TEST(random_use)
{
	static uint16_t lens[SESSIONS][3000];
	uint8_t seed[32] = { 7 };
	uint32_t next[SESSIONS] = { 0 }, n, who;
	struct rng rng;

	rng_init(&rng, seed);
	for (n = 0; n < 3000; n++) {
		who = rng_below(&rng, SESSIONS);
		lens[who][next[who]] = (uint16_t)rng_below(&rng, 1500);
		ck_assert_ptr_nonnull(put(POOL_RECENT, (int)who, next[who],
		    lens[who][next[who]]));
		next[who]++;
		who = rng_below(&rng, SESSIONS);
		if (rng_below(&rng, 4) == 0)
			pool_drop(&m, POOL_RECENT, s[who]);
		if (rng_below(&rng, 200) == 0)
			pool_clear(&m, POOL_RECENT, s[who]);
		if (n % 16 == 0)
			check_whole(next, lens);
	}
	for (who = 0; who < SESSIONS; who++)
		pool_clear(&m, POOL_RECENT, s[who]);
	ck_assert_uint_eq(m.sh->pool.taken, 0);
}
END_TEST

/* Records of any length, each in pieces that begin and end anywhere. */
START_TEST(lengths)
{
	for (uint32_t len = 0; len < 1600; len++) {
		put(POOL_RECENT, 1, len, len % 100);
		check_record(put(POOL_RECENT, 0, len, len), 0, len, len);
	}
}
END_TEST

/* --- Fairness, and no more memory than it takes --------------------------- */

/* What a quiet session has is not lost to one that sends much, and room for
 * more of the quiet one is made by the other's oldest. */
START_TEST(quiet_beside_heavy)
{
	struct record *r;
	uint32_t n;

	m.limits.pool_each = POOL;
	for (n = 0; n < 1000; n++) {
		put(POOL_RECENT, 0, n, 1000);
		if (n % 100 == 0)
			ck_assert_ptr_nonnull(put(POOL_RECENT, 1, n / 100,
			    100));
	}
	ck_assert_uint_eq(s[1]->pool.n, 10);
	r = pool_first(&m, POOL_RECENT, s[1]);
	for (n = 0; n < 10; n++, r = pool_next(&m, POOL_RECENT, r))
		check_record(r, 1, n, 100);
	ck_assert_uint_ge(s[0]->pool.chunks, CHUNKS / 2);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_corrupt), 0);
}
END_TEST

/* Two that send much share the pool, whoever began. */
START_TEST(heavy_beside_heavy)
{
	uint32_t n;

	m.limits.pool_each = POOL;
	for (n = 0; n < 100; n++)
		put(POOL_RECENT, 0, n, 500);
	ck_assert_uint_ge(s[0]->pool.chunks, CHUNKS - 2);
	for (n = 0; n < 100; n++)
		put(POOL_RECENT, 1, n, 500);
	ck_assert_uint_ge(s[1]->pool.chunks, CHUNKS / 4);
	ck_assert_uint_ge(s[0]->pool.chunks, CHUNKS / 4);
}
END_TEST

/* The memory touched follows what is held: what was given back is used first,
 * however long that goes on. */
START_TEST(memory)
{
	uint32_t n;

	for (n = 0; n < 1000; n++) {
		put(POOL_RECENT, 0, n, 900);
		if (n >= 2)
			pool_drop(&m, POOL_RECENT, s[0]);
	}
	ck_assert_uint_eq(s[0]->pool.n, 2);
	ck_assert_uint_le(m.sh->pool.used, 7);
	pool_drop(&m, POOL_RECENT, s[0]);
	pool_drop(&m, POOL_RECENT, s[0]);
	ck_assert_uint_eq(m.sh->pool.taken, 0);
}
END_TEST

/* All are quiet and the pool is full: whoever sends still has room. */
START_TEST(all_quiet)
{
	uint32_t n;

	m.limits.pool = 4096;
	for (n = 0; n < 100; n++)
		ck_assert_ptr_nonnull(put(POOL_RECENT, (int)(n % 3), n, 900));
	for (n = 0; n < 3; n++)
		ck_assert_uint_ge(s[n]->pool.n, 1);
	ck_assert_ptr_nonnull(pool_first(&m, POOL_RECENT, s[0]));
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_corrupt), 0);
}
END_TEST

START_TEST(stage_recent)
{
	struct record *r, *newer = put(POOL_HELD, 0, 4, 700);
	uint32_t n;

	newer->tos = 77;
	newer->df = true;
	for (n = 1; n < 4; n++)
		put(POOL_RECENT, 0, n, 500 + n);
	pool_stage_recent(&m, s[0], T0);
	r = pool_first(&m, POOL_HELD, s[0]);
	for (n = 1; n < 5; n++, r = pool_next(&m, POOL_HELD, r)) {
		ck_assert_int_eq(r->tos, n == 4 ? 77 : -1);
		ck_assert_int_eq(r->df, n == 4);
		ck_assert_uint_eq(r->sent_at, T0);
		r->sent_at += n;
		check_kept(POOL_HELD, r, 0, n, n == 4 ? 700 : 500 + n);
	}
	ck_assert_ptr_null(r);
	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s[0]));
}
END_TEST

START_TEST(too_big)
{
	ck_assert_ptr_null(put(POOL_RECENT, 0, 1, MP_PAYLOAD_MAX + 1));
	ck_assert_ptr_null(put(POOL_RECENT, 0, 1, EACH + 1));
	ck_assert_uint_eq(m.sh->pool.taken, 0);
	ck_assert_ptr_null(put(POOL_HELD, 0, 1, MP_PAYLOAD_MAX + 1));
	check_held(put(POOL_HELD, 0, 1, MP_PAYLOAD_MAX), 0, 1,
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
	check_held(pool_first(&m, POOL_HELD, s[0]), 0, 0,
	    1024 - sizeof(struct record));
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 0);
	put(POOL_HELD, 0, 208, 10);
	ck_assert_uint_eq(s[0]->staged.n, 208);
	check_held(pool_first(&m, POOL_HELD, s[0]), 0, 1,
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
	check_held(pool_first(&m, POOL_HELD, s[0]), 0, 1, 30000);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 1);
}
END_TEST

/* All sessions together: the oldest of one that holds most makes room. */
START_TEST(staged_all)
{
	uint32_t n;

	put(POOL_HELD, 1, 0, 1000);
	for (n = 1; n < 5; n++)
		put(POOL_HELD, 0, n, 50000);
	for (; n < 7; n++)
		put(POOL_HELD, 2, n, 50000);
	/* 256 KiB hold five of the long ones */
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_drop_staged), 1);
	check_held(pool_first(&m, POOL_HELD, s[1]), 1, 0, 1000);
	check_held(pool_first(&m, POOL_HELD, s[0]), 0, 2, 50000);
}
END_TEST

/* A freed session leaves nothing to the next one. */
START_TEST(gone)
{
	struct mp_addr a = duo_ip4(10, 0, 0, 1, 9);
	static const uint8_t assoc[8] = { 1 };
	uint32_t n;

	put(POOL_HELD, 0, 1, 100);
	session_free(&m, s[0]);
	s[0] = session_new(&m, T0, 0, &a, 0, assoc, true);
	ck_assert_ptr_null(pool_first(&m, POOL_HELD, s[0]));
	for (n = 0; n < 100; n++)
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
	ck_assert_uint_eq(pool_begin(&m, POOL_RECENT, s[1]), MP_NEVER);
	first = pool_begin(&m, POOL_RECENT, s[0]);
	r = pool_first(&m, POOL_RECENT, s[0]);
	second = pool_after(r);
	check_record(pool_at(&m, POOL_RECENT, s[0], first), 0, 0, 500);
	check_record(pool_at(&m, POOL_RECENT, s[0], second), 0, 1, 500);
	check_record(pool_at(&m, POOL_RECENT, s[0], MP_NEVER), 0, 0, 500);
	/* another session's position: that one's own oldest, here none */
	ck_assert_ptr_null(pool_at(&m, POOL_RECENT, s[1], first));
	pool_drop(&m, POOL_RECENT, s[0]);
	check_record(pool_at(&m, POOL_RECENT, s[0], first), 0, 1, 500);
	pool_clear(&m, POOL_RECENT, s[0]);
	ck_assert_ptr_null(pool_at(&m, POOL_RECENT, s[0], second));
	for (n = 10; n < 13; n++) /* in the same chunks */
		put(POOL_RECENT, 0, n, 500);
	check_record(pool_at(&m, POOL_RECENT, s[0], second), 0, 10, 500);
}
END_TEST

/* --- Garbage -------------------------------------------------------------- */

/* What another process may write into a record or a pool. */
static void
spoil_magic(struct record *r)
{
	r->magic ^= 1;
}

static void
spoil_number(struct record *r)
{
	r->number = UINT32_MAX;
}

static void
spoil_len(struct record *r)
{
	r->len = UINT16_MAX;
}

static void
spoil_next(struct record *r)
{
	r->next += 8; /* not aligned */
}

static void
spoil_far(struct record *r)
{
	r->next = UINT32_MAX - 31;
}

static void
spoil_loop(struct record *r)
{
	r->next = s[0]->pool.first;
}

static void
spoil_owner(struct record *r)
{
	r->session = 99999;
}

static void
spoil_links(struct record *r)
{
	(void)r;
	memset(m.pool_link, 0xff, CHUNKS * sizeof(uint32_t));
}

static void
spoil_links_round(struct record *r)
{
	(void)r;
	for (uint32_t i = 0; i < CHUNKS; i++)
		m.pool_link[i] = 1;
}

static void
spoil_free(struct record *r)
{
	(void)r;
	m.sh->pool.free = UINT32_MAX - 5;
	m.sh->pool.used = UINT32_MAX - 5;
}

static void
spoil_taken(struct record *r)
{
	(void)r;
	m.sh->pool.taken = UINT32_MAX - 5;
}

static void
spoil_none_taken(struct record *r)
{
	(void)r;
	m.sh->pool.taken = 0;
}

static void
spoil_heavy(struct record *r)
{
	(void)r;
	m.sh->pool.taken = CHUNKS;
	m.sh->pool.hand = UINT32_MAX;
	for (uint32_t i = 0; i < STATE_HEAVY; i++)
		m.sh->pool.heavy[i] = 3 + i;
}

static void
spoil_queue(struct record *r)
{
	(void)r;
	s[0]->pool.first = 3 * POOL - 16;
	s[0]->pool.end = UINT32_MAX;
}

static void
spoil_queue_size(struct record *r)
{
	(void)r;
	s[0]->pool.chunks = s[0]->pool.n = UINT32_MAX;
	s[0]->pool.before = s[0]->pool.after = 77;
}

static void (*const spoilers[])(struct record *) = {
	spoil_magic,
	spoil_number,
	spoil_len,
	spoil_next,
	spoil_far,
	spoil_loop,
	spoil_owner,
	spoil_links,
	spoil_links_round,
	spoil_free,
	spoil_taken,
	spoil_none_taken,
	spoil_heavy,
	spoil_queue,
	spoil_queue_size,
};

START_TEST(garbage)
{
	struct record *r;
	uint32_t n, walked;

	static uint8_t data[MP_PAYLOAD_MAX];

	for (n = 0; n < 6; n++)
		put(POOL_RECENT, (int)(n % 2), n, 900);
	spoilers[_i](pool_first(&m, POOL_RECENT, s[0]));
	for (r = pool_first(&m, POOL_RECENT, s[0]), walked = 0;
	     r != NULL && walked < 100; walked++)
		r = pool_next(&m, POOL_RECENT, r);
	ck_assert_uint_lt(walked, 100);
	r = pool_first(&m, POOL_RECENT, s[0]);
	if (r != NULL)
		(void)pool_read(&m, POOL_RECENT, r, 0, data,
		    pool_len(r));
	for (n = 0; n < 100; n++)
		put(POOL_RECENT, (int)(n % 3), n, 700);
	for (n = 0; n < 3; n++)
		pool_clear(&m, POOL_RECENT, s[n]);
	/* and the pool works again */
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
	tcase_add_test(t, random_use);
	tcase_add_test(t, lengths);
	tcase_add_test(t, quiet_beside_heavy);
	tcase_add_test(t, heavy_beside_heavy);
	tcase_add_test(t, memory);
	tcase_add_test(t, all_quiet);
	tcase_add_test(t, stage_recent);
	tcase_add_test(t, too_big);
	tcase_add_test(t, staged_number);
	tcase_add_test(t, staged_bytes);
	tcase_add_test(t, staged_all);
	tcase_add_test(t, gone);
	tcase_add_test(t, at);
	tcase_add_loop_test(t, garbage, 0,
	    (int)(sizeof(spoilers) / sizeof(spoilers[0])));
	suite_add_tcase(suite, t);
	return suite;
}
