/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Each end chooses the flow that carries its own datagrams, the flow in use.
 * The initiator chooses by the policy (policy.c) and tells the peer with
 * SELECT.  The responder follows the SELECT with the highest number; but when
 * the flow in use falls silent, it does not wait for one to leave it.  An end
 * makes its own choice in path_choice_review() alone: events mark the choice
 * dirty, and the review runs when it is due, from the timers or before the next
 * datagram.  The responder follows the peer in path_choice_follow() (SELECT)
 * and path_choice_data() (before the first SELECT).
 *
 * A search begins when a flow that data depends on is silent for longer than
 * an answer takes (search_begin()): all usable flows are probed, and from then
 * on only what they answered since counts (session.silence_at, policy.h).
 *
 * A flow that works is left only for one that the policy calls better by a
 * margin (hysteresis: 20 % and 2 ms), so that equal paths do not alternate.  A
 * flow that failed, or whose address or link went, is left at once.
 *
 * While the flow in use is in doubt or lossy, datagrams also go as a COPY on
 * another flow; a COPY is delivered once and never moves the peer's choice.
 *
 * Never: a choice number used twice or going down; a datagram on a flow that
 * was never validated.
 *
 * The caller's lock is held.  Sources: the paper, 3.3; PROTOCOL.md 5.
 */
#include "path_choice.h"

#include "flow.h"
#include "loss.h"
#include "mp.h"
#include "policy.h"
#include "pool.h"
#include "state.h"
#include "table.h"
#include "wire.h"

void
path_choice_resend_flow(struct mp *m, struct session *s,
    const struct flow *f, uint64_t now)
{
	s->resend_flow = f->id;
	s->resend_flow_at = now;
	path_choice_resend(m, s, now);
}

void
path_choice_resend_one(struct mp *m, struct session *s,
    const struct record *r)
{
	/* A walk that goes on comes to it at last; one that found no flow
	 * begins anew. */
	if (s->resend || s->resend_stuck)
		return;
	path_choice_resend(m, s, r->sent_at);
	s->resend_pos = pool_position(m, POOL_RECENT, r);
}

void
path_choice_resend(struct mp *m, struct session *s, uint64_t now)
{
	if (!s->resend) {
		s->resend_from = s->resend_at = now;
		s->resend_left = s->resend_few = 0;
	}
	s->resend = true;
	s->resend_stuck = false;
	s->resend_pos = pool_begin(m, POOL_RECENT, s);
	table_arm(m, s, now);
}

void
path_choice_dirty(struct mp *m, struct session *s, uint64_t now)
{
	s->review_at = 0;
	table_arm(m, s, now);
}

/* Choice numbers rise; an odd one says that the flow before has failed. */
static uint32_t
next_choice(uint32_t last, enum mp_reason why)
{
	bool failed = why == MP_WHY_silent || why == MP_WHY_error ||
	    why == MP_WHY_gone;

	return ((last >> 1) + 1) << 1 | failed;
}

static void
use(struct mp *m, struct session *s, uint64_t now, struct flow *f,
    enum mp_reason why)
{
	if (s->current != STATE_NO_FLOW)
		state_count(m, MP_C_flow_switch);
	else
		why = MP_WHY_first;
	s->current = f->id;
	s->why = (uint8_t)why;
	s->why_at = now;
	if (s->initiator) {
		s->choice = next_choice(s->choice, why);
		s->select_acked = false;
		f->probe_now = true; /* the SELECT */
		f->probe_selects = false;
	}
	table_arm(m, s, now);
}

void
path_choice_tell(struct mp *m, struct session *s)
{
	struct flow *cur = state_flow(m, s, s->current);

	s->select_acked = false;
	if (cur != NULL) /* what it was asked before was of another peer */
		cur->probe_selects = false;
}

void
path_choice_begin(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	use(m, s, now, f, MP_WHY_first);
}

void
path_choice_answered(struct mp *m, struct session *s, struct flow *f,
    uint64_t since, uint64_t now)
{
	struct flow *cur = state_flow(m, s, s->current);

	if (cur != NULL && cur != f && !flow_arrived(cur, since))
		use(m, s, now, f, MP_WHY_silent);
}

