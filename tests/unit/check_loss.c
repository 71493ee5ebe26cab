/* SPDX-License-Identifier: ISC */
/* core/loss.c: packets counted by their receiver, per direction. */
#include "loss.h"

#include <string.h>

#include "mp.h"
#include "replay.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T0 (UINT64_C(5000) * SEC)

/* Both ends of one direction: what `a' sends, `b' counts and tells. */
static struct flow a, b;
static struct replay seen;
static uint64_t now, seq;
static uint16_t data;

static void
setup(void)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&seen, 0, sizeof(seen));
	now = T0;
	seq = data = 0;
}

/* b reads packet n. */
static void
takes(uint64_t n, bool control)
{
	replay_take(&seen.window, n);
	loss_came(&b, control, n, now);
	if (n > b.mark[control])
		b.mark[control] = n;
}

static void
datagrams(int n, int lost)
{
	for (; n > 0; n--) {
		seq++;
		data++;
		if (n > lost)
			takes(seq, false);
	}
}

/* Takes a report of packets that were sent. */
static void
told(uint16_t sent, uint16_t missing, uint64_t at)
{
	a.tx_seq = (uint64_t)sent + a.count.skipped;
	loss_told(&a, sent, missing, at);
}

/* A probe comes, and its answer tells a. */
static void
probe(void)
{
	struct wire_msg msg = { .flags = WIRE_PROBE, .data = data };

	takes(++seq, true);
	loss_report(&a, &msg);
	msg.flags &= ~WIRE_COUNT;
	loss_probe(&b, &seen, seq, &msg, now);
	loss_report(&b, &msg);
	if (msg.flags & WIRE_COUNT)
		told(msg.sent, msg.missing, now);
	now += 100 * MS;
}

START_TEST(exact)
{
	int i;

	for (i = 0; i < 8; i++) {
		datagrams(25, i == 3 ? 2 : 0);
		probe();
	}
	datagrams(1, 0); /* what is behind the probe shows: all was read */
	probe();
	ck_assert_uint_eq(a.tx_loss.lost, 2);
	ck_assert_uint_eq(b.rx_loss.lost, 2);
	ck_assert_uint_eq(b.rx_loss.n, 209 + 1 - 1); /* not the last probe's */
	ck_assert_uint_ge(a.tx_loss.n + LOSS_TELL, 209);
	ck_assert_uint_eq(loss_permille(&a), 2000U / a.tx_loss.n);
	ck_assert(!loss_is_heavy(&a));
}
END_TEST

/* A program that is slow to read loses nothing: nor does one that reads ahead
 * of the agent. */
START_TEST(unread)
{
	uint64_t first = 1, i;

	seq = data = 40;
	probe(); /* the agent reads it before the program does the 40 */
	ck_assert_uint_eq(a.tx_loss.lost, 0);
	for (i = first; i <= 40; i++)
		takes(i, false);
	datagrams(10, 0);
	probe();
	datagrams(1, 0);
	probe();
	ck_assert_uint_eq(b.rx_loss.lost, 0);
	seq++; /* the next probe, which waits for the agent ... */
	i = seq;
	for (seq++; seq < i + 20; seq++) /* ... while these are read */
		takes(seq, false);
	seq--;
	takes(i, true);
	loss_probe(&b, &seen, i, &(struct wire_msg) { .data = data }, now);
	ck_assert_uint_eq(b.rx_loss.lost, 0);
	ck_assert_uint_eq(b.count.data_missing, 0);
}
END_TEST

/* A stream has more packets between two probes than count: their share does. */
START_TEST(share)
{
	int i;

	datagrams(50, 0);
	probe();
	for (i = 0; i < 40; i++) {
		datagrams(99, 0);
		datagrams(1, 1);
	}
	datagrams(1, 0);
	probe();
	datagrams(1, 0);
	probe();
	/* ... what was sent up to the probe before the last datagram. */
	ck_assert_int_le(b.rx_loss.n, a.tx_loss.n + 2);
	ck_assert_int_le(b.rx_loss.lost * 100, b.rx_loss.n + 100);
	ck_assert_int_gt(b.rx_loss.lost * 200, b.rx_loss.n);
	ck_assert(!loss_is_heavy(&a));
}
END_TEST

/* One that comes late takes its loss back. */
START_TEST(late)
{
	datagrams(30, 0);
	seq++;
	data++;
	datagrams(30, 0);
	probe();
	datagrams(1, 0);
	probe();
	ck_assert_uint_eq(a.tx_loss.lost, 1);
	takes(31, false);
	probe();
	datagrams(1, 0);
	probe();
	ck_assert_uint_eq(a.tx_loss.lost, 0);
	ck_assert_uint_eq(b.rx_loss.lost, 0);
}
END_TEST

