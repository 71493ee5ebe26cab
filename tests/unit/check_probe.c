/* SPDX-License-Identifier: ISC */
/* core/probe.c: the table of probe times, and the search for sizes (PROTOCOL.md
 * 4). */
#include "probe.h"

#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "rtt.h"
#include "state.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T0 (UINT64_C(5000) * SEC)

/* SRTT 40 ms, RTTVAR 5 ms: an answer is overdue after 60 ms; dRTO is 85 ms. */
static const struct mp no_mp;
static struct flow f;
static struct session s;

static void
setup(void)
{
	struct mp_path path = { .remote = duo_ip4(10, 0, 0, 1, 9) };

	memset(&s, 0, sizeof(s));
	s.initiator = true;
	s.last_data = T0;
	s.current = 0;
	memset(&f, 0, sizeof(f));
	flow_begin(&f, &path, T0 - 10 * SEC);
	f.probe_now = false;
	f.validated = true;
	f.answer_at = f.probe_at = T0;
	f.rtt = (struct rtt) { 40000, 5000, 0 };
}

START_TEST(idle)
{
	ck_assert(!probe_idle(&s, T0 + 15 * SEC));
	ck_assert(probe_idle(&s, T0 + 15 * SEC + 1));
}
END_TEST

/* --- Never answered: at 0, 0.3, 0.9, 2.1 s, then every 30 s --------------- */

START_TEST(never_answered)
{
	static const uint64_t at[] = { 0, 300 * MS, 900 * MS, 2100 * MS,
		32100 * MS, 62100 * MS };
	struct mp_path path = { .remote = duo_ip4(10, 0, 0, 1, 9) };
	int i;

	flow_begin(&f, &path, T0);
	ck_assert_uint_le(probe_due(&no_mp, &s, &f, T0), T0);
	for (i = 0; i < COUNT(at); i++) {
		ck_assert_msg(i == 0 || probe_due(&no_mp, &s, &f, T0 + at[i - 1]) ==
		    T0 + at[i], "probe %d", i);
		flow_probe_sent(&f, T0 + at[i], 1);
	}
}
END_TEST

/* --- The other rows, in the table's order --------------------------------- */

static void
nothing(void)
{
}

static void
gone(void)
{
	f.gone = f.probe_now = true;
}

static void
down(void)
{
	f.down = f.probe_now = true;
}

static void
urge(void)
{
	f.probe_now = true;
}

static void
data_wait(void)
{
	flow_data_sent(&f, T0 + SEC);
}

static void
data_wait_after_probe(void)
{
	data_wait();
	f.probe_at = T0 + SEC + 20 * MS;
}

static void
data_wait_elsewhere(void)
{
	data_wait();
	f.probe_at = T0 + 900 * MS;
	s.current = 1;
}

static void
data_wait_left(void)
{
	data_wait_elsewhere();
	f.doubted = true;
}

/* Datagrams each 20 ms, of which one always waits. */
static void
stream(void)
{
	flow_data_sent(&f, T0 + 530 * MS);
	f.data_gap = 20 * MS;
}

static void
stream_after_probe(void)
{
	stream();
	f.probes = 1;
}

static void
ip6(void)
{
	memset(f.path.remote.ip, 0x20, sizeof(f.path.remote.ip));
}

static void
probe_wait(void)
{
	flow_probe_sent(&f, T0 + SEC, 1);
}

static void
second_wait(void)
{
	probe_wait();
	flow_missed(&f, MP_NEVER);
	f.probe_now = false;
	f.wait_since = T0 + 2 * SEC;
	/* idle_time 60 ms: RTO 120 ms */
}

static void
idle_in_use(void)
{
	s.last_data = T0 - 20 * SEC;
}

static void
idle_other(void)
{
	idle_in_use();
	s.current = 1;
}

static void
long_in_use(void)
{
	idle_in_use();
	s.last_data = T0 - 121 * SEC;
}

