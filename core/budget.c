/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A peer may say that it has addresses which are others'; it may say so again
 * and again, forge sources, and end the session so that INIT goes to all of
 * them.  What such an address gets from us is therefore bounded by what the peer
 * itself sent: at most BUDGET_TIMES as many bytes, counted with their IP and UDP
 * headers, as the packets are small.
 *
 * An address has answered when a CHALLENGE to it was (path_validated()), by any
 * pair that leads there.  It stays so as long as a flow leads to it, or the
 * peer's list has it (told_answered).  Nothing of this counts for those, so
 * many sessions with one peer that works cost no budget.
 *
 * The initiator's session has one budget for all addresses that it was told:
 * `came' against `strayed'.  The address that our own program named is exempt:
 * it would have got plain datagrams.  Where this end was the responder before
 * (`turned'), it was the peer who named it.
 *
 * The responder only knows addresses that something came from, which may have
 * been forged: each flow has a budget of its own, in_bytes against out_bytes
 * (flow_may_send()).  So has, at either end, a flow that is `unproven', and,
 * apart from that of its flow, an address where the peer may have moved
 * (alt_left).  What comes from there is not in `came', or each byte would let
 * twice as much go.
 *
 * What was refused is tried again after 100 ms, then twice as long each time,
 * up to 30 s: a peer that says nothing is no cause to wake often.
 *
 * The caller's lock is held.  Source: PROTOCOL.md 4; RFC 9000, 8.1 has the
 * factor.
 */
#include "budget.h"

#include <string.h>

#include "addr.h"
#include "flow.h"
#include "mp.h"
#include "state.h"

enum { BUDGET_UDP4 = 20 + 8, BUDGET_UDP6 = 40 + 8 };

uint32_t
budget_wire(const struct mp_path *p, size_t len)
{
	return (uint32_t)len +
	    (addr_is4(p->remote.ip) ? BUDGET_UDP4 : BUDGET_UDP6);
}

bool
budget_answered(const struct mp *m, const struct session *s,
    const struct flow *f)
{
	uint32_t i, n = STATE_ONCE(s->told_n);

	if (f->proven_once)
		return true;
	if (s->initiator && !s->turned &&
	    addr_equal(&f->path.remote, &s->shown))
		return true;
	for (i = 0; i < n && i < MP_TOLD_MAX; i++)
		if ((s->told_answered >> i & 1) != 0 &&
		    addr_equal(&f->path.remote, state_told(m, s, i)))
			return true;
	return false;
}

/* Is it the flow's own budget that bounds it? */
static bool
budget_of_flow(const struct session *s, const struct flow *f)
{
	return f->unproven || !s->initiator;
}

bool
budget_may(const struct mp *m, const struct session *s, const struct flow *f,
    bool alt, size_t len)
{
	size_t bytes = budget_wire(alt ? &f->alt : &f->path, len);

	if (alt)
		return bytes <= f->alt_left;
	if (!f->unproven && budget_answered(m, s, f))
		return true;
	if (budget_of_flow(s, f))
		return flow_may_send(f, bytes);
	return s->strayed + bytes <= BUDGET_TIMES * s->came;
}

void
budget_sent(const struct mp *m, struct session *s, struct flow *f, bool alt,
    size_t len)
{
	uint32_t bytes = budget_wire(alt ? &f->alt : &f->path, len);

	if (alt) {
		f->alt_left -= bytes < f->alt_left ? bytes : f->alt_left;
		return;
	}
	if (!f->unproven && budget_answered(m, s, f))
		return;
	if (budget_of_flow(s, f)) {
		f->out_bytes += bytes;
		return;
	}
	s->strayed += bytes;
	s->stray_gap = 0;
}

void
budget_refused(struct session *s, uint64_t now)
{
	if (s->stray_gap == 0)
		s->stray_gap = BUDGET_AGAIN;
	else if (s->stray_gap < BUDGET_AGAIN_MAX / 2)
		s->stray_gap *= 2;
	else
		s->stray_gap = BUDGET_AGAIN_MAX;
	s->stray_at = now + s->stray_gap;
}

void
budget_came(struct session *s, const struct mp_path *p, size_t len)
{
	s->came += budget_wire(p, len);
}

void
budget_came_alt(struct session *s, struct flow *f, uint32_t bytes)
{
	uint32_t more = BUDGET_TIMES * bytes;

	f->alt_left += more < UINT32_MAX - f->alt_left ? more :
	    UINT32_MAX - f->alt_left;
	s->came -= bytes;
}
