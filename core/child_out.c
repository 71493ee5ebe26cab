/* SPDX-License-Identifier: ISC */
#include "child_out.h"

#include "child.h"
#include "mp.h"
#include "path.h"
#include "path_choice.h"
#include "pool.h"
#include "session.h"
#include "staged.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* The first answer came later than one takes.  What went out before it may have
 * been lost on the way, and that its flow answers now tells nothing of it: the
 * session may be one that a later CHILD made.  So all of it goes again. */
static void
child_late(struct mp *m, struct session *s, uint64_t now)
{
	if (!s->child_waits || s->child_ask_at != MP_NEVER)
		return;
	s->unheard_at = now;
	path_choice_resend(m, s, now);
}

void
child_heard(struct mp *m, struct session *s, uint64_t now)
{
	if (!s->child_waits)
		return;
	child_late(m, s, now);
	s->child_waits = false;
	s->child_ask_at = MP_NEVER;
	session_drop_handshake(m, s);
}

void
child_known(struct mp *m, struct session *s, uint64_t now,
    const struct wire_welcome *w)
{
	struct keys *k = state_keys(s);

	if (k->framed) {
		k->sid_out = w->sid & ~WIRE_SID_C;
		k->framed = false;
		s->reflexive = w->yours;
		s->frames_left = CHILD_FRAMES;
	}
	if (w->max_flows < s->max_flows) {
		s->max_flows = (uint8_t)w->max_flows;
		path_end_from(m, s, w->max_flows, now);
	}
	if (w->seq == s->frame_seq && w->flow == s->frame_flow)
		child_passed(m, s, s->frame_flow, now, now);
}

void
child_passed(struct mp *m, struct session *s, uint32_t flow, uint64_t sent,
    uint64_t now)
{
	if (state_keys(s)->framed || flow != s->frame_flow ||
	    sent <= s->frame_at || (s->frames_left == 0 &&
		s->frames_until == 0))
		return;
	s->frames_left = 0;
	s->frames_until = 0;
	table_arm(m, s, now); /* what is staged may go */
}

/* All that went out as CHILD is staged again. */
static void
child_stage(struct mp *m, struct session *s, uint64_t now)
{
	staged_settle(m, s, now);
	pool_stage_recent(m, s, now);
	state_count(m, MP_C_child_failed);
}

/* No answer at all: from now on it is a session that connects. */
static void
child_end(struct mp *m, struct session *s, uint64_t now)
{
	struct keys *k = state_keys(s);
	uint32_t others;

	staged_settle(m, s, now);
	others = s->staged.n;
	child_stage(m, s, now);
	s->child_held = s->staged.number - others;
	s->child_waits = false;
	s->child_ask_at = MP_NEVER;
	s->state = MP_S_CONNECTING;
	s->connect_since = s->up_at;
	s->rekey_at = s->review_at = MP_NEVER;
	s->up_at = 0;
	s->resend = false;
	s->resend_rest = MP_NEVER;
	k->wipe_at = now + SESSION_ANSWER;
	session_ask(m, s, now);
}

void
child_timers(struct mp *m, struct session *s, uint64_t now)
{
	if (s->child_waits && now >= s->up_at + CHILD_END) {
		child_end(m, s, now);
	} else if (now >= s->child_ask_at) {
		s->child_ask_at = MP_NEVER;
		session_ask(m, s, now);
	}
}

uint64_t
child_due(const struct session *s)
{
	uint64_t end = s->child_waits ? s->up_at + CHILD_END : MP_NEVER;

	return s->child_ask_at < end ? s->child_ask_at : end;
}

void
child_settled(struct mp *m, struct session *s, uint64_t now, bool exists)
{
	struct record *r;

	if (exists)
		child_late(m, s, now);
	s->child_waits = false;
	s->child_ask_at = MP_NEVER;
	s->frames_left = 0;
	s->frames_until = 0;
	s->frame = false;
	if (exists) { /* CHILDs may be under way to its agent */
		s->keys[(s->cur & 1) ^ 1].framed = false;
		s->frame_at = now;
		child_hold(m, s, now);
	}
	if (s->child_held == 0) {
		if (!exists)
			child_stage(m, s, now);
		return;
	}
	while (exists && (r = pool_first(m, POOL_HELD, s)) != NULL &&
	    r->number - s->child_held > UINT32_MAX / 2)
		pool_drop(m, POOL_HELD, s);
	s->child_held = 0;
}
