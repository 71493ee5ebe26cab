/* SPDX-License-Identifier: ISC */
/* core/offload.c: bundles that fare worse than single datagrams. */
#include "offload.h"

#include <string.h>

#include "duo.h"
#include "loss.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "twins.h"

enum {
	MOST = 1 << 17,	 /* datagrams of a test */
	LEN = 100,
	TICK = 10 * 1000, /* us between two bursts */
};

/* --- A device that cuts bundles badly -------------------------------------- */

enum fault { NONE, REFUSE, MERGE, SPOIL, SPOIL_SOME };

/* What goes wrong, and what was sent so far. */
static enum fault fault;
static unsigned every; /* SPOIL_SOME: one bundle of so many */
static unsigned path_loss; /* of all packets, 1/1000 */
static uint64_t seed;
static unsigned sent, bundles;
static uint64_t sent_at[MOST];
static unsigned refused;

static enum duo_verdict
lose(struct duo *d, struct duo_packet *p, void *arg)
{
	(void)d;
	(void)p;
	(void)arg;
	return twins_random(&seed, 1000) < path_loss ? DUO_DROP : DUO_PASS;
}

/* Is packet i of a bundle of n lost? */
static bool
spoilt(unsigned i, unsigned n)
{
	if (n == 1)
		return false;
	switch (fault) {
	case MERGE: /* one long datagram, which is not authentic */
		return true;
	case SPOIL: /* every second one */
		return i % 2 == 1;
	case SPOIL_SOME:
		return bundles % every == 0 && i > 0;
	default:
		return false;
	}
}

static void
burst(struct duo *d, int e, unsigned count)
{
	static uint8_t payload[64][LEN];
	uint8_t packet[LEN + MP_SEAL_OVERHEAD];
	struct mp *m = &d->end[e].mp;
	struct mp_bundle b;
	unsigned i, n;
	size_t len;
	int r;

	while (count > 0) {
		n = count < 64 ? count : 64;
		for (i = 0; i < n; i++)
			memcpy(payload[i], &(uint32_t){ sent + i }, 4);
		n = mp_bundle_begin(m, duo_time(d, e), 0, &d->end[e].peer, LEN,
		    LEN, n, &b);
		if (n == 0) {
			ck_assert_int_eq(duo_send(d, e, payload[0], LEN), 0);
			n = 1;
		} else if (n > 1 && fault == REFUSE) {
			refused++;
			ck_assert_int_eq(mp_bundle_commit(m, duo_time(d, e),
			    &b, 0, -5, payload[0], LEN, LEN, LEN), 1);
			continue;
		} else {
			bundles += n > 1;
			for (i = 0; i < n; i++) {
				len = mp_bundle_seal(&b, i, payload[i], LEN,
				    packet);
				if (!spoilt(i, n))
					(void)duo_transmit(d, e, &b.tx.path,
					    packet, len);
			}
			r = mp_bundle_commit(m, duo_time(d, e), &b, n, 0,
			    payload[0], LEN, LEN, LEN);
			ck_assert_int_eq(r, 0);
		}
		for (i = 0; i < n; i++)
			sent_at[sent++] = d->now;
		ck_assert_uint_lt(sent, MOST - 64);
		count -= n;
	}
}

/* End e sends that many a tick until then. */
static void
stream(struct duo *d, int e, unsigned count, uint64_t until)
{
	while (d->now < until) {
		burst(d, e, count);
		duo_run(d, d->now + TICK);
	}
}

/* How many that end e sent from..to did not arrive, 1/1000. */
static unsigned
missing(const struct duo *d, int e, uint64_t from, uint64_t to)
{
	static bool got[MOST];
	unsigned all = 0, lost = 0, i;
	uint32_t n;
	size_t k;

	memset(got, 0, sizeof(got));
	for (k = 0; k < d->end[!e].n_got; k++) {
		if (d->end[!e].got[k].len != LEN)
			continue;
		memcpy(&n, d->end[!e].got[k].data, 4);
		ck_assert_uint_lt(n, sent);
		got[n] = true;
	}
	for (i = 0; i < sent; i++) {
		all += sent_at[i] >= from && sent_at[i] < to;
		lost += sent_at[i] >= from && sent_at[i] < to && !got[i];
	}
	return all == 0 ? 0 : (lost * 1000 + all - 1) / all;
}

