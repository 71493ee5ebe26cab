/* SPDX-License-Identifier: ISC */
#include "recv.h"

#include <string.h>

#include "addr.h"
#include "budget.h"
#include "child_in.h"
#include "child_out.h"
#include "crypto.h"
#include "flow.h"
#include "initiator.h"
#include "offload.h"
#include "path.h"
#include "path_choice.h"
#include "loss.h"
#include "overflow.h"
#include "part_order.h"
#include "probe.h"
#include "recent.h"
#include "replay.h"
#include "rollback.h"
#include "responder.h"
#include "rtt.h"
#include "seal.h"
#include "state.h"
#include "table.h"

void
recv_keys(const struct mp *m, const struct wire_ad *ad, struct mp_rx *rx,
    const struct table_ref *r)
{
	rx->session = r->s != NULL ? state_index(m, r->s) : MP_NONE;
	rx->gen = r->s != NULL ? r->s->gen : 0;
	rx->sid = ad->sid;
	rx->suite = r->keys->suite;
	rx->born_at = MP_NEVER;
	memcpy(rx->key, r->keys->rx, sizeof(rx->key));
}

/* What a packet's sid names: its keys and the direction it must have. */
static bool
find_keys(struct mp *m, const struct wire_ad *ad, struct mp_rx *rx,
    struct table_ref *r)
{
	bool initiator;

	rx->ref = table_find_sid(m, ad->sid);
	if (rx->ref == MP_NONE || !table_ref_of(m, rx->ref, r) ||
	    (r->sh != NULL && r->sh->state != HANDSHAKE_OPEN)) {
		state_count(m, MP_C_drop_sid);
		return false;
	}
	initiator = r->sh != NULL ? r->sh->initiator : r->s->initiator;
	if (ad->dir != initiator) {
		state_count(m, MP_C_drop_direction);
		return false;
	}
	recv_keys(m, ad, rx, r);
	return true;
}

/* Packets that cannot be new need not be opened. */
static bool
worth_opening(struct mp *m, const struct table_ref *r, const struct wire_ad *ad)
{
	struct flow *f = r->s != NULL ? state_flow(m, r->s, ad->flow) : NULL;
	bool former;

	if (f == NULL)
		return true;
	flow_fetch(f);
	former = r->slot != (r->s->cur & 1);
	switch (flow_seen(state_replay(m, f), former, ad->control, ad->seq)) {
	case REPLAY_OLD:
		state_count(m, MP_C_drop_old);
		return false;
	case REPLAY_SEEN: /* its COPY was first: its times still count */
		if (flow_in_order(f, former, ad->control, ad->seq))
			return true;
		state_count(m, MP_C_drop_replay);
		return false;
	case REPLAY_NEW:
		break;
	}
	return true;
}

/* Are flow and number in range?  Then they are noted. */
static bool
recv_note(struct mp *m, const struct wire_ad *ad, struct mp_rx *rx)
{
	if (ad->flow >= m->limits.flows_each) {
		state_count(m, MP_C_drop_flow);
		return false;
	}
	if (ad->seq == 0 || ad->seq > UINT32_MAX) {
		state_count(m, MP_C_drop_seq);
		return false;
	}
	rx->flow = ad->flow;
	rx->seq = ad->seq;
	rx->control = ad->control;
	rx->dir = ad->dir;
	return true;
}

enum mp_verdict
mp_recv_begin(struct mp *m, uint64_t now, struct mp_rx *rx,
    const uint8_t *packet, size_t len)
{
	struct table_ref r;
	struct wire_ad ad;
	struct wire_child child;

	rollback_look(m, now);
	rx->ref = rx->session = MP_NONE;
	memset(&rx->copy, 0, sizeof(rx->copy));
	rx->off = rx->len = 0;
	rx->child = false;
	if (len <= UINT16_MAX && wire_get_child(packet, len, &child))
		return child_in_begin(m, rx, &child) &&
		    recv_note(m, &child.ad, rx) ? MP_SEALED : MP_DROPPED;
	if (wire_is_handshake(packet, len))
		return MP_HANDSHAKE;
	if (len > UINT16_MAX || !wire_get_ad(packet, len, &ad)) {
		state_count(m, MP_C_drop_short);
		return MP_DROPPED;
	}
	if (!find_keys(m, &ad, rx, &r))
		return MP_DROPPED;
	if (!recv_note(m, &ad, rx) || !worth_opening(m, &r, &ad))
		return MP_DROPPED;
	rx->slot = WIRE_SID_SLOT(ad.sid);
	return MP_SEALED;
}

