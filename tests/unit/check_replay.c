/* SPDX-License-Identifier: ISC */
/* core/replay.c at its edges, and against a model with one flag for each
 * number. */
#include <stdbool.h>
#include <string.h>

#include "crypto.h"
#include "replay.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Numbers taken in turn, and what the next one is then. */
static const struct edge_row {
	const char *name;
	unsigned n;
	enum replay_says says;
	uint64_t take[4], ask;
} edges[] = {
	{ "the first", 0, REPLAY_NEW, { 0 }, 1 },
	{ "0 is no number", 0, REPLAY_OLD, { 0 }, 0 },
	{ "0, with others", 1, REPLAY_OLD, { 5 }, 0 },
	{ "0, taken or not", 1, REPLAY_NEW, { 0 }, 1 },
	{ "again", 1, REPLAY_SEEN, { 1 }, 1 },
	{ "the next", 1, REPLAY_NEW, { 1 }, 2 },
	{ "a gap", 1, REPLAY_NEW, { 9 }, 8 },
	{ "a gap filled", 2, REPLAY_SEEN, { 9, 8 }, 8 },
	{ "oldest in the window, missed", 1, REPLAY_NEW, { 2048 }, 1 },
	{ "oldest in the window, seen", 2, REPLAY_SEEN, { 1, 2048 }, 1 },
	{ "just out of the window, missed", 1, REPLAY_NEW, { 2049 }, 1 },
	{ "the same, behind another hole", 3, REPLAY_NEW, { 2049, 2, 2051 },
	    1 },
	{ "the same, taken then", 2, REPLAY_OLD, { 2049, 1 }, 1 },
	{ "beside it", 3, REPLAY_NEW, { 3000, 5, 6 }, 4 },
	{ "behind it", 3, REPLAY_NEW, { 3000, 5, 6 }, 7 },
	{ "65536 behind", 1, REPLAY_OLD, { 70000 }, 70000 - 65536 },
	{ "just not 65536 behind", 1, REPLAY_NEW, { 70000 },
	    70000 - 65535 },
	{ "out of the window, seen", 2, REPLAY_OLD, { 1, 2049 }, 1 },
	{ "same bit a turn later", 2, REPLAY_NEW, { 1, 2048 }, 2049 },
	{ "same bit behind a jump", 2, REPLAY_NEW, { 1, 2050 }, 2049 },
	{ "jump by 2047", 2, REPLAY_NEW, { 1, 2048 }, 2047 },
	{ "jump by 2048", 3, REPLAY_NEW, { 3, 7, 2055 }, 2051 },
	{ "jump by 2049", 3, REPLAY_NEW, { 3, 7, 2056 }, 2051 },
	{ "jump far, then seen", 2, REPLAY_SEEN, { 3, 1000000 }, 1000000 },
	{ "taking an old one changes nothing", 3, REPLAY_NEW,
	    { 3, 5000, 3 }, 4098 },
	{ "taking one twice does not hurt", 3, REPLAY_SEEN, { 3, 3, 4 }, 3 },
	{ "a seen one survives a clearing beside it", 3, REPLAY_SEEN,
	    { 64, 66, 2111 }, 64 },
	{ "highest number", 1, REPLAY_SEEN, { UINT64_MAX }, UINT64_MAX },
	{ "near the highest", 2, REPLAY_SEEN,
	    { UINT64_MAX - 2000, UINT64_MAX }, UINT64_MAX - 2000 },
	{ "near the highest, missed", 2, REPLAY_NEW,
	    { UINT64_MAX - 2000, UINT64_MAX }, UINT64_MAX - 1 },
	{ "one after the highest", 1, REPLAY_OLD, { UINT64_MAX }, 1 },
};

START_TEST(edge)
{
	const struct edge_row *r = &edges[_i];
	struct replay_window w, before;
	enum replay_says says;
	unsigned i;

	memset(&w, 0, sizeof(w));
	for (i = 0; i < r->n; i++)
		replay_take(&w, r->take[i]);
	before = w;
	says = replay_check(&w, r->ask);
	ck_assert_msg(says == r->says, "%s: %d", r->name, (int)says);
	ck_assert_mem_eq(&w, &before, sizeof(w));
}
END_TEST

/* A failure: 20000 in a row are lost, with others before and after; while they
 * are resent in order, newer ones arrive. */
START_TEST(failure)
{
	struct replay_window w;
	uint64_t seq, hi, back;

	memset(&w, 0, sizeof(w));
	for (seq = 1; seq <= 10000; seq++)
		if (seq % 50 != 0) /* it loses some anyway */
			replay_take(&w, seq);
	hi = 30000;
	for (back = 10001; back <= 30000; back++) {
		if (back % 10 == 0 && ++hi % 33 != 0)
			replay_take(&w, hi);
		ck_assert_int_eq(replay_check(&w, back), REPLAY_NEW);
		if (back % 97 != 0) {
			replay_take(&w, back);
			ck_assert_int_ne(replay_check(&w, back), REPLAY_NEW);
		}
	}
}
END_TEST

