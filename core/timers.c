/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Time reaches the engine through mp_poll(), which runs the sessions whose
 * deadline has come (output.c).  timers_session() does what time alone does to
 * a session; timers_next() says when to come back.  Everything scheduled:
 *
 * Of a flow
 *	a probe			probe_due(): PROTOCOL.md 4, the table
 *	answer to a probe	at once (reply)
 *	delayed acknowledgement	5 ms after data arrived (ack_due, recv.c)
 *	end of a wait		dRTO, at most 1 s (10 s after a minute of
 *				silence), at least SRTT + max(4 RTTVAR, 10 ms):
 *				idle_time grows by RTO, a probe goes, also to
 *				where the peer was before (path_ask_former())
 *	end of a validation	3 probes unanswered and max(3 (SRTT +
 *				4 RTTVAR), 1 s) of silence
 *	challenge to a moved	at once and after 300 ms; 600 ms later the old
 *	  peer			address is taken back (alt_at, recv.c)
 *	padded probes		probe_size_due()
 * Of the choice
 *	a review		when a wait of a flow that carries datagrams or
 *				copies is overdue, or the flow comes into doubt;
 *				when the flow in use loses a second probe, or
 *				has lost much for 4 s; when a search asks again;
 *				at once after a change (review_at)
 * Of the keys
 *	rekey			120 s +-10 %, the responder's 30 s later; where
 *				no datagram used the key, 30 s after one did; 30 s
 *				after one that failed; of a key that is used
 *				up, at the next run
 *	former key wiped	180 s after its birth (wipe_at)
 *	all keys wiped		180 s without a packet
 *	INIT, waiting RESP	initiator_due()
 *	peer lost		all probed flows silent for max(3 (SRTT +
 *				4 RTTVAR), 1 s), and the keys 1 s old: INIT on
 *				every pair; the responder's 10 s later
 *	CHILD unanswered	INIT after the time that a probe may take + 25
 *				ms; no longer up after 1 s (child_due())
 * Of the session
 *	address request		at once, then 0.3, 0.6, 1.2 and 5 s later, then
 *				each 60 s; not for an idle program (addr_at)
 *	list unasked		at once, then 0.3 and 0.6 s later (push_at); its
 *				parts one after the other (list_part)
 *	new local addresses,	64 sessions at once, then 64 more each 2 ms
 *	  links			(change.c)
 *	staged, CLOSE, WELCOME	at once (staged_due()); after 1 ms where the
 *				kernel has no room; what was taken and not heard
 *				of counts as sent after 500 ms
 *	resent			at once, then each 4 ms (resend_at, resend.c)
 *	staged given up		after 10 s
 *	sent as plain		plain_us after the first send
 *	connecting given up	10 s after the last send, and 180 s after the
 *				last packet if it ever was up
 * Of the endpoint
 *	old handshakes		each second while there are some (sweep_at)
 *
 * One deadline for each session lies in the heap (table.c).  It may be too
 * early, never too late: code that makes something due sooner calls
 * table_arm().
 *
 * What timers_next() names must be done by timers_session() or mp_poll() at
 * that time; else mp_poll() would be called each millisecond for nothing
 * (tests/unit/check_wakeups.c).  A late call does what is due once, not as
 * often as it was missed.  On a flow that is down only waits and validation
 * end.
 *
 * The caller's lock is held; no clock is read: `now' is a parameter.
 *
 * Sources: PROTOCOL.md 2, 3, 4, 9; the paper, 3.4.
 */
#include "timers.h"

#include "child_out.h"
#include "flow.h"
#include "initiator.h"
#include "mp.h"
#include "path.h"
#include "path_choice.h"
#include "pool.h"
#include "probe.h"
#include "recent.h"
#include "session.h"
#include "staged.h"
#include "state.h"
#include "wire.h"

/* Datagrams dropped from the pool at a time: less than 1 ms. */
enum { TIMERS_TRIM = 2048 };

/* How often a key that is due to be renewed is looked at for its first use. */
#define TIMERS_UNUSED (30 * SEC)

/* us for which a responder lets a lost initiator ask. */
#define TIMERS_RESPONDER (10 * SEC)

/* Forgeries that make a key be renewed: 2^31 - 1. */
enum { TIMERS_FORGED = INT32_MAX };

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When unanswered probes end the validation; MP_NEVER.  Probes may follow each
 * other quickly, and a path may become slower all at once: so the silence must
 * last as long as it must for the peer to count as lost. */
static uint64_t
invalid_at(const struct flow *f)
{
	return f->validated && f->probes >= FLOW_PROBES_LOST ?
	    flow_silent_at(f) : MP_NEVER;
}

