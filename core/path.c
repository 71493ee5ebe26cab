/* SPDX-License-Identifier: ISC */
#include "path.h"

#include <string.h>

#include "addr.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "path_choice.h"
#include "route.h"
#include "state.h"
#include "table.h"
#include "wire.h"

struct flow *
path_flow(struct mp *m, struct session *s, uint32_t id, uint64_t now)
{
	struct flow *f = state_flow(m, s, id);

	if (f != NULL || id >= m->limits.flows_each || id >= s->max_flows)
		return f;
	f = table_new_flow(m, &s->flow_of[id]);
	if (f == NULL) {
		state_count(m, MP_C_drop_flows_full);
		return NULL;
	}
	f->session = state_index(m, s);
	f->id = (uint8_t)id;
	flow_begin(f, &(struct mp_path) { .ifindex = 0 }, now);
	f->gone = true;
	if (id >= s->nflows)
		s->nflows = (uint8_t)(id + 1);
	return f;
}

void
path_begin(struct mp *m, struct session *s, struct flow *f,
    const struct mp_path *path, uint64_t now)
{
	if (f->gone)
		s->live_flows++;
	flow_begin(f, path, now);
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
	f->proven_once = true;
	if (f->unproven) { /* what waits for it may go now */
		f->unproven = false;
		table_arm(m, s, now);
	}
	s->last_valid = f->id;
	if (f->validated)
		return;
	f->validated = true;
	path_choice_dirty(m, s, now);
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
remote_addr(const struct session *s, uint32_t i)
{
	if (i == 0)
		return &s->shown;
	return i <= STATE_ONCE(s->told_n) && i <= MP_TOLD_MAX ?
	    &s->told[i - 1] : NULL;
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

/* How many live flows leave by that interface. */
static uint32_t
flows_by(const struct mp *m, const struct session *s, uint32_t ifindex)
{
	struct flow *f;
	uint32_t n = 0;

	STATE_FLOWS(m, s, f, id)
		n += f->path.ifindex == ifindex;
	return n;
}

/* A pair without a flow, of the interface that has the fewest flows. */
static bool
missing_pair(struct mp *m, struct session *s, struct mp_path *best)
{
	const struct mp_addr *r;
	const struct mp_local *l;
	struct mp_path p;
	uint32_t i, j, n, least = UINT32_MAX;

	for (j = 0; j < m->sh->nlocals && j < MP_LOCALS_MAX; j++) {
		l = &m->sh->local[j];
		if (l->down || (n = flows_by(m, s, l->ifindex)) >= least)
			continue;
		for (i = 0; (r = remote_addr(s, i)) != NULL; i++) {
			memset(&p, 0, sizeof(p));
			memcpy(p.local.ip, l->ip, 16);
			p.remote = *r;
			p.ifindex = l->ifindex;
			if (addr_is_synthetic(r->ip) ||
			    !addr_pair_ok(l->ip, r->ip) ||
			    path_find(m, s, &p) != NULL)
				continue;
			*best = p;
			least = n;
			break;
		}
	}
	return least != UINT32_MAX;
}

/* A place for one more pair where all are taken: of one that never worked
 * and crowds its interface. */
static struct flow *
crowded_record(const struct mp *m, const struct session *s, uint32_t ifindex)
{
	struct flow *f, *worst = NULL;
	uint32_t n, most = flows_by(m, s, ifindex) + 1;

	STATE_FLOWS(m, s, f, id) {
		n = flows_by(m, s, f->path.ifindex);
		if (!f->validated && n > most) {
			worst = f;
			most = n;
		}
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
	for (rounds = 0; rounds < MP_LOCALS_MAX * (MP_TOLD_MAX + 1) &&
	     s->initiator && missing_pair(m, s, &p); rounds++) {
		f = s->live_flows < most ? path_record(m, s, &p, now) :
		    crowded_record(m, s, p.ifindex);
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
	s->resend_flow = f->id;
	path_choice_dirty(m, s, now);
	path_choice_resend(m, s, now);
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

struct flow *
path_move(struct mp *m, struct session *s, const struct flow *from,
    uint64_t now)
{
	struct flow *f = state_flow(m, s, 0);

	if (f != NULL)
		path_begin(m, s, f, &from->path, now);
	return f;
}

/* What became of a flow's local address. */
static void
flow_local(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	const struct mp_local *l = find_local(m, f->path.local.ip,
	    f->path.ifindex);

	if (l == NULL) {
		flow_end(m, s, f, now);
	} else if (l->down && !f->down) {
		f->down = true;
		f->reply = false;
		f->ack_due = f->alt_at = MP_NEVER;
		f->size_mask = f->size_tries = 0;
		s->resend_flow = f->id;
		path_choice_dirty(m, s, now);
		path_choice_resend(m, s, now);
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

bool
path_send_failed(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	if (f->failed || ++f->send_errors < 2)
		return f->failed;
	f->failed = true;
	s->resend_flow = f->id;
	state_count(m, MP_C_flow_failed);
	path_choice_dirty(m, s, now);
	path_choice_resend(m, s, now);
	return true;
}