int
mp_open(const struct mp_rx *rx, const uint8_t *packet, size_t len,
    uint8_t *out)
{
	return seal_open(out, packet, rx->child ? WIRE_CHILD : 0, len,
	    rx->suite, rx->key);
}

/* Did what the packet's sid named end while it was opened? */
static bool
recv_stale(const struct table_ref *r, const struct mp_rx *rx)
{
	if (r->s != NULL ? r->s->gen != rx->gen || !r->keys->live ||
	    r->s->state == MP_S_CLOSING : r->sh->state != HANDSHAKE_OPEN)
		return true;
	/* A bundle no longer has the key by then. */
	if (rx->born_at != MP_NEVER)
		return r->keys->sid_in != rx->sid ||
		    r->keys->born_at != rx->born_at;
	return memcmp(r->keys->rx, rx->key, CRYPTO_KEY) != 0;
}

/*
 * What the packet's sid names, now that it is opened.  Meanwhile another packet
 * may have made a session of the handshake that it named, or the session's key
 * may have moved: then the sid finds it again.
 */
static bool
recv_still_there(struct mp *m, struct mp_rx *rx, struct table_ref *r)
{
	if (table_ref_of(m, rx->ref, r) && !recv_stale(r, rx))
		return true;
	rx->ref = table_find_sid(m, rx->sid);
	if (rx->ref == MP_NONE || !table_ref_of(m, rx->ref, r))
		return false;
	rx->session = r->s != NULL ? state_index(m, r->s) : MP_NONE;
	rx->gen = r->s != NULL ? r->s->gen : 0;
	return !recv_stale(r, rx);
}

/* The session of an opened packet, which may confirm a handshake. */
static struct session *
owner(struct mp *m, struct mp_rx *rx, uint64_t now, bool opened, bool *fresh)
{
	struct table_ref r;
	struct session *s;

	*fresh = false;
	if (rx->child)
		return child_in_owner(m, now, rx, opened, fresh);
	if (!recv_still_there(m, rx, &r)) {
		state_count(m, MP_C_drop_stale);
		return NULL;
	}
	if (!opened) {
		state_count(m, MP_C_drop_auth);
		if (r.keys->forged < UINT32_MAX)
			r.keys->forged++;
		return NULL;
	}
	if (r.s != NULL)
		return r.s;
	s = responder_confirm(m, r.sh, now, rx);
	if (s == NULL)
		return NULL;
	*fresh = true;
	rx->session = state_index(m, s);
	rx->gen = s->gen;
	rx->ref = table_key_ref(m, s, s->cur & 1);
	return s;
}

/* The path that a packet in order came by: the flow's own, its first, or one
 * that the peer may have moved to. */
static void
take_path(struct mp *m, struct recv *r, size_t size)
{
	struct flow *f = r->f;
	const struct mp_path *p = &r->rx->path;
	uint32_t len = size > 0 ? budget_wire(p, size) : 0;
	bool same = addr_equal(&f->path.remote, &p->remote) &&
	    (r->s->initiator ||
		memcmp(f->path.local.ip, p->local.ip, 16) == 0);

	if (same || (f->gone && r->s->initiator)) {
		f->heard_at = r->now;
		f->via = p->ifindex;
		f->in_bytes += len;
		if (f->gone && !r->s->initiator) {
			f->gone = false;
			r->s->live_flows++;
		}
		return;
	}
	if (f->gone || f->path.remote.port == 0 ||
	    (!f->proven_once && !r->s->initiator)) { /* nothing to lose */
		path_begin(m, r->s, f, p, r->now);
		f->in_bytes = len;
		return;
	}
	if (f->alt_at != MP_NEVER && addr_equal(&f->alt.remote, &p->remote) &&
	    memcmp(f->alt.local.ip, p->local.ip, 16) == 0) {
		budget_came_alt(r->s, f, len);
		return;
	}
	/* The peer has moved, or its NAT; or an attacker sent its packet from
	 * elsewhere: a challenge to that address tells. */
	if (!flow_may_move(f, r->now) || path_known(m, r->s, f, p, r->now))
		return;
	path_ask_alt(m, r->s, f, p, r->now);
	budget_came_alt(r->s, f, len);
}

