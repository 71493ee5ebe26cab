/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "addr.h"
#include "child_in.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "part.h"
#include "path.h"
#include "path_choice.h"
#include "loss.h"
#include "probe.h"
#include "recv.h"
#include "replay.h"
#include "route.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* The peer answered the challenge at `alt': it has moved there. */
static void
alt_proven(struct mp *m, struct recv *r)
{
	struct flow *f = r->f;
	bool other = memcmp(f->path.remote.ip, f->alt.remote.ip, 16) != 0 ||
	    memcmp(f->path.local.ip, f->alt.local.ip, 16) != 0;

	flow_moved(f, r->now);
	if (other)
		flow_forget(f);
	state_count(m, MP_C_rebind);
	route_begin(m, r->s, f);
	path_validated(m, r->s, f, r->now);
	path_make_all(m, r->s, r->now); /* the pair that it left */
	path_choice_resend_flow(m, r->s, f, r->now);
	path_choice_dirty(m, r->s, r->now);
}

static bool
control_same_path(const struct recv *r, const struct mp_path *p)
{
	return addr_equal(&p->remote, &r->rx->path.remote) &&
	    (r->s->initiator ||
		memcmp(p->local.ip, r->rx->path.local.ip, 16) == 0);
}

static void
take_response(struct mp *m, struct recv *r)
{
	struct flow *f = r->f;
	const uint8_t *t = r->msg.response;
	int rung = t[WIRE_TOKEN - 1];

	if (crypto_equal(t, f->challenge, WIRE_TOKEN) &&
	    control_same_path(r, &f->path)) {
		path_validated(m, r->s, f, r->now);
		child_in_prove(m, r->s, f, r->now);
		return;
	}
	if (f->alt_at != MP_NEVER &&
	    crypto_equal(t, f->alt_challenge, WIRE_TOKEN) &&
	    control_same_path(r, &f->alt)) {
		alt_proven(m, r);
		return;
	}
	rung ^= f->size_token[WIRE_TOKEN - 1];
	if (f->size_tries > 0 && rung <= PROBE_SAME &&
	    (f->size_sent >> rung & 1) != 0 &&
	    crypto_equal(t, f->size_token, WIRE_TOKEN - 1))
		probe_size_proven(f, path_mtu(m, f), rung, r->now);
}

/* Takes what a probe says of packets sent and of those that are missing. */
static void
take_counts(struct mp *m, struct recv *r)
{
	struct flow *f = r->f;

	loss_probe(f, state_replay(m, f), r->rx->seq, &r->msg, r->now);
	if (r->msg.flags & WIRE_COUNT)
		loss_told(f, r->msg.sent, r->msg.missing, r->now);
	path_choice_expect(m, r->s, f);
}

/* PROBE: a question, or an answer. */
static void
take_probe(struct mp *m, struct recv *r)
{
	struct flow *f = r->f;

	if (r->msg.flags & WIRE_RESPONSE)
		take_response(m, r);
	if (r->msg.len > 0 && !r->former) /* padded, to prove a size */
		loss_uncount(f);
	if (!r->in_order)
		return;
	if (!r->former)
		take_counts(m, r);
	if (r->msg.link != 0)
		f->peer_link = r->msg.link;
	if (r->msg.flags & WIRE_SELECT)
		path_choice_follow(m, r->s, r->now, f->id, r->msg.select);
	if (r->msg.flags & (WIRE_REPLY | WIRE_RESPONSE))
		return;
	f->probe_seen = (uint16_t)r->rx->seq;
	f->reply = true;
	f->reply_token = (r->msg.flags & WIRE_CHALLENGE) != 0;
	f->reply_alt = !control_same_path(r, &f->path) && f->alt_at !=
	    MP_NEVER &&
	    control_same_path(r, &f->alt);
	if (f->reply_token)
		memcpy(f->token, r->msg.challenge, WIRE_TOKEN);
	table_arm(m, r->s, r->now);
}

static bool
is_own(const struct mp *m, const uint8_t ip[16])
{
	uint32_t i;

	for (i = 0; i < m->sh->nlocals && i < MP_LOCALS_MAX; i++)
		if (memcmp(m->sh->local[i].ip, ip, 16) == 0)
			return true;
	return false;
}

/* Is a told address one that we may try?  A private one is not, of a peer that
 * is only known at wider addresses: it would be another host of our own
 * network. */
