/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A probe is a control packet that the peer's agent answers at once, whatever
 * its program does.  Probes measure the round-trip time, show which flows
 * work, and carry challenges and SELECT.  This file says when the next one of
 * a flow goes and which sizes padded ones try; output.c sends them.
 *
 * probe_due() takes the first that fits:
 *	never answered		0, 0.3, 0.9, 2.1 s after it began, then each
 *				30 s
 *	probe_now		at once: something changed (path.c)
 *	a wait runs		when its dRTO is over (flow_wait_end()), or
 *				when a datagram waits longer than an answer
 *				takes, each 50 ms in the first second of
 *				silence; if nothing but datagrams waits, also
 *				as below: of a stream some always do
 *	not validated		each 100 ms, with a challenge
 *	unproven		each dRTO, at least 125 ms
 *	responder		never: it answers, and knows flows by the
 *				initiator's probes
 *	program idle for 15 s	each 15 s on the flow in use, 60 s on others; idle
 *				for 2 minutes: each 25 s, so that NATs that forget
 *				after 30 s keep it, and 120 s
 *	after a lost probe	32 on the flow in use, each 125 ms or as long
 *				as an answer takes, to learn its loss
 *	else			each max(dRTO, 560 ms, on IPv6 700 ms), at most
 *				10 s; later where a datagram was answered
 *				(due_interval()), a little sooner or later to go
 *				in the place of an answer (probe_joins())
 *
 * Sizes (DPLPMTUD, RFC 8899): each flow has a proven size of UDP payload, 1200
 * at first.  Its search is one of:
 *
 * At rest (size_tries 0).  A datagram over the proven size begins a search
 * (probe_size_want()), unless that failed less than 600 s ago; an answered wait
 * with big datagrams lost (where packets get lost anyway, or within a second of
 * the last: 3 of them), or 5 s of big datagrams, begin a proof of the same size
 * (size_again).  If that has no answer the proven size is 1200 again, and a
 * search begins for the former one (size_lost).
 *
 * Trying (size_tries 1 to 3).  Rungs from the proven size to the one wanted go
 * out at once, as padded probes that may not be fragmented.  An answer proves
 * its rung.  Without one that is enough, they are sent again twice.
 *
 * Failed.  The proven size stays, or becomes 1200 if its own proof failed;
 * size_max is the same, and no search begins for 600 s or until the flow is
 * probed anew.
 *
 * Padded probes start no wait: that they get lost says nothing of the flow.
 *
 * The caller's lock is held.  Sources: the paper, 3.4; PROTOCOL.md 4.
 */
#include "probe.h"

#include "addr.h"
#include "budget.h"
#include "flow.h"
#include "mp.h"
#include "rtt.h"
#include "state.h"
#include "loss.h"

static const uint64_t first_tries[] = { 0, 300 * MS, 900 * MS, 2100 * MS };

bool
probe_idle(const struct session *s, uint64_t now)
{
	return now > s->last_data + PROBE_IDLE;
}

uint64_t
probe_first_due(const struct mp *m, const struct session *s,
    const struct flow *f)
{
	uint64_t at = f->probes < sizeof(first_tries) / sizeof(first_tries[0]) ?
	    f->born_at + first_tries[f->probes] : f->probe_at + 30 * SEC;

	return at < s->stray_at && !budget_answered(m, s, f) ? s->stray_at : at;
}

/* A datagram waits longer than an answer takes: on the flow in use, or on one
 * that was left before that was known, until the doubt is noticed. */
static uint64_t
due_data_wait(const struct session *s, const struct flow *f, uint64_t now)
{
	uint64_t at;

	if (f->data_since == MP_NEVER || (f->id != s->current && f->doubted) ||
	    now > f->silent_since + PROBE_DATA_FOR)
		return MP_NEVER;
	at = f->data_since + rtt_overdue(&f->rtt) + flow_ack_gap(f);
	if (f->probe_at != 0 && at < f->probe_at + PROBE_DATA_GAP)
		at = f->probe_at + PROBE_DATA_GAP;
	return at;
}

/*
 * A regular probe.  On the flow in use a datagram that was answered shows as
 * much as a probe does: the next is due one interval after it, two after the
 * last probe at most.  Not where datagrams follow each other quickly: there
 * probes bring the counts of loss.  Where datagrams arrive it may be a little
 * late, to go with an answer (probe_joins()).
 */