static void
long_other(void)
{
	idle_other();
	s.last_data = T0 - 121 * SEC;
}

static void
slow(void)
{
	f.rtt.srtt_us = 2 * 1000 * 1000;
}

static void
very_slow(void)
{
	f.rtt.srtt_us = 4 * 1000 * 1000;
	f.rtt.rttvar_us = 2 * 1000 * 1000;
}

static void
responder(void)
{
	s.initiator = false;
}

/* Answered datagrams, a second apart. */
static void
answered(void)
{
	f.data_last = T0 + 300 * MS;
	f.data_gap = SEC;
}

/* Farther apart. */
static void
answered_seldom(void)
{
	answered();
	f.data_gap = 2 * SEC;
}

static void
answered_late(void)
{
	answered_seldom();
	f.data_last = T0 + 900 * MS;
}

static void
answered_stopped(void)
{
	answered();
	f.data_last = T0 - SEC;
}

/* The peer's datagrams are answered. */
static void
answers(void)
{
	f.data_seen = T0 + 400 * MS;
}

static void
answered_elsewhere(void)
{
	answered();
	s.current = 1;
}

static void
answered_keys(void)
{
	answered();
	f.data_gap = 200 * MS;
}

static const struct due_row {
	const char *name;
	void (*what)(void);
	uint64_t after; /* after T0; MP_NEVER */
} dues[] = {
	{ "gone", gone, MP_NEVER },
	{ "no carrier", down, MP_NEVER },
	{ "just probe_interval", nothing, 560 * MS },
	{ "probe_interval is dRTO", slow, 2045 * MS },
	{ "10 s at most", very_slow, 10 * SEC },
	{ "a data wait", data_wait, SEC + 50 * MS },
	{ "a data wait, 50 ms after a probe", data_wait_after_probe,
	    SEC + 70 * MS },
	{ "a data wait of a flow not in use", data_wait_elsewhere,
	    SEC + 50 * MS },
	{ "the same, its doubt is noticed", data_wait_left, SEC + 85 * MS },
	{ "a stream, of which a datagram always waits", stream, 560 * MS },
	{ "the same, the last probe has no answer", stream_after_probe,
	    600 * MS },
	{ "IPv6", ip6, 700 * MS },
	{ "dRTO of a probe", probe_wait, SEC + 85 * MS },
	{ "dRTO of the second wait", second_wait, 2 * SEC + 145 * MS },
	{ "idle, in use", idle_in_use, 15 * SEC },
	{ "idle, another", idle_other, 60 * SEC },
	{ "idle for long, in use", long_in_use, 25 * SEC },
	{ "idle for long, another", long_other, 120 * SEC },
	{ "the responder has nothing to ask", responder, MP_NEVER },
	{ "two of them where a datagram is expected before", answered,
	    1120 * MS },
	{ "one where datagrams stopped", answered_stopped, 560 * MS },
	{ "probe_interval after an answered datagram", answered_seldom,
	    860 * MS },
	{ "two of them after the last probe at most", answered_late,
	    1120 * MS },
	{ "datagrams of a flow not in use", answered_elsewhere, 560 * MS },
	{ "datagrams in quick succession", answered_keys, 560 * MS },
	{ "later where answers go, to join one", answers, 700 * MS },
};

START_TEST(due)
{
	const struct due_row *r = &dues[_i];
	uint64_t at, want = r->after == MP_NEVER ? MP_NEVER : T0 + r->after;

	r->what();
	at = probe_due(&no_mp, &s, &f, T0);
	ck_assert_msg(at == want, "%s: %lld us after T0", r->name,
	    (long long)(at - T0));
}
END_TEST

