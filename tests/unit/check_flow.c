/* SPDX-License-Identifier: ISC */
/* core/flow.c: waits, doubt and timestamps (PROTOCOL.md 1, 4, 5). */
#include "flow.h"

#include "loss.h"

#include <string.h>

#include "mp.h"
#include "replay.h"
#include "rtt.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T0 (UINT64_C(5000) * SEC)

/* A flow that answered at T0: SRTT 40 ms, RTTVAR 5 ms; so an answer is overdue
 * after 60 ms, and dRTO is 85 ms. */
static struct flow
answering(void)
{
	struct flow f;
	struct mp_path path = { .ifindex = 3 };

	memset(&f, 0, sizeof(f));
	flow_begin(&f, &path, T0 - SEC);
	f.validated = true;
	f.probe_now = false;
	f.answer_at = T0;
	f.rtt = (struct rtt) { 40000, 5000, 0 };
	return f;
}

enum { DOUBT = 60000, RTO = 60000, DRTO = 85000 };

/* PROTOCOL.md 1: a flow id never restarts its sequence counter within one key,
 * and its replay window stays, when its record takes another pair. */
START_TEST(begin)
{
	struct flow f;
	struct mp_path path = { .ifindex = 9 };

	memset(&f, 0xff, sizeof(f));
	f.rtt.srtt_us = 77;
	f.tx_seq = 1234;
	f.mark[0] = 55;
	f.former_mark[1] = 66;
	f.id = 3;
	flow_begin(&f, &path, T0);
	ck_assert_uint_eq(f.tx_seq, 1234);
	ck_assert_uint_eq(f.mark[0], 55);
	ck_assert_uint_eq(f.former_mark[1], 66);
	ck_assert_uint_eq(f.id, 3);
	ck_assert_uint_eq(f.path.ifindex, 9);
	ck_assert_uint_eq(f.rtt.srtt_us, 0);
	ck_assert_uint_eq(f.size, MP_SIZE_MIN);
	ck_assert(!f.validated && !f.gone && !f.failed && !f.down);
	ck_assert(f.probe_now); /* a new pair is probed at once */
	ck_assert(!f.reply && !f.ts_pending);
	ck_assert_uint_eq(f.born_at, T0);
	ck_assert_uint_eq(f.in_bytes + f.out_bytes, 0);
	ck_assert_uint_eq(flow_doubt_at(&f), MP_NEVER);
	ck_assert_uint_eq(flow_lost_at(&f), MP_NEVER);
	ck_assert_uint_eq(flow_wait_end(&f, T0), MP_NEVER);
	ck_assert(!flow_in_doubt(&f, T0 + 1000 * SEC));
}
END_TEST

/* Datagrams wait in the program's queue, while control packets are read at once:
 * however many of these come, those are new, and no number is new twice. */
START_TEST(lagging)
{
	struct replay seen;
	uint64_t n;

	memset(&seen, 0, sizeof(seen));
	for (n = 300; n < 100000; n += 300)
		flow_take(&seen, false, true, n);
	ck_assert_int_eq(flow_seen(&seen, false, true, n - 300), REPLAY_SEEN);
	ck_assert_int_eq(flow_seen(&seen, false, true, 300), REPLAY_OLD);
	for (n = 1; n < 300; n++) {
		ck_assert_int_eq(flow_seen(&seen, false, false, n),
		    REPLAY_NEW);
		flow_take(&seen, false, false, n);
		ck_assert_int_eq(flow_seen(&seen, false, false, n),
		    REPLAY_SEEN);
	}
}
END_TEST

/* PROTOCOL.md 1: a packet is delivered once; it is in order above every earlier
 * one of its flow and C bit.  A new key begins both anew and keeps those of the
 * former key. */