static uint64_t
due_interval(const struct session *s, const struct flow *f)
{
	uint64_t wait = flow_interval(f), at = f->probe_at + wait;
	uint64_t data = f->data_last + wait;

	if (f->id != s->current)
		return at;
	if (at < f->data_seen + PROBE_SLOW) /* it may join an answer */
		at += PROBE_JOIN_LATER;
	if (f->data_gap < PROBE_SLOW)
		return at;
	/* Another datagram is expected before that. */
	if (f->data_gap < 2 * wait && data > f->probe_at)
		return at + wait;
	if (data <= at)
		return at;
	return data < at + wait ? data : at + wait;
}

bool
probe_joins(const struct session *s, const struct flow *f, uint64_t now)
{
	return s->initiator && f->id == s->current && f->validated &&
	    !f->unproven && f->probes == 0 && f->probe_at != 0 &&
	    now + PROBE_JOIN_SOONER >= f->probe_at + flow_interval(f);
}

/* No wait runs: a challenge to a flow that lost its validation, or the
 * regular probes of the initiator. */
static uint64_t
due_regular(const struct session *s, const struct flow *f, uint64_t now)
{
	uint64_t quick;

	if (!f->validated) /* it answers again */
		return f->probe_at + PROBE_AGAIN;
	if (f->unproven) { /* other packets answer, and data waits */
		quick = rtt_drto(&f->rtt);
		return f->probe_at +
		    (quick > PROBE_QUICK ? quick : (uint64_t)PROBE_QUICK);
	}
	if (!s->initiator)
		return MP_NEVER;
	if (now > s->last_data + PROBE_LONG_IDLE)
		return f->probe_at +
		    (f->id == s->current ? 25 * SEC : 120 * SEC);
	if (probe_idle(s, now))
		return f->probe_at +
		    (f->id == s->current ? 15 * SEC : 60 * SEC);
	if (f->suspect > 0 && f->id == s->current) {
		quick = rtt_doubt(&f->rtt);
		return f->probe_at +
		    (quick > PROBE_QUICK ? quick : (uint64_t)PROBE_QUICK);
	}
	return due_interval(s, f);
}

uint64_t
probe_due(const struct mp *m, const struct session *s, const struct flow *f,
    uint64_t now)
{
	uint64_t data, wait, regular;

	if (f->gone || f->down)
		return MP_NEVER;
	if (f->answer_at == 0 && !f->validated)
		return probe_first_due(m, s, f);
	if (f->probe_now)
		return 0;
	data = due_data_wait(s, f, now);
	wait = flow_wait_end(f, now);
	wait = data < wait ? data : wait;
	/* Of a stream some datagrams always wait. */
	regular = wait == MP_NEVER || f->probes == 0 ?
	    due_regular(s, f, now) : MP_NEVER;
	return regular < wait ? regular : wait;
}

enum { HEADERS4 = 20 + 8, HEADERS6 = 40 + 8, MTU_UNKNOWN = 1500 };

/* UDP payload of a packet that fills the interface. */
static uint16_t
largest(const struct flow *f, uint16_t mtu)
{
	uint16_t head = addr_is4(f->path.remote.ip) ? HEADERS4 : HEADERS6;

	if (mtu == 0)
		mtu = MTU_UNKNOWN;
	return mtu > MP_SIZE_MIN + head ? (uint16_t)(mtu - head) : MP_SIZE_MIN;
}

uint16_t
probe_ceiling(const struct flow *f, uint16_t mtu)
{
	uint16_t most = largest(f, mtu);

	return most < f->size_max ? most : f->size_max;
}

uint16_t
probe_rung(const struct flow *f, uint16_t mtu, int i)
{
	static const uint16_t rungs[] = { 1252, 1392, 1432, 1472 };
	uint16_t most = largest(f, mtu);

	if (i == PROBE_RUNGS - 1)
		return most;
	return i >= 0 && i < PROBE_RUNGS - 1 && rungs[i] <= most ? rungs[i] : 0;
}

/* Rungs above what is proven, up to the first that carries `want'. */
static uint8_t
rungs_for(const struct flow *f, uint16_t mtu, uint16_t want)
{
	uint8_t mask = 0;
	uint16_t r, below = f->size, ceiling = probe_ceiling(f, mtu);
	int i;

	for (i = 0; i < PROBE_RUNGS && below < want; i++) {
		r = probe_rung(f, mtu, i);
		if (r <= below || r > ceiling)
			continue;
		mask |= (uint8_t)(1U << i);
		below = r;
	}
	return mask;
}

