/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A bundle leaves as one packet that the kernel, or the device, cuts into its
 * datagrams (UDP_SEGMENT).  Devices and kernels exist that refuse that, that
 * send the whole as one datagram, or that spoil or drop some of the cut ones,
 * though they carry single ones well.  Nobody says so at run time.  But each
 * packet of a flow has a number, and the peer tells how many of them are
 * missing (loss.h): so the loss of bundles is compared with that of single
 * ones, on each flow for itself, as another flow leaves by another device.
 *
 * A flow is in one of these states:
 *
 * TRY (at first).  At most `left' datagrams may go in bundles until the peer
 * has told of them: 2, 8, 32, then OFFLOAD_FEW.  What is lost meanwhile leads to
 * CHECK; what passes, to TRUSTED.
 *
 * TRUSTED.  All may go in bundles.  A report by which they fare worse than
 * single ones did leads to TRY, and so does a late answer, which may mean that
 * all are lost, unless they were just told to arrive: then the program lags.
 * What single ones lose is known from few of them, and the path changes; so what
 * trusted bundles lose, as long as it does not grow, counts for single ones, too
 * (offload_learn()).  Else honest losses would lead to trials again and again,
 * in which half of the datagrams go alone.
 *
 * CHECK.  An experiment that decides whether bundles are at fault (OFF) or
 * something else is (TRUSTED).
 *
 * OFF.  All go alone; OFFLOAD_OFF later, each time twice as long, they are
 * tried again.  A bundle that the kernel refuses leads here at once, if single
 * ones then go.
 *
 * Reports.  A report names the packets up to a probe.  Each probe notes
 * (struct offload_point) how many packets went before it, and how many of them
 * in bundles, so a report tells of an interval between two probes.  (One that
 * tells of another probe, as there are more, only adds to what is `pending'.)
 * The peer's agent counts datagrams only when its program has read one sent
 * after the probe: therefore the first datagram after a probe goes alone, and a
 * fault that spoils all bundles is told, too.  Where bundles go, probes go each
 * OFFLOAD_GAP.  While the path fails, and some time after (loss.h), an interval
 * that has lost anything says nothing.
 *
 * The experiment.  Honest losses come in bursts: a radio that fades, a receiver
 * that is not run for a while, a queue that is full.  One interval with losses
 * says nothing, then, however many are lost.  But a fault of bundles shows each
 * time, and does not touch single ones.  So trials follow each other, each of a
 * phase in which `size' datagrams go in bundles, and a longer phase in which
 * all go alone.  A trial in which only the first phase has lost packets, and no
 * more than went in bundles, speaks against bundles (`score' rises); one in
 * which nothing was lost for them, and larger trials follow; one in which
 * single ones were lost, too, or more than went in bundles, shows that the path
 * loses.  That a burst hits the first phase alone by chance has a probability of
 * q (1 - q) at most, 1/4, if q is that of a phase; most often much less.  A
 * phase counts as one with losses when it lost more than single ones do on the
 * average (offload_lossy()).  And all trials together must differ by more than
 * chance (offload_worse()).
 *
 * Few datagrams go in bundles in a trial, so all go at about the same pace.
 * Else a program that sends as fast as it can, which is faster in bundles, and
 * perhaps too fast for its peer, would have bundles blamed for what is lost
 * there.  When the experiment has acquitted them, other losses lead to another
 * one only after OFFLOAD_TOLERANT, which doubles, unless nearly all are lost;
 * and that one wants a trial more to find them at fault.
 *
 * Pure arithmetic; the caller's lock is held.
 */
#include "offload.h"

#include <string.h>

#include "mp.h"
#include "state.h"

enum { OFFLOAD_EIO = -5, OFFLOAD_EOPNOTSUPP = -95, OFFLOAD_ENOPROTOOPT = -92 };

/* So many as lose two, if `lost' of so many bundled ones were lost. */
static uint16_t
offload_size(uint32_t bundled, int lost)
{
	uint32_t size = lost <= 0 ? 0 : 2 * bundled / (uint32_t)lost;

	return size < OFFLOAD_FIRST ? OFFLOAD_FIRST :
	    size < OFFLOAD_FEW ? (uint16_t)size : OFFLOAD_FEW;
}