/* Did it come from another address than that of its flow, which never answered?
 * Then it says nothing of that one. */
static bool
recv_elsewhere(const struct recv *r)
{
	return r->s->initiator && !r->f->proven_once &&
	    !addr_equal(&r->f->path.remote, &r->rx->path.remote);
}

/* Learns from the answer to one of the last probes, in order or not, how late
 * answers are. */
static void
match_probe(struct mp *m, struct recv *r)
{
	struct flow *f = r->f, *other;
	uint64_t sent, took, rtt;

	if (!(r->msg.flags & WIRE_PROBE) || !(r->msg.flags & WIRE_REPLY))
		return;
	sent = flow_probe_answered(f, r->msg.number);
	if (sent == 0)
		return;
	child_passed(m, r->s, f->id, sent, r->now);
	part_order_passed(m, r->s, f, sent, sent, r->now);
	took = r->now > sent ? r->now - sent : 0;
	rtt = r->msg.tsreply != WIRE_TS_NONE ?
	    flow_rtt(r->arrival, r->msg.tsreply) : took;
	f->slow = took > RTT_SAMPLE_MAX;
	if (f->slow) {
		rtt_sample(&f->rtt, RTT_SAMPLE_MAX);
		rtt = took;
	}
	if (took > rtt)
		rtt_late_sample(&f->late, took - rtt < RTT_LATE_MAX ?
		    (uint32_t)(took - rtt) : RTT_LATE_MAX);
	STATE_FLOWS(m, r->s, other, id)
		if (other != f) {
			flow_others_answer(other, f, sent, r->now);
			path_choice_expect(m, r->s, other);
		}
	if (f->probe_selects && f->probe_answered && f->id == r->s->current)
		r->s->select_acked = true;
	if (f->data_since != MP_NEVER &&
	    r->now >= f->data_since + rtt_doubt(&f->rtt)) {
		offload_doubted(&f->offload, r->now);
		if (f->big_out)
			probe_size_suspect(f, r->now);
	}
}

/* What the echoed timestamp says of packets of ours: some arrived, and those
 * after them wait.  Where some are lost anyway, all count as answered that the
 * peer may have had when it sent this: one lost probe is no cause for doubt. */
static void
recv_proves(struct mp *m, struct recv *r)
{
	uint16_t ts = r->msg.tsreply;
	bool loses = loss_is_some(r->f);
	uint64_t last = flow_sent_at(r->arrival, ts, r->msg.held_log2, true);
	uint64_t first = flow_sent_at(r->arrival, ts, r->msg.held_log2, false);
	uint64_t rest = loses ? flow_sent_at(r->arrival, ts, 0, true) : last;

	part_order_passed(m, r->s, r->f, first > 2 * WIRE_TS_US ? first -
	    2 * WIRE_TS_US : 0, last, r->now);
	flow_proved(r->f, first,
	    rest, loses ? MP_NEVER :
	    recent_after(m, r->s, r->f, rest + WIRE_TS_US));
}

/* The timestamps of a packet in order.  That of a first part is not returned:
 * the peer would take it that the other one, which has the same, was read. */
static void
take_times(struct mp *m, struct recv *r)
{
	struct flow *f = r->f;
	uint32_t us;
	bool review;

	if (!WIRE_IS_FRAG(r->msg.flags) || r->msg.part == 1)
		flow_stamped(f, r->arrival, r->rx->later ? state_turn(m) : 0,
		    r->msg.ts);
	if (r->msg.tsreply == WIRE_TS_NONE)
		return;
	if (!(r->msg.flags & WIRE_PROBE))
		f->big_lost = 0;
	f->big_out = false;
	us = flow_rtt(r->arrival, r->msg.tsreply);
	if (us > RTT_SAMPLE_MAX)
		state_count(m, MP_C_sample_old);
	if (!f->slow)
		rtt_sample(&f->rtt, us);
	review = flow_answered(f, r->arrival);
	recv_proves(m, r);
	path_choice_expect(m, r->s, f);
	if (review || r->rx->control)
		path_choice_dirty(m, r->s, r->now);
}