void
probe_size_want(struct flow *f, uint16_t mtu, uint16_t want, uint64_t now)
{
	if (want <= f->size || f->size_tries > 0 || !flow_usable(f) ||
	    f->unproven) /* nothing big goes to who may be somebody else */
		return;
	if (f->size_at != MP_NEVER && now < f->size_at)
		return;
	f->size_max = UINT16_MAX;
	f->size_goal = want;
	f->size_mask = rungs_for(f, mtu, want);
	f->size_at = MP_NEVER;
	if (f->size_mask == 0)
		return;
	f->size_tries = 1;
	f->size_sent = 0;
	f->size_at = now + rtt_doubt(&f->rtt) + PROBE_DATA_GAP;
}

/* The first proof of the proven size went unanswered: until another is answered
 * nothing depends on it, and it is searched like a new one. */
static void
size_doubted(struct flow *f)
{
	f->size_goal = f->size;
	f->size = MP_SIZE_MIN;
	f->size_again = false;
	f->size_lost = true;
}

/* Three tries went unanswered: packets of that size do not pass. */
static void
size_failed(struct flow *f, uint64_t now)
{
	/* Those that were dropped for their size do not count as loss. */
	if (f->size_lost) {
		loss_forget(f);
		loss_mended(f, now);
	}
	f->size_lost = false;
	f->size_tries = f->size_mask = f->big_lost = 0;
	f->size_max = f->size;
	f->size_at = now + PROBE_SIZE_AGAIN;
}

uint64_t
probe_size_due(struct flow *f, uint16_t mtu, uint64_t now)
{
	if (f->size_tries == 0)
		return MP_NEVER;
	if (f->size_mask != 0)
		return 0;
	if (now < f->size_at)
		return f->size_at;
	if (f->size_tries >= PROBE_SIZE_TRIES) {
		size_failed(f, now);
		return MP_NEVER;
	}
	if (f->size_again)
		size_doubted(f);
	f->size_tries++;
	f->size_at = now + rtt_doubt(&f->rtt) + PROBE_DATA_GAP;
	f->size_mask = rungs_for(f, mtu, f->size_goal);
	return 0;
}

void
probe_size_proven(struct flow *f, uint16_t mtu, int i, uint64_t now)
{
	uint16_t r = i == PROBE_SAME ? f->size : probe_rung(f, mtu, i);

	if (r < f->size)
		return;
	f->size = r;
	f->big_check_at = now + PROBE_BIG_CHECK;
	if (f->size_max < r)
		f->size_max = UINT16_MAX;
	if (f->size_again || f->size >= f->size_goal ||
	    f->size >= probe_ceiling(f, mtu)) {
		f->size_tries = f->size_mask = 0;
		f->size_at = MP_NEVER;
	}
	f->size_again = f->size_lost = false;
	f->big_lost = 0;
}

/* Proves the proven size anew. */
static void
size_anew(struct flow *f, uint64_t now)
{
	f->size_again = true;
	f->size_tries = 1;
	f->size_sent = 0;
	f->size_mask = PROBE_SAME_SIZE;
	f->size_at = now + rtt_doubt(&f->rtt) + PROBE_DATA_GAP;
	f->big_check_at = now + PROBE_BIG_CHECK;
}

void
probe_size_suspect(struct flow *f, uint64_t now)
{
	if (f->size <= MP_SIZE_MIN || f->size_tries > 0)
		return;
	/* A single one says little where packets are lost, or is the program's
	 * that is slow to read. */
	if (++f->big_lost < 3 && (loss_is_some(f) ||
	    now + PROBE_BIG_CHECK < f->big_check_at + PROBE_BIG_GAP))
		return;
	size_anew(f, now);
	f->size_at = now + rtt_doubt(&f->rtt);
}

void
probe_size_refused(struct flow *f, size_t size)
{
	if (size > f->size || f->size <= MP_SIZE_MIN)
		return;
	f->size = MP_SIZE_MIN;
	f->size_again = f->size_lost = false;
	f->size_tries = f->size_mask = f->big_lost = 0;
	f->size_at = MP_NEVER;
}

void
probe_size_used(struct flow *f, uint64_t now)
{
	if (f->size > MP_SIZE_MIN && f->size_tries == 0 &&
	    now >= f->big_check_at)
		size_anew(f, now);
}
