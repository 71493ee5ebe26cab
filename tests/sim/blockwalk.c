/* SPDX-License-Identifier: ISC */
/*
 * blockwalk: a walk over an engine's block: do its records fit together?
 *
 * Each session is free and on the free list, or in use; what it refers to (flow
 * records, chunks of pools, its share, its place in the heap, its keys' sids)
 * is its own and nobody else's; and sums are what the parts add up to.
 */
#include "field.h"
#include "inside.h"

#include <string.h>


enum { BLOCKWALK_FLOWS = 1024 };

/* --- Free lists ----------------------------------------------------------- */

static const char *
blockwalk_sessions(const struct mp *m)
{
	uint32_t at = m->sh->session_free, used = 0, unused = 0, i;

	for (i = 0; i < m->sh->session_used; i++)
		used += m->sessions[i].state != MP_S_FREE;
	for (; at != 0 && unused <= m->limits.sessions; unused++) {
		if (at > m->sh->session_used ||
		    m->sessions[at - 1].state != MP_S_FREE)
			return "free list of sessions";
		at = m->sessions[at - 1].addr_next;
	}
	return used + unused != m->sh->session_used ?
	    "a session is neither free nor used" : NULL;
}

static const char *
blockwalk_flows(const struct mp *m)
{
	static uint8_t seen[BLOCKWALK_FLOWS];
	uint32_t i, id, at, live = 0, unused = 0;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < m->sh->session_used; i++)
		for (id = 0; id < MP_FLOWS_MAX &&
		    m->sessions[i].state != MP_S_FREE; id++) {
			at = state_flow_index(m, &m->sessions[i], id);
			if (at == STATE_NO_INDEX)
				continue;
			if (at >= m->sh->flow_used || at >= BLOCKWALK_FLOWS ||
			    seen[at]++ != 0)
				return "a flow record of two sessions";
			if (m->flows[at].session != i)
				return "a flow of another session";
			live++;
		}
	if (live != m->sh->flows_live)
		return "number of flow records in use";
	for (at = m->sh->flow_free; at != 0; at = m->flows[at - 1].session)
		if (at > m->sh->flow_used || ++unused > m->limits.flows)
			return "free list of flows";
	return live + unused != m->sh->flow_used ?
	    "a flow record is neither free nor used" : NULL;
}

/* --- Tables --------------------------------------------------------------- */

static const char *
blockwalk_heap(const struct mp *m)
{
	uint32_t i, n = m->sh->heap_n;

	if (n > m->limits.sessions)
		return "size of the heap";
	for (i = 0; i < n; i++) {
		if (m->heap[i].session >= m->sh->session_used ||
		    m->heap_pos[m->heap[i].session] != i + 1)
			return "place in the heap";
		if (i > 0 && m->heap[(i - 1) / 2].at > m->heap[i].at)
			return "order of the heap";
		if (m->sessions[m->heap[i].session].deadline != m->heap[i].at)
			return "deadline of a session";
		if (m->sessions[m->heap[i].session].state == MP_S_FREE)
			return "a free session in the heap";
	}
	return NULL;
}

static uint32_t
blockwalk_chain(const struct mp *m, uint32_t sid)
{
	uint32_t at, n = 0, steps = 0;
	struct table_ref r;

	for (at = *table_sid_head(m, sid); at != 0 && steps++ < 65536;
	    at = m->sid_next[at - 1])
		n += table_ref_of(m, at - 1, &r) && r.keys->sid_in == sid;
	return n;
}

static const char *
blockwalk_sids(const struct mp *m)
{
	uint32_t linked = 0, live = 0, i, at, refs = m->limits.sessions * 2;
	struct table_ref r;

	for (i = 0; i < refs + STATE_HANDSHAKES; i++) {
		if (i == m->sh->session_used * 2)
			i = refs;
		if (i == refs + m->sh->handshake_used[0])
			i = refs + STATE_OPEN;
		if (i >= refs + STATE_OPEN + m->sh->handshake_used[1])
			break;
		if (!table_ref_of(m, i, &r) || r.keys->sid_in == 0 ||
		    (r.s != NULL && !r.keys->live))
			continue;
		live++;
		if (blockwalk_chain(m, r.keys->sid_in) != 1)
			return "a sid is not linked once";
	}
	for (i = 0; i < m->buckets; i++)
		for (at = m->sid_heads[i]; at != 0 && linked <= live;
		    at = m->sid_next[at - 1])
			linked++;
	return linked != live ? "a sid that names nothing is linked" : NULL;
}