START_TEST(keys)
{
	struct flow f = answering();
	struct replay seen;

	memset(&seen, 0, sizeof(seen));
	f.tx_seq = 500;
	ck_assert_int_eq(flow_seen(&seen, false, false, 7), REPLAY_NEW);
	flow_take(&seen, false, false, 7);
	ck_assert_int_eq(flow_seen(&seen, false, false, 7), REPLAY_SEEN);
	ck_assert(flow_in_order(&f, false, false, 7));
	flow_mark(&f, false, false, 7);
	ck_assert(!flow_in_order(&f, false, false, 7));
	ck_assert(!flow_in_order(&f, false, false, 6));
	ck_assert(flow_in_order(&f, false, false, 8));
	ck_assert(flow_in_order(&f, false, true, 6)); /* C has its own mark */

	flow_new_key(&f, &seen);
	ck_assert_uint_eq(f.tx_seq, 0);
	ck_assert_int_eq(flow_seen(&seen, false, false, 7), REPLAY_NEW);
	ck_assert_int_eq(flow_seen(&seen, true, false, 7), REPLAY_SEEN);
	ck_assert_int_eq(flow_seen(&seen, true, false, 8), REPLAY_NEW);
	flow_take(&seen, true, false, 8);
	ck_assert_int_eq(flow_seen(&seen, true, false, 8), REPLAY_SEEN);
	ck_assert_int_eq(flow_seen(&seen, false, false, 8), REPLAY_NEW);
	ck_assert_int_eq(flow_seen(&seen, true, true, 8), REPLAY_NEW);
	ck_assert(flow_in_order(&f, false, false, 1));
	ck_assert(!flow_in_order(&f, true, false, 7));
	ck_assert(flow_in_order(&f, true, false, 8));
	flow_mark(&f, true, false, 8);
	ck_assert(!flow_in_order(&f, true, false, 8));
	/* the new key is in use: late packets of the former one are not in
	 * order */
	flow_mark(&f, false, false, 1);
	ck_assert(!flow_in_order(&f, true, false, 9));
}
END_TEST

static const struct usable_row {
	const char *name;
	bool gone, down, failed, validated, usable;
} usables[] = {
	{ "validated", false, false, false, true, true },
	{ "not validated", false, false, false, false, false },
	{ "gone", true, false, false, true, false },
	{ "no carrier", false, true, false, true, false },
	{ "send error", false, false, true, true, false },
};

START_TEST(usable)
{
	const struct usable_row *r = &usables[_i];
	struct flow f = answering();

	f.gone = r->gone;
	f.down = r->down;
	f.failed = r->failed;
	f.validated = r->validated;
	ck_assert_msg(flow_usable(&f) == r->usable, "%s", r->name);
}
END_TEST

/* --- Doubt: an unanswered probe, never an unanswered datagram ------------- */

START_TEST(doubt)
{
	struct flow f = answering();

	flow_data_sent(&f, T0);
	ck_assert(!flow_in_doubt(&f, T0 + 10 * SEC));
	flow_probe_sent(&f, T0 + 1000, 1);
	ck_assert_uint_eq(flow_doubt_at(&f), T0 + 1000 + DOUBT);
	ck_assert(!flow_in_doubt(&f, T0 + 1000 + DOUBT - 1));
	ck_assert(flow_in_doubt(&f, T0 + 1000 + DOUBT));
	ck_assert_uint_eq(flow_lost_at(&f), MP_NEVER);
	/* further probes do not move the time: the first one counts */
	flow_probe_sent(&f, T0 + 1000 + FLOW_PROBE2 - 1, 2);
	ck_assert_uint_eq(flow_doubt_at(&f), T0 + 1000 + DOUBT);
	ck_assert_uint_eq(flow_lost_at(&f), MP_NEVER);
	flow_probe_sent(&f, T0 + 51000, 3);
	ck_assert_uint_eq(flow_doubt_at(&f), T0 + 1000 + DOUBT);
	ck_assert_uint_eq(flow_lost_at(&f), T0 + 51000 + DOUBT);
	flow_probe_sent(&f, T0 + 101000, 4);
	ck_assert(!flow_lost(&f, T0 + 51000 + DOUBT - 1));
	ck_assert(flow_lost(&f, T0 + 51000 + DOUBT));
	ck_assert_uint_eq(f.probes, 4);
	flow_answered(&f, T0 + 150000);
	ck_assert(!flow_in_doubt(&f, T0 + 10 * SEC));
	ck_assert(!flow_lost(&f, T0 + 10 * SEC));
	ck_assert_uint_eq(f.probes, 0);
}
END_TEST

/* The tolerance is 10 ms at least, however steady the path. */
START_TEST(doubt_least)
{
	struct flow f = answering();

	f.rtt.rttvar_us = 0;
	flow_probe_sent(&f, T0, 1);
	ck_assert_uint_eq(flow_doubt_at(&f), T0 + 50000);
}
END_TEST