static enum mp_reason
why_left(const struct flow *cur)
{
	if (cur == NULL || cur->gone || cur->down)
		return MP_WHY_gone;
	return cur->failed ? MP_WHY_error : MP_WHY_silent;
}

/* --- The search: which flows work, now that one fell silent --------------- */

/* Probes all usable flows, but those that have answered in this search; and
 * those that a child would have tried later. */
static void
path_choice_ask_all(struct mp *m, struct session *s, uint64_t now)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (flow_usable(f) && !flow_arrived(f, s->silence_at))
			f->probe_now = true;
		if (f->born_at > now)
			f->born_at = now;
	}
	s->asked_at = now;
	table_arm(m, s, now);
}

/* A flow that data depends on fell silent: what flows answered before tells
 * nothing any more. */
static void
search_begin(struct mp *m, struct session *s, uint64_t now, struct flow *f)
{
	f->searched = true;
	/* If the peer's COPY said so before our own wait was overdue, the
	 * search dates from that COPY, so that the flow which carried it
	 * counts as one that the peer uses (POLICY_PEER). */
	s->silence_at = f->copy_seen != MP_NEVER && f->copy_seen < now &&
	    now < flow_overdue_at(f) ? f->copy_seen : now;
	if (now >= s->asked_at + CHOICE_ASK_GAP || flow_in_doubt(f, now))
		path_choice_ask_all(m, s, now);
}

static bool
any_answered(const struct mp *m, const struct session *s, uint64_t now)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id)
		if (flow_usable(f) && !flow_in_doubt(f, now) &&
		    flow_arrived(f, s->silence_at))
			return true;
	return false;
}

/* When all flows are to be asked again; MP_NEVER: not in this search. */
static uint64_t
ask_at(const struct mp *m, const struct session *s, const struct flow *cur,
    uint64_t now)
{
	if (cur == NULL || !flow_in_doubt(cur, now) ||
	    now >= s->silence_at + CHOICE_ASK_FOR || any_answered(m, s, now))
		return MP_NEVER;
	if (s->asked_at < s->silence_at) /* not asked yet */
		return now;
	return s->asked_at + CHOICE_ASK_AGAIN;
}

/* Begins a search when the flow in use waits for longer than an answer takes,
 * or when one does that answered in the last search and carries copies. */
static void
notice_silence(struct mp *m, struct session *s, uint64_t now, struct flow *f)
{
	if (f->searched ||
	    (now < flow_overdue_at(f) && !flow_in_doubt(f, now)))
		return;
	if (f->id == s->current || flow_arrived(f, s->silence_at))
		search_begin(m, s, now, f);
}

/* When doubt of a flow is new, what went out lately is resent. */
static void
notice_doubt(struct mp *m, struct session *s, uint64_t now, struct flow *f)
{
	if (f->doubted || !flow_in_doubt(f, now))
		return;
	f->doubted = true;
	path_choice_resend(m, s, now);
}

/* Notes which flows fell silent together with the one that is left: they may
 * share a link that no address shows.  One that works does not. */
static void
remember_fate(struct mp *m, struct session *s, uint64_t now, struct flow *cur)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (f == cur)
			continue;
		if (flow_arrived(f, s->silence_at) && !flow_in_doubt(f, now)) {
			cur->fate &= ~state_bit(f->id);
			f->fate &= ~state_bit(cur->id);
		} else if (flow_in_doubt(f, now) &&
		    f->silent_since + CHOICE_ASK_FOR >= s->silence_at &&
		    f->silent_since != MP_NEVER) {
			cur->fate |= state_bit(f->id);
			f->fate |= state_bit(cur->id);
		}
	}
}

/* --- The review ----------------------------------------------------------- */

/* The flow in use works.  The initiator leaves it for one that is better by the
 * margin, the responder for the one that the peer chose, if that works. */
static void
review_working(struct mp *m, struct session *s, uint64_t now,
    struct flow *cur)
{
	struct policy_ask ask = { .now = now, .not = cur, .no_doubt = true };
	struct flow *best, *chosen;
	enum mp_reason why;

