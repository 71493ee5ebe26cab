/* SPDX-License-Identifier: ISC */
#include "path.h"

#include <string.h>

#include "addr.h"
#include "budget.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "path_choice.h"
#include "route.h"
#include "share.h"
#include "state.h"
#include "table.h"
#include "wire.h"

enum {
	PATH_TRIED = 30 * 1000 * 1000, /* us for which a new pair stays */
	PATH_ONE_WAY = 500 * 1000, /* us without an answer, though it is heard,
				    * that are no loss */
	PATH_ASK_GAP = 250 * 1000, /* us between probes of a pair elsewhere */
	PATH_FORMER = 60 * 1000 * 1000, /* us of silence in which the former
					 * address is asked */
	PATH_FORMER_BYTES = WIRE_INIT, /* that count as come from there */
};

struct flow *
path_flow(struct mp *m, struct session *s, uint32_t id, uint64_t now)
{
	struct flow *f = state_flow(m, s, id);
	uint32_t index;

	if (f != NULL || id >= m->limits.flows_each || id >= s->max_flows)
		return f;
	if (share_flow_ok(m, s)) {
		f = table_new_flow(m, &index);
	} else {
		share_refused(m, s->key_id);
	}
	if (f == NULL) {
		state_count(m, MP_C_drop_flows_full);
		return NULL;
	}
	state_flow_put(m, s, id, index);
	share_flow_new(m, s);
	f->session = state_index(m, s);
	f->id = (uint8_t)id;
	flow_begin(f, &(struct mp_path) { .ifindex = 0 }, now);
	f->gone = true;
	if (id >= s->nflows)
		s->nflows = (uint8_t)(id + 1);
	return f;
}

static const struct mp_local *
find_local(const struct mp *m, const uint8_t ip[16], uint32_t ifindex)
{
	const struct mp_local *l;
	uint32_t i;

	for (i = 0; i < m->sh->nlocals && i < MP_LOCALS_MAX; i++) {
		l = &m->sh->local[i];
		if (memcmp(l->ip, ip, 16) == 0 &&
		    (ifindex == 0 || l->ifindex == 0 || l->ifindex == ifindex))
			return l;
	}
	return NULL;
}

static void
path_learn_lower(const struct mp *m, struct flow *f)
{
	const struct mp_local *l = find_local(m, f->path.local.ip,
	    f->path.ifindex);

	f->lower = l != NULL ? l->lower : 0;
}

void
path_begin(struct mp *m, struct session *s, struct flow *f,
    const struct mp_path *path, uint64_t now)
{
	if (f->gone)
		s->live_flows++;
	flow_begin(f, path, now);
	path_learn_lower(m, f);
	rng_bytes(&m->sh->rng, f->challenge, WIRE_TOKEN);
	rng_bytes(&m->sh->rng, f->size_token, WIRE_TOKEN);
	route_begin(m, s, f);
	table_arm(m, s, now);
}

struct flow *
path_find(const struct mp *m, const struct session *s,
    const struct mp_path *p)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (memcmp(f->path.local.ip, p->local.ip, 16) == 0 &&
		    addr_equal(&f->path.remote, &p->remote) &&
		    (f->path.ifindex == p->ifindex || f->path.ifindex == 0 ||
			p->ifindex == 0))
			return f;
	}
	return NULL;
}

void
path_validated(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	bool first = !f->proven_once;
	uint32_t i;

	f->proven_once = true;
	for (i = 0; i < s->told_n && i < MP_TOLD_MAX; i++)
		if (addr_equal(state_told(m, s, i), &f->path.remote))
			s->told_answered |= UINT32_C(1) << i;
	if (first && s->pairs_left) /* one more interface works, perhaps */
		path_make_all(m, s, now);
	if (f->unproven) { /* what waits for it may go now */
		f->unproven = false;
		table_arm(m, s, now);
	}
	s->last_valid = f->id;
	if (f->validated)
		return;
	f->validated = true;
	flow_wait_anew(f); /* or its old silence would end this at once */
	path_choice_dirty(m, s, now);
}