START_TEST(doubt_of_peer)
{
	struct flow f = answering();

	f.copy_seen = T0;
	ck_assert(flow_in_doubt(&f, T0));
	ck_assert(flow_in_doubt(&f, T0 + FLOW_COPY_SEEN - 1));
	ck_assert(!flow_in_doubt(&f, T0 + FLOW_COPY_SEEN));
	flow_answered(&f, T0 + 1);
	ck_assert(!flow_in_doubt(&f, T0 + 2));
}
END_TEST

/* --- Waits ---------------------------------------------------------------- */

START_TEST(wait)
{
	struct flow f = answering();

	flow_data_sent(&f, T0);
	flow_data_sent(&f, T0 + 10); /* a wait runs already */
	flow_probe_sent(&f, T0 + 20, 1);
	ck_assert_uint_eq(f.wait_since, T0);
	ck_assert_uint_eq(f.silent_since, T0);
	ck_assert_uint_eq(f.data_since, T0);
	ck_assert_uint_eq(flow_wait_end(&f, T0), T0 + DRTO);
	/* an answer sent before the wait began does not end it */
	ck_assert(!flow_answered(&f, T0 - 1));
	ck_assert_uint_eq(f.wait_since, T0);
	ck_assert(!flow_answered(&f, T0 + 1));
	ck_assert_uint_eq(flow_wait_end(&f, T0), MP_NEVER);
	ck_assert_uint_eq(f.data_since, MP_NEVER);
	ck_assert_uint_eq(f.answer_at, T0 + 1);
	flow_answered(&f, T0); /* answer_at does not go back */
	ck_assert_uint_eq(f.answer_at, T0 + 1);
}
END_TEST

/* PROTOCOL.md 4: idle_time += RTO, a probe at once, SRTT unchanged; then the
 * waits double; an answer resets all. */
START_TEST(missed)
{
	static const uint64_t idle[] = { RTO, 3 * RTO, 7 * RTO, 15 * RTO };
	struct flow f = answering();
	uint64_t now = T0;
	int i;

	for (i = 0; i < COUNT(idle); i++) {
		flow_probe_sent(&f, now, 1);
		ck_assert(!f.probe_now);
		now = flow_wait_end(&f, now);
		flow_missed(&f, MP_NEVER);
		ck_assert_uint_eq(f.rtt.idle_us, idle[i]);
		ck_assert(f.probe_now);
		ck_assert_uint_eq(f.rtt.srtt_us, 40000);
		ck_assert_uint_eq(f.rtt.rttvar_us, 5000);
		ck_assert_uint_eq(f.wait_since, MP_NEVER);
		ck_assert_uint_eq(f.silent_since, T0);
	}
	ck_assert(flow_answered(&f, now)); /* true: it had been silent */
	ck_assert_uint_eq(f.rtt.idle_us, 0);
	ck_assert_uint_eq(f.silent_since, MP_NEVER);
}
END_TEST

/* How long a wait lasts: dRTO, at most 1 s in the first minute of silence,
 * 10 s after, but never less than an answer may take. */
static const struct end_row {
	const char *name;
	uint64_t idle_us, silent_for;
	uint64_t wait;
} ends[] = {
	{ "dRTO", 0, 0, DRTO },
	{ "with idle time", 500000, 0, 500000 + DRTO },
	{ "just 1 s", 1000000 - DRTO, 0, 1000000 },
	{ "over 1 s", 2000000, 30 * SEC, 1000000 },
	{ "a minute", 300 * SEC, 60 * SEC, 1000000 },
	{ "more than a minute", 300 * SEC, 61 * SEC, 10 * SEC },
	{ "not longer than dRTO", 0, 61 * SEC, DRTO },
};

START_TEST(wait_end)
{
	const struct end_row *r = &ends[_i];
	struct flow f = answering();
	uint64_t end;

	f.rtt.idle_us = r->idle_us;
	f.silent_since = T0;
	f.wait_since = T0 + r->silent_for;
	end = flow_wait_end(&f, f.wait_since);
	ck_assert_msg(end == f.wait_since + r->wait, "%s: %llu", r->name,
	    (unsigned long long)(end - f.wait_since));
}
END_TEST