/* A probe goes in the place of an answer if it is due soon. */
START_TEST(joins)
{
	ck_assert(!probe_joins(&s, &f, T0 + 499 * MS));
	ck_assert(probe_joins(&s, &f, T0 + 500 * MS));
	s.initiator = false;
	ck_assert(!probe_joins(&s, &f, T0 + 500 * MS));
	s.initiator = true;
	s.current = 1;
	ck_assert(!probe_joins(&s, &f, T0 + 500 * MS));
	s.current = 0;
	f.probes = 1; /* has no answer */
	ck_assert(!probe_joins(&s, &f, T0 + 500 * MS));
	f.probes = 0;
	ip6();
	ck_assert(!probe_joins(&s, &f, T0 + 500 * MS));
	ck_assert(probe_joins(&s, &f, T0 + 640 * MS));
}
END_TEST

START_TEST(due_at_once)
{
	urge();
	ck_assert_uint_le(probe_due(&no_mp, &s, &f, T0), T0);
	s.initiator = false; /* at either end */
	ck_assert_uint_le(probe_due(&no_mp, &s, &f, T0), T0);
}
END_TEST

/* --- Sizes ---------------------------------------------------------------- */

/* PROTOCOL.md 4: 1252, 1392, 1432, 1472, then the MTU less headers. */
static const struct rung_row {
	const char *name;
	bool v6;
	uint16_t mtu, rung[6], ceiling;
} rung_rows[] = {
	{ "IPv4, 1500", false, 1500, { 1252, 1392, 1432, 1472, 1472, 0 },
	    1472 },
	{ "IPv6, 1500", true, 1500, { 1252, 1392, 1432, 0, 1452, 0 }, 1452 },
	{ "MTU unknown", false, 0, { 1252, 1392, 1432, 1472, 1472, 0 },
	    1472 },
	{ "IPv4, 9000", false, 9000, { 1252, 1392, 1432, 1472, 8972, 0 },
	    8972 },
	{ "IPv4, 1420", false, 1420, { 1252, 1392, 0, 0, 1392, 0 }, 1392 },
	{ "IPv6, 1280: no less than 1200", true, 1280,
	    { 0, 0, 0, 0, 1232, 0 }, 1232 },
	{ "tiny", false, 600, { 0, 0, 0, 0, 1200, 0 }, 1200 },
};

START_TEST(rung)
{
	const struct rung_row *r = &rung_rows[_i];
	int i;

	if (r->v6)
		f.path.remote.ip[0] = 0x20;
	for (i = 0; i < 6; i++)
		ck_assert_msg(probe_rung(&f, r->mtu, i) == r->rung[i],
		    "%s: rung %d: %u", r->name, i, probe_rung(&f, r->mtu, i));
	ck_assert_uint_eq(probe_rung(&f, r->mtu, -1), 0);
	ck_assert_msg(probe_ceiling(&f, r->mtu) == r->ceiling, "%s", r->name);
	f.size_max = 1201;
	ck_assert_uint_le(probe_ceiling(&f, r->mtu), 1201);
}
END_TEST

/* Which rungs are tried for a datagram of some size on a flow with some proven
 * size. */
static const struct want_row {
	const char *name;
	uint16_t size, want;
	uint8_t mask;
} wants[] = {
	{ "nothing", 1200, 1200, 0 },
	{ "one byte more", 1200, 1201, 1 },
	{ "just the first", 1200, 1252, 1 },
	{ "the second", 1200, 1253, 1 | 2 },
	{ "all", 1200, 1472, 1 | 2 | 4 | 8 },
	{ "more than the MTU carries", 1200, 1473, 1 | 2 | 4 | 8 },
	{ "from the middle", 1392, 1472, 4 | 8 },
	{ "all is proven", 1472, 1500, 0 },
};

START_TEST(want)
{
	const struct want_row *r = &wants[_i];

	f.size = r->size;
	probe_size_want(&f, 1500, r->want, T0);
	ck_assert_msg(f.size_mask == r->mask, "%s: %x", r->name, f.size_mask);
	if (r->mask != 0)
		ck_assert_uint_le(probe_size_due(&f, 1500, T0), T0);
	else
		ck_assert_uint_eq(probe_size_due(&f, 1500, T0), MP_NEVER);
}
END_TEST