void
recv_count(struct mp *m, struct session *s, uint64_t now, size_t len)
{
	state_count(m, MP_C_data_in);
	s->rx_datagrams++;
	s->rx_bytes += len;
	s->last_data = now;
}

enum mp_verdict
recv_hand_on(const struct recv *r)
{
	r->rx->from = r->s->shown;
	r->rx->slot = r->s->slot;
	r->rx->off = r->msg.off;
	r->rx->len = r->msg.len;
	return MP_DELIVER;
}

enum mp_verdict
recv_deliver(struct mp *m, struct recv *r)
{
	recv_count(m, r->s, r->now, r->msg.len);
	return recv_hand_on(r);
}

/* Answers what came at that time, but no sooner than RTT_DELACK after the last
 * packet that went on the flow: a program that reads a flood late has nothing
 * but overdue datagrams, and each two of them would be answered. */
static void
answer_by(struct mp *m, const struct recv *r, uint64_t due)
{
	uint64_t least = r->f->stamp_at + RTT_DELACK;

	r->f->ack_due = due > least ? due : least;
	table_arm(m, r->s, r->f->ack_due);
}

void
recv_acknowledge(struct mp *m, struct recv *r)
{
	if (r->f->ack_due != MP_NEVER || !r->f->ts_pending)
		return;
	answer_by(m, r, r->arrival + RTT_DELACK);
}

/* Sets when a datagram is answered: of a stream, one answer does for two. */
static void
acknowledge_data(struct mp *m, struct recv *r)
{
	struct flow *f = r->f;
	bool soon = r->arrival < f->data_seen + RTT_SEND_GAP;
	uint64_t least;

	f->data_seen = r->arrival;
	if (f->ack_due == MP_NEVER) {
		f->ack_wait = f->ack_one && soon && f->ts_pending;
		f->ack_one = true;
		if (f->ack_wait)
			answer_by(m, r, r->arrival + RTT_ACK_GAP + RTT_DELACK);
		else
			recv_acknowledge(m, r);
	} else if (f->ack_wait) {
		f->ack_wait = false;
		least = f->ack_due - RTT_ACK_GAP;
		answer_by(m, r, r->arrival > least ? r->arrival : least);
	} else {
		table_arm(m, r->s, f->ack_due);
	}
}

/* A datagram, which may have been delivered by its COPY already. */
static enum mp_verdict
take_data(struct mp *m, struct recv *r)
{
	struct session *s = r->s;

	if (r->in_order) {
		path_choice_data(m, s, r->now, r->f->id);
		if (!r->old)
			acknowledge_data(m, r);
	}
	if (!r->fresh) {
		state_count(m, MP_C_drop_replay);
		return MP_DROPPED;
	}
	return recv_deliver(m, r);
}

/* Finds the flow and says whether the packet is new, and in order. */
static bool
recv_place(struct mp *m, struct recv *r, size_t len)
{
	struct mp_rx *rx = r->rx;
	struct replay *replay;

	r->f = r->s->initiator ? state_flow(m, r->s, rx->flow) :
	    path_flow(m, r->s, rx->flow, r->now);
	if (r->f == NULL) {
		if (r->s->initiator)
			state_count(m, MP_C_drop_flow);
		return false;
	}
	replay = state_replay(m, r->f);
	r->in_order = flow_in_order(r->f, r->former, rx->control, rx->seq);
	switch (flow_seen(replay, r->former, rx->control, rx->seq)) {
	case REPLAY_OLD:
		state_count(m, MP_C_drop_old);
		return false;
	case REPLAY_SEEN:
		r->fresh = false;
		if (!r->in_order || rx->control) {
			state_count(m, MP_C_drop_replay);
			return false;
		}
		break;
	case REPLAY_NEW:
		r->fresh = true;
		break;
	}
	if (!r->former && (r->fresh || r->in_order))
		loss_came(r->f, rx->control, rx->seq, r->now);
	if (!r->former && !rx->control)
		overflow_read(m, r->s, r->f, r->arrival, r->now);
	if (!r->former) {
		state_keys(r->s)->heard = true;
		initiator_heard(r->s, !rx->control, r->now);
	}
	r->s->last_in = r->now;
	r->f->rx_packets++;
	r->f->rx_bytes += len;
	budget_came(r->s, &rx->path, len);
	return true;
}