/* A path of 1.5 s is not missed between two of its answers. */
START_TEST(wait_end_slow)
{
	struct flow f = answering();

	f.rtt.srtt_us = 1500000;
	f.rtt.rttvar_us = 100000;
	f.silent_since = f.wait_since = T0;
	f.rtt.idle_us = 5 * SEC;
	ck_assert_uint_eq(flow_wait_end(&f, T0), T0 + 1900 * 1000);
}
END_TEST

/* An answer that ends a silence asks for a review of the choice. */
static const struct answer_row {
	const char *name;
	uint64_t idle_us;
	bool doubted, failed, first, silent;
} answers[] = {
	{ "no silence", 0, false, false, false, false },
	{ "idle time", 1, false, false, false, true },
	{ "doubt was noticed", 0, true, false, false, true },
	{ "a send error", 0, false, true, false, true },
	{ "the first answer", 0, false, false, true, true },
};

START_TEST(answered)
{
	const struct answer_row *r = &answers[_i];
	struct flow f = answering();

	f.rtt.idle_us = r->idle_us;
	f.doubted = r->doubted;
	f.failed = r->failed;
	f.send_errors = 1;
	if (r->first)
		f.answer_at = 0;
	ck_assert_msg(flow_answered(&f, T0 + 1) == r->silent, "%s", r->name);
	ck_assert(!f.failed && !f.doubted);
	ck_assert_uint_eq(f.send_errors, 0);
	ck_assert(!flow_answered(&f, T0 + 2));
}
END_TEST

/* idle_time is the time for which an answer is overdue, not an hour after 13 s.
 * */
START_TEST(idle_time)
{
	struct flow f = answering();
	uint64_t now = T0;

	flow_probe_sent(&f, now, 1);
	while (now < T0 + 13 * SEC) {
		now = flow_wait_end(&f, now);
		flow_missed(&f, now);
		flow_probe_sent(&f, now, 2);
	}
	ck_assert_uint_le(f.rtt.idle_us, now - T0);
	ck_assert_uint_ge(f.rtt.idle_us, 12 * SEC);
}
END_TEST

/* --- Probes have numbers -------------------------------------------------- */

/* An answer is known by its number, whenever it comes, once. */
START_TEST(probe_numbers)
{
	struct flow f = answering();
	uint16_t i;

	ck_assert_uint_eq(flow_probe_answered(&f, 0), 0); /* none was sent */
	for (i = 1; i <= 5; i++)
		flow_probe_sent(&f, T0 + i * SEC, i);
	ck_assert_uint_eq(flow_probe_answered(&f, 1), 0); /* long ago */
	ck_assert_uint_eq(flow_probe_answered(&f, 3), T0 + 3 * SEC);
	ck_assert_uint_eq(flow_probe_answered(&f, 3), 0);
	ck_assert(!f.probe_answered);
	ck_assert(flow_arrived(&f, T0 + 3 * SEC));
	ck_assert(!flow_arrived(&f, T0 + 3 * SEC + MS));
	ck_assert_uint_eq(flow_probe_answered(&f, 5), T0 + 5 * SEC);
	ck_assert(f.probe_answered);
	ck_assert_uint_eq(flow_probe_answered(&f, 2), T0 + 2 * SEC);
	ck_assert(flow_arrived(&f, T0 + 5 * SEC)); /* no step back */
}
END_TEST

/* What was sent after the packet that is answered goes on waiting. */
START_TEST(proved)
{
	struct flow f = answering();

	flow_data_sent(&f, T0);
	flow_data_sent(&f, T0 + 10 * MS);
	flow_answered(&f, T0 + 40 * MS);
	flow_proved(&f, T0, T0, MP_NEVER);
	ck_assert(flow_arrived(&f, T0));
	ck_assert(!flow_arrived(&f, T0 + 10 * MS));
	ck_assert_uint_eq(f.silent_since, T0 + 10 * MS);
	ck_assert_uint_eq(f.data_since, T0 + 10 * MS);
	flow_answered(&f, T0 + 50 * MS);
	flow_proved(&f, T0 + 5 * MS, T0 + 10 * MS, MP_NEVER); /* it was held */
	ck_assert(!flow_arrived(&f, T0 + 10 * MS));
	ck_assert_uint_eq(f.silent_since, MP_NEVER);
	flow_copy_sent(&f, T0 + 60 * MS);
	flow_answered(&f, T0 + 70 * MS);
	flow_proved(&f, T0 + 50 * MS, T0 + 50 * MS, MP_NEVER);
	ck_assert_uint_eq(f.probe1_at, T0 + 60 * MS);
	ck_assert_uint_eq(flow_doubt_at(&f), T0 + 60 * MS + flow_patience(&f));
}
END_TEST