/* Not on a flow that is not usable; not while a search runs. */
START_TEST(want_not)
{
	f.validated = false;
	probe_size_want(&f, 1500, 1400, T0);
	ck_assert_uint_eq(f.size_mask, 0);
	f.validated = true;
	probe_size_want(&f, 1500, 1201, T0);
	ck_assert_uint_eq(f.size_mask, 1);
	probe_size_want(&f, 1500, 1472, T0);
	ck_assert_uint_eq(f.size_mask, 1);
}
END_TEST

START_TEST(proven)
{
	probe_size_want(&f, 1500, 1432, T0);
	f.size_mask = 0; /* all rungs were sent */
	probe_size_proven(&f, 1500, 1, T0);
	ck_assert_uint_eq(f.size, 1392);
	ck_assert_uint_ne(f.size_tries, 0); /* the wanted rung has no answer */
	probe_size_proven(&f, 1500, 0, T0); /* too late: nothing shrinks */
	ck_assert_uint_eq(f.size, 1392);
	probe_size_proven(&f, 1500, 2, T0);
	ck_assert_uint_eq(f.size, 1432);
	ck_assert_uint_eq(f.size_tries, 0);
	ck_assert_uint_eq(probe_size_due(&f, 1500, T0 + SEC), MP_NEVER);
	/* an answer for a rung that does not exist */
	probe_size_proven(&f, 1500, 5, T0);
	probe_size_proven(&f, 1500, 6, T0);
	ck_assert_uint_eq(f.size, 1432);
}
END_TEST

/* Three tries, then none for 600 s; then from the beginning. */
START_TEST(failed)
{
	uint64_t now = T0;
	int tries;

	probe_size_want(&f, 1500, 1472, now);
	probe_size_proven(&f, 1500, 1, T0);
	for (tries = 0; f.size_mask != 0; tries++) {
		ck_assert_int_lt(tries, 10);
		f.size_mask = 0;
		now = probe_size_due(&f, 1500, now);
		ck_assert_uint_ne(now, MP_NEVER);
		probe_size_due(&f, 1500, now);
	}
	ck_assert_int_eq(tries, PROBE_SIZE_TRIES);
	ck_assert_uint_eq(f.size, 1392);
	ck_assert_uint_lt(probe_ceiling(&f, 1500), 1432);
	ck_assert_uint_ge(probe_ceiling(&f, 1500), 1392);
	probe_size_want(&f, 1500, 1472, now + SEC);
	ck_assert_uint_eq(f.size_mask, 0);
	probe_size_want(&f, 1500, 1472, now + PROBE_SIZE_AGAIN);
	ck_assert_uint_eq(f.size_mask, 4 | 8);
	f.size_mask = 0;
	probe_size_proven(&f, 1500, 3, T0);
	ck_assert_uint_eq(f.size, 1472);
	ck_assert_uint_eq(probe_ceiling(&f, 1500), 1472);
}
END_TEST

/* PROTOCOL.md 4: proven anew when a big datagram is lost while small ones pass;
 * when 3 are, within a second of the last proof or where packets get lost. */