enum { MODEL_MAX = 60000, MODEL_STEPS = 12000 };

struct model {
	uint32_t hi;
	bool seen[MODEL_MAX];
};

static enum replay_says
model_check(const struct model *m, uint32_t seq)
{
	if (seq > m->hi)
		return REPLAY_NEW;
	if (m->hi - seq >= REPLAY_BITS && m->seen[seq])
		return REPLAY_OLD;
	return m->seen[seq] ? REPLAY_SEEN : REPLAY_NEW;
}

/* A number behind the window that did not arrive may be forgotten. */
static bool
model_agrees(const struct model *m, uint32_t seq, enum replay_says says)
{
	return says == model_check(m, seq) || (says == REPLAY_OLD &&
	    seq + REPLAY_BITS <= m->hi);
}

/* The next number to try: mostly near the highest, sometimes far from it. */
static uint32_t
model_next(const struct model *m, struct rng *rng)
{
	static const uint32_t jumps[] = { 63, 64, 65, 127, 128, 1000, 1984,
		2047, 2048, 2049, 3000 };
	uint32_t dice = rng_below(rng, 300), back;

	if (dice == 0)
		return m->hi + jumps[rng_below(rng, COUNT(jumps))];
	if (dice > 150)
		return m->hi + 1 + rng_below(rng, 3);
	if (dice > 140) /* around the edge of the window */
		back = 2040 + rng_below(rng, 16);
	else
		back = rng_below(rng, dice > 40 ? 100 : 4096);
	return back < m->hi ? m->hi - back : 1;
}

/* Where the model's numbers begin. */
static const uint64_t bases[] = {
	0,
	1,
	37,
	(UINT64_C(1) << 32) - 20000,
	(UINT64_C(1) << 48) - MODEL_MAX,
	UINT64_MAX - MODEL_MAX,
};

START_TEST(against_model)
{
	static struct model m;
	uint64_t base = bases[_i];
	uint8_t seed[32] = { 'w', (uint8_t)_i };
	int i, says[3] = { 0 };
	struct replay_window w;
	struct rng rng;
	uint32_t seq;

	memset(&m, 0, sizeof(m));
	memset(&w, 0, sizeof(w));
	rng_init(&rng, seed);
	m.hi = 1;
	m.seen[1] = true;
	replay_take(&w, base + 1);
	for (i = 0; i < MODEL_STEPS; i++) {
		enum replay_says want;

		seq = model_next(&m, &rng);
		if (seq >= MODEL_MAX)
			break;
		/* the model knows nothing before `base' */
		want = replay_check(&w, base + seq);
		ck_assert(model_agrees(&m, seq, want));
		says[want]++;
		if (want == REPLAY_NEW && rng_below(&rng, 8) != 0) {
			replay_take(&w, base + seq);
			m.seen[seq] = true;
			if (seq > m.hi)
				m.hi = seq;
		}
	}
	for (seq = 1; seq <= m.hi; seq++)
		ck_assert(model_agrees(&m, seq, replay_check(&w,
		    base + seq)));
	ck_assert(says[REPLAY_NEW] > 1000 && says[REPLAY_SEEN] > 1000 &&
	    says[REPLAY_OLD] > 200);
}
END_TEST

/* Whatever the block holds, nothing outside of the window is written. */
START_TEST(hostile)
{
	struct {
		uint64_t before;
		struct replay_window w;
		uint64_t after;
	} s;
	struct rng rng;
	uint8_t seed[32] = { 'h' };
	int i;

	rng_init(&rng, seed);
	s.before = s.after = 0x5a5a;
	for (i = 0; i < 1000; i++) {
		uint64_t seq;

		rng_bytes(&rng, &s.w, sizeof(s.w));
		rng_bytes(&rng, &seq, sizeof(seq));
		if (i % 2)
			seq = s.w.hi + rng_below(&rng, 4096);
		replay_take(&s.w, seq);
		ck_assert_int_ne(replay_check(&s.w, seq), REPLAY_NEW);
	}
	ck_assert_uint_eq(s.before, 0x5a5a);
	ck_assert_uint_eq(s.after, 0x5a5a);
}
END_TEST

Suite *
suite_replay(void)
{
	Suite *s = suite_create("replay");
	TCase *tc = tcase_create("replay");

	tcase_add_loop_test(tc, edge, 0, COUNT(edges));
	tcase_add_loop_test(tc, against_model, 0, COUNT(bases));
	tcase_add_test(tc, failure);
	tcase_add_test(tc, hostile);
	suite_add_tcase(s, tc);
	return s;
}