static struct duo *
begin(enum fault f, unsigned loss)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	duo_run(d, d->now + SEC);
	d->tap = lose;
	fault = f;
	path_loss = loss;
	seed = 1;
	sent = bundles = refused = 0;
	every = 3;
	return d;
}

static enum mp_bundles
state_of(struct duo *d, int e, struct mp_flow_info *i)
{
	ck_assert_int_eq(mp_flow_get(&d->end[e].mp, duo_time(d, e),
	    state_index(&d->end[e].mp, duo_session(d, e)),
	    duo_current(d, e)->id, i), 0);
	return i->bundles;
}

/* --- Faults ---------------------------------------------------------------- */

static const struct row {
	const char *name;
	enum fault fault;
	unsigned every, count;
	uint64_t found; /* within this time */
} faults[] = {
	{ "refused", REFUSE, 0, 20, SEC },
	{ "merged", MERGE, 0, 20, SEC },
	{ "every second datagram is spoilt", SPOIL, 0, 20, SEC },
	{ "one bundle of three is spoilt", SPOIL_SOME, 3, 20, SEC },
	{ "one bundle of ten is spoilt", SPOIL_SOME, 10, 20, 2 * SEC },
	{ "few datagrams a second, merged", MERGE, 0, 4, SEC },
	{ "many datagrams a second, merged", MERGE, 0, 100, SEC },
	{ "many datagrams a second, one of three spoilt", SPOIL_SOME, 3, 100,
	    SEC },
};

/* At most 2 % are lost in the first second, then none; status tells. */
static void
from_the_start(const struct row *r, int e)
{
	struct duo *d = begin(r->fault, 0);
	struct mp_flow_info i;
	uint64_t t = d->now;

	every = r->every;
	stream(d, e, r->count, t + 4 * SEC);
	ck_assert_msg(missing(d, e, t, t + SEC) <= 20, "%s: %u/1000", r->name,
	    missing(d, e, t, t + SEC));
	ck_assert_msg(missing(d, e, t + r->found, t + 4 * SEC - 100 * MS) == 0,
	    "%s: %u/1000 later", r->name,
	    missing(d, e, t + r->found, t + 4 * SEC - 100 * MS));
	ck_assert_int_eq(state_of(d, e, &i), MP_BUNDLES_OFF);
	if (r->fault == REFUSE) {
		ck_assert_int_eq(i.bundle_error, -5);
		ck_assert_uint_eq(refused, 1);
	} else {
		ck_assert_int_eq(i.bundle_error, 0);
		ck_assert_uint_ge(i.bundle_lost, 2);
		ck_assert_uint_eq(i.single_lost, 0);
		ck_assert_uint_ge(i.single_n, OFFLOAD_SINGLES);
	}
	ck_assert_uint_eq(loss_permille(duo_current(d, e)), 0);
	duo_free(d);
}

START_TEST(fails)
{
	from_the_start(&faults[_i], 0);
}
END_TEST

START_TEST(fails_at_responder)
{
	from_the_start(&faults[_i], 1);
}
END_TEST

/* It fails later: single ones go within a second. */
START_TEST(fails_later)
{
	const struct row *r = &faults[_i];
	struct duo *d = begin(NONE, 0);
	struct mp_flow_info i;
	uint64_t t = d->now;

	stream(d, 0, r->count, t + 2 * SEC);
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_TRUSTED);
	ck_assert_uint_gt(bundles, 50);
	every = r->every;
	fault = r->fault;
	t = d->now;
	stream(d, 0, r->count, t + 3 * SEC);
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_OFF);
	ck_assert_msg(missing(d, 0, t + r->found, d->now - 100 * MS) == 0,
	    "%s: %u", r->name, missing(d, 0, t + r->found, d->now - 100 * MS));
	ck_assert_msg(missing(d, 0, t, t + SEC) <= 120, "%s: %u", r->name,
	    missing(d, 0, t, t + SEC));
	duo_free(d);
}
END_TEST