static void
timers_flow(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	uint16_t mtu = path_mtu(m, f);

	if (now >= flow_wait_end(f, now)) {
		path_any_link(s, f, now);
		flow_missed(f, now);
		path_ask_former(m, s, f, now);
		s->review_at = 0;
	}
	if (now >= invalid_at(f)) {
		f->validated = false;
		s->review_at = 0;
	}
	if (f->alt_at <= now && f->alt_tries >= FLOW_ALT_TRIES) {
		f->alt_at = MP_NEVER; /* no answer from there */
		state_count(m, MP_C_rebind_back);
	}
	if (s->mtu_request > f->size)
		probe_size_want(f, mtu, s->mtu_request, now);
	probe_size_due(f, mtu, now);
}

/* Is a handshake under way, or about to be, that needs no live session? */
static bool
asks_outside(const struct mp *m, const struct session *s)
{
	uint32_t i = STATE_ONCE(s->handshake);

	return (s->want_handshake && !s->handshake_inner) ||
	    (i < STATE_HANDSHAKES && !m->handshakes[i].inner);
}

/* When all flows will have been silent for so long that the peer is lost: those
 * that answered once, or those that never did.  0: there is none of them. */
static uint64_t
timers_silent_at(const struct mp *m, const struct session *s, bool answered)
{
	uint64_t last = 0, at, born = s->keys[s->cur & 1].born_at;
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (f->down || (f->answer_at != 0 || f->proven_once) != answered)
			continue;
		at = flow_silent_at(f);
		if (at == MP_NEVER)
			return MP_NEVER;
		/* New keys begin new waits. */
		if (f->silent_since < born)
			at += born - f->silent_since;
		last = last > at ? last : at;
	}
	return last;
}

/* The peer was there when the keys were made.  Where the answer to INIT came
 * from elsewhere than any pair leads, none may ever answer.  An initiator that is
 * only away asks by itself when it is back; so the responder does so much later,
 * and only where its program sent when the peer was lost already. */
uint64_t
timers_lost_at(const struct mp *m, const struct session *s)
{
	uint64_t at;

	if (s->state != MP_S_UP || asks_outside(m, s))
		return MP_NEVER;
	at = timers_silent_at(m, s, true);
	if (at == 0)
		at = timers_silent_at(m, s, false);
	if (at == 0 || at == MP_NEVER)
		return MP_NEVER;
	if (s->initiator)
		return at;
	return s->last_send >= at ? at + TIMERS_RESPONDER : MP_NEVER;
}

/* When a session that is connecting gives up: 10 s after the program's last
 * datagram, and if it was up once, 180 s after the peer's last packet. */
static uint64_t
give_up_at(const struct session *s)
{
	uint64_t sent = s->last_send + SESSION_ANSWER;
	uint64_t began = s->connect_since == MP_NEVER ? 0 :
	    s->connect_since + SESSION_ANSWER;
	uint64_t seen = s->up_at == 0 ? 0 : s->last_in + SESSION_SILENT;

	sent = sent > began ? sent : began;
	return sent > seen ? sent : seen;
}

/* When a session that was never up has waited for its peer as long as the
 * program wants before it sends plain; MP_NEVER. */
static uint64_t
plain_at(const struct session *s)
{
	return s->plain_us == 0 || s->up_at != 0 ||
	    s->state != MP_S_CONNECTING || s->connect_since == MP_NEVER ?
	    MP_NEVER : s->connect_since + s->plain_us;
}

/* Drops what was staged for a peer that left, and does not answer at once. */
static void
timers_left(struct mp *m, struct session *s, uint64_t now)
{
	struct record *r;

	while (s->left && (r = pool_first(m, POOL_HELD, s)) != NULL &&
	    now >= r->sent_at + SESSION_LEFT) {
		pool_drop(m, POOL_HELD, s);
		state_count(m, MP_C_drop_staged);
	}
}

static void
timers_unconnected(struct mp *m, struct session *s, uint64_t now)
{
	session_expire_keys(m, s, now);
	if (now >= plain_at(s)) {
		s->plain = true;
		session_down(m, s);
		return;
	}
	if (s->connect_since != MP_NEVER && s->staged.n > 0 &&
	    now >= s->connect_since + SESSION_ANSWER) {
		pool_clear(m, POOL_HELD, s);
		state_count(m, MP_C_drop_unanswered);
	}
	if (s->state == MP_S_CONNECTING)
		timers_left(m, s, now);
	if (s->state == MP_S_CONNECTING && now >= give_up_at(s))
		session_down(m, s);
}

static bool
key_used_up(const struct mp *m, const struct session *s)
{
	struct flow *f;

	if (s->keys[s->cur & 1].forged >= TIMERS_FORGED)
		return true;
	STATE_FLOWS(m, s, f, id)
		if (f->tx_seq >= WIRE_SEQ_MAX)
			return true;
	return false;
}

/* Did the present key carry no datagram yet?  Then it is not renewed for its
 * age, which would cost an idle session a handshake each two minutes. */