static void
offload_try(struct offload *o, uint16_t size)
{
	o->state = MP_BUNDLES_TRY;
	o->phase = OFFLOAD_ANY;
	o->left = o->size = size;
}

static void
offload_forget_trial(struct offload *o)
{
	memset(&o->with, 0, sizeof(o->with));
	memset(&o->without, 0, sizeof(o->without));
	o->with_bundled = 0;
}

/* An interval says nothing. */
static void
offload_void(struct offload *o)
{
	if (o->state == MP_BUNDLES_TRY)
		o->left = o->size;
	if (o->state == MP_BUNDLES_CHECK)
		offload_forget_trial(o);
}

void
offload_forget(struct offload *o)
{
	memset(o, 0, sizeof(*o));
	offload_try(o, OFFLOAD_FIRST);
}

void
offload_new_key(struct offload *o)
{
	o->points = 0;
	o->bundled = 0;
	o->pending = 0;
	memset(&o->known, 0, sizeof(o->known));
	offload_void(o); /* what went will not be told */
	if (o->state == MP_BUNDLES_CHECK)
		o->phase = OFFLOAD_ANY;
}

/* --- What is sent -------------------------------------------------------- */

/* Datagrams of one bundle while few go so: many short bundles tell more. */
static unsigned
offload_longest(const struct offload *o)
{
	return o->size >= OFFLOAD_FEW ? MP_BUNDLE_MAX :
	    o->size < 16 ? 2 : o->size / 8;
}

unsigned
offload_room(struct offload *o, uint64_t now, unsigned n)
{
	unsigned most = offload_longest(o);

	if (o->state == MP_BUNDLES_OFF && now >= o->since)
		offload_try(o, OFFLOAD_FIRST);
	if (o->alone || o->state == MP_BUNDLES_OFF)
		return 1;
	if (o->state == MP_BUNDLES_TRUSTED)
		return n;
	most = most < o->left ? most : o->left;
	n = n < most ? n : most;
	return n > 0 ? n : 1;
}

bool
offload_may(const struct offload *o, uint64_t now)
{
	return o->state == MP_BUNDLES_TRUSTED ||
	    (o->state == MP_BUNDLES_OFF ? now >= o->since : o->left > 1);
}

void
offload_bundled(struct offload *o, int n)
{
	o->bundled += (uint32_t)n;
	if (n > 0)
		o->left -= (uint16_t)(n < o->left ? n : o->left);
}

void
offload_single(struct offload *o)
{
	o->alone = false;
	o->unproven = false;
}

/* us between two probes that reports are to name: a few are under way at a
 * time. */
static uint64_t
offload_gap(const struct offload *o, uint64_t now, uint32_t rtt_us)
{
	bool old = o->state == MP_BUNDLES_TRUSTED &&
	    now >= o->since + OFFLOAD_OLD;

	return (old ? OFFLOAD_GAP_OLD : OFFLOAD_GAP) + rtt_us / 2;
}

/* Packets that went before the last of these probes. */
static uint32_t
offload_probed_at(const struct offload *o)
{
	return o->points == 0 ? 0 :
	    o->point[(o->points - 1) % OFFLOAD_POINTS].sent;
}

/* Is it time for one? */
static bool
offload_due(const struct offload *o, uint64_t now, uint32_t rtt_us,
    uint32_t sent)
{
	return now >= o->probe_at + offload_gap(o, now, rtt_us) ||
	    sent - offload_probed_at(o) >= OFFLOAD_WRAP;
}

bool
offload_wants_probe(const struct offload *o, uint64_t now, uint32_t rtt_us,
    uint32_t sent)
{
	if (o->state == MP_BUNDLES_OFF)
		return false;
	if (o->bundled == o->known.bundled && o->state != MP_BUNDLES_CHECK)
		return false; /* all of them were told */
	return offload_due(o, now, rtt_us, sent);
}

static void
offload_begin_phase(struct offload *o, enum offload_phase phase, uint32_t sent)
{
	o->phase = phase;
	o->left = phase == OFFLOAD_WITH ? o->size : 0;
	o->probes = 0;
	o->phase_from = sent;
}

/* A probe goes after so many packets: is this phase of the experiment long
 * enough?  One of single ones is as long as that before it. */
