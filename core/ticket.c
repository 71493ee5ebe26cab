/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * How a new socket comes to know what an older one has learnt.  A parent
 * (struct mp_parent) is the agent's: the secret of one handshake, which
 * mp_parent_take() moved out of its session, the number of the next child, and
 * what is known of the peer.  It outlives the session and its endpoint; any
 * session with that peer brings it up to date (mp_parent_learn()).
 *
 * A ticket (struct mp_ticket) has one number of a parent, with the seed of its
 * child, and a copy of what is known.  It lies in the block of an endpoint
 * until the program sends to that peer: ticket_begin() makes the session, under
 * the lock of the program's own send, so that nobody need be asked.
 *
 * Of the peer's addresses a parent knows the last list that was complete, and
 * which of them answered; what a session that was not told knows does not replace
 * it.  Nor does one that lived too briefly to try a flow replace what is known of
 * that: a child probes nothing before CHILD_LATER, so most learn of one flow
 * alone.  The child of a parent without a list asks at once, and the session that
 * shook hands outlives its socket until each address was tried
 * (session_waits()): else nobody would know another way when the first one dies.
 *
 * The child's flows are those of the peer that worked, with their times, and
 * count as validated: it is the peer's address that was proven.  All other
 * pairs are made as for any session.  None is probed before CHILD_LATER, and
 * until then no SELECT goes, as the peer follows the datagrams: a socket may
 * live for one of them.
 *
 * Never: a number twice.  The secret is moved, not copied; a ticket is wiped
 * when it is used.
 *
 * mp_parent_ticket() is a pure function of the parent; all else wants the
 * caller's lock.  Sources: PROTOCOL.md 2, Children.
 */
#include "ticket.h"

#include <string.h>

#include "addr.h"
#include "child.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "path.h"
#include "path_choice.h"
#include "policy.h"
#include "session.h"
#include "state.h"
#include "table.h"

/* --- What is known of a peer ---------------------------------------------- */

/* Is the flow one that a new session may begin with? */
static bool
ticket_flow_works(const struct flow *f, uint64_t now)
{
	return flow_usable(f) && f->proven_once && !f->unproven &&
	    f->alt_at == MP_NEVER && f->rtt.idle_us == 0 && !flow_in_doubt(f, now);
}

static void
ticket_note_flow(struct mp_peer *p, const struct flow *f)
{
	p->flow[p->nflows++] = (struct mp_peer_flow) { .path = f->path,
		.leaves_by = f->leaves_by, .srtt_us = f->rtt.srtt_us,
		.rttvar_us = f->rtt.rttvar_us, .answer_at = f->answer_at,
		.size = f->size, .link = f->peer_link };
}

/* Does the session know nothing of the pair: it has no such flow, or did not try
 * it enough? */
static bool
ticket_pair_untried(const struct mp *m, const struct session *s,
    const struct mp_path *p)
{
	const struct flow *f = path_find(m, s, p);

	return path_has_local(m, p) && (f == NULL || (!f->proven_once &&
	    !f->failed && !f->down && f->probes < SESSION_TRIES));
}

/* Flows that were known to work stay so, if the session cannot tell. */
static void
ticket_keep_flows(const struct mp *m, const struct session *s,
    struct mp_peer *p, const struct mp_peer *old)
{
	uint32_t i;

	for (i = 0; i < old->nflows && i < MP_PEER_FLOWS; i++)
		if (p->nflows < MP_PEER_FLOWS &&
		    ticket_pair_untried(m, s, &old->flow[i].path))
			p->flow[p->nflows++] = old->flow[i];
}

/* The last list that was complete stays, and which of its addresses answered,
 * whichever session knows it. */
static void
ticket_keep_told(struct mp_peer *p, const struct mp_peer *old)
{
	const struct mp_peer was = *p, *other = old;
	uint32_t i, j;

	if (!p->told_all && old->told_all) {
		p->told_all = old->told_all;
		p->ntold = old->ntold;
		p->answered = old->answered;
		memcpy(p->told, old->told, sizeof(p->told));
		other = &was;
	}
	for (i = 0; i < p->ntold && i < MP_TOLD_MAX; i++)
		for (j = 0; j < other->ntold && j < MP_TOLD_MAX; j++)
			if ((other->answered >> j & 1) != 0 &&
			    addr_equal(&p->told[i], &other->told[j]))
				p->answered |= UINT32_C(1) << i;
}

/* Takes what the session knows of its peer, and what was known before (`old', or
 * NULL) of what it does not know; false: no flow works. */
static bool
ticket_note_peer(const struct mp *m, const struct session *s, uint64_t now,
    struct mp_peer *p, const struct mp_peer *old)
{
	struct flow *f, *cur = state_flow(m, s, s->current);
	uint32_t i;

