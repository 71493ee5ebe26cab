/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <string.h>

#include "addr.h"
#include "pool.h"
#include "probe.h"
#include "table.h"

/* The session without keys that was used longest ago goes. */
static void
push_out(struct mp *m)
{
	struct session *s, *oldest = NULL;
	uint32_t i;

	for (i = 0; i < m->limits.sessions; i++) {
		s = &m->sessions[i];
		if (s->state != MP_S_DOWN && s->state != MP_S_CONNECTING)
			continue;
		if (s->state == MP_S_CONNECTING && s->held.n > 0)
			continue;
		if (oldest == NULL || s->last_data < oldest->last_data)
			oldest = s;
	}
	if (oldest != NULL)
		session_free(m, oldest);
}

struct session *
session_new(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *shown, uint64_t key_id, const uint8_t assoc[8],
    bool initiator)
{
	struct session *s = table_new_session(m);

	if (s == NULL) {
		push_out(m);
		s = table_new_session(m);
	}
	if (s == NULL)
		return NULL;
	s->state = MP_S_CONNECTING;
	s->deadline = MP_NEVER;
	s->slot = (uint8_t)slot;
	s->initiator = initiator;
	s->shown = *shown;
	s->key_id = key_id;
	memcpy(s->assoc, assoc, 8);
	memset(s->flow_of, 0xff, sizeof(s->flow_of));
	s->current = s->selected = s->last_valid = STATE_NO_FLOW;
	s->rescue_flow = STATE_NO_FLOW;
	s->max_flows = (uint8_t)m->limits.flows_each;
	s->shake = MP_NONE;
	s->rekey_at = s->push_at = s->addr_at = s->review_at = MP_NEVER;
	s->pool.first = s->held.first = MP_NEVER;
	s->last_in = s->last_data = s->connect_since = now;
	table_link_addr(m, s);
	table_link_assoc(m, s);
	return s;
}

static void
drop_shake(struct mp *m, struct session *s)
{
	struct shake *sh;

	if (s->shake < STATE_SHAKES) {
		sh = &m->shakes[s->shake];
		if (sh->state == SHAKE_SENT) {
			table_unlink_sid(m, table_shake_ref(m, sh));
			crypto_wipe(sh, sizeof(*sh));
		}
	}
	s->shake = MP_NONE;
	s->want_shake = false;
}

void
session_wipe_key(struct mp *m, struct session *s, int slot)
{
	struct keys *k = &s->keys[slot];

	if (k->live)
		table_unlink_sid(m, table_key_ref(m, s, slot));
	crypto_wipe(k, sizeof(*k));
}

void
session_free(struct mp *m, struct session *s)
{
	uint32_t id;

	drop_shake(m, s);
	pool_clear(m, POOL_HELD, s);
	pool_clear(m, POOL_RECENT, s);
	session_wipe_key(m, s, 0);
	session_wipe_key(m, s, 1);
	for (id = 0; id < MP_FLOWS_MAX; id++)
		if (s->flow_of[id] != STATE_NO_INDEX)
			table_free_flow(m, s->flow_of[id]);
	table_free_session(m, s);
}

void
session_show(struct mp *m, struct session *s, const struct mp_addr *shown)
{
	table_unlink_addr(m, s);
	s->shown = *shown;
	table_link_addr(m, s);
}

void
session_install(struct mp *m, struct session *s, uint64_t now,
    const struct keys *k, uint16_t max_flows)
{
	struct keys *old = state_keys(s);
	struct flow *f;
	uint32_t id, spread = SESSION_REKEY / 5;

	drop_shake(m, s);
	if (old->live) {
		old->wipe_at = old->born_at + SESSION_KEY_LIFE;
		if (old->wipe_at < now + SESSION_ANSWER)
			old->wipe_at = now + SESSION_ANSWER;
		s->cur ^= 1;
	}
	session_wipe_key(m, s, s->cur & 1);
	*state_keys(s) = *k;
	state_keys(s)->live = true;
	state_keys(s)->born_at = now;
	state_keys(s)->wipe_at = MP_NEVER;
	table_link_sid(m, table_key_ref(m, s, s->cur & 1));
	for (id = 0; id < state_nflows(s); id++) {
		if ((f = state_flow(m, s, id)) == NULL)
			continue;
		memset(&f->rx[s->cur & 1], 0, sizeof(f->rx[0]));
		f->tx_seq = 0;
	}
	/* The initiator renews first; the responder only if it does not. */
	s->rekey_at = now + SESSION_REKEY - spread / 2 +
	    rng_below(&m->sh->rng, spread);
	if (!s->initiator)
		s->rekey_at += SESSION_REKEY / 4;
	if (max_flows > 0 && max_flows < s->max_flows)
		s->max_flows = (uint8_t)max_flows;
	if (s->state != MP_S_UP)
		s->up_at = now;
	s->state = MP_S_UP;
	s->last_in = now;
	s->connect_since = MP_NEVER;
	state_count(m, MP_C_handshake_done);
	table_arm(m, s, now);
}

void
session_down(struct mp *m, struct session *s)
{
	drop_shake(m, s);
	session_wipe_key(m, s, 0);
	session_wipe_key(m, s, 1);
	s->state = MP_S_DOWN;
	s->rekey_at = s->review_at = MP_NEVER;
	s->connect_since = MP_NEVER;
	s->rescue = false;
	pool_clear(m, POOL_RECENT, s);
}

