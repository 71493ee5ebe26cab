/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * When a flow stops working, the datagrams sent on it lately may be lost.  They
 * are resent, oldest first, as COPYs on other flows, out of the ring of recent
 * datagrams (pool.c).  Something notices (path_choice.c, path.c, control.c) and
 * sets `resend' and the position to begin at; mp_poll() then calls
 * resend_next() once for each packet, until it has walked to the end.
 *
 * Only copies are made: a COPY names the packet that it repeats and counts in
 * that packet's replay window, so the peer delivers each datagram once however
 * often it is resent.  What is too old to be of use to the program is not.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 5 (the paper has none: its
 * code duplicates while the best flow is idle).
 */
#include "resend.h"

#include <string.h>

#include "flow.h"
#include "mp.h"
#include "path_choice.h"
#include "policy.h"
#include "pool.h"
#include "rtt.h"
#include "send.h"
#include "state.h"
#include "wire.h"

/* Was it sent on a flow that stopped working, and is it not too old? */
static bool
to_resend(const struct mp *m, const struct session *s, const struct record *r,
    uint64_t now)
{
	struct flow *f = state_flow(m, s, r->flow);
	uint64_t age, before, most;

	if (f == NULL || r->copied || r->dead ||
	    (flow_usable(f) && !flow_in_doubt(f, now) &&
		s->resend_flow != f->id))
		return false;
	age = now - r->sent_at;
	most = 3 * (uint64_t)rtt_smoothed(&f->rtt) + 150 * MS;
	if (age > (most > 250 * MS ? most : 250 * MS))
		return false;
	before = rtt_smoothed(&f->rtt) + 4 * (uint64_t)f->rtt.rttvar_us +
	    RTT_MAX_DELACK;
	return r->sent_at + before > f->answer_at;
}

static int
send_copy(struct mp *m, struct session *s, struct record *r, struct flow *f,
    uint64_t now, struct mp_out *out, uint8_t *buf, size_t size)
{
	const struct flow *silent = state_flow(m, s, r->flow);
	struct wire_msg msg = { .flags = path_choice_copy_flags(silent, now) };
	size_t head = WIRE_AD + WIRE_HEAD + WIRE_COPY;
	size_t len = pool_len(m, POOL_RECENT, r);

	if (head + len + WIRE_TAG > size)
		return 0;
	msg.copy = (struct wire_ad) { .sid = r->sid, .dir = !s->initiator,
		.flow = r->flow, .seq = r->seq };
	memcpy(buf + head, pool_data(r), len);
	r->copied = true;
	if (send_control(m, s, f, now, &msg, len, out, buf) == 0)
		return 0;
	state_count(m, MP_C_copy_out);
	state_count(m, MP_C_resent);
	return 1;
}

int
resend_next(struct mp *m, struct session *s, uint64_t now, struct mp_out *out,
    uint8_t *buf, size_t size)
{
	struct policy_ask ask = { .now = now, .no_doubt = true,
		.apart = true };
	struct record *r;
	struct flow *f;

	for (r = pool_at(m, POOL_RECENT, s, s->resend_pos); r != NULL;
	     r = pool_next(m, POOL_RECENT, r)) {
		s->resend_pos = r->next;
		if (!to_resend(m, s, r, now))
			continue;
		ask.not = state_flow(m, s, r->flow);
		ask.need = r->len + (size_t)MP_COPY_OVERHEAD;
		if (r->flow == s->current && flow_usable(ask.not) &&
		    !flow_in_doubt(ask.not, now))
			ask.not = NULL; /* the same flow, elsewhere now */
		f = policy_best_fit(m, s, ask);
		if (f != NULL && send_copy(m, s, r, f, now, out, buf, size))
			return 1;
	}
	s->resend = false;
	s->resend_flow = STATE_NO_FLOW;
	return 0;
}