	memset(p, 0, sizeof(*p));
	p->addr = s->shown;
	p->key_id = s->key_id;
	p->max_flows = s->max_flows;
	p->told_all = s->told_all;
	memcpy(p->source, state_annexed(m, s)->source, sizeof(p->source));
	if (cur != NULL && ticket_flow_works(cur, now))
		ticket_note_flow(p, cur);
	STATE_FLOWS(m, s, f, id)
		if (f != cur && p->nflows < MP_PEER_FLOWS &&
		    ticket_flow_works(f, now))
			ticket_note_flow(p, f);
	for (i = 0; i < s->told_n && i < MP_TOLD_MAX; i++)
		p->told[p->ntold++] = *state_told(m, s, i);
	p->answered = s->told_answered;
	if (p->nflows == 0)
		return false;
	if (old != NULL) {
		ticket_keep_flows(m, s, p, old);
		ticket_keep_told(p, old);
	}
	return true;
}

/* --- Parents -------------------------------------------------------------- */

bool
ticket_has_parent(const struct session *s)
{
	const struct keys *k = &s->keys[s->cur & 1];

	return (s->state == MP_S_UP || s->state == MP_S_CLOSING) &&
	    s->initiator && k->live && k->parent && k->heard;
}

int
mp_parent_take(struct mp *m, uint64_t now, uint32_t session,
    struct mp_parent *p, const struct mp_parent *old)
{
	struct session *s = state_session(m, session);
	struct keys *k;

	memset(p, 0, sizeof(*p));
	if (s == NULL || !ticket_has_parent(s) ||
	    !ticket_note_peer(m, s, now, &p->peer,
		old != NULL ? &old->peer : NULL))
		return MP_ENOENT;
	k = state_keys(s);
	if (now >= k->born_at + CHILD_LIFE)
		return MP_ENOENT;
	p->until = k->born_at + CHILD_LIFE;
	p->sid = k->sid_out;
	p->suite = k->suite;
	memcpy(p->secret, k->secret, sizeof(p->secret));
	crypto_wipe(k->secret, sizeof(k->secret));
	k->parent = false;
	return 0;
}

void
mp_parent_learn(const struct mp *m, uint64_t now, uint32_t session,
    struct mp_parent *p)
{
	const struct session *s = state_session(m, session);
	struct mp_peer is;

	if (s == NULL || !s->initiator || (s->state != MP_S_UP &&
		s->state != MP_S_CLOSING) ||
	    s->key_id != p->peer.key_id ||
	    !addr_equal(&s->shown, &p->peer.addr) ||
	    !ticket_note_peer(m, s, now, &is, &p->peer))
		return;
	p->peer = is;
}

uint32_t
mp_peer_next(const struct mp *m, uint32_t from)
{
	uint32_t used = m->sh->session_used, i;

	if (m->sh->initiators == 0)
		return MP_NONE;
	for (i = from; i < used && i < m->limits.sessions; i++)
		if (m->sessions[i].initiator &&
		    (m->sessions[i].state == MP_S_UP ||
			m->sessions[i].state == MP_S_CLOSING))
			return i;
	return MP_NONE;
}

int
mp_parent_ticket(struct mp_parent *p, uint64_t now, struct mp_ticket *t)
{
	memset(t, 0, sizeof(*t));
	t->peer = p->peer;
	if (now >= p->until || p->number >= UINT32_MAX - 1)
		return MP_ENOENT;
	t->until = p->until;
	t->sid = p->sid;
	t->suite = p->suite;
	t->number = ++p->number;
	child_seed(t->seed, p->secret, t->number);
	return 0;
}

void
mp_parent_wipe(struct mp_parent *p)
{
	crypto_wipe(p, sizeof(*p));
}

void
mp_ticket_wipe(struct mp_ticket *t)
{
	crypto_wipe(t, sizeof(*t));
}

/* --- Tickets of an endpoint ----------------------------------------------- */

void
mp_ticket_put(struct mp *m, const struct mp_ticket *t)
{
	struct mp_ticket *at = NULL;
	uint32_t i;

	for (i = 0; i < STATE_TICKETS && at == NULL; i++)
		if (m->sh->ticket[i].peer.key_id == t->peer.key_id &&
		    addr_equal(&m->sh->ticket[i].peer.addr, &t->peer.addr))
			at = &m->sh->ticket[i];
	if (at == NULL)
		at = &m->sh->ticket[m->sh->ticket_next++ % STATE_TICKETS];
	*at = *t;
}

static struct mp_ticket *
ticket_find(struct mp *m, uint64_t now, const struct mp_addr *dst,
    uint64_t key_id)
{
	struct mp_ticket *t;

	for (t = m->sh->ticket; t < m->sh->ticket + STATE_TICKETS; t++)
		if (t->number != 0 && now < t->until &&
		    addr_equal(&t->peer.addr, dst) &&
		    (key_id == 0 || key_id == t->peer.key_id))
			return t;
	return NULL;
}