static bool
offload_phase_ends(struct offload *o, uint32_t sent)
{
	uint32_t n = sent - o->phase_from;

	if (o->phase == OFFLOAD_ANY)
		return true;
	if (o->phase == OFFLOAD_ALONE) {
		o->probes += o->probes < OFFLOAD_PROBES;
		return o->probes >= OFFLOAD_PROBES && n >= o->alone_n;
	}
	o->alone_n = (uint16_t)(n < OFFLOAD_SINGLES ? OFFLOAD_SINGLES :
	    n < OFFLOAD_KEEP ? n : OFFLOAD_KEEP);
	return o->left < 2;
}

void
offload_probed(struct offload *o, uint64_t now, uint32_t rtt_us, uint32_t sent)
{
	bool due = o->points == 0 || offload_due(o, now, rtt_us, sent);
	bool ends = due && o->state == MP_BUNDLES_CHECK &&
	    offload_phase_ends(o, sent);

	o->point[o->points++ % OFFLOAD_POINTS] = (struct offload_point) {
		.sent = sent, .bundled = o->bundled, .phase = o->phase,
		.ends = ends };
	if (due) {
		o->probe_at = now;
		o->alone = true;
	}
	if (ends && o->phase != OFFLOAD_ALONE)
		offload_begin_phase(o, OFFLOAD_ALONE, sent);
	else if (ends && o->with_bundled == 0) /* no trial is half told */
		offload_begin_phase(o, OFFLOAD_WITH, sent);
}

/* --- What single ones lose ----------------------------------------------- */

/* Loss above what single ones have, and how much theirs would be; 1/1000 of a
 * packet. */
struct offload_excess {
	int64_t over, expected;
};

static struct offload_excess
offload_excess_of(const struct offload *o, const struct offload_sum *of)
{
	struct offload_excess e = { .expected = o->single.n == 0 ? 0 :
	    (int64_t)of->n * 1000 * o->single.lost / o->single.n };

	e.over = (int64_t)of->lost * 1000 - e.expected;
	return e;
}

/* Is it at least so many packets, and standard deviations? */
static bool
offload_exceeds(const struct offload_excess *e, int64_t least, int64_t sure)
{
	return e->over >= least * 1000 &&
	    e->over * e->over >= sure * sure * 1000 * e->expected;
}

/* Did a phase lose more than on the average? */
static bool
offload_lossy(const struct offload *o, const struct offload_sum *of)
{
	struct offload_excess e = offload_excess_of(o, of);

	return offload_exceeds(&e, OFFLOAD_LEAST_PHASE, OFFLOAD_SURE_PHASE);
}

/*
 * Do packets like these surely lose more than those alone?  Over a common share
 * p of both, the difference has the variance
 *	n p (1 - p) (1 + n / alone.n)
 */
static bool
offload_worse(const struct offload_share *of,
    const struct offload_share *alone)
{
	uint64_t n = of->n, lost = of->lost, n1 = alone->n, lost1 = alone->lost;
	uint64_t over, all = n + n1;

	if (n1 == 0 || lost * n1 <= n * lost1)
		return false;
	over = lost * n1 - n * lost1; /* times n1 */
	return over * over >= OFFLOAD_SURE_ALL * OFFLOAD_SURE_ALL * n1 * n *
	    ((lost + lost1) * (all - lost - lost1) / all);
}

/* Adds packets; over OFFLOAD_KEEP, half of all are forgotten. */
static void
offload_add(struct offload_share *s, uint32_t n, int32_t lost)
{
	n += s->n;
	lost += s->lost;
	for (; n > OFFLOAD_KEEP; n /= 2)
		lost /= 2;
	s->n = (uint16_t)n;
	s->lost = (uint16_t)(lost < 0 ? 0 : (uint32_t)lost < n ? lost : (int)n);
}

/* --- The experiment ------------------------------------------------------ */

/* It begins: some were lost of packets that were tried. */
static void
offload_check(struct offload *o, const struct offload_sum *cause,
    uint32_t bundled)
{
	int score = o->strikes > 0 ? OFFLOAD_SCORE - 2 : o->since == 0 ? 1 : 0;

	o->state = MP_BUNDLES_CHECK;
	o->phase = OFFLOAD_ANY; /* until the next probe */
	o->left = 0;
	o->size = offload_size(bundled, cause->lost);
	o->suspected = true;
	o->score = (int8_t)(score - o->acquittals);
	o->voids = 0;
	memset(&o->bad, 0, sizeof(o->bad));
	memset(&o->good, 0, sizeof(o->good));
	offload_add(&o->bad, cause->n, cause->lost);
	offload_forget_trial(o);
}