/* They are tried again, at a few datagrams' cost, and later each time. */
START_TEST(tried_again)
{
	struct duo *d = begin(MERGE, 0);
	struct mp_flow_info i;
	uint64_t t = d->now;
	unsigned had;

	stream(d, 0, 4, t + 9 * SEC);
	had = bundles;
	ck_assert_uint_le(had, 5);
	stream(d, 0, 4, t + 13 * SEC);
	ck_assert_uint_gt(bundles, had); /* after 10 s */
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_OFF);
	had = bundles;
	stream(d, 0, 4, t + 29 * SEC);
	ck_assert_uint_eq(bundles, had); /* now it takes 20 s */
	fault = NONE;
	stream(d, 0, 4, t + 40 * SEC);
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_TRUSTED);
	ck_assert_uint_gt(bundles, had + 100);
	duo_free(d);
}
END_TEST

/* Single ones fail, too: the datagram is wrong, not the bundle. */
START_TEST(refused_singly)
{
	struct duo *d = begin(REFUSE, 0);
	struct mp *m = &d->end[0].mp;
	struct mp_flow_info i;
	struct mp_bundle b;
	struct mp_tx tx[2];
	int n;

	ck_assert_int_eq(duo_send(d, 0, "", 0), 0); /* goes alone: a probe */
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, &d->end[0].peer, LEN,
	    LEN, 2, &b), 2);
	ck_assert_int_eq(mp_bundle_commit(m, d->now, &b, 0, MP_EINVAL, "", 0,
	    LEN, LEN), 1);
	ck_assert_int_ne(state_of(d, 0, &i), MP_BUNDLES_OFF); /* not yet */
	n = mp_send_begin(m, d->now, 0, &d->end[0].peer, 0, LEN,
	    (enum mp_send_flag)0, tx);
	ck_assert_int_ge(n, 1);
	tx[0].error = MP_EMSGSIZE;
	ck_assert_int_eq(mp_send_commit(m, d->now, tx, n, "", LEN),
	    MP_EMSGSIZE);
	ck_assert_int_eq(duo_send(d, 0, "", 0), 0);
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_TRY);

	burst(d, 0, 20); /* and this time it is the bundle */
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_OFF);
	ck_assert_int_eq(i.bundle_error, -5);
	duo_free(d);
}
END_TEST

/* n packets go, `bundled' of them in bundles, up to a probe; the peer tells that
 * so many are missing. */
static bool
told(struct offload *o, uint64_t now, unsigned n, unsigned bundled, int lost)
{
	static uint32_t total;

	if (o->points == 0)
		total = 0;
	total += n;
	if (bundled > 0)
		offload_bundled(o, (int)bundled);
	offload_probed(o, now, 0, total);
	offload_single(o);
	return offload_told(o, now, (uint16_t)total, lost, false);
}

/* A packet that counted as lost arrives after all. */
START_TEST(late_count)
{
	struct offload o;
	uint64_t now = 1000 * SEC;
	int k;

	offload_forget(&o);
	for (k = 0; k < 40 && o.state != MP_BUNDLES_OFF; k++) {
		/* each bundle is lost; single ones: one, and then it is not */
		(void)told(&o, now, 60, offload_room(&o, now, 2) == 2 ? 2 : 0,
		    o.left == 0 ? 0 : 2);
		(void)told(&o, now += 50 * MS, 60, 0, k % 4 == 0 ? 1 : 0);
		(void)told(&o, now += 50 * MS, 60, 0, k % 4 == 1 ? -2 : 0);
		ck_assert_uint_le(o.good.lost, 2);
		ck_assert_uint_le(o.single.lost, 2);
		now += 50 * MS;
	}
	ck_assert_int_eq(o.state, MP_BUNDLES_OFF);
}
END_TEST