/* A packet confirmed a handshake: the pair that it came by is validated, if the
 * INIT came from there too. */
static void
confirmed(struct mp *m, struct recv *r, const struct handshake *sh)
{
	int i;

	for (i = 0; i < STATE_SOURCES && sh->source[i].n > 0; i++) {
		if (!addr_equal(&sh->source[i].addr, &r->rx->path.remote) ||
		    !addr_equal(&r->f->path.remote, &r->rx->path.remote) ||
		    r->f->validated)
			continue;
		path_validated(m, r->s, r->f, r->now);
		/* The last RESP left by the link that the kernel chose
		 * (responder.c). */
		if (sh->any_link)
			r->f->path.ifindex = 0;
		if (i == 0 && sh->source[1].n == 0)
			continue;
		/* The RESP went to several addresses: it proves none. */
		r->f->unproven = r->f->probe_now = true;
		r->f->in_bytes += sh->source[i].n *
		    budget_wire(&r->f->path, WIRE_INIT);
		r->f->out_bytes += sh->source[i].n *
		    budget_wire(&r->f->path, WIRE_RESP);
	}
	path_choice_review(m, r->s, r->now);
}

/* A packet under a key that a parent gave: the initiator hears that its peer
 * has the session; the responder answers each CHILD with its sid. */
static void
recv_child(struct mp *m, struct recv *r)
{
	struct session *s = r->s;

	if (r->former || !state_keys(s)->child || s->state != MP_S_UP)
		return;
	if (s->initiator) {
		child_heard(m, s, r->now);
	} else if (r->rx->child) {
		s->welcome = true;
		s->welcome_flow = r->f->id;
		if (!r->rx->control) {
			s->frame_flow = r->f->id;
			s->frame_seq = (uint32_t)r->rx->seq;
		}
		table_arm(m, s, r->now);
	}
}

/* A first part: its number is taken when the datagram is whole (part.c). */
static bool
recv_names_itself(const struct recv *r)
{
	return r->msg.flags == WIRE_FRAG && r->msg.part == 0 &&
	    r->msg.copy.flow == r->rx->flow && r->msg.copy.seq == r->rx->seq &&
	    r->msg.copy.sid == r->rx->sid;
}

bool
recv_whose(struct mp *m, struct recv *r, bool opened)
{
	const struct mp_rx *rx = r->rx;

	/* An arrival in the future counts as unknown; one too long ago says
	 * that the program was slow, and nothing of the path. */
	r->old = rx->arrival <= r->now && r->now - rx->arrival > FLOW_HELD_MAX;
	r->arrival = rx->arrival <= r->now && !r->old ? rx->arrival : r->now;
	r->s = owner(m, r->rx, r->now, opened, &r->first);
	if (r->s == NULL)
		return false;
	r->former = (rx->ref & 1) != (r->s->cur & 1U);
	return true;
}

/* The first packet of a session, which began with a packet of what `ref'
 * named. */
static void
recv_first(struct mp *m, struct recv *r, uint32_t ref)
{
	struct table_ref was;

	if (r->rx->child)
		child_in_first(m, r->s, r->f, r->now, r->rx);
	if (table_ref_of(m, ref, &was) && was.sh != NULL)
		confirmed(m, r, was.sh);
}