static const char *
blockwalk_addrs(const struct mp *m)
{
	uint32_t i, at, linked = 0, want = 0, assoc = 0, want_assoc = 0;

	for (i = 0; i < m->sh->session_used; i++) {
		want += m->sessions[i].shown_linked;
		want_assoc += m->sessions[i].assoc_linked;
		if (m->sessions[i].state == MP_S_FREE &&
		    (m->sessions[i].shown_linked ||
			m->sessions[i].assoc_linked))
			return "a free session is linked";
	}
	for (i = 0; i < m->buckets; i++) {
		for (at = m->addr_heads[i]; at != 0 && linked <= want;
		    at = m->sessions[at - 1].addr_next)
			linked++;
		for (at = m->assoc_heads[i]; at != 0 && assoc <= want_assoc;
		    at = m->sessions[at - 1].assoc_next)
			assoc++;
	}
	return linked != want ? "sessions by address" :
	    assoc != want_assoc ? "sessions by association" : NULL;
}

/* --- Shares --------------------------------------------------------------- */

static const char *
blockwalk_shares(const struct mp *m)
{
	uint32_t i, id, sessions = 0, flows = 0, idle = 0, n = 0, at;
	const struct share *p;

	for (i = 0; i < m->sh->session_used; i++) {
		const struct session *s = &m->sessions[i];

		if (s->state == MP_S_FREE)
			continue;
		if (s->share == 0 || s->share > m->sh->share_used ||
		    m->shares[s->share - 1].key_id != s->key_id)
			return "a session of no share";
		sessions++;
		idle += s->idle;
		for (id = 0; id < MP_FLOWS_MAX; id++)
			flows += state_flow_index(m, s, id) != STATE_NO_INDEX;
	}
	for (i = 0; i < STATE_WEIGHTS; i++)
		for (at = m->sh->weight[i]; at != 0 && n++ < 65536;
		    at = p->after) {
			p = &m->shares[at - 1];
			sessions -= p->sessions;
			flows -= p->flows;
		}
	if (sessions != 0 || flows != 0)
		return "sums of the shares";
	for (n = 0, at = m->sh->idle_first; at != 0 && n <= idle; n++)
		at = m->sessions[at - 1].idles.after;
	return n != idle ? "list of idle sessions" : NULL;
}

/* --- Pools ---------------------------------------------------------------- */

static const char *
blockwalk_pool(const struct mp *m, const struct pool *p, enum pool_kind kind,
    const uint32_t *link)
{
	uint32_t i, taken = 0, unused = 0, at;
	const struct queue *q;

	for (i = 0; i < m->sh->session_used; i++) {
		q = kind == POOL_RECENT ? &m->sessions[i].pool :
		    kind == POOL_HELD ? &m->sessions[i].staged :
		    &state_annexed(m, &m->sessions[i])->parts;
		if (q->epoch == p->epoch)
			taken += q->chunks;
	}
	if (taken != p->taken)
		return "chunks of a pool that are taken";
	for (at = p->free; at != 0 && unused <= p->used; unused++)
		at = link[at - 1];
	return taken + unused != p->used ?
	    "a chunk of a pool is neither free nor taken" : NULL;
}

static const char *
blockwalk_pools(const struct mp *m)
{
	const char *what;

	what = blockwalk_pool(m, &m->sh->pool, POOL_RECENT, m->pool_link);
	if (what == NULL)
		what = blockwalk_pool(m, &m->sh->staged, POOL_HELD,
		    m->staged_link);
	if (what == NULL)
		what = blockwalk_pool(m, &m->sh->parts, POOL_PARTS,
		    m->parts_link);
	return what;
}

const char *
blockwalk(const struct mp *m)
{
	static const char *(*const walk[])(const struct mp *) = {
		blockwalk_sessions, blockwalk_flows, blockwalk_heap,
		blockwalk_sids, blockwalk_addrs, blockwalk_shares,
		blockwalk_pools };
	const char *what = NULL;
	size_t i;

	for (i = 0; i < sizeof(walk) / sizeof(walk[0]) && what == NULL; i++)
		what = walk[i](m);
	return what;
}

const char *
blockwalk_empty(const struct mp *m)
{
	uint32_t i;

	for (i = 0; i < m->sh->session_used; i++)
		if (m->sessions[i].state != MP_S_FREE)
			return "a session is left";
	for (i = 0; i < m->sh->handshake_used[0]; i++)
		if (m->handshakes[i].state != HANDSHAKE_FREE)
			return "a handshake of a peer's is left";
	for (i = 0; i < m->sh->handshake_used[1]; i++)
		if (m->handshakes[STATE_OPEN + i].state != HANDSHAKE_FREE)
			return "a handshake of ours is left";
	if (m->sh->flows_live != 0)
		return "a flow record is left";
	if (m->sh->pool.taken + m->sh->staged.taken + m->sh->parts.taken != 0)
		return "datagrams are left in a pool";
	if (m->sh->heap_n != 0 || m->sh->idle_first != 0)
		return "a list is not empty";
	if (m->sh->initiators != 0)
		return "sessions of initiators are counted";
	return NULL;
}