static void
offload_off(struct offload *o, uint64_t now, int error)
{
	o->error = (int16_t)error;
	o->since = now + (OFFLOAD_OFF << o->strikes);
	o->strikes += o->strikes < OFFLOAD_STRIKES;
	o->acquittals = 0;
	o->state = MP_BUNDLES_OFF;
	o->phase = OFFLOAD_ANY;
}

static void
offload_trust(struct offload *o, uint64_t now)
{
	o->state = MP_BUNDLES_TRUSTED;
	o->phase = OFFLOAD_ANY;
	o->since = now;
	o->error = 0;
	memset(&o->bad, 0, sizeof(o->bad));
	if (!o->suspected)
		return;
	o->suspected = false;
	o->tolerant = now + (OFFLOAD_TOLERANT << o->acquittals);
	o->acquittals += o->acquittals < OFFLOAD_ACQUITTALS;
}

/* They were trusted, and are tried again. */
static void
offload_suspect(struct offload *o, uint16_t size)
{
	o->suspected = true;
	offload_try(o, size);
}

/* Larger trials follow. */
static void
offload_grow(struct offload *o)
{
	o->size = o->size < OFFLOAD_FEW / 8 ? (uint16_t)(o->size * 4) :
	    OFFLOAD_FEW;
}

/* A trial is over.  True: bundles are at fault. */
static bool
offload_trial(struct offload *o, uint64_t now)
{
	struct offload_excess e = offload_excess_of(o, &o->with);
	bool lossy = offload_lossy(o, &o->with);

	if (!lossy && o->size >= OFFLOAD_FEW && o->score <= 0) {
		offload_trust(o, now);
	} else if (!lossy) {
		o->score -= o->score > 0;
		offload_grow(o);
	} else if (offload_lossy(o, &o->without) || e.over >
	    ((int64_t)o->with_bundled + OFFLOAD_LEAST) * 1000) {
		if (++o->voids >= OFFLOAD_VOIDS)
			offload_trust(o, now);
	} else if (++o->score >= OFFLOAD_SCORE &&
	    offload_worse(&o->bad, &o->good)) {
		offload_off(o, now, 0);
	}
	offload_add(&o->single, o->without.n, o->without.lost);
	offload_forget_trial(o);
	return o->state == MP_BUNDLES_OFF;
}

/* The peer told of what went up to a probe: a part of a phase, or nothing of
 * the experiment. */
static bool
offload_told_phase(struct offload *o, uint64_t now,
    const struct offload_sum *some, uint32_t bundled)
{
	const struct offload_point *p = &o->known;
	enum offload_phase phase = (enum offload_phase)p->phase;

	if (phase == OFFLOAD_WITH && bundled > 0) {
		if (o->without.n > 0 && offload_trial(o, now))
			return true;
		o->with.n += some->n;
		o->with.lost += some->lost;
		o->with_bundled += (uint16_t)bundled;
		offload_add(&o->bad, some->n, some->lost);
		return false;
	}
	if (phase != OFFLOAD_ALONE || bundled > 0)
		return false;
	offload_add(&o->good, some->n, some->lost);
	if (o->with_bundled == 0) {
		offload_add(&o->single, some->n, some->lost);
		return false;
	}
	o->without.n += some->n;
	o->without.lost += some->lost;
	return p->ends && offload_trial(o, now);
}

/* --- What the peer tells ------------------------------------------------- */

/* The last probe before which so many packets went; NULL: it was forgotten. */
static const struct offload_point *
offload_find(const struct offload *o, uint16_t sent)
{
	const struct offload_point *p;
	unsigned i;

	for (i = 1; i <= OFFLOAD_POINTS && i <= o->points; i++) {
		p = &o->point[(o->points - i) % OFFLOAD_POINTS];
		if ((uint16_t)p->sent == sent)
			return p;
	}
	return NULL;
}