enum mp_verdict
recv_opened(struct mp *m, struct recv *r, size_t opened, uint32_t ref)
{
	struct mp_rx *rx = r->rx;
	size_t whole = opened + WIRE_AD + WIRE_TAG +
	    (rx->child ? WIRE_CHILD : 0);
	enum wire_error error;

	if (!recv_place(m, r, whole))
		return MP_DROPPED;
	recv_child(m, r);
	error = wire_get_msg(r->in, opened, rx->control, &r->msg);
	if (r->fresh && (error != WIRE_OK || !recv_names_itself(r)))
		flow_take(state_replay(m, r->f), r->former, rx->control,
		    rx->seq);
	switch (error) {
	case WIRE_EFLAGS:
		state_count(m, MP_C_drop_flags);
		return MP_DROPPED;
	case WIRE_EBODY:
		state_count(m, MP_C_drop_body);
		return MP_DROPPED;
	case WIRE_OK:
		break;
	}
	if (r->s->state != MP_S_UP) { /* from before its CLOSE */
		r->in_order = false;
		if (rx->control &&
		    (r->msg.flags & WIRE_COPYFLAG) == 0 &&
		    !WIRE_IS_FRAG(r->msg.flags))
			return MP_CONTROL;
	}
	match_probe(m, r);
	if (r->in_order) {
		flow_mark(r->f, r->former, rx->control, rx->seq);
		take_path(m, r, whole);
		if (!r->old && !recv_elsewhere(r))
			take_times(m, r);
	}
	if (r->first)
		recv_first(m, r, ref);
	if (!rx->control)
		return take_data(m, r);
	if ((r->msg.flags & WIRE_COPYFLAG) || WIRE_IS_FRAG(r->msg.flags))
		return recv_copy(m, r);
	return recv_control(m, r);
}

enum mp_verdict
mp_recv_commit(struct mp *m, uint64_t now, struct mp_rx *rx,
    const uint8_t *out, int opened)
{
	struct recv r = { .rx = rx, .in = out, .now = now };
	uint32_t ref = rx->ref;
	bool whose = recv_whose(m, &r, opened >= 0);

	crypto_wipe(rx->key, sizeof(rx->key));
	crypto_wipe(rx->back, sizeof(rx->back));
	return whose ? recv_opened(m, &r, (size_t)opened, ref) : MP_DROPPED;
}

void
mp_recv_given(struct mp *m)
{
	m->sh->given++;
}

/*
 * A packet that is only looked at confirms a handshake: now, since it says only
 * then whose it is.  To leave that to its mp_recv_commit() would mean to take
 * the packet out of its queue first, and others would pass it.
 */
static bool
peek_confirms(struct mp *m, uint64_t now, struct mp_rx *rx,
    const struct table_ref *was)
{
	struct recv r = { .rx = rx, .now = now };
	bool fresh;

	r.s = owner(m, rx, now, true, &fresh);
	if (r.s == NULL)
		return false;
	r.f = r.s->initiator ? state_flow(m, r.s, rx->flow) :
	    path_flow(m, r.s, rx->flow, now);
	if (r.f == NULL)
		return false;
	take_path(m, &r, 0);
	if (fresh)
		confirmed(m, &r, was->sh);
	return true;
}

enum mp_verdict
mp_recv_peek(struct mp *m, uint64_t now, struct mp_rx *rx, const uint8_t *out,
    int opened)
{
	struct table_ref r;
	struct wire_msg msg;
	const struct flow *f;

	if (opened < 0 || rx->control || rx->child ||
	    !recv_still_there(m, rx, &r) ||
	    wire_get_msg(out, (size_t)opened, rx->control, &msg) != WIRE_OK)
		return MP_DROPPED;
	if (r.s == NULL && (!peek_confirms(m, now, rx, &r) ||
	    !table_ref_of(m, rx->ref, &r) || r.s == NULL))
		return MP_DROPPED;
	f = state_flow(m, r.s, rx->flow);
	if (f == NULL || flow_seen(state_replay(m, f),
	    (rx->ref & 1) != (r.s->cur & 1U), false, rx->seq) != REPLAY_NEW)
		return MP_DROPPED;
	rx->from = r.s->shown;
	rx->slot = r.s->slot;
	rx->off = msg.off;
	rx->len = msg.len;
	return MP_DELIVER;
}
