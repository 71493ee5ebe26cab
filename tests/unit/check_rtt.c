/* SPDX-License-Identifier: ISC */
/* core/rtt.c against numbers worked out by hand from the paper's equations. */
#include "rtt.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Samples, and SRTT and RTTVAR after the last one. */
static const struct sample_row {
	const char *name;
	int n;
	uint32_t us[5], srtt, rttvar;
} samples[] = {
	{ "none", 0, { 0 }, 0, 0 },
	{ "the first: R, R/2", 1, { 100000 }, 100000, 50000 },
	{ "odd first", 1, { 7 }, 7, 3 },
	/* 3/4 50000 + 1/4 40000; with the new SRTT it would be 46250 */
	{ "above, RTTVAR before SRTT", 2, { 100000, 140000 }, 105000, 47500 },
	/* 3/4 50000 + 1/4 40000; 7/8 100000 + 1/8 60000 */
	{ "below", 2, { 100000, 60000 }, 95000, 47500 },
	{ "equal", 2, { 100000, 100000 }, 100000, 37500 },
	{ "three", 3, { 100000, 140000, 105000 }, 105000, 35625 },
	/* (3 35625 + 40000) / 4 = 36718.75 */
	{ "four", 4, { 100000, 140000, 105000, 65000 }, 100000, 36718 },
	{ "0 is a sample, too", 1, { 0 }, 1, 0 },
	{ "0 after 0", 2, { 0, 0 }, 1, 0 },
	{ "100 ms after 0", 2, { 0, 100000 }, 12500, 24999 },
	{ "longest", 1, { RTT_SAMPLE_MAX }, 5000000, 2500000 },
	{ "longest twice", 2, { 1000, RTT_SAMPLE_MAX }, 625875, 1250125 },
	{ "over the longest: as that", 1, { RTT_SAMPLE_MAX + 1 }, 5000000,
	    2500000 },
	{ "over the longest, later", 3, { 100000, UINT32_MAX, 140000 },
	    640937, 1090000 },
};

START_TEST(sample)
{
	const struct sample_row *r = &samples[_i];
	struct rtt rtt;
	int i;

	rtt_init(&rtt);
	for (i = 0; i < r->n; i++)
		rtt_sample(&rtt, r->us[i]);
	ck_assert_msg(rtt.srtt_us == r->srtt, "%s: %u", r->name, rtt.srtt_us);
	ck_assert_msg(rtt.rttvar_us == r->rttvar, "%s: %u", r->name,
	    rtt.rttvar_us);
	ck_assert_uint_eq(rtt.idle_us, 0);
}
END_TEST

/* Everything derived from SRTT, RTTVAR and idle_time. */
static const struct derived_row {
	const char *name;
	struct rtt rtt;
	uint32_t smoothed;
	uint64_t rto, drto, interval, cost, doubt;
} derived[] = {
	{ "no sample: as if 250 ms were the first", { 0, 0, 0 },
	    250000, 750000, 775000, 775000, 250000, 750000 },
	{ "no sample, idle", { 0, 0, 750000 },
	    250000, 1500000, 1525000, 1525000, 1000000, 750000 },
	{ "no sample: RTTVAR does not count", { 0, 9, 0 },
	    250000, 750000, 775000, 775000, 250000, 750000 },
	{ "a LAN: every minimum", { 1000, 500, 0 },
	    1000, 50000, 75000, 560000, 1000, 11000 },
	{ "just 50 ms", { 40000, 2500, 0 },
	    40000, 50000, 75000, 560000, 40000, 50000 },
	{ "over 50 ms", { 40000, 2501, 0 },
	    40000, 50004, 75004, 560000, 40000, 50004 },
	{ "under 10 ms of spread", { 40000, 2499, 0 },
	    40000, 50000, 75000, 560000, 40000, 50000 },
	{ "idle lifts the RTO over its minimum", { 1000, 0, 60000 },
	    1000, 61000, 86000, 560000, 61000, 11000 },
	{ "idle counts in RTO and cost, not in doubt",
	    { 100000, 50000, 300000 },
	    100000, 600000, 625000, 625000, 400000, 300000 },
	{ "interval just 560 ms", { 535000, 0, 0 },
	    535000, 535000, 560000, 560000, 535000, 545000 },
	{ "interval over 560 ms", { 535001, 0, 0 },
	    535001, 535001, 560001, 560001, 535001, 545001 },
	{ "interval just 10 s", { 100000, 0, 9875000 },
	    100000, 9975000, 10000000, 10000000, 9975000, 110000 },
	{ "interval over 10 s", { 100000, 0, 9875001 },
	    100000, 9975001, 10000001, 10000000, 9975001, 110000 },
	{ "an hour idle", { 5000000, 5000000, RTT_IDLE_MAX },
	    5000000, UINT64_C(3625000000), UINT64_C(3625025000), 10000000,
	    UINT64_C(3605000000), 25000000 },
	{ "4 RTTVAR beyond 32 bits", { 1, UINT32_MAX, 0 },
	    1, UINT64_C(17179869181), UINT64_C(17179894181), 10000000, 1,
	    UINT64_C(17179869181) },
};