	/* One that fell silent is not left as one that works: what went out on
	 * it may have to be sent again. */
	if (cur->searched)
		return;
	if (s->initiator) {
		best = policy_best(m, s, &ask);
		if (best == NULL || best->answer_at == 0)
			return;
		why = policy_leave(m, s, cur, best, now);
		if (why != MP_WHY_none)
			use(m, s, now, best, why);
		return;
	}
	chosen = s->selected == cur->id ? NULL : state_flow(m, s, s->selected);
	if (chosen != NULL && flow_usable(chosen) &&
	    !flow_in_doubt(chosen, now) && chosen->rtt.idle_us == 0)
		use(m, s, now, chosen, MP_WHY_back);
}

static uint64_t
sooner(uint64_t at, uint64_t than, uint64_t now)
{
	return at > now && at < than ? at : than;
}

/* When the flow in use is to be left for its silence; MP_NEVER.  Where the peer
 * doubts it too, the responder leaves the choice to the peer for a while: it
 * would be told of another flow at once, and copies carry the data. */
static uint64_t
leave_at(const struct session *s, const struct flow *f)
{
	uint64_t at = flow_lost_at(f);

	return at == MP_NEVER || s->initiator || f->copy_seen == MP_NEVER ?
	    at : at + CHOICE_PEERS_TURN;
}

/* When a flow that data depends on will need a review; MP_NEVER. */
static uint64_t
look_at(const struct session *s, const struct flow *f, uint64_t now)
{
	uint64_t at = MP_NEVER;

	if (f->id != s->current && !flow_carries(f, now))
		return MP_NEVER;
	if (!f->searched)
		at = sooner(flow_overdue_at(f), at, now);
	if (f->id == s->current)
		at = sooner(loss_lasting_at(f), at, now);
	at = sooner(flow_doubt_at(f), at, now);
	return f->id == s->current ? sooner(leave_at(s, f), at, now) : at;
}

/* When the next review is due, should nothing happen until then. */
static uint64_t
review_next(const struct mp *m, const struct session *s, uint64_t now)
{
	uint64_t next = MP_NEVER, at;
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		at = look_at(s, f, now);
		next = at < next ? at : next;
	}
	return sooner(ask_at(m, s, state_flow(m, s, s->current), now), next,
	    now);
}

void
path_choice_expect(struct mp *m, struct session *s, const struct flow *f)
{
	uint64_t at = look_at(s, f, 0);

	if (at >= s->review_at)
		return;
	s->review_at = at;
	table_arm(m, s, at);
}

/* Two probes of the flow in use went unanswered: a flow that is known to work
 * is taken, or after CHOICE_GUESS of silence the best of the others. */
static void
review_silent(struct mp *m, struct session *s, uint64_t now, struct flow *cur)
{
	struct policy_ask ask = { .now = now, .not = cur, .no_doubt = true };
	struct flow *best = policy_best(m, s, &ask);

	if (best == NULL ||
	    policy_get()->cost(best) >= policy_get()->cost(cur) ||
	    (!policy_proven(s, best, now) &&
		now < cur->silent_since + CHOICE_GUESS))
		return;
	remember_fate(m, s, now, cur);
	loss_void(cur);
	use(m, s, now, best, MP_WHY_silent);
}

void
path_choice_review(struct mp *m, struct session *s, uint64_t now)
{
	struct flow *cur = state_flow(m, s, s->current), *best, *f;
	struct policy_ask ask = { .now = now, .not = cur, .no_doubt = true };

	STATE_FLOWS(m, s, f, id)
		if (f == cur || flow_carries(f, now)) {
			notice_silence(m, s, now, f);
			notice_doubt(m, s, now, f);
		}
	if (now >= ask_at(m, s, cur, now))
		path_choice_ask_all(m, s, now);
	if (s->resend_stuck)
		path_choice_resend(m, s, now);
	if (cur == NULL || !flow_usable(cur)) {
		best = policy_best(m, s, &ask);
		if (best == NULL) {
			ask.no_doubt = false;
			best = policy_best(m, s, &ask);
		}
		if (best != NULL)
			use(m, s, now, best, why_left(cur));
	} else {
		if (!flow_in_doubt(cur, now) && cur->rtt.idle_us == 0)
			review_working(m, s, now, cur);
		else if (now >= leave_at(s, cur))
			review_silent(m, s, now, cur);
	}
	s->review_at = review_next(m, s, now);
}