static bool
told_usable(const struct mp *m, const struct recv *r, const struct mp_addr *a)
{
	const struct session *s = r->s;

	if (addr_scope_of(a->ip) == ADDR_LOOPBACK &&
	    addr_scope_of(s->shown.ip) != ADDR_LOOPBACK)
		return false;
	if (!addr_may_tell(a->ip, s->shown.ip, m->sh->tell_private) &&
	    (!r->f->proven_once || !addr_may_tell(a->ip,
		r->f->path.remote.ip, m->sh->tell_private)))
		return false;
	return !is_own(m, a->ip) && !addr_equal(a, &s->shown);
}

/* Puts an address at the end of those told.  One that was told before, and
 * answered, is still one that did. */
static void
told_put(struct mp *m, struct session *s, const struct mp_addr *a)
{
	uint32_t i = 0, n = s->told_n++, bit = UINT32_C(1) << n, other;
	bool answered = false;

	while (i < MP_TOLD_MAX && !addr_equal(state_told(m, s, i), a))
		i++;
	if (i < MP_TOLD_MAX && i != n) { /* both change places */
		other = UINT32_C(1) << i;
		answered = (s->told_answered & other) != 0;
		state_told_put(m, s, i, state_told(m, s, n));
		s->told_answered &= ~other;
		if (s->told_answered & bit)
			s->told_answered |= other;
	} else if (i == n) {
		answered = (s->told_answered & bit) != 0;
	}
	state_told_put(m, s, n, a);
	s->told_answered &= ~bit;
	if (answered)
		s->told_answered |= bit;
}

/* Adds an address of a list.  Flows of it that gave no answer lately are asked
 * again. */
static void
add_told(struct mp *m, struct session *s, const struct mp_addr *a)
{
	struct flow *f;
	uint32_t i = 0;

	while (i < s->told_n && !addr_equal(state_told(m, s, i), a))
		i++;
	if (i == s->told_n && i < MP_TOLD_MAX)
		told_put(m, s, a);
	STATE_FLOWS(m, s, f, id)
		if (addr_equal(&f->path.remote, a) && f->proven_once &&
		    f->rtt.idle_us > 0)
			f->probe_now = true;
}

/* The list of the responder's addresses, or a part of it.  Flows that exist
 * stay as they are. */
static void
take_addr_list(struct mp *m, struct recv *r)
{
	struct session *s = r->s;
	struct mp_addr a;
	size_t off = r->msg.off, end = r->msg.off + r->msg.len;
	unsigned part = wire_get_part(r->in, end, &off);
	int n, left = WIRE_LIST_MAX;

	if (s->told_n > MP_TOLD_MAX || !(part & WIRE_PART_NEXT))
		s->told_n = 0;
	while ((n = wire_get_addr(r->in, end, &off, &a)) != 0) {
		if (n < 0 || !told_usable(m, r, &a))
			state_count(m, MP_C_drop_addr);
		else if (left-- > 0)
			add_told(m, s, &a);
	}
	/* Complete: else it is asked for again. */
	if (!(part & WIRE_PART_MORE) &&
	    (!(part & WIRE_PART_NEXT) || s->told_more)) {
		s->addr_at = r->now + 60 * SEC;
		s->addr_tries = 0;
		s->told_all = true;
		s->turn = (uint8_t)((s->turn + 1) % MP_TOLD_MAX);
	}
	s->told_more = (part & WIRE_PART_MORE) != 0;
	path_make_all(m, s, r->now);
	table_arm(m, s, r->now);
}

static enum mp_verdict
take_addr(struct mp *m, struct recv *r)
{
	if (!r->in_order) {
		state_count(m, MP_C_drop_addr_late);
		return MP_DROPPED;
	}
	if (r->msg.flags & WIRE_REPLY) {
		if (r->s->initiator)
			take_addr_list(m, r);
		return MP_CONTROL;
	}
	r->s->addr_reply = true;
	r->s->addr_flow = r->f->id;
	table_arm(m, r->s, r->now);
	return MP_CONTROL;
}

/* The peer's socket is gone. */
static void
take_close(struct mp *m, struct recv *r)
{
	bool active = !probe_idle(r->s, r->now);

	if (!r->in_order)
		return;
	session_closed(m, r->s, r->now);
	if (r->s->initiator && active) { /* it may be back soon */
		r->s->recall = true;
		session_connect(m, r->s, r->now);
	}
}

enum mp_verdict
recv_control(struct mp *m, struct recv *r)
{
	if (r->msg.flags & WIRE_PROBE) {
		take_probe(m, r);
	} else if (r->msg.flags & WIRE_ADDR) {
		return take_addr(m, r);
	} else if (r->msg.flags & WIRE_REKEY) {
		r->rx->off = r->msg.off;
		r->rx->len = r->msg.len;
		return MP_HANDSHAKE;
	} else if (r->msg.flags & WIRE_CLOSE) {
		take_close(m, r);
	}
	return MP_CONTROL;
}