bool
path_has_local(const struct mp *m, const struct mp_path *p)
{
	const struct mp_local *l = find_local(m, p->local.ip, p->ifindex);

	return l != NULL && !l->down;
}

uint16_t
path_mtu(const struct mp *m, const struct flow *f)
{
	const struct mp_local *l = find_local(m, f->path.local.ip,
	    f->path.ifindex);

	if (l == NULL)
		return 0;
	return l->mtu < UINT16_MAX ? (uint16_t)l->mtu : UINT16_MAX;
}

/* Remote address number i: what the program used, then what was told. */
static const struct mp_addr *
remote_addr(const struct mp *m, const struct session *s, uint32_t i)
{
	if (i == 0)
		return &s->shown;
	return i <= STATE_ONCE(s->told_n) && i <= MP_TOLD_MAX ?
	    state_told(m, s, i - 1) : NULL;
}

/* The record for a new pair: its own former one, one that is gone, or new. */
static struct flow *
path_record(struct mp *m, struct session *s, const struct mp_path *p,
    uint64_t now)
{
	struct flow *f, *gone = NULL;
	uint32_t id;

	for (id = 0; id < state_nflows(s) && id < s->max_flows; id++) {
		f = state_flow(m, s, id);
		if (f == NULL || !f->gone)
			continue;
		if (gone == NULL ||
		    (memcmp(f->path.local.ip, p->local.ip, 16) == 0 &&
			f->path.ifindex == p->ifindex &&
			addr_equal(&f->path.remote, &p->remote)))
			gone = f;
	}
	if (gone != NULL)
		return gone;
	return path_flow(m, s, state_nflows(s), now);
}

/*
 * The weight of an interface and family with so many flows: pairs go to the
 * lightest.  One that never answered is heavy once it has a flow, or bridges
 * without a way to the peer would take the places of those that have one.
 */
static uint32_t
flows_weight(uint32_t n, bool works)
{
	return n + (n > 0 && !works ? MP_FLOWS_MAX : 0);
}

/* How many live flows leave by that interface in the family of `ip', and
 * whether one of them worked. */
static uint32_t
flows_by(const struct mp *m, const struct session *s, uint32_t ifindex,
    const uint8_t ip[16], bool *works)
{
	struct flow *f;
	uint32_t n = 0;

	*works = false;
	STATE_FLOWS(m, s, f, id) {
		if (f->path.ifindex != ifindex ||
		    addr_is4(f->path.local.ip) != addr_is4(ip))
			continue;
		n++;
		*works |= f->proven_once;
	}
	return n;
}

/* How many live flows lead to that address. */
static uint32_t
flows_to(const struct mp *m, const struct session *s, const struct mp_addr *a)
{
	struct flow *f;
	uint32_t n = 0;

	STATE_FLOWS(m, s, f, id)
		n += addr_equal(&f->path.remote, a);
	return n;
}

static struct mp_path
pair_of(const struct mp_local *l, const struct mp_addr *remote)
{
	struct mp_path p = { .remote = *remote, .ifindex = l->ifindex };

	memcpy(p.local.ip, l->ip, 16);
	return p;
}

/* The order of a session's remote addresses for one more pair: the one that
 * the program used, then those that the fewest flows lead to, each in turn. */
static uint32_t
rank_remotes(const struct mp *m, const struct session *s,
    uint32_t rank[MP_TOLD_MAX + 1])
{
	const struct mp_addr *r;
	uint32_t i, n = 0;

	for (; n <= MP_TOLD_MAX && (r = remote_addr(m, s, n)) != NULL; n++)
		rank[n] = n == 0 ? 0 : 1 + flows_to(m, s, r) * MP_TOLD_MAX;
	for (i = 1; i < n; i++)
		rank[i] += (i + s->turn) % (n - 1);
	return n;
}

/*
 * A pair that has no flow: of the lightest interface and family, and of its
 * pairs the first by rank_remotes().
 */