/* Of a flow that tries bundles. */
static void
offload_told_try(struct offload *o, uint64_t now,
    const struct offload_sum *some, uint32_t bundled)
{
	struct offload_excess e = offload_excess_of(o, some);

	o->left = o->size;
	if (bundled > 2 * OFFLOAD_FEW) /* from before the try */
		return;
	if (offload_exceeds(&e, OFFLOAD_LEAST_TRY, OFFLOAD_SURE_PHASE)) {
		offload_check(o, some, bundled);
		return;
	}
	if (o->size >= OFFLOAD_FEW) {
		offload_trust(o, now);
		return;
	}
	offload_grow(o);
	o->left = o->size;
}

/* Single ones would lose what trusted bundles lose: those tell more when they
 * are more packets, or surely lose less.  A loss that surely grew is not taken
 * for the path's. */
static void
offload_learn(struct offload *o, const struct offload_sum *some)
{
	offload_add(&o->bad, some->n, some->lost);
	if (o->bad.n < OFFLOAD_FEW)
		return;
	if (offload_worse(&o->single, &o->bad) || (o->bad.n > o->single.n &&
	    !offload_worse(&o->bad, &o->single)))
		o->single = o->bad;
}

/* Of one that trusts them. */
static void
offload_told_trusted(struct offload *o, uint64_t now,
    const struct offload_sum *some, uint32_t bundled)
{
	struct offload_excess e = offload_excess_of(o, some);
	int64_t lost = some->lost;

	offload_learn(o, some);
	if (now >= o->since + OFFLOAD_GOOD)
		o->strikes = o->acquittals = 0;
	if (!offload_exceeds(&e, OFFLOAD_LEAST, OFFLOAD_SURE) ||
	    e.over * OFFLOAD_SHARE < (int64_t)bundled * 1000) {
		o->good_ms = (uint32_t)(now / MS);
		return;
	}
	if (now >= o->tolerant || lost * 8 >= (int64_t)bundled * 7)
		offload_suspect(o, offload_size(bundled, some->lost));
}

/* An interval of packets, some of them in bundles, of which so many are
 * missing. */
static bool
offload_judge(struct offload *o, uint64_t now, const struct offload_sum *some,
    uint32_t bundled)
{
	switch (o->state) {
	case MP_BUNDLES_CHECK:
		return offload_told_phase(o, now, some, bundled);
	case MP_BUNDLES_TRY:
		if (bundled > 0) {
			offload_told_try(o, now, some, bundled);
			return false;
		}
		break;
	case MP_BUNDLES_TRUSTED:
		if (bundled > 0) {
			offload_told_trusted(o, now, some, bundled);
			return false;
		}
		break;
	}
	if (bundled == 0)
		offload_add(&o->single, some->n, some->lost);
	return false;
}

bool
offload_told(struct offload *o, uint64_t now, uint16_t sent, int lost,
    bool failure)
{
	const struct offload_point *p = offload_find(o, sent);
	struct offload_sum some;
	uint32_t bundled;

	if (p == NULL || p->sent == o->known.sent) {
		lost += o->pending;
		o->pending = lost < OFFLOAD_MOST ? lost : OFFLOAD_MOST;
		return false;
	}
	some.n = p->sent - o->known.sent;
	some.lost = o->pending + lost;
	bundled = p->bundled - o->known.bundled;
	o->known = *p;
	o->pending = 0;
	if (bundled > some.n || some.n > OFFLOAD_MOST || /* some did not go */
	    some.lost > (int32_t)some.n || (failure && some.lost != 0)) {
		offload_void(o);
		return false;
	}
	return offload_judge(o, now, &some, bundled);
}

void
offload_doubted(struct offload *o, uint64_t now)
{
	if (o->state != MP_BUNDLES_TRUSTED ||
	    o->bundled == o->known.bundled || now < o->since + OFFLOAD_DOUBT ||
	    (uint32_t)(now / MS) - o->good_ms < OFFLOAD_NEWS)
		return;
	offload_suspect(o, OFFLOAD_FIRST);
}

bool
offload_refused(struct offload *o, uint64_t now, int error)
{
	if (error != OFFLOAD_EIO && error != MP_EINVAL &&
	    error != OFFLOAD_EOPNOTSUPP && error != OFFLOAD_ENOPROTOOPT)
		return false;
	offload_off(o, now, error);
	o->unproven = true;
	return true;
}

void
offload_single_failed(struct offload *o, int error)
{
	if (!o->unproven || error == MP_EAGAIN)
		return;
	o->unproven = false;
	o->strikes -= o->strikes > 0;
	offload_try(o, OFFLOAD_FIRST);
}
