/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * When a flow stops working, the datagrams sent on it lately may be lost.  They
 * are resent, oldest first, as COPYs on other flows, out of the pool of recent
 * datagrams (pool.c).  Something notices (path_choice.c, path.c, control.c) and
 * sets `resend' and the position to begin at; mp_poll() then calls
 * resend_next() once for each packet, until it has walked to the end.
 *
 * What arrived for certain leaves the pool at once (recent.c), so that it
 * holds no more than what is under way.
 *
 * Only copies are made: a COPY names the packet that it repeats and counts in
 * that packet's replay window, so the peer delivers each datagram once however
 * often it is resent.  What is too old to be of use to the program is not.
 * A COPY has the TOS and TTL that the program asked for, and "don't fragment"
 * where it is no longer than its flow is known to carry: what one path lost is
 * not to be lost to that on the next.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 5 (the paper has none: its
 * code duplicates while the best flow is idle).
 */
#include "resend.h"

#include <string.h>

#include "flow.h"
#include "mp.h"
#include "part.h"
#include "path_choice.h"
#include "policy.h"
#include "pool.h"
#include "recent.h"
#include "rtt.h"
#include "send.h"
#include "state.h"
#include "wire.h"

/*
 * Pace.  All copies at once would overrun the queues on their way, and the
 * receiver's.  So each RESEND_GAP a batch goes: a 64th of what is at risk when
 * the walk begins (RESEND_PARTS), RESEND_FEW at least.
 *
 * Age.  A datagram is resent until its last sending is so long ago as it may
 * take to doubt the flow that carried it (an answer under way and two waits,
 * with RESEND_MORE to spare; RESEND_LEAST at least), and to doubt the next; but
 * never later after its first sending than the endpoint's user wants
 * (recent_stale(), 1 s): what comes late says something false to a program that
 * takes its time, such as a clock.  See too_late().
 */
enum resend_limit {
	RESEND_FEW = 4,	       /* copies */
	RESEND_GAP = 4 * 1000, /* us between batches */
	RESEND_GAPS = 8,       /* batches at once: at first, or, at most, when
				* the agent is late */
	RESEND_PARTS = 64,
	RESEND_LEAST = 250 * 1000, /* us */
	RESEND_MORE = 130 * 1000,  /* us */
	RESEND_LOOKS = 4096, /* records that one call looks at */
};

/* Does the flow carry what was sent on it at that time, as far as we know? */
static bool
works(const struct session *s, const struct flow *f, uint64_t at,
    uint64_t now)
{
	return f != NULL && flow_usable(f) && !flow_in_doubt(f, now) &&
	    at > s->unheard_at &&
	    (s->resend_flow != f->id || at > s->resend_flow_at);
}

/* Are the keys that its number is of among the session's two?  The peer, too,
 * has forgotten those before them, and could not tell what it has. */
static bool
resend_has_keys(const struct session *s, const struct record *r)
{
	return s->keys[r->keys & 1].id == r->keys;
}

/* It was sent on flows that stopped working, or on one that loses much, and
 * none of them has answered since. */
static bool
at_risk(const struct mp *m, const struct session *s, const struct record *r,
    uint64_t now)
{
	struct flow *f = state_flow(m, s, r->flow);
	uint64_t copied = r->sent_at + r->copied_us;
	bool alone = r->alone && recent_vias(r) == 0;
	unsigned i;

	if (f == NULL || !resend_has_keys(s, r) ||
	    (!alone && works(s, f, r->sent_at, now)) ||
	    recent_arrived(s, f, r->sent_at))
		return false;
	for (i = 0; i < recent_vias(r); i++) {
		f = state_flow(m, s, r->via[i]);
		if (works(s, f, copied, now) || recent_arrived(s, f, copied))
			return false;
	}
	return true;
}

/* Did it go out, on whatever flow, before a child's peer was first heard? */
static bool
unheard(const struct session *s, const struct record *r)
{
	return r->sent_at + r->copied_us <= s->unheard_at;
}

/* Is it too old to be of use when it is sent on `by' (NULL: on no flow yet)? */
static bool
too_late(const struct mp *m, const struct session *s, const struct record *r,
    const struct flow *by, uint64_t now)
{
	const struct flow *last = state_flow(m, s, recent_vias(r) > 0 ?
	    r->via[recent_vias(r) - 1] : r->flow);
	uint64_t most = RESEND_LEAST, own;

	if (last != NULL) {
		own = 2 * flow_patience(last) + rtt_smoothed(&last->rtt) +
		    RESEND_MORE;
		most = own > most ? own : most;
	}
	if (by != NULL)
		most += flow_patience(by);
	return (now > r->sent_at + r->copied_us + most && !unheard(s, r)) ||
	    recent_stale(m, r, now);
}

/* How many copies a batch has: counts the datagrams at risk, of a long queue
 * the first ones. */
static uint16_t
few_of(struct mp *m, struct session *s, uint64_t now)
{
	struct record *r;
	uint32_t n = 0, looks = 0;

	for (r = pool_first(m, POOL_RECENT, s); r != NULL &&
	     looks < RESEND_LOOKS; r = pool_next(m, POOL_RECENT, r)) {
		looks++;
		n += !recent_stale(m, r, now) && at_risk(m, s, r, now);
	}
	if (looks == RESEND_LOOKS)
		n = (uint32_t)((uint64_t)n * s->pool.n / RESEND_LOOKS);
	n /= RESEND_PARTS;
	n = n > RESEND_FEW ? n : RESEND_FEW;
	return n < UINT16_MAX / RESEND_GAPS ? (uint16_t)n :
	    UINT16_MAX / RESEND_GAPS;
}