/* What a peer says, true or not, matters to its own flow alone. */
START_TEST(lying_peer)
{
	struct duo *d = begin(NONE, 0);
	struct flow *f = duo_current(d, 0);
	struct mp_flow_info i;
	struct flow before[8];
	unsigned k, n = 0, seen[4] = { 0 };

	seed = (uint64_t)_i;
	for (k = 0; k < d->end[0].mp.limits.flows && n < 8; k++)
		if (&d->end[0].mp.flows[k] != f)
			before[n++] = d->end[0].mp.flows[k];
	for (k = 0; k < 2000; k++) {
		burst(d, 0, (unsigned)twins_random(&seed, 40));
		duo_run(d, d->now + TICK);
		loss_told(f, (uint16_t)(loss_sent(f) -
		    twins_random(&seed, 200)),
		    (uint16_t)twins_random(&seed, _i % 2 == 0 ? 300 : 65536),
		    d->now);
		seen[state_of(d, 0, &i) & 3]++;
		ck_assert_uint_ge(offload_room(&f->offload, d->now, 64), 1);
	}
	ck_assert_uint_gt(seen[MP_BUNDLES_TRY] + seen[MP_BUNDLES_CHECK] +
	    seen[MP_BUNDLES_OFF], 0);
	for (k = 0, n = 0; k < d->end[0].mp.limits.flows && n < 8; k++)
		if (&d->end[0].mp.flows[k] != f)
			ck_assert_int_eq(memcmp(&before[n++].offload,
			    &d->end[0].mp.flows[k].offload,
			    sizeof(f->offload)), 0);
	duo_free(d);
}
END_TEST

/* --- No fault -------------------------------------------------------------- */

/* Nothing is wrong: within 300 ms all go in bundles. */
START_TEST(trusted)
{
	struct duo *d = begin(NONE, 0);
	int e = _i;
	struct mp_flow_info i;
	uint64_t t = d->now;

	stream(d, e, 100, t + 300 * MS);
	ck_assert_int_eq(state_of(d, e, &i), MP_BUNDLES_TRUSTED);
	ck_assert_uint_eq(missing(d, e, t, d->now - 100 * MS), 0);
	duo_free(d);
}
END_TEST

/* A path that loses single ones as well is not the bundles' fault. */
START_TEST(lossy_path)
{
	static const unsigned losses[] = { 1, 5, 10, 30, 100, 300 };
	struct duo *d = begin(NONE, 0);
	struct mp_flow_info i;
	uint64_t t = d->now;
	unsigned off = 0, good = 0, k;

	seed = (uint64_t)_i;
	path_loss = losses[_i % 6];
	for (k = 0; k < 100; k++) {
		stream(d, 0, 20, t + k * 200 * MS);
		off += state_of(d, 0, &i) == MP_BUNDLES_OFF;
		good += state_of(d, 0, &i) == MP_BUNDLES_TRUSTED;
	}
	ck_assert_msg(off == 0, "loss %u/1000: off %u %%", path_loss, off);
	ck_assert_msg(good > 50 || path_loss >= 30, /* those go twice */
	    "loss %u/1000: trusted %u %%", path_loss, good);
	duo_free(d);
}
END_TEST

/* What the path loses is soon known, and no reason for more trials: in the long
 * run nearly all go in bundles. */
START_TEST(long_run)
{
	static const unsigned losses[] = { 0, 1, 5, 10, 30, 100 };
	struct duo *d = begin(NONE, 0);
	unsigned all, count = _i / 6 % 2 == 0 ? 20 : 100;
	uint64_t t = d->now;
	struct mp_flow_info i;
	uint32_t n;

	duo_delay(d, 0, 0, _i / 12 == 0 ? 5 * MS : 50 * MS);
	seed = (uint64_t)_i;
	path_loss = losses[_i % 6];
	stream(d, 0, count, t + 3 * SEC);
	(void)state_of(d, 0, &i);
	n = i.tx_bundled;
	all = sent;
	stream(d, 0, count, t + (count == 20 ? 40 : 12) * SEC);
	(void)state_of(d, 0, &i);
	n = i.tx_bundled - n;
	all = sent - all;
	ck_assert_msg(n >= (path_loss > 30 ? 0.8 : 0.9) * all,
	    "loss %u/1000: %u of %u in bundles", path_loss, n, all);
	duo_free(d);
}
END_TEST