static bool
key_unused(const struct session *s)
{
	const struct keys *k = &s->keys[s->cur & 1];

	return s->last_data < k->born_at && !k->child &&
	    WIRE_SID_SLOT(k->sid_in) == s->slot;
}

static void
timers_keys(struct mp *m, struct session *s, uint64_t now)
{
	session_expire_keys(m, s, now);
	if (!key_used_up(m, s)) {
		if (now < s->rekey_at)
			return;
		if (key_unused(s)) {
			s->rekey_at = now + TIMERS_UNUSED;
			return;
		}
	}
	s->rekey_at = now + SESSION_REKEY / 4; /* should this one fail */
	if (s->handshake >= STATE_HANDSHAKES && !s->want_handshake)
		s->want_handshake = s->handshake_inner = true;
}

void
timers_session(struct mp *m, struct session *s, uint64_t now)
{
	struct record *r;
	struct flow *f;

	if (s->state != MP_S_UP) {
		timers_unconnected(m, s, now);
		return;
	}
	if (now >= s->last_in + SESSION_SILENT) {
		session_down(m, s);
		return;
	}
	timers_keys(m, s, now);
	child_timers(m, s, now);
	if (s->state != MP_S_UP)
		return;
	recent_trim(m, s, now, TIMERS_TRIM);
	if (now >= s->staged_until)
		staged_expire(m, s, now);
	while ((r = pool_first(m, POOL_HELD, s)) != NULL &&
	    now >= r->sent_at + SESSION_ANSWER) {
		pool_drop(m, POOL_HELD, s);
		state_count(m, MP_C_drop_staged);
	}
	STATE_FLOWS(m, s, f, id)
		timers_flow(m, s, f, now);
	if (now >= s->review_at)
		path_choice_review(m, s, now);
	if (now >= timers_lost_at(m, s))
		session_ask(m, s, now);
}

static uint64_t
next_of_flow(const struct mp *m, const struct session *s, struct flow *f,
    uint64_t now)
{
	uint64_t at = probe_due(m, s, f, now);

	if (f->down)
		return earlier(flow_wait_end(f, now), invalid_at(f));
	if (f->reply)
		return 0;
	at = earlier(at, f->ack_due);
	at = earlier(at, f->alt_at);
	at = earlier(at, flow_wait_end(f, now));
	at = earlier(at, invalid_at(f));
	return earlier(at, probe_size_due(f, path_mtu(m, f), now));
}

/* Is there a flow that address packets and staged datagrams can take? */
static bool
can_send(const struct mp *m, const struct session *s)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id)
		if (!f->down && !f->failed && f->proven_once && !f->unproven)
			return true;
	return false;
}

static uint64_t
next_up(const struct mp *m, const struct session *s, uint64_t now)
{
	uint64_t at = s->last_in + SESSION_SILENT;
	struct flow *f;
	bool works = can_send(m, s);

	if (s->welcome || s->addr_reply || s->list_part > 0)
		return 0;
	if (works)
		at = earlier(at, staged_due(s, now));
	if (s->resend)
		at = s->resend_left > 0 || s->resend_rest != MP_NEVER ? 0 :
		    earlier(at, s->resend_at);
	if (s->staged.n > 0)
		at = earlier(at, now + SEC); /* to give them up in time */
	at = earlier(at, child_due(s));
	at = earlier(at, session_keys_end(s));
	at = earlier(at, s->rekey_at);
	at = earlier(at, s->review_at);
	at = earlier(at, timers_lost_at(m, s));
	if (works) {
		if (s->initiator && !probe_idle(s, now))
			at = earlier(at, s->addr_at);
		at = earlier(at, s->push_at);
	}
	STATE_FLOWS(m, s, f, id)
		at = earlier(at, next_of_flow(m, s, f, now));
	return at;
}

uint64_t
timers_next(const struct mp *m, const struct session *s, uint64_t now)
{
	uint64_t at = initiator_due(m, s);

	switch ((enum mp_session_state)s->state) {
	case MP_S_UP:
		return earlier(at, next_up(m, s, now));
	case MP_S_CONNECTING:
		if (s->staged.n > 0)
			at = earlier(at, s->connect_since + SESSION_ANSWER);
		if (s->staged.n > 0 && s->left) /* in time, again */
			at = earlier(at, now + SESSION_LEFT / 4);
		at = earlier(at, session_keys_end(s));
		at = earlier(at, plain_at(s));
		return earlier(at, give_up_at(s));
	case MP_S_CLOSING:
		return s->staged.n > 0 ? staged_due(s, now) : 0;
	case MP_S_DOWN:
		if (s->plain && s->staged.n > 0)
			return staged_due(s, now);
		break;
	case MP_S_FREE:
	case MP_S_CLOSED:
		break;
	}
	return session_keys_end(s);
}