static bool
missing_pair(const struct mp *m, const struct session *s,
    struct mp_path *best)
{
	const uint32_t most = (MP_FLOWS_MAX + 2) * MP_TOLD_MAX; /* of a rank */
	const struct mp_addr *r;
	const struct mp_local *l;
	struct mp_path p;
	uint32_t i, j, n, rank[MP_TOLD_MAX + 1], least = UINT32_MAX;
	uint32_t remotes = rank_remotes(m, s, rank);
	bool works;

	for (j = 0; j < m->sh->nlocals && j < MP_LOCALS_MAX; j++) {
		l = &m->sh->local[j];
		if (l->down)
			continue;
		n = flows_by(m, s, l->ifindex, l->ip, &works);
		n = flows_weight(n, works) * most;
		for (i = 0; n < least && i < remotes; i++) {
			r = remote_addr(m, s, i);
			if (r == NULL || n + rank[i] >= least ||
			    addr_is_synthetic(r->ip) ||
			    !addr_pair_ok(l->ip, r->ip))
				continue;
			p = pair_of(l, r);
			if (path_find(m, s, &p) != NULL)
				continue;
			*best = p;
			least = n + rank[i];
		}
	}
	return least != UINT32_MAX;
}

/* Has the pair had its time, and no probe of it an answer? */
static bool
tried(const struct flow *f, uint64_t now)
{
	return !f->proven_once && now > f->born_at + PATH_TRIED &&
	    (f->failed || f->probes >= FLOW_PROBES_LOST);
}

/*
 * The record of a pair that is given up for a new one where all are taken;
 * NULL: there is none.  Never of one that is validated or in use, nor the last
 * one of its interface and family, nor (for a pair to another address) of one
 * to the address that the program used.  Of the others:
 *  - first one of the interface and family that is heaviest without it, if that
 *    is heavier than the new pair's;
 *  - else one to an address that the program did not use, if the new pair leads
 *    to the one it used, or if that one was tried in vain and the new pair's
 *    interface and family works.
 */
static struct flow *
crowded_record(const struct mp *m, const struct session *s,
    const struct mp_path *p, uint64_t now)
{
	struct flow *f, *worst = NULL;
	bool said = addr_equal(&p->remote, &s->shown), works, its, stays;
	uint32_t n = flows_by(m, s, p->ifindex, p->local.ip, &works);
	uint32_t most = flows_weight(n, works);

	STATE_FLOWS(m, s, f, id) {
		n = flows_by(m, s, f->path.ifindex, f->path.local.ip, &its);
		stays = !said && addr_equal(&f->path.remote, &s->shown);
		if (f->validated || f->id == s->current || n < 2 || stays)
			continue;
		n = flows_weight(n - 1, its);
		if (n > most) {
			worst = f;
			most = n;
		} else if (worst == NULL && !addr_equal(&f->path.remote,
		    &s->shown) && (said || (works && tried(f, now))))
			worst = f;
	}
	return worst;
}

void
path_make_all(struct mp *m, struct session *s, uint64_t now)
{
	struct mp_path p;
	struct flow *f;
	int rounds;
	uint32_t handshake = STATE_ONCE(s->handshake);
	uint32_t most = m->limits.flows_each < s->max_flows ?
	    m->limits.flows_each : s->max_flows;

	/* Each round makes one pair; more rounds would only undo some. */
	for (rounds = 0; rounds < 2 * MP_FLOWS_MAX && s->initiator; rounds++) {
		s->pairs_left = missing_pair(m, s, &p);
		if (!s->pairs_left)
			break;
		f = s->live_flows < most ? path_record(m, s, &p, now) :
		    crowded_record(m, s, &p, now);
		if (f == NULL)
			break;
		path_begin(m, s, f, &p, now);
		if (handshake < STATE_HANDSHAKES && s->state != MP_S_UP)
			m->handshakes[handshake].mask |= state_bit(f->id);
	}
}