/* Of several datagrams after that, the first is the one that waits. */
START_TEST(proved_first)
{
	struct flow f = answering();
	int i;

	for (i = 0; i < 5; i++)
		flow_data_sent(&f, T0 + (uint64_t)i * 10 * MS);
	flow_answered(&f, T0 + 45 * MS);
	flow_proved(&f, T0, T0, T0 + 10 * MS);
	ck_assert_uint_eq(f.data_since, T0 + 10 * MS);
	ck_assert_uint_eq(f.silent_since, T0 + 10 * MS);
	ck_assert(flow_carries(&f, T0 + 40 * MS + FLOW_CARRIER - 1));
	flow_answered(&f, T0 + 90 * MS);
	flow_proved(&f, T0 + 40 * MS, T0 + 40 * MS, MP_NEVER);
	ck_assert_uint_eq(f.data_since, MP_NEVER);
	ck_assert(!flow_carries(&f, T0 + 90 * MS));
}
END_TEST

/* A COPY waits for an answer as a probe does. */
START_TEST(copy_waits)
{
	struct flow f = answering();

	ck_assert(!flow_carries(&f, T0));
	flow_copy_sent(&f, T0);
	ck_assert(flow_carries(&f, T0 + FLOW_CARRIER - 1));
	ck_assert(!flow_carries(&f, T0 + FLOW_CARRIER));
	ck_assert_uint_eq(f.silent_since, T0);
	ck_assert(!flow_in_doubt(&f, T0 + flow_patience(&f) - 1));
	ck_assert(flow_in_doubt(&f, T0 + flow_patience(&f)));
}
END_TEST

/* A probe goes without an answer: where the datagrams before it were answered,
 * those after it have their time. */
START_TEST(doubt_waits)
{
	struct flow f = answering();
	uint64_t at = T0 + flow_patience(&f);

	flow_probe_sent(&f, T0, 1);
	ck_assert_uint_eq(flow_doubt_at(&f), at);
	flow_data_sent(&f, T0 + 20 * MS);
	ck_assert_uint_eq(flow_doubt_at(&f), T0 + 20 * MS +
	    rtt_overdue(&f.rtt) + flow_ack_gap(&f));
	f.data_since = T0; /* one before it was not */
	ck_assert_uint_eq(flow_doubt_at(&f), at);
	f.data_since = at; /* it came too late */
	ck_assert_uint_eq(flow_doubt_at(&f), at);
}
END_TEST

/* A flow that was left: when it answers soon, and little is missing, it lost
 * packets; else it had failed, and those are no loss. */
static const struct few_row {
	const char *name;
	uint64_t silence, told; /* us; told: since the peer said so; 0: not */
	uint32_t gap;
	uint8_t probes;
	bool failed;
} fews[] = {
	{ "keys", 100 * MS, 0, 200000, 3, false },
	{ "no datagrams", 100 * MS, 0, 0, 3, false },
	{ "many datagrams", 100 * MS, 0, 2000, 3, true },
	{ "many probes", 400 * MS, 0, 200000, 5, true },
	{ "long", 500 * MS, 0, 200000, 3, true },
	{ "long for the peer", 100 * MS, 600 * MS, 200000, 1, true },
};

START_TEST(few)
{
	const struct few_row *r = &fews[_i];
	struct flow f = answering();

	flow_data_sent(&f, T0);
	f.data_gap = r->gap;
	f.probes = r->probes;
	if (r->told != 0)
		f.copy_seen = T0 + r->silence - r->told;
	loss_void(&f);
	flow_answered(&f, T0 + r->silence);
	ck_assert(!f.voided);
	ck_assert_msg((f.void_until > T0) == r->failed, "%s", r->name);
}
END_TEST