/* Nor is a receiver that does not read. */
START_TEST(slow_reader)
{
	struct duo *d = begin(NONE, 0);
	struct mp_flow_info i;
	uint64_t t = d->now;
	unsigned k;

	for (k = 0; k < 10; k++) {
		stream(d, 0, 20, t + k * SEC + 700 * MS);
		d->end[1].asleep = true;
		stream(d, 0, 20, t + (k + 1) * SEC);
		ck_assert_int_ne(state_of(d, 0, &i), MP_BUNDLES_OFF);
		duo_wake(d, 1);
		d->end[1].asleep = false;
	}
	stream(d, 0, 20, d->now + 300 * MS);
	ck_assert_int_eq(state_of(d, 0, &i), MP_BUNDLES_TRUSTED);
	duo_free(d);
}
END_TEST

/* Packets of a tick that the peer's queue takes. */
static enum duo_verdict
overflow(struct duo *d, struct duo_packet *p, void *arg)
{
	static uint64_t tick;
	static unsigned n;

	(void)arg;
	if (p->from != 0 || p->len < LEN)
		return DUO_PASS;
	if (d->now / TICK != tick)
		n = 0;
	tick = d->now / TICK;
	return n++ < 700 ? DUO_PASS : DUO_DROP;
}

/* Nor is a peer that is too slow for a program which bundles make faster. */
START_TEST(too_fast)
{
	struct duo *d = begin(NONE, 0);
	struct mp_flow_info i;
	unsigned k, good = 0;

	d->tap = overflow;
	for (k = 0; k < 100; k++) {
		stream(d, 0, state_of(d, 0, &i) == MP_BUNDLES_TRUSTED ? 900 :
		    600, d->now + TICK);
		ck_assert_int_ne(i.bundles, MP_BUNDLES_OFF);
		good += i.bundles == MP_BUNDLES_TRUSTED;
	}
	ck_assert_uint_ge(good, 60);
	duo_free(d);
}
END_TEST

/* --- Honest worlds --------------------------------------------------------- */

/*
 * What loses packets in a world, by chance.  Outages lose all that is sent; a
 * stall is a receiver that is not run, so that its queue overflows, which loses
 * datagrams only.
 */
static struct world {
	bool losing; /* within a burst */
	unsigned begins, ends; /* a burst, 1/100000 at each packet */
	uint64_t out_from, out_until, out_gap, out_len; /* outages, stalls */
	bool stalls;
	unsigned queue, rate; /* packets that wait; are read in a tick */
	double level;
	uint64_t level_at;
} world;

/* Some us around a mean. */
static uint64_t
about(uint64_t mean)
{
	return mean / 4 + twins_random(&seed, (unsigned)(mean * 3 / 2));
}

/* Is it within an outage, or a stall? */
static bool
is_out(uint64_t now)
{
	if (world.out_gap == 0)
		return false;
	while (now >= world.out_until) {
		world.out_from = world.out_until + about(world.out_gap);
		world.out_until = world.out_from + about(world.out_len);
	}
	return now >= world.out_from;
}

static enum duo_verdict
chance(struct duo *d, struct duo_packet *p, void *arg)
{
	bool out = is_out(d->now);

	(void)arg;
	if (twins_random(&seed, 100000) < (world.losing ? world.ends :
	    world.begins))
		world.losing = !world.losing;
	if (world.losing || (out && !world.stalls))
		return DUO_DROP;
	if (world.queue == 0 || p->len < LEN || p->from != 0)
		return DUO_PASS;
	if (!out)
		world.level -= (double)(d->now - world.level_at) *
		    world.rate / TICK;
	world.level_at = d->now;
	if (world.level < 0)
		world.level = 0;
	if (world.level >= world.queue)
		return DUO_DROP;
	world.level++;
	return DUO_PASS;
}