static void
flow_end(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	if (f->gone)
		return;
	f->gone = true;
	s->live_flows -= s->live_flows > 0;
	path_choice_dirty(m, s, now);
	path_choice_resend_flow(m, s, f, now);
}

void
path_end_from(struct mp *m, struct session *s, uint32_t first, uint64_t now)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (id >= first)
			flow_end(m, s, f, now);
	}
}

void
path_end_told(struct mp *m, struct session *s, const struct mp_path *but,
    uint64_t now)
{
	struct flow *f;

	s->told_n = 0;
	s->told_answered = 0;
	s->told_all = s->told_more = false;
	STATE_FLOWS(m, s, f, id) {
		if (!addr_equal(&f->path.remote, &s->shown) &&
		    !addr_equal(&f->path.remote, &but->remote))
			flow_end(m, s, f, now);
	}
}

struct flow *
path_move(struct mp *m, struct session *s, const struct flow *from,
    uint64_t now)
{
	struct flow *f = state_flow(m, s, 0);

	if (f != NULL)
		path_begin(m, s, f, &from->path, now);
	return f;
}

/* --- A peer that moves ---------------------------------------------------- */

void
path_ask_alt(struct mp *m, struct session *s, struct flow *f,
    const struct mp_path *p, uint64_t now)
{
	f->alt = *p;
	if (s->initiator)
		f->alt.local = f->path.local;
	f->alt.any_source = f->path.any_source &&
	    f->alt.ifindex == f->path.ifindex &&
	    memcmp(f->alt.local.ip, f->path.local.ip, 16) == 0;
	f->alt_at = now;
	f->alt_tries = 0;
	f->alt_left = 0;
	rng_bytes(&m->sh->rng, f->alt_challenge, WIRE_TOKEN);
	table_arm(m, s, now);
}

/* Asks a flow that is silent, or was never asked, but not with each packet. */
static void
ask_silent(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	if (f->down || (f->validated && f->rtt.idle_us == 0) ||
	    now < f->probe_at + PATH_ASK_GAP)
		return;
	f->probe_now = true;
	table_arm(m, s, now);
}

bool
path_known(struct mp *m, struct session *s, const struct flow *f,
    const struct mp_path *p, uint64_t now)
{
	struct mp_path there = f->path;
	struct flow *other;

	there.remote = p->remote;
	other = s->initiator ? path_find(m, s, &there) : NULL;
	if (other != NULL)
		ask_silent(m, s, other, now);
	return other != NULL;
}

void
path_ask_former(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	struct flow *said;

	if (now > f->silent_since + PATH_FORMER)
		return;
	if (s->initiator && (f->moved_at != 0 || f->id == s->current))
		STATE_FLOWS(m, s, said, id)
			if (said != f && addr_equal(&said->path.remote,
			    &s->shown))
				ask_silent(m, s, said, now);
	if (f->moved_at == 0 || f->former.remote.port == 0 ||
	    f->alt_at != MP_NEVER || path_known(m, s, f, &f->former, now))
		return;
	path_ask_alt(m, s, f, &f->former, now);
	f->alt_left = BUDGET_TIMES * PATH_FORMER_BYTES;
}

void
path_any_link(const struct session *s, struct flow *f, uint64_t now)
{
	if (s->initiator || f->silent_since == MP_NEVER ||
	    f->heard_at <= f->silent_since || f->probes < FLOW_PROBES_LOST ||
	    now < f->silent_since + PATH_ONE_WAY)
		return;
	f->path.ifindex = f->path.ifindex != 0 ? 0 : f->via;
	f->path.any_source = false;
}

/* --- Addresses and links -------------------------------------------------- */

/* Adapts a flow to what became of its local address and link. */
static void
flow_local(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	const struct mp_local *l = find_local(m, f->path.local.ip,
	    f->path.ifindex);

	path_learn_lower(m, f);
	if (l == NULL) {
		flow_end(m, s, f, now);
	} else if (l->down && !f->down) {
		f->down = true;
		f->reply = false;
		f->ack_due = f->alt_at = MP_NEVER;
		f->size_mask = f->size_tries = 0;
		path_choice_dirty(m, s, now);
		path_choice_resend_flow(m, s, f, now);
	} else if (!l->down && f->down) {
		f->down = f->failed = false;
		f->send_errors = 0;
		f->probe_now = true;
		path_choice_dirty(m, s, now);
	}
}