START_TEST(suspect)
{
	int i;

	for (i = 0; i < 10; i++)
		probe_size_suspect(&f, T0); /* 1200 needs no proof */
	ck_assert_uint_eq(f.size_mask, 0);
	f.size = 1432;
	f.big_lost = 0;
	probe_size_suspect(&f, T0);
	ck_assert_uint_eq(f.size_mask, PROBE_SAME_SIZE);
	f.size_mask = 0;
	probe_size_proven(&f, 1500, PROBE_SAME, T0);
	probe_size_suspect(&f, T0 + SEC - 1);
	probe_size_suspect(&f, T0 + SEC - 1);
	ck_assert_uint_eq(f.size_mask, 0);
	probe_size_suspect(&f, T0 + SEC - 1);
	ck_assert_uint_eq(f.size_mask, PROBE_SAME_SIZE);
	ck_assert_uint_eq(f.size, 1432); /* it holds until disproved */
	f.size_mask = 0;
	probe_size_proven(&f, 1500, PROBE_SAME, T0);
	f.tx_loss = (struct loss) { .n = 100, .lost = 3 };
	probe_size_suspect(&f, T0 + 2 * SEC);
	ck_assert_uint_eq(f.size_mask, 0);
	probe_size_suspect(&f, T0 + 2 * SEC);
	probe_size_suspect(&f, T0 + 2 * SEC);
	ck_assert_uint_eq(f.size_mask, PROBE_SAME_SIZE);
	f.size_mask = 0;
	probe_size_proven(&f, 1500, PROBE_SAME, T0); /* it passes after all */
	ck_assert_uint_eq(f.size, 1432);
	ck_assert_uint_eq(f.size_tries, 0);
	ck_assert_uint_eq(f.big_lost, 0);
}
END_TEST

/* Without an answer nothing depends on the size any more; a proof of that size
 * does not forget what loss was counted, its failure does. */
START_TEST(suspect_right)
{
	uint64_t now = T0;
	int i;

	f.size = 1432;
	f.tx_loss = (struct loss) { .n = 100, .lost = 2 };
	probe_size_suspect(&f, T0);
	for (i = 0; f.size_mask != 0; i++) {
		ck_assert_uint_eq(f.size_mask, i == 0 ? PROBE_SAME_SIZE :
		    1 | 2 | 4);
		ck_assert_uint_eq(f.size, i == 0 ? 1432 : MP_SIZE_MIN);
		ck_assert_uint_eq(f.tx_loss.n, 100);
		f.size_mask = 0;
		now = probe_size_due(&f, 1500, now);
		ck_assert(i != 0 || now == T0 + rtt_doubt(&f.rtt));
		probe_size_due(&f, 1500, now);
	}
	ck_assert_int_eq(i, PROBE_SIZE_TRIES);
	ck_assert_uint_eq(f.size, MP_SIZE_MIN);
	ck_assert_uint_eq(f.size_max, MP_SIZE_MIN);
	ck_assert_uint_eq(f.tx_loss.n, 0);
	ck_assert_uint_gt(f.void_until, now);
}
END_TEST

/* It passes after all. */
START_TEST(suspect_wrong)
{
	uint64_t now;

	f.size = 1432;
	probe_size_suspect(&f, T0);
	f.size_mask = 0;
	now = probe_size_due(&f, 1500, T0);
	probe_size_due(&f, 1500, now);
	f.size_mask = 0;
	probe_size_proven(&f, 1500, 2, now + MS);
	ck_assert_uint_eq(f.size, 1432);
	ck_assert_uint_eq(f.size_tries, 0);
	ck_assert_uint_eq(probe_size_due(&f, 1500, now + SEC), MP_NEVER);
}
END_TEST

Suite *
suite_probe(void)
{
	Suite *suite = suite_create("probe");
	TCase *t = tcase_create("probe");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, idle);
	tcase_add_test(t, never_answered);
	tcase_add_loop_test(t, due, 0, COUNT(dues));
	tcase_add_test(t, joins);
	tcase_add_test(t, due_at_once);
	tcase_add_loop_test(t, rung, 0, COUNT(rung_rows));
	tcase_add_loop_test(t, want, 0, COUNT(wants));
	tcase_add_test(t, want_not);
	tcase_add_test(t, proven);
	tcase_add_test(t, failed);
	tcase_add_test(t, suspect);
	tcase_add_test(t, suspect_right);
	tcase_add_test(t, suspect_wrong);
	suite_add_tcase(suite, t);
	return suite;
}