/* How long a timestamp was held, as packets tell it, and what that proves. */
static const struct held_row {
	uint64_t us;
	uint8_t held;
} helds[] = {
	{ 0, 0 }, { 249, 0 }, { 250, 1 }, { 499, 1 }, { 500, 2 }, { 999, 2 },
	{ 1000, 3 }, { 5000, 5 }, { 7999, 5 }, { 8000, 6 },
	{ 4 * SEC, 14 }, { 100 * SEC, 15 },
};

START_TEST(held)
{
	const struct held_row *r = &helds[_i];
	struct flow f = answering();
	uint64_t sent = T0, back = T0 + 30 * MS + r->us, at;
	uint16_t ts = (uint16_t)(sent / WIRE_TS_US);
	uint16_t reply = (uint16_t)(ts + r->us / WIRE_TS_US);

	f.ts_arrival = T0;
	ck_assert_uint_eq(flow_held(&f, T0 + r->us), r->held);
	if (r->us > 4 * SEC)
		return; /* such a timestamp is not sent */
	at = flow_sent_at(back, reply, r->held, false);
	ck_assert_uint_lt(at, sent + WIRE_TS_US); /* never too late */
	ck_assert_uint_ge(at + r->us + WIRE_TS_US, sent);
	at = flow_sent_at(back, reply, r->held, true);
	ck_assert_uint_ge(at + WIRE_TS_US, sent); /* never too early, ... */
	ck_assert_uint_le(at, sent + r->us / 2 + WIRE_TS_US); /* nor so late
	    that it proves what was sent while it was held */
}
END_TEST

/* Agents may be late: unless another flow's answer shows that they were not. */
START_TEST(lateness)
{
	struct flow f = answering(), other = answering();
	uint64_t on_time = T0 + rtt_doubt(&f.rtt);
	int i;

	for (i = 0; i < 40; i++)
		rtt_late_sample(&f.late, i % 2 == 0 ? 10000 : 30000);
	flow_probe_sent(&f, T0, 1);
	ck_assert_uint_gt(flow_doubt_at(&f), on_time + 40 * MS);
	flow_others_answer(&f, &other, T0 - 1, T0 + 20 * MS); /* asked before */
	ck_assert_uint_gt(flow_doubt_at(&f), on_time + 40 * MS);
	flow_others_answer(&f, &other, T0, on_time - 5 * MS);
	ck_assert_uint_eq(flow_doubt_at(&f), on_time + 5 * MS);
	flow_answered(&f, T0 + SEC);
	flow_probe_sent(&f, T0 + 2 * SEC, 2);
	ck_assert_uint_gt(flow_doubt_at(&f), on_time + 2 * SEC + 40 * MS);
}
END_TEST

/* PROTOCOL.md 2: silent for max(3 (SRTT + 4 RTTVAR), 1 s), idle_time not
 * counted. */
START_TEST(silent)
{
	struct flow f = answering();

	ck_assert_uint_eq(flow_silent_at(&f), MP_NEVER);
	flow_data_sent(&f, T0);
	f.rtt.idle_us = 100 * SEC;
	ck_assert_uint_eq(flow_silent_at(&f), T0 + SEC);
	f.rtt = (struct rtt) { 400000, 50000, 100 * SEC };
	ck_assert_uint_eq(flow_silent_at(&f), T0 + 1800 * MS);
	flow_missed(&f, MP_NEVER);
	flow_probe_sent(&f, T0 + SEC, 1);
	ck_assert_uint_eq(flow_silent_at(&f), T0 + 1800 * MS);
}
END_TEST

/* --- Timestamps ----------------------------------------------------------- */

/* What a packet echoes: the last timestamp plus the time held; once; not after
 * 4 s; never 0xffff, which means none. */
static const struct echo_row {
	const char *name;
	uint16_t ts;
	uint64_t held;
	uint16_t tsreply;
} echoes[] = {
	{ "at once", 100, 0, 100 },
	{ "held for 10 ms", 100, 10 * MS, 140 },
	{ "wraps", 0xfff0, 8 * MS, 0x10 },
	{ "would be none", 0xffff, 0, 0xfffe },
	{ "would be none by holding", 0xfff0, 15 * 250, 0xfffe },
	{ "4 s", 100, 4 * SEC, 16100 },
	{ "over 4 s", 100, 4 * SEC + 1, WIRE_TS_NONE },
};