static const struct honest {
	const char *name;
	unsigned begins, ends;
	uint64_t out_gap, out_len;
	bool stalls;
	unsigned queue, rate;
} honest[] = {
	{ "bursts of 4, 1 %", 250, 25000, 0, 0, false, 0, 0 },
	{ "bursts of 20, 0.2 %", 10, 5000, 0, 0, false, 0, 0 },
	{ "bursts of 50, 5 %", 105, 2000, 0, 0, false, 0, 0 },
	{ "outages of 5 ms", 0, 0, 300 * MS, 5 * MS, false, 0, 0 },
	{ "outages of 40 ms", 0, 0, SEC, 40 * MS, false, 0, 0 },
	{ "outages of 100 ms", 0, 0, 3 * SEC, 100 * MS, false, 0, 0 },
	{ "a receiver that is not always run", 0, 0, 500 * MS, 50 * MS, true,
	    200, 200 },
	{ "a slow receiver with a short queue", 0, 0, 0, 0, true, 40, 60 },
	{ "a short queue, and not always run", 20, 30000, 200 * MS, 10 * MS,
	    true, 60, 100 },
};

/* The program, or two, send in all ways for 10 s: bundles are never at fault. */
START_TEST(honest_world)
{
	const struct honest *h = &honest[_i % (int)(sizeof(honest) /
	    sizeof(honest[0]))];
	struct duo *d = begin(NONE, 0);
	uint64_t end = d->now + 10 * SEC, change = 0;
	unsigned count = 0, other = 0, each = 1, tick = 0, off = 0, k;
	struct mp_flow_info i;

	seed = (uint64_t)_i;
	d->tap = chance;
	world = (struct world) { .begins = h->begins, .ends = h->ends,
		.out_gap = h->out_gap, .out_len = h->out_len,
		.stalls = h->stalls, .queue = h->queue, .rate = h->rate,
		.out_until = d->now, .level_at = d->now };
	while (d->now < end) {
		if (d->now >= change) {
			change = d->now + about(SEC);
			count = (unsigned)twins_random(&seed, 60);
			other = (unsigned)twins_random(&seed, 3) * count / 4;
			each = twins_random(&seed, 3) == 0 ? 16 : 1;
		}
		if (++tick % each == 0)
			burst(d, 0, each == 1 ? count : 8);
		for (k = 0; k < other; k++) /* another, which sends singly */
			(void)duo_send(d, 0, "single", 6);
		duo_run(d, d->now + TICK);
		off += state_of(d, 0, &i) == MP_BUNDLES_OFF;
	}
	ck_assert_msg(off == 0, "%s: off %u of 1000 ticks", h->name, off);
	duo_free(d);
}
END_TEST

Suite *
suite_offload(void)
{
	Suite *s = suite_create("offload");
	TCase *c = tcase_create("offload");
	int n = (int)(sizeof(faults) / sizeof(faults[0]));

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, fails, 0, n);
	tcase_add_loop_test(c, fails_at_responder, 0, n);
	tcase_add_loop_test(c, fails_later, 0, n);
	tcase_add_test(c, tried_again);
	tcase_add_test(c, refused_singly);
	tcase_add_test(c, late_count);
	tcase_add_loop_test(c, lying_peer, 0, 2);
	tcase_add_loop_test(c, trusted, 0, 2);
	tcase_add_loop_test(c, lossy_path, 0, 12);
	tcase_add_loop_test(c, long_run, 0, 24);
	tcase_add_test(c, slow_reader);
	tcase_add_test(c, too_fast);
	tcase_add_loop_test(c, honest_world, 0, 2 * (int)(sizeof(honest) /
	    sizeof(honest[0])));
	suite_add_tcase(s, c);
	return s;
}
