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
 * has told of them: 4, then 64, then 256 or one of OFFLOAD_PART.  So what is at
 * fault from the start costs four datagrams where it spoils all, and a share of
 * the others where it spoils some.  After the third report bundles are trusted.
 *
 * TRUSTED.  All may go in bundles.  A report by which they fare worse than
 * single ones did leads to CHECK, or to TRY (see "Pace"); a late answer, which
 * may mean that all are lost, to TRY.
 *
 * CHECK.  All go alone, until the peer has told of OFFLOAD_CHECK of them: is
 * the loss of the bundles more than theirs, now?  Then bundles are at fault:
 * OFF, or TRY once more where they had been trusted for OFFLOAD_YOUNG, or where very
 * many packets go.  Else the path loses, and all goes on.
 *
 * OFF.  All go alone; OFFLOAD_OFF later, each time twice as long, they are
 * tried again.  A bundle that the kernel refuses leads here at once.
 *
 * Reports.  A report names the packets up to a probe.  Each probe notes
 * (struct offload_point) how many packets went before it, and how many of them
 * in bundles, so a report tells of an interval between two probes.  (One that
 * tells of another probe, as there are more, only adds to what is `pending'.)
 * The peer's agent counts datagrams only when its program has read one sent
 * after the probe: therefore the first datagram after a probe goes alone, and a
 * fault that spoils all bundles is told, too.  Where bundles go, probes go each
 * OFFLOAD_GAP.
 *
 * While the path fails, and some time after (loss.h), an interval that has lost
 * anything says nothing.
 *
 * Worse.  Of all packets of an interval single ones would have lost as many as
 * their share says.  What is missing above that must be OFFLOAD_LEAST,
 * OFFLOAD_SURE times the standard deviation of the expected number, and one of
 * OFFLOAD_SHARE bundled ones, to be checked (offload_suspect()); then
 * OFFLOAD_SURE times that of the difference (offload_worse()).
 *
 * Pace.  A program that sends as fast as it can is faster in bundles, perhaps
 * too fast for its peer, whose queue then loses some.  That is no fault of
 * bundles, though it ends where single ones go.  So only intervals in which all
 * would have gone at about the same pace (offload_fair()) can show that they
 * are at fault.
 * Where many more are lost in another one, that of TRY is the experiment: few
 * bundles among single ones.  When they have passed it, such loss counts for
 * nothing for OFFLOAD_TOLERANT, which doubles.
 *
 * Pure arithmetic; the caller's lock is held.
 */
#include "offload.h"

#include <string.h>

#include "mp.h"
#include "state.h"

enum { OFFLOAD_EIO = -5, OFFLOAD_EOPNOTSUPP = -95, OFFLOAD_ENOPROTOOPT = -92 };

enum { OFFLOAD_FIRST = 4, OFFLOAD_MANY = 64, OFFLOAD_STEPS = 3 };

/* Datagrams that may go in bundles before the peer has told of them. */
static uint16_t
offload_allowed(const struct offload *o)
{
	uint32_t share = o->interval / OFFLOAD_PART;

	if (o->step < OFFLOAD_STEPS - 1)
		return o->step == 0 ? OFFLOAD_FIRST : OFFLOAD_MANY;
	return share < OFFLOAD_FEW ? OFFLOAD_FEW :
	    share < 4 * OFFLOAD_FEW ? (uint16_t)share : 4 * OFFLOAD_FEW;
}

/* So few of n packets that, if they went alone, all would go at about the same
 * pace. */
static bool
offload_fair(uint32_t n, uint32_t bundled)
{
	return bundled <= OFFLOAD_FEW || bundled <= n / OFFLOAD_PART;
}

static void
offload_try(struct offload *o)
{
	o->state = MP_BUNDLES_TRY;
	o->step = 0;
	o->left = offload_allowed(o);
}

void
offload_forget(struct offload *o)
{
	memset(o, 0, sizeof(*o));
	offload_try(o);
}

void
offload_new_key(struct offload *o)
{
	o->points = 0;
	o->bundled = 0;
	o->pending = 0;
	memset(&o->known, 0, sizeof(o->known));
	if (o->state == MP_BUNDLES_TRY) /* what went will not be told */
		o->left = offload_allowed(o);
}

unsigned
offload_room(struct offload *o, uint64_t now, unsigned n)
{
	if (o->state == MP_BUNDLES_TRUSTED)
		return o->alone ? 1 : n;
	if (o->state == MP_BUNDLES_OFF && now >= o->since)
		offload_try(o);
	if (o->state != MP_BUNDLES_TRY || o->alone)
		return 1;
	n = n < o->left ? n : o->left;
	return n > 0 ? n : 1;
}

bool
offload_may(const struct offload *o, uint64_t now)
{
	return o->state == MP_BUNDLES_TRUSTED ||
	    (o->state == MP_BUNDLES_TRY && o->left > 1) ||
	    (o->state == MP_BUNDLES_OFF && now >= o->since);
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

void
offload_probed(struct offload *o, uint64_t now, uint32_t rtt_us, uint32_t sent)
{
	if (o->points > 0 && !offload_due(o, now, rtt_us, sent))
		return;
	o->probe_at = now;
	o->point[o->points++ % OFFLOAD_POINTS] = (struct offload_point) {
		.sent = sent, .bundled = o->bundled };
	o->alone = true;
}

/* The probe before which so many packets went; or which was not long before
 * them; NULL: it is not noted. */
static const struct offload_point *
offload_find(const struct offload *o, uint16_t sent)
{
	const struct offload_point *p;
	unsigned i;

	for (i = 1; i <= OFFLOAD_POINTS && i <= o->points; i++) {
		p = &o->point[(o->points - i) % OFFLOAD_POINTS];
		if ((uint16_t)(sent - (uint16_t)p->sent) <= OFFLOAD_NEAR)
			return p;
	}
	return NULL;
}

/* Of these packets, `bundled' of them in bundles: are more missing than if
 * single ones were lost as `alone' tells? */
static bool
offload_suspect(const struct offload_sum *of, uint32_t bundled,
    const struct offload_sum *alone)
{
	int64_t expected = alone->n == 0 ? 0 : /* 1/1000 */
	    (int64_t)of->n * 1000 * alone->lost / alone->n;
	int64_t over = (int64_t)of->lost * 1000 - expected;

	return over >= OFFLOAD_LEAST * 1000 &&
	    over * OFFLOAD_SHARE >= (int64_t)bundled * 1000 &&
	    over * over >= OFFLOAD_SURE * OFFLOAD_SURE * 1000 * expected;
}

/*
 * Surely?  What single ones lose is counted, too: over a common share p of both
 * samples, the difference has the variance
 *	n p (1 - p) (1 + n / alone.n)
 */
static bool
offload_worse(const struct offload_sum *of, uint32_t bundled,
    const struct offload_sum *alone)
{
	uint64_t n = of->n, lost = of->lost > 0 ? (uint64_t)of->lost : 0;
	uint64_t n1 = alone->n, lost1 = (uint64_t)alone->lost;
	uint64_t over, all;

	if (!offload_suspect(of, bundled, alone))
		return false;
	lost = lost < n ? lost : n;
	for (; n >= 1U << 16 || n1 >= 1U << 16; n /= 2, n1 /= 2) {
		lost /= 2;
		lost1 /= 2;
	}
	if (n1 == 0 || lost * n1 <= n * lost1)
		return false;
	over = lost * n1 - n * lost1; /* times n1 */
	all = n + n1;
	return over * over >= OFFLOAD_SURE * OFFLOAD_SURE * n1 * n *
	    ((lost + lost1) * (all - lost - lost1) / all);
}

static void
offload_add(struct offload_sum *s, uint32_t n, int32_t lost)
{
	s->n += n;
	s->lost += lost;
	while (s->n > OFFLOAD_KEEP) {
		s->n /= 2;
		s->lost /= 2;
	}
	if (s->lost < 0)
		s->lost = 0;
}

/* Bundles are checked: `cause' gave cause. */
static void
offload_check(struct offload *o, uint64_t now)
{
	o->was = o->state;
	o->state = MP_BUNDLES_CHECK;
	o->checked_at = now;
	memset(&o->check, 0, sizeof(o->check));
}

static void
offload_off(struct offload *o, uint64_t now, int error)
{
	o->error = (int16_t)error;
	o->since = now + (OFFLOAD_OFF << (o->strikes < OFFLOAD_STRIKES ?
	    o->strikes : OFFLOAD_STRIKES));
	o->strikes += o->strikes < OFFLOAD_STRIKES;
	o->state = MP_BUNDLES_OFF;
}

/* The peer told of packets that went in bundles, and did as well. */
static void
offload_passed(struct offload *o, uint64_t now, uint32_t n, int lost)
{
	/* Single ones would hardly lose more than bundles do. */
	if ((int64_t)lost * o->single.n < (int64_t)o->single.lost * n)
		o->single.lost -= (o->single.lost + 3) / 4;
	if (o->state == MP_BUNDLES_TRUSTED) {
		if (now >= o->since + OFFLOAD_GOOD)
			o->strikes = 0;
		return;
	}
	o->step++;
	o->left = offload_allowed(o);
	if (o->step < OFFLOAD_STEPS)
		return;
	o->state = MP_BUNDLES_TRUSTED;
	o->since = now;
	o->error = 0;
	o->convicted = false;
	o->tolerant = now + (OFFLOAD_TOLERANT << o->tolerances);
	o->tolerances += o->tolerances < OFFLOAD_TOLERANCES;
}

/* Enough single ones were told of.  True: bundles are at fault. */
static bool
offload_verdict(struct offload *o, uint64_t now)
{
	bool again = (o->was == MP_BUNDLES_TRUSTED &&
	    o->checked_at > o->since + OFFLOAD_YOUNG) ||
	    (o->interval > 4 * OFFLOAD_FEW && !o->convicted);

	if (!offload_worse(&o->cause, o->cause_bundled, &o->check)) {
		o->single = o->check; /* what the path loses now */
		o->state = o->was;
		offload_passed(o, now, 0, 0);
		return false;
	}
	/* A path has bad moments, too: of all the reports since they are
	 * trusted one is the worst; and a full queue may have emptied. */
	o->convicted = true;
	if (again)
		offload_try(o);
	else
		offload_off(o, now, 0);
	return true;
}

/* An interval of packets of which some went in bundles. */
static void
offload_together(struct offload *o, uint64_t now,
    const struct offload_sum *some, uint32_t bundled)
{
	bool fair = offload_fair(some->n, bundled);

	if (o->state == MP_BUNDLES_CHECK) { /* from before the check */
		if (fair) {
			o->cause.n += some->n;
			o->cause.lost += some->lost;
			o->cause_bundled += bundled;
		}
		return;
	}
	if (!fair && o->state == MP_BUNDLES_TRY) { /* from before the try */
		o->left = offload_allowed(o);
		return;
	}
	if (!offload_suspect(some, bundled, &o->single)) {
		offload_passed(o, now, some->n, some->lost);
		return;
	}
	if (fair) {
		o->cause = *some;
		o->cause_bundled = bundled;
		offload_check(o, now);
	} else if (now >= o->tolerant ||
	    (int64_t)some->lost * 8 >= (int64_t)bundled * 7) {
		offload_try(o);
	}
}

/* An interval of packets, some of them in bundles, of which so many are
 * missing. */
static bool
offload_judge(struct offload *o, uint64_t now, uint32_t n, uint32_t bundled,
    int lost)
{
	struct offload_sum some = { .n = n, .lost = lost };

	if (o->state == MP_BUNDLES_OFF) {
		offload_add(&o->single, bundled == 0 ? n : 0,
		    bundled == 0 ? lost : 0);
		return false;
	}
	if (bundled == 0 && o->state != MP_BUNDLES_CHECK) {
		offload_add(&o->single, n, lost);
		return false;
	}
	if (bundled > 0) {
		offload_together(o, now, &some, bundled);
		return false;
	}
	o->check.n += n;
	o->check.lost += lost > 0 || o->check.lost > 0 ? lost : 0;
	return o->check.n >= OFFLOAD_CHECK && offload_verdict(o, now);
}

bool
offload_told(struct offload *o, uint64_t now, uint16_t sent, int lost,
    bool failure)
{
	const struct offload_point *p = offload_find(o, sent);
	uint32_t n, bundled;

	o->pending += lost;
	if (p == NULL || p->sent == o->known.sent)
		return false;
	n = p->sent - o->known.sent;
	bundled = p->bundled - o->known.bundled;
	lost = o->pending;
	o->interval = n;
	o->known = *p;
	o->pending = 0;
	if ((int32_t)n < 0 || (failure && lost != 0)) { /* says nothing */
		if (o->state == MP_BUNDLES_TRY)
			o->left = offload_allowed(o);
		return false;
	}
	return offload_judge(o, now, n, bundled, lost);
}

void
offload_doubted(struct offload *o, uint64_t now)
{
	if (o->state != MP_BUNDLES_TRUSTED ||
	    o->bundled == o->known.bundled ||
	    (o->checked_at != 0 && now < o->checked_at + OFFLOAD_DOUBT))
		return;
	o->checked_at = now;
	offload_try(o);
}

bool
offload_refused(struct offload *o, uint64_t now, int error)
{
	if (error != OFFLOAD_EIO && error != MP_EINVAL &&
	    error != OFFLOAD_EOPNOTSUPP && error != OFFLOAD_ENOPROTOOPT)
		return false;
	offload_off(o, now, error);
	return true;
}