START_TEST(echo)
{
	const struct echo_row *r = &echoes[_i];
	struct flow f = answering();
	uint16_t ts, tsreply;
	uint64_t now = T0 + r->held;

	flow_stamp(&f, T0, 0, &ts, &tsreply);
	ck_assert_uint_eq(tsreply, WIRE_TS_NONE); /* nothing has arrived yet */
	ck_assert_uint_eq(ts, (uint16_t)(T0 / 250));
	flow_stamped(&f, T0, 0, r->ts);
	f.ack_due = T0 + 25 * MS;
	flow_stamp(&f, now, 0, &ts, &tsreply);
	ck_assert_msg(tsreply == r->tsreply, "%s: %u", r->name, tsreply);
	ck_assert_uint_eq(ts, (uint16_t)(now / 250));
	ck_assert_uint_eq(f.ack_due, MP_NEVER); /* this packet acknowledges */
	flow_stamp(&f, now, 0, &ts, &tsreply);
	ck_assert_uint_eq(tsreply, WIRE_TS_NONE); /* only once */
}
END_TEST

/* A datagram that the program reads late does not replace a newer timestamp. */
START_TEST(stamped_late)
{
	struct flow f = answering();
	uint16_t ts, tsreply;

	flow_stamped(&f, T0 + 10 * MS, 0, 50);
	flow_stamped(&f, T0 + 2 * MS, 0, 18);
	flow_stamp(&f, T0 + 10 * MS, 0, &ts, &tsreply);
	ck_assert_uint_eq(tsreply, 50);
}
END_TEST

static const struct rtt_row {
	const char *name;
	uint64_t sent, arrival;
	uint32_t us;
} rtts[] = {
	{ "40 ms", 1000 * SEC, 1000 * SEC + 40 * MS, 40000 },
	{ "nothing", 1000 * SEC, 1000 * SEC, 0 },
	{ "below the unit", 1000 * SEC + 249, 1000 * SEC + 250, 250 },
	/* 65536 units are 16.384 s */
	{ "over the wrap", 16384 * MS - 10 * MS, 16384 * MS + 10 * MS, 20000 },
	{ "5 s", 1000 * SEC, 1005 * SEC, 5000000 },
	{ "16 s", 1000 * SEC, 1016 * SEC, 16000000 },
	{ "less than nothing: none", 1000 * SEC + 2 * MS, 1000 * SEC, 0 },
};

START_TEST(rtt)
{
	const struct rtt_row *r = &rtts[_i];
	struct flow f = answering();
	uint16_t ts, tsreply;
	uint32_t us;

	flow_stamp(&f, r->sent, 0, &ts, &tsreply);
	us = flow_rtt(r->arrival, ts);
	ck_assert_msg(us == r->us, "%s: %u", r->name, us);
}
END_TEST

Suite *
suite_flow(void)
{
	Suite *s = suite_create("flow");
	TCase *t = tcase_create("flow");

	tcase_add_test(t, begin);
	tcase_add_test(t, lagging);
	tcase_add_test(t, keys);
	tcase_add_loop_test(t, usable, 0, COUNT(usables));
	tcase_add_test(t, doubt);
	tcase_add_test(t, doubt_least);
	tcase_add_test(t, doubt_of_peer);
	tcase_add_test(t, wait);
	tcase_add_test(t, missed);
	tcase_add_loop_test(t, wait_end, 0, COUNT(ends));
	tcase_add_test(t, wait_end_slow);
	tcase_add_loop_test(t, answered, 0, COUNT(answers));
	tcase_add_test(t, idle_time);
	tcase_add_test(t, probe_numbers);
	tcase_add_test(t, proved);
	tcase_add_test(t, proved_first);
	tcase_add_test(t, doubt_waits);
	tcase_add_loop_test(t, few, 0, COUNT(fews));
	tcase_add_test(t, copy_waits);
	tcase_add_loop_test(t, held, 0, COUNT(helds));
	tcase_add_test(t, lateness);
	tcase_add_test(t, silent);
	tcase_add_loop_test(t, echo, 0, COUNT(echoes));
	tcase_add_test(t, stamped_late);
	tcase_add_loop_test(t, rtt, 0, COUNT(rtts));
	suite_add_tcase(s, t);
	return s;
}