START_TEST(derive)
{
	const struct derived_row *r = &derived[_i];

	ck_assert_uint_eq(rtt_smoothed(&r->rtt), r->smoothed);
	ck_assert_uint_eq(rtt_rto(&r->rtt), r->rto);
	ck_assert_uint_eq(rtt_drto(&r->rtt), r->drto);
	ck_assert_uint_eq(rtt_interval(&r->rtt), r->interval);
	ck_assert_uint_eq(rtt_cost(&r->rtt), r->cost);
	ck_assert_uint_eq(rtt_doubt(&r->rtt), r->doubt);
}
END_TEST

/* Each miss adds one RTO, which includes idle_time, so the waits double.  SRTT
 * and RTTVAR stay. */
START_TEST(misses)
{
	static const uint64_t idle[] = { 300000, 900000, 2100000, 4500000 };
	struct rtt rtt;
	int i;

	rtt_init(&rtt);
	rtt_sample(&rtt, 100000);
	for (i = 0; i < COUNT(idle); i++) {
		rtt_miss(&rtt, UINT64_MAX);
		ck_assert_uint_eq(rtt.idle_us, idle[i]);
		ck_assert_uint_eq(rtt.srtt_us, 100000);
		ck_assert_uint_eq(rtt.rttvar_us, 50000);
	}
	rtt_sample(&rtt, 100000);
	ck_assert_uint_eq(rtt.idle_us, 4500000);
	rtt_answer(&rtt);
	ck_assert_uint_eq(rtt.idle_us, 0);
	ck_assert_uint_eq(rtt_rto(&rtt), 250000);
}
END_TEST

START_TEST(misses_unsampled)
{
	struct rtt rtt;

	rtt_init(&rtt);
	rtt_miss(&rtt, UINT64_MAX);
	ck_assert_uint_eq(rtt.idle_us, 750000);
	rtt_miss(&rtt, UINT64_MAX);
	ck_assert_uint_eq(rtt.idle_us, 2250000);
	ck_assert_uint_eq(rtt.srtt_us, 0);
}
END_TEST

/* idle_time before a miss, and after it. */
static const uint64_t caps[][2] = {
	{ RTT_IDLE_MAX / 2 - 50001, RTT_IDLE_MAX - 2 },
	{ RTT_IDLE_MAX / 2 - 50000, RTT_IDLE_MAX },
	{ RTT_IDLE_MAX / 2 - 49999, RTT_IDLE_MAX },
	{ RTT_IDLE_MAX - 1, RTT_IDLE_MAX },
	{ RTT_IDLE_MAX, RTT_IDLE_MAX },
	{ RTT_IDLE_MAX + 1, RTT_IDLE_MAX }, /* another process wrote it */
	{ UINT64_MAX, RTT_IDLE_MAX },
};

START_TEST(miss_cap)
{
	struct rtt rtt = { 100000, 0, caps[_i][0] };

	rtt_miss(&rtt, UINT64_MAX);
	ck_assert_uint_eq(rtt.idle_us, caps[_i][1]);
}
END_TEST

Suite *
suite_rtt(void)
{
	Suite *s = suite_create("rtt");
	TCase *tc = tcase_create("rtt");

	tcase_add_loop_test(tc, sample, 0, COUNT(samples));
	tcase_add_loop_test(tc, derive, 0, COUNT(derived));
	tcase_add_test(tc, misses);
	tcase_add_test(tc, misses_unsampled);
	tcase_add_loop_test(tc, miss_cap, 0, COUNT(caps));
	suite_add_tcase(s, tc);
	return s;
}