/* May one more go now? */
static bool
paced(struct mp *m, struct session *s, uint64_t now)
{
	uint64_t gaps;

	if (s->resend_left > 0)
		return true;
	if (now < s->resend_at)
		return false;
	gaps = 1 + (now - s->resend_at) / RESEND_GAP;
	if (s->resend_few == 0) {
		s->resend_few = few_of(m, s, now);
		gaps = RESEND_GAPS;
	}
	s->resend_left = (uint16_t)(s->resend_few *
	    (gaps < RESEND_GAPS ? gaps : RESEND_GAPS));
	s->resend_at = now + RESEND_GAP;
	return true;
}

static struct wire_msg
copy_msg(const struct mp *m, const struct session *s, const struct record *r,
    uint64_t now)
{
	const struct flow *silent = state_flow(m, s, r->flow);

	return (struct wire_msg) {
		.flags = path_choice_copy_flags(silent, now),
		.copy = { .sid = s->keys[r->keys & 1].sid_out,
			.dir = !s->initiator, .flow = r->flow, .seq = r->seq }
	};
}

/* The packet of a COPY, or of its part, has what the program asked for. */
static void
copy_option(const struct record *r, const struct flow *f, struct mp_out *out)
{
	out->tos = r->tos;
	out->ttl = r->ttl;
	out->df = r->df && out->len <= f->size;
}

/* The second part of a COPY whose first one went by the last call. */
static int
send_rest(struct mp *m, struct session *s, uint64_t now, struct mp_out *out,
    uint8_t *buf, size_t size)
{
	struct record *r = pool_at(m, POOL_RECENT, s, s->resend_rest);
	struct flow *f = state_flow(m, s, s->resend_by);
	struct wire_msg msg;
	bool gone = r == NULL || f == NULL || f->gone ||
	    !resend_has_keys(s, r) ||
	    pool_position(m, POOL_RECENT, r) != s->resend_rest;

	s->resend_rest = MP_NEVER;
	if (gone)
		return 0;
	msg = copy_msg(m, s, r, now);
	msg.flags |= WIRE_FRAG;
	msg.part = 1;
	if (send_part(m, s, f, now, &msg, POOL_RECENT, r, out, buf, size) == 0)
		return 0;
	copy_option(r, f, out);
	return 1;
}

static int
send_copy(struct mp *m, struct session *s, struct record *r, struct flow *f,
    uint64_t now, struct mp_out *out, uint8_t *buf, size_t size)
{
	struct wire_msg msg = copy_msg(m, s, r, now);
	size_t frame = send_frame(s);
	size_t head = frame + WIRE_AD + WIRE_HEAD + WIRE_COPY;
	size_t len = pool_len(r);
	bool parts = part_needed(f, len, MP_COPY_OVERHEAD, frame);

	if (!parts && (head + len + WIRE_TAG > size ||
	    !pool_read(m, POOL_RECENT, r, 0, buf + head, len)))
		return 0;
	if (recent_vias(r) == POOL_VIA) { /* the oldest is in doubt */
		memmove(&r->via[0], &r->via[1], POOL_VIA - 1);
		r->vias = POOL_VIA - 1;
	}
	r->via[r->vias++] = f->id;
	r->copied_us = (uint32_t)(now - r->sent_at);
	if (parts) {
		msg.flags |= WIRE_FRAG;
		s->resend_rest = pool_position(m, POOL_RECENT, r);
		s->resend_by = f->id;
	}
	if ((parts ? send_part(m, s, f, now, &msg, POOL_RECENT, r, out, buf,
	    size) : send_control(m, s, f, now, &msg, len, out, buf)) == 0)
		return 0;
	copy_option(r, f, out);
	flow_copy_sent(f, now);
	path_choice_expect(m, s, f);
	state_count(m, MP_C_copy_out);
	state_count(m, MP_C_resent);
	return 1;
}

int
resend_next(struct mp *m, struct session *s, uint64_t now, struct mp_out *out,
    uint8_t *buf, size_t size)
{
	struct policy_ask ask = { .now = now, .no_doubt = true };
	struct record *r;
	struct flow *f;
	unsigned i, looks = 0;

	if (s->resend_rest != MP_NEVER &&
	    send_rest(m, s, now, out, buf, size))
		return 1;
	if (!paced(m, s, now))
		return 0;
	for (r = pool_at(m, POOL_RECENT, s, s->resend_pos); r != NULL;
	     r = pool_next(m, POOL_RECENT, r)) {
		if (looks++ == RESEND_LOOKS)
			return 0; /* goes on at the next call */
		s->resend_pos = pool_after(r);
		if (recent_stale(m, r, now) || !at_risk(m, s, r, now))
			continue;
		ask.not = state_flow(m, s, r->flow);
		ask.but = 0;
		for (i = 0; i < recent_vias(r) && !unheard(s, r); i++)
			ask.but |= state_bit(r->via[i]);
		ask.need = pool_len(r) + MP_COPY_OVERHEAD;
		ask.apart = NULL;
		if (r->flow == s->current && flow_usable(ask.not) &&
		    !flow_in_doubt(ask.not, now)) {
			if (r->alone) /* it loses much */
				ask.apart = ask.not;
			else /* it has moved, and works */
				ask.not = NULL;
		}
		if (unheard(s, r))
			ask.not = ask.apart = NULL;
		f = policy_best_fit(m, s, ask);
		if (f == NULL)
			s->resend_stuck |= !too_late(m, s, r, NULL,
			    s->resend_from);
		else if (!too_late(m, s, r, f, s->resend_from) &&
		    send_copy(m, s, r, f, now, out, buf, size)) {
			s->resend_left--;
			return 1;
		}
	}
	s->resend = false;
	return 0;
}