void
path_choice_follow(struct mp *m, struct session *s, uint64_t now, uint32_t id,
    uint32_t number)
{
	struct flow *f = state_flow(m, s, id), *before;

	if (s->initiator || f == NULL || number <= s->choice)
		return;
	s->choice = number;
	s->selected = f->id;
	f->peer_at = now;
	if (s->current != f->id && flow_usable(f)) {
		before = state_flow(m, s, s->current);
		if ((number & 1) && before != NULL) { /* it has failed */
			before->copy_seen = now;
			loss_void(before);
			if (!before->searched)
				search_begin(m, s, now, before);
			path_choice_resend_flow(m, s, before, now);
		}
		use(m, s, now, f, MP_WHY_select);
	}
	path_choice_dirty(m, s, now);
}

void
path_choice_data(struct mp *m, struct session *s, uint64_t now, uint32_t id)
{
	struct flow *f;

	if (s->initiator || s->choice != 0 || s->selected == id)
		return;
	s->selected = (uint8_t)id;
	f = state_flow(m, s, id);
	if (f != NULL && s->current != id && flow_usable(f))
		use(m, s, now, f, MP_WHY_data);
}

/* Can data go there at all, though it may be silent now? */
static bool
worked_once(const struct flow *f)
{
	return !f->gone && !f->down && !f->failed && f->proven_once;
}

/* No flow is usable: the one that answered last, while all are asked; of
 * several the one in use, then the last that was validated. */
static struct flow *
last_answered(const struct mp *m, const struct session *s, struct flow *cur)
{
	struct flow *valid = state_flow(m, s, s->last_valid), *best = NULL, *f;

	if (cur != NULL && worked_once(cur))
		best = cur;
	if (valid != NULL && worked_once(valid) && (best == NULL ||
		valid->answer_at > best->answer_at))
		best = valid;
	STATE_FLOWS(m, s, f, id)
		if (worked_once(f) && (best == NULL ||
			f->answer_at > best->answer_at))
			best = f;
	return best;
}

struct flow *
path_choice_flow(struct mp *m, struct session *s, uint64_t now, size_t need)
{
	struct flow *cur, *f;
	struct policy_ask ask = { .now = now, .need = need,
		.no_doubt = true };

	if (now >= s->review_at)
		path_choice_review(m, s, now);
	cur = state_flow(m, s, s->current);
	if (cur != NULL && cur->size < need) {
		f = policy_best(m, s, &ask);
		if (f != NULL)
			return f;
	}
	return cur != NULL && flow_usable(cur) ? cur : last_answered(m, s, cur);
}

bool
path_choice_hopes(const struct mp *m, const struct session *s, uint64_t now)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id)
		if (!f->gone && !f->down && !f->failed && now < f->born_at +
		    CHOICE_HOPE)
			return true;
	return false;
}

static bool
path_choice_twice(const struct flow *f, uint64_t now)
{
	return !f->validated || flow_in_doubt(f, now) || loss_is_heavy(f);
}

bool
path_choice_settled(const struct session *s, const struct flow *f,
    uint64_t now)
{
	return f->data_since != MP_NEVER || look_at(s, f, 0) > now;
}

uint16_t
path_choice_copy_flags(const struct flow *f, uint64_t now)
{
	bool own = f->gone || f->down || f->failed || flow_own_doubt(f, now);

	if (own)
		return WIRE_COPYFLAG;
	return WIRE_COPYFLAG | (loss_is_heavy(f) ? WIRE_LOSSY :
	    WIRE_REPLY);
}

struct flow *
path_choice_copy(struct mp *m, struct session *s, uint64_t now,
    const struct flow *f, size_t need)
{
	struct policy_ask ask = { .now = now, .need = need, .not = f,
		.no_doubt = true };

	if (!path_choice_twice(f, now))
		return NULL;
	if (f->validated && !flow_in_doubt(f, now))
		ask.apart = f; /* a shared link may lose both packets */
	return policy_best_fit(m, s, ask);
}
