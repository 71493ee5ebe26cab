/* SPDX-License-Identifier: ISC */
/* The status of an endpoint: copies of what its sessions and flows are
 * doing. */
#include "flow.h"

#include "loss.h"
#include "mp.h"
#include "seal.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "ticket.h"

#define MP_X(name, what) #name,
static const char *const counter_names[] = { MP_COUNTERS(MP_X) };
static const char *const reason_names[] = { MP_REASONS(MP_X) };
#undef MP_X
#define MP_X(name, what) what,
static const char *const counter_whats[] = { MP_COUNTERS(MP_X) };
static const char *const reason_whats[] = { MP_REASONS(MP_X) };
#undef MP_X

const char *
mp_counter_name(enum mp_counter c)
{
	return c < MP_C_MAX ? counter_names[c] : "?";
}

const char *
mp_counter_what(enum mp_counter c)
{
	return c < MP_C_MAX ? counter_whats[c] : "?";
}

uint64_t
mp_counter_get(const struct mp *m, enum mp_counter c)
{
	return c < MP_C_MAX ? m->sh->count[c] : 0;
}

const char *
mp_reason_name(enum mp_reason r)
{
	return r < MP_WHY_MAX ? reason_names[r] : "?";
}

const char *
mp_reason_what(enum mp_reason r)
{
	return r < MP_WHY_MAX ? reason_whats[r] : "?";
}

/* A session that exists.  Records that were never used are not read: reading a
 * hole of shared memory would allocate it. */
static const struct session *
session_at(const struct mp *m, uint32_t session)
{
	const struct session *s;

	if (session >= m->sh->session_used)
		return NULL;
	s = state_session(m, session);
	return s == NULL || s->state == MP_S_FREE ||
	    s->state == MP_S_CLOSED ? NULL : s;
}

uint32_t
mp_session_end(const struct mp *m)
{
	uint32_t used = m->sh->session_used;

	return used < m->limits.sessions ? used : m->limits.sessions;
}

int
mp_session_get(const struct mp *m, uint32_t session,
    struct mp_session_info *i)
{
	const struct session *s = session_at(m, session);

	if (s == NULL)
		return MP_ENOENT;
	*i = (struct mp_session_info) { .gen = s->gen,
		.state = (enum mp_session_state)s->state,
		.initiator = s->initiator, .plain = s->plain,
		.parent = ticket_has_parent(s),
		.child = s->keys[s->cur & 1].child,
		.waits = session_waits(m, s), .slot = s->slot,
		.key_id = s->key_id, .shown = s->shown,
		.reflexive = s->reflexive,
		.suite = seal_get(s->keys[s->cur & 1].suite)->name,
		.staged = s->staged.n, .flows = s->live_flows,
		.current = s->current == STATE_NO_FLOW ? MP_NONE : s->current,
		.why = (enum mp_reason)s->why, .why_at = s->why_at,
		.up_at = s->up_at, .last_in_at = s->last_in,
		.last_data_at = s->last_data, .choice = s->choice,
		.sid = { s->keys[0].live ? s->keys[0].sid_in : 0,
		    s->keys[1].live ? s->keys[1].sid_in : 0 },
		.tx_datagrams = s->tx_datagrams,
		.rx_datagrams = s->rx_datagrams, .tx_bytes = s->tx_bytes,
		.rx_bytes = s->rx_bytes };
	return 0;
}

static void
info_bundles(const struct offload *o, struct mp_flow_info *i)
{
	i->bundles = o->unproven ? MP_BUNDLES_TRY : (enum mp_bundles)o->state;
	i->tx_bundled = o->bundled;
	if (i->bundles != MP_BUNDLES_OFF)
		return;
	i->bundle_error = o->error;
	if (o->error != 0)
		return;
	i->bundle_n = o->bad.n;
	i->bundle_lost = o->bad.lost;
	i->single_n = o->good.n;
	i->single_lost = o->good.lost;
}

int
mp_flow_get(const struct mp *m, uint64_t now, uint32_t session,
    uint32_t flow_id, struct mp_flow_info *i)
{
	const struct session *s = session_at(m, session);
	const struct flow *f;

	if (s == NULL || (f = state_flow(m, s, flow_id)) == NULL || f->gone)
		return MP_ENOENT;
	*i = (struct mp_flow_info) { .path = f->path,
		.leaves_by = flow_leaves_by(f), .validated = f->validated,
		.failed = f->failed || f->down,
		.doubt = flow_in_doubt(f, now),
		.in_use = f->id == s->current, .srtt_us = f->rtt.srtt_us,
		.rttvar_us = f->rtt.rttvar_us, .idle_us = f->rtt.idle_us,
		.answer_at = f->answer_at, .loss_permille = loss_permille(f),
		.size = f->size, .tx_packets = f->tx_packets,
		.rx_packets = f->rx_packets, .tx_bytes = f->tx_bytes,
		.rx_bytes = f->rx_bytes };
	info_bundles(&f->offload, i);
	return 0;
}

uint32_t
mp_session_find(const struct mp *m, uint32_t slot, const struct mp_addr *a)
{
	const struct session *s = slot < MP_SLOTS_MAX ?
	    table_find_addr(m, slot, a) : NULL;

	return s != NULL ? state_index(m, s) : MP_NONE;
}

uint32_t
mp_session_mtu(const struct mp *m, uint32_t session)
{
	const struct session *s = state_session(m, session);
	struct flow *f;
	uint32_t best = MP_SIZE_MIN;

	if (s == NULL)
		return 0;
	STATE_FLOWS(m, s, f, id)
		if (flow_usable(f) && f->size > best)
			best = f->size;
	best -= MP_OVERHEAD;
	return best > MP_DF_ALWAYS ? best : MP_DF_ALWAYS;
}

void
mp_session_probe_mtu(struct mp *m, uint64_t now, uint32_t session)
{
	struct session *s = state_session(m, session);

	if (s == NULL || s->state != MP_S_UP || s->mtu_request == UINT16_MAX)
		return;
	s->mtu_request = UINT16_MAX;
	table_arm(m, s, now);
}

uint64_t
mp_hog(const struct mp *m)
{
	return m->sh->hog;
}