/* Responder: a flow whose address came back lives again; and if none lives,
 * flows go on from another address of ours, which the peer will validate. */
static void
revive(struct mp *m, struct session *s, uint64_t now, bool any_local)
{
	const struct mp_local *l = NULL;
	struct flow *f;
	uint32_t id, i;

	for (id = 0; id < state_nflows(s); id++) {
		f = state_flow(m, s, id);
		if (f == NULL || !f->gone || f->path.remote.port == 0)
			continue;
		l = find_local(m, f->path.local.ip, f->path.ifindex);
		for (i = 0; l == NULL && any_local && i < m->sh->nlocals &&
		     i < MP_LOCALS_MAX; i++)
			if (addr_pair_ok(m->sh->local[i].ip,
				f->path.remote.ip))
				l = &m->sh->local[i];
		if (l == NULL || l->down)
			continue;
		memcpy(f->path.local.ip, l->ip, 16);
		f->path.ifindex = l->ifindex;
		f->lower = l->lower;
		f->gone = f->failed = f->down = false;
		f->probe_now = true;
		s->live_flows++;
		route_begin(m, s, f);
		path_choice_dirty(m, s, now);
	}
}

void
path_retry_handshake(struct mp *m, struct session *s, uint64_t now)
{
	uint32_t i = STATE_ONCE(s->handshake);

	s->handshake_after = 0;
	if (i >= STATE_HANDSHAKES)
		return;
	m->handshakes[i].round = 0;
	m->handshakes[i].next_at = now;
	table_arm(m, s, now);
}

void
path_locals(struct mp *m, struct session *s, uint64_t now)
{
	struct flow *f;

	s->locals_gen = m->sh->locals_gen;
	STATE_FLOWS(m, s, f, id)
		flow_local(m, s, f, now);
	route_changed(m, s);
	if (s->initiator) {
		path_make_all(m, s, now);
		s->addr_at = now;
		s->addr_tries = 0;
	} else {
		revive(m, s, now, false);
		if (s->live_flows == 0)
			revive(m, s, now, true);
		s->push_at = now;
		s->push_tries = 0;
	}
	path_retry_handshake(m, s, now);
	table_arm(m, s, now);
}

void
path_probe_now(struct mp *m, struct session *s, uint64_t now, uint32_t ifindex)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (ifindex != MP_NONE && f->path.ifindex != ifindex &&
		    flow_leaves_by(f) != ifindex)
			continue;
		f->probe_now = true;
		if (ifindex != MP_NONE && f->answer_at == 0 && !f->validated) {
			f->born_at = now;
			f->probes = 0;
		}
		f->size_at = f->size_tries == 0 ? MP_NEVER : f->size_at;
		table_arm(m, s, now);
	}
	path_retry_handshake(m, s, now);
}

/*
 * Responder: packets go back by the link that the peer's came by, but that may
 * carry nothing outwards (an asymmetric route).  Where no other flow works, the
 * kernel chooses the link, as it does for plain UDP.
 */
static bool
any_link(const struct mp *m, const struct session *s, struct flow *f)
{
	struct flow *other;

	if (s->initiator || f->path.ifindex == 0)
		return false;
	STATE_FLOWS(m, s, other, id)
		if (other != f && flow_usable(other))
			return false;
	f->path.ifindex = 0;
	f->path.any_source = false;
	return true;
}

bool
path_send_failed(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	if (any_link(m, s, f))
		return false;
	if (f->failed || ++f->send_errors < 2)
		return f->failed;
	f->failed = true;
	state_count(m, MP_C_flow_failed);
	path_choice_dirty(m, s, now);
	path_choice_resend_flow(m, s, f, now);
	return true;
}