/* --- The session that begins ---------------------------------------------- */

/* Begins a flow as the peer's is known to be. */
static void
ticket_flow(struct mp *m, struct session *s, uint64_t now,
    const struct mp_peer_flow *known)
{
	struct flow *f = path_flow(m, s, state_nflows(s), now);

	if (f == NULL)
		return;
	path_begin(m, s, f, &known->path, now);
	f->path.any_source = known->path.any_source;
	f->leaves_by = known->leaves_by;
	f->rtt.srtt_us = known->srtt_us;
	f->rtt.rttvar_us = known->rttvar_us;
	f->answer_at = known->answer_at;
	f->probe_at = now;
	f->size = known->size;
	f->peer_link = known->link;
	f->validated = f->proven_once = true;
	s->last_valid = f->id;
}

/* The best flow to the address that the program uses, NULL: there is none.  Like
 * any flow in use it is left only for one that is better by the margin: of equal
 * ones the program's own address and family is taken. */
static struct flow *
ticket_first(const struct mp *m, const struct session *s)
{
	struct flow *f, *best = NULL;

	STATE_FLOWS(m, s, f, id)
		if (flow_usable(f) && f->validated &&
		    addr_equal(&f->path.remote, &s->shown) &&
		    (best == NULL || policy_get()->cost(f) <
			policy_get()->cost(best)))
			best = f;
	return best;
}

static void
ticket_flows(struct mp *m, struct session *s, uint64_t now,
    const struct mp_peer *p)
{
	struct flow *f;
	uint32_t i;

	for (i = 0; i < p->nflows && i < MP_PEER_FLOWS; i++)
		if (path_has_local(m, &p->flow[i].path))
			ticket_flow(m, s, now, &p->flow[i]);
	path_make_all(m, s, now);
	f = ticket_first(m, s);
	if (f != NULL)
		path_choice_begin(m, s, f, now);
	path_choice_review(m, s, now);
	STATE_FLOWS(m, s, f, id) {
		f->probe_now = false;
		if (!f->validated)
			f->born_at = now + CHILD_LATER;
	}
}

static void
ticket_copy_told(struct mp *m, struct session *s, const struct mp_peer *p)
{
	uint32_t n = STATE_ONCE(p->ntold), i;

	n = n < MP_TOLD_MAX ? n : MP_TOLD_MAX;
	for (i = 0; i < n; i++)
		state_told_put(m, s, i, &p->told[i]);
	s->told_n = (uint8_t)n;
	s->told_answered = p->answered;
}

/* Fills in what a new session has of a ticket; false: no flow is left. */
static bool
ticket_use(struct mp *m, struct session *s, uint64_t now,
    const struct mp_ticket *t, struct keys *k)
{
	struct flow *f;

	k->suite = t->suite;
	k->child = k->framed = true;
	k->sid_in = k->sid_out = table_new_sid(m, s->slot);
	s->parent = t->sid;
	memcpy(state_annex(m, s)->source, t->peer.source,
	    sizeof(t->peer.source));
	ticket_copy_told(m, s, &t->peer);
	s->told_all = t->peer.told_all;
	session_install(m, s, now, k, (uint16_t)t->peer.max_flows);
	ticket_flows(m, s, now, &t->peer);
	f = state_flow(m, s, s->current);
	if (f == NULL || !flow_usable(f))
		return false;
	s->rekey_at = now + CHILD_REKEY + rng_below(&m->sh->rng, CHILD_REKEY);
	s->addr_at = s->told_all ? now + 60 * SEC : now;
	s->child_ask_at = now + child_patience(m, s);
	s->child_waits = true;
	return true;
}

void
ticket_tell(struct mp *m, struct session *s)
{
	const struct mp_ticket *t;

	for (t = m->sh->ticket; t < m->sh->ticket + STATE_TICKETS; t++)
		if (addr_equal(&t->peer.addr, &s->shown) &&
		    (s->key_id == 0 || s->key_id == t->peer.key_id))
			break;
	if (t == m->sh->ticket + STATE_TICKETS)
		return;
	ticket_copy_told(m, s, &t->peer);
}

struct session *
ticket_begin(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, uint64_t key_id)
{
	struct mp_ticket *at = ticket_find(m, now, dst, key_id), t;
	struct session *s;
	struct keys k = { .suite = 0 };
	uint8_t assoc[8];

	if (at == NULL)
		return NULL;
	t = *at;
	crypto_wipe(at->seed, sizeof(at->seed));
	at->number = 0;
	child_derive(t.seed, t.number, k.tx, k.rx, assoc);
	s = session_new(m, now, slot, dst, t.peer.key_id, assoc, true);
	if (s != NULL && !ticket_use(m, s, now, &t, &k)) {
		session_free(m, s);
		s = NULL;
	}
	if (s != NULL)
		state_count(m, MP_C_child_out);
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(&t, sizeof(t));
	return s;
}