void
session_connect(struct mp *m, struct session *s, uint64_t now)
{
	if (s->state == MP_S_DOWN)
		s->state = MP_S_CONNECTING;
	s->connect_since = now;
	s->want_shake = true;
	s->shake_inner = false;
	if (s->initiator)
		session_pairs(m, s, now);
	table_arm(m, s, now);
}

struct flow *
session_flow(struct mp *m, struct session *s, uint32_t id, uint64_t now)
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
session_pair_begin(struct mp *m, struct session *s, struct flow *f,
    const struct mp_path *path, uint64_t now)
{
	if (f->gone)
		s->live_flows++;
	flow_begin(f, path, now);
	rng_bytes(&m->sh->rng, f->challenge, WIRE_TOKEN);
	rng_bytes(&m->sh->rng, f->size_token, WIRE_TOKEN);
	table_arm(m, s, now);
}

struct flow *
session_find_pair(const struct mp *m, const struct session *s,
    const struct mp_path *p)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (memcmp(f->path.local.ip, p->local.ip, 16) == 0 &&
		    addr_equal(&f->path.remote, &p->remote))
			return f;
	}
	return NULL;
}

void
session_validated(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	f->proven_once = true;
	s->last_valid = f->id;
	if (f->validated)
		return;
	f->validated = true;
	choice_dirty(m, s, now);
}

/* --- Pairs of addresses ------------------------------------------------- */

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
session_mtu_of(const struct mp *m, const struct flow *f)
{
	const struct mp_local *l = find_local(m, f->path.local.ip,
	    f->path.ifindex);

	return l != NULL ? l->mtu : 0;
}

/* Remote address number i: what the program used, then what was told. */
static const struct mp_addr *
remote_addr(const struct session *s, uint32_t i)
{
	if (i == 0)
		return &s->shown;
	return i <= s->told_n && i <= MP_TOLD_MAX ? &s->told[i - 1] : NULL;
}

/* The record for a new pair: its own former one, one that is gone, or new. */
static struct flow *
pair_record(struct mp *m, struct session *s, const struct mp_path *p,
    uint64_t now)
{
	struct flow *f, *gone = NULL;
	uint32_t id;

	for (id = 0; id < state_nflows(s); id++) {
		f = state_flow(m, s, id);
		if (f == NULL || !f->gone)
			continue;
		if (gone == NULL ||
		    (memcmp(f->path.local.ip, p->local.ip, 16) == 0 &&
			addr_equal(&f->path.remote, &p->remote)))
			gone = f;
	}
	if (gone != NULL)
		return gone;
	return session_flow(m, s, state_nflows(s), now);
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
			    session_find_pair(m, s, &p) != NULL)
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
session_pairs(struct mp *m, struct session *s, uint64_t now)
{
	struct mp_path p;
	struct flow *f;
	uint32_t most = m->limits.flows_each < s->max_flows ?
	    m->limits.flows_each : s->max_flows;

	while (s->initiator && missing_pair(m, s, &p)) {
		f = s->live_flows < most ? pair_record(m, s, &p, now) :
		    crowded_record(m, s, p.ifindex);
		if (f == NULL)
			break;
		session_pair_begin(m, s, f, &p, now);
		if (s->shake < STATE_SHAKES && s->state != MP_S_UP)
			m->shakes[s->shake].mask |= UINT64_C(1) << f->id;
	}
}

static void
flow_end(struct mp *m, struct session *s, struct flow *f, uint64_t now)
{
	if (f->gone)
		return;
	f->gone = true;
	s->live_flows -= s->live_flows > 0;
	s->rescue_flow = f->id;
	choice_dirty(m, s, now);
	choice_rescue(m, s, now);
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
		s->rescue_flow = f->id;
		choice_dirty(m, s, now);
		choice_rescue(m, s, now);
	} else if (!l->down && f->down) {
		f->down = f->failed = false;
		f->send_errors = 0;
		f->urge = true;
		choice_dirty(m, s, now);
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
		f->urge = true;
		s->live_flows++;
		choice_dirty(m, s, now);
	}
}

void
session_rush(struct mp *m, struct session *s, uint64_t now)
{
	if (s->shake >= STATE_SHAKES)
		return;
	m->shakes[s->shake].round = 0;
	m->shakes[s->shake].next_at = now;
	table_arm(m, s, now);
}

void
session_locals(struct mp *m, struct session *s, uint64_t now)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id)
		flow_local(m, s, f, now);
	if (s->initiator) {
		session_pairs(m, s, now);
		s->addr_at = now;
		s->addr_tries = 0;
	} else {
		revive(m, s, now, false);
		if (s->live_flows == 0)
			revive(m, s, now, true);
		s->push_at = now;
		s->push_tries = 0;
	}
	session_rush(m, s, now);
	table_arm(m, s, now);
}

void
session_urge(struct mp *m, struct session *s, uint64_t now, uint32_t ifindex)
{
	struct flow *f;

	STATE_FLOWS(m, s, f, id) {
		if (ifindex != MP_NONE && f->path.ifindex != ifindex)
			continue;
		f->urge = true;
		f->size_at = f->size_tries == 0 ? MP_NEVER : f->size_at;
		table_arm(m, s, now);
	}
	session_rush(m, s, now);
}

bool
session_send_failed(struct mp *m, struct session *s, struct flow *f,
    uint64_t now)
{
	if (f->failed || ++f->send_errors < 2)
		return f->failed;
	f->failed = true;
	s->rescue_flow = f->id;
	state_count(m, MP_C_flow_failed);
	choice_dirty(m, s, now);
	choice_rescue(m, s, now);
	return true;
}