/* The key slot of the session that a copied packet's sid names, or -1.  What
 * came as CHILD has the peer's own sid. */
static int
copy_slot(const struct session *s, uint32_t sid)
{
	const struct keys *k;
	int i;

	for (i = 0; i < 2; i++) {
		k = &s->keys[i];
		if (k->live && (k->sid_in == sid ||
		    (k->child && !s->initiator && k->sid_out == sid)))
			return i;
	}
	return -1;
}

/* A COPY is made of what a flow may have lost. */
static void
copy_tells(struct mp *m, struct recv *r, struct flow *f)
{
	if ((r->msg.flags & (WIRE_REPLY | WIRE_LOSSY)) == 0)
		f->copy_seen = r->now; /* the peer doubts this flow */
	if (r->in_order)
		r->f->peer_at = r->now;
	if (f->id == r->s->current)
		path_choice_dirty(m, r->s, r->now);
}

/*
 * The number of a datagram is taken when the program gets it.  What the agent
 * takes in the program does not get at once: its own packet may lie in the
 * program's queue, before others that the agent knows nothing of, and none of
 * those is to pass it.
 */
static enum mp_verdict
copy_came(struct mp *m, struct recv *r, int slot)
{
	const struct mp_copy copy = { .session = state_index(m, r->s),
		.gen = r->s->gen, .sid = r->s->keys[slot].sid_in,
		.seq = (uint32_t)r->msg.copy.seq,
		.flow = (uint16_t)r->msg.copy.flow,
		.part = (r->msg.flags & WIRE_FRAG) != 0 };
	size_t here = r->msg.len;

	if (copy.part)
		r->msg.len = r->msg.total;
	if (r->rx->later)
		r->rx->copy = copy;
	else if (!mp_recv_copy(m, r->now, &copy, r->msg.len, false))
		return MP_CONTROL;
	(void)recv_hand_on(r);
	r->rx->len = here;
	return copy.part ? MP_JOIN : MP_DELIVER;
}

bool
mp_recv_copy(struct mp *m, uint64_t now, const struct mp_copy *c, size_t len,
    bool peek)
{
	struct session *s = state_session(m, c->session);
	struct flow *f;
	bool former;
	int slot;

	/* Neither can its own packet be given any more. */
	if (c->seq == 0 || s == NULL || s->gen != c->gen || s->state == MP_S_FREE ||
	    (slot = copy_slot(s, c->sid)) < 0 ||
	    (f = state_flow(m, s, c->flow)) == NULL)
		return true;
	former = slot != (s->cur & 1);
	if (flow_seen(state_replay(m, f), former, false, c->seq) != REPLAY_NEW) {
		if (!peek)
			state_count(m, MP_C_drop_copy_seen);
		return false;
	}
	if (peek)
		return true;
	flow_take(state_replay(m, f), former, false, c->seq);
	state_count(m, c->part ? MP_C_part_in : MP_C_copy_in);
	recv_count(m, s, now, len);
	return true;
}

enum mp_verdict
recv_copy(struct mp *m, struct recv *r)
{
	struct session *s = r->s;
	const struct wire_ad *c = &r->msg.copy;
	int slot = copy_slot(s, c->sid);
	struct flow *f = NULL;
	bool former;

	if (slot >= 0 && !c->control && c->dir == r->rx->dir && c->seq != 0 &&
	    c->seq <= UINT32_MAX)
		f = s->initiator ? state_flow(m, s, c->flow) :
		    path_flow(m, s, c->flow, r->now);
	if (f == NULL) {
		state_count(m, MP_C_drop_copy_bad);
		return MP_DROPPED;
	}
	if (r->msg.flags & WIRE_COPYFLAG)
		copy_tells(m, r, f);
	else if (r->in_order)
		path_choice_data(m, s, r->now, r->f->id);
	if (r->in_order)
		recv_acknowledge(m, r);
	former = slot != (s->cur & 1);
	if (flow_seen(state_replay(m, f), former, false, c->seq) != REPLAY_NEW) {
		state_count(m, MP_C_drop_copy_seen);
		return MP_CONTROL;
	}
	if (r->msg.flags & WIRE_FRAG) {
		r->rx->part_pos = part_came(m, s, r->now, &r->msg,
		    (unsigned)slot, r->in + r->msg.off);
		if (r->rx->part_pos == MP_NEVER)
			return MP_CONTROL;
	}
	return copy_came(m, r, slot);
}