/* A report that is lost is made up for by the next; an old one changes
 * nothing. */
START_TEST(reports)
{
	told(100, 3, now);
	told(90, 2, now);
	ck_assert_uint_eq(a.tx_loss.n, 100);
	ck_assert_uint_eq(a.tx_loss.lost, 3);
	told(300, 9, now);
	ck_assert_uint_eq(a.tx_loss.n, 300);
	ck_assert_uint_eq(a.tx_loss.lost, 9);
	told(310, 1000, now); /* a peer that lies */
	ck_assert_uint_le(a.tx_loss.lost, a.tx_loss.n);
	loss_told(&a, 400, 9, now); /* of packets that were never sent */
	ck_assert_uint_eq(a.count.peer_sent, 310);
	loss_new_key(&a);
	told(10, 0, now);
	ck_assert_uint_eq(a.count.peer_sent, 10);
}
END_TEST

/* Numbers that stand for no packet, and padded probes, do not count. */
START_TEST(skipped)
{
	datagrams(10, 0);
	seq += 3; /* could not be sent, or were eaten for their size */
	loss_skip(&a);
	loss_skip(&a);
	loss_skip(&a);
	seq++;
	loss_skip(&a);
	takes(seq, true); /* a padded one that came */
	loss_uncount(&b);
	probe();
	datagrams(1, 0);
	probe();
	ck_assert_int_eq(a.tx_loss.lost, 0);
	ck_assert_int_eq(b.rx_loss.lost, 0);
	ck_assert_uint_eq(b.count.missing, 0);
}
END_TEST

/* Counts of 16 bits go round. */
START_TEST(round_again)
{
	int i;

	for (i = 0; i < 70000 / 100; i++) {
		datagrams(100, i % 10 == 0 ? 1 : 0);
		probe();
	}
	ck_assert_uint_le(loss_permille(&a), 3);
	ck_assert_uint_gt(a.tx_loss.n, 500);
	ck_assert(!loss_is_heavy(&a));
}
END_TEST

/* Heavy: surely over 3 %; no longer: under 2 %. */
static const struct heavy_row {
	const char *name;
	uint16_t n, lost;
	bool heavy;
} heavies[] = {
	{ "nothing", 0, 0, false },
	{ "all of two", 2, 2, false },
	{ "3 of 20", 20, 3, true },
	{ "3 of 40 may be chance", 40, 3, false },
	{ "2 %", 1000, 20, false },
	{ "3.2 % may be chance", 1000, 32, false },
	{ "4 %", 1000, 40, true },
	{ "10 %", 100, 10, true },
	{ "30 %", 200, 60, true },
};

START_TEST(heavy)
{
	const struct heavy_row *r = &heavies[_i];

	told(r->n, r->lost, now);
	ck_assert_msg(loss_is_heavy(&a) == r->heavy, "%s", r->name);
	ck_assert(!loss_is_lasting(&a, now + LOSS_LEAVE - 1));
	ck_assert_int_eq(loss_is_lasting(&a, now + LOSS_LEAVE), r->heavy);
	told((uint16_t)(r->n + 900), r->lost, now + SEC);
	told((uint16_t)(r->n + 1800), r->lost, now + 2 * SEC);
	told((uint16_t)(r->n + 2700), r->lost, now + 62 * SEC);
	ck_assert_msg(!loss_is_heavy(&a), "%s: well again", r->name);
	ck_assert_uint_eq(loss_lasting_at(&a), MP_NEVER);
}
END_TEST

/* What a failure takes is no loss: neither while it lasts, nor what the counts
 * tell of it soon after; nor a row of probes on a path that was dead. */
START_TEST(failure)
{
	told(200, 0, now);
	loss_void(&a);
	told(300, 90, now + 60 * SEC);
	loss_mended(&a, now + 61 * SEC);
	told(400, 130, now + 62 * SEC);
	ck_assert_uint_eq(a.tx_loss.lost, 0);
	told(500, 134, now + 62 * SEC + LOSS_VOID);
	ck_assert_int_eq(a.tx_loss.lost, 2); /* half is forgotten */
	told(520, 151, now + 70 * SEC);
	ck_assert_int_eq(a.tx_loss.lost, 2);
}
END_TEST

Suite *
suite_loss(void)
{
	Suite *suite = suite_create("loss");
	TCase *t = tcase_create("loss");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, exact);
	tcase_add_test(t, unread);
	tcase_add_test(t, share);
	tcase_add_test(t, late);
	tcase_add_test(t, reports);
	tcase_add_test(t, skipped);
	tcase_add_test(t, round_again);
	tcase_add_loop_test(t, heavy, 0, COUNT(heavies));
	tcase_add_test(t, failure);
	suite_add_tcase(suite, t);
	return suite;
}
