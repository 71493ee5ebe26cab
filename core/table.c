/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * How records of the block are found: three hash tables, the heap of
 * deadlines, and the free lists of sessions and flows.
 *
 * Hash tables, with chains: by sid (a key slot of a session, or a handshake),
 * by slot and the address that the program knows, by association.  Links are
 * index + 1, so a block of zeros holds empty tables.  The random bits of a sid
 * are its hash; the other two use SipHash under a key of the block, as peers
 * choose addresses and associations.  Each find compares the whole key.
 *
 * A reference names whatever has a sid: session * 2 + key slot, or a
 * handshake's number above those.
 *
 * The heap is binary, ordered by deadline.  It lies apart from the sessions, as
 * does each session's place in it, so that sifting touches little memory.  A
 * session is in it once at most; its deadline may be earlier than needed.
 *
 * A free session's addr_next, and a free flow's `session', link the free
 * lists.  Records above session_used and flow_used were never used: their
 * memory is not touched, so a large block costs only what is in use.
 *
 * Invariants: whatever has a live sid is linked under it, once; a session is
 * linked by address or association as shown_linked, assoc_linked say; `gen'
 * of a session only grows.
 *
 * Other processes may have written anything: walks end after WALK_MAX steps,
 * indices are checked, and a heap entry counts only if its session points
 * back at it.  A damaged table loses sessions but never leaves the block.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 1 (sid) and 2 (association).
 */
#include "table.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "mp.h"
#include "wire.h"

const struct annex state_no_annex;

/* Steps along a chain; more mean that another process has tied a loop. */
#define WALK_MAX 65536

uint32_t
table_key_ref(const struct mp *m, const struct session *s, int slot)
{
	return state_index(m, s) * 2 + (uint32_t)slot;
}

uint32_t
table_handshake_ref(const struct mp *m, const struct handshake *sh)
{
	return m->limits.sessions * 2 + (uint32_t)(sh - m->handshakes);
}

bool
table_ref_of(const struct mp *m, uint32_t ref, struct table_ref *r)
{
	uint32_t keys = m->limits.sessions * 2;

	memset(r, 0, sizeof(*r));
	if (ref < keys) {
		r->s = &m->sessions[ref / 2];
		r->slot = ref & 1;
		r->keys = &r->s->keys[r->slot];
		return true;
	}
	if (ref - keys >= STATE_HANDSHAKES)
		return false;
	r->sh = &m->handshakes[ref - keys];
	r->keys = &r->sh->keys;
	return true;
}

static uint32_t
ref_sid(const struct mp *m, uint32_t ref)
{
	struct table_ref r;

	return table_ref_of(m, ref, &r) ? r.keys->sid_in : 0;
}

/* The random bits of a sid are its hash. */
uint32_t *
table_sid_head(const struct mp *m, uint32_t sid)
{
	return &m->sid_heads[(sid >> 1) & (m->buckets - 1)];
}

void
table_fetch(const struct mp *m, const struct session *s)
{
	const char *p = (const char *)s;
	size_t i;

	for (i = 0; i < offsetof(struct session, assoc_next); i += STATE_LINE)
		__builtin_prefetch(p + i, 1);
	__builtin_prefetch(&m->heap_pos[state_index(m, s)], 1);
}

/* Heads and links hold an index + 1, so that a zeroed block is empty. */
uint32_t
table_find_sid(struct mp *m, uint32_t sid)
{
	uint32_t at = *table_sid_head(m, sid), refs, n;

	refs = m->limits.sessions * 2 + STATE_HANDSHAKES;
	for (n = 0; at != 0 && n < WALK_MAX; n++) {
		if (at > refs) {
			state_count(m, MP_C_corrupt);
			break;
		}
		if (at <= m->limits.sessions * 2)
			table_fetch(m, &m->sessions[(at - 1) / 2]);
		if (ref_sid(m, at - 1) == sid)
			return at - 1;
		at = m->sid_next[at - 1];
	}
	return MP_NONE;
}

void
table_link_sid(struct mp *m, uint32_t ref)
{
	uint32_t *head = table_sid_head(m, ref_sid(m, ref));

	m->sid_next[ref] = *head;
	*head = ref + 1;
}

void
table_unlink_sid(struct mp *m, uint32_t ref)
{
	uint32_t refs = m->limits.sessions * 2 + STATE_HANDSHAKES, n;
	uint32_t *at = table_sid_head(m, ref_sid(m, ref));

	for (n = 0; *at != 0 && *at <= refs && n < WALK_MAX; n++) {
		if (*at == ref + 1) {
			*at = m->sid_next[ref];
			return;
		}
		at = &m->sid_next[*at - 1];
	}
}

/* Of a slot's 2^18 sids a quarter is always unused. */
uint32_t
table_new_sid(struct mp *m, uint32_t slot)
{
	uint32_t sid;

	do {
		sid = WIRE_SID(m->sh->sid_prefix, slot,
		    rng_u32(&m->sh->rng));
	} while (table_find_sid(m, sid) != MP_NONE);
	return sid;
}

uint32_t *
table_addr_head(const struct mp *m, uint32_t slot, const struct mp_addr *a)
{
	uint8_t key[19];

	memcpy(key, a->ip, 16);
	put16(key + 16, a->port);
	key[18] = (uint8_t)slot;
	return &m->addr_heads[crypto_short(key, sizeof(key), m->sh->hash_key) &
	    (m->buckets - 1)];
}

static uint32_t *
assoc_head(const struct mp *m, const uint8_t assoc[8])
{
	return &m->assoc_heads[crypto_short(assoc, 8, m->sh->hash_key) &
	    (m->buckets - 1)];
}

struct session *
table_find_addr(const struct mp *m, uint32_t slot, const struct mp_addr *a)
{
	uint32_t at = *table_addr_head(m, slot, a), n;
	struct session *s;

	for (n = 0; at != 0 && n < WALK_MAX; n++) {
		s = state_session(m, at - 1);
		if (s == NULL)
			break;
		table_fetch(m, s);
		if (s->shown.port == a->port && s->slot == slot &&
		    memcmp(s->shown.ip, a->ip, 16) == 0)
			return s;
		at = s->addr_next;
	}
	return NULL;
}

struct session *
table_find_assoc(const struct mp *m, uint64_t key_id, const uint8_t assoc[8])
{
	uint32_t at = *assoc_head(m, assoc), n;
	struct session *s;

	for (n = 0; at != 0 && n < WALK_MAX; n++) {
		s = state_session(m, at - 1);
		if (s == NULL)
			break;
		if (s->key_id == key_id && memcmp(s->assoc, assoc, 8) == 0)
			return s;
		at = s->assoc_next;
	}
	return NULL;
}

void
table_link_addr(struct mp *m, struct session *s)
{
	uint32_t *head = table_addr_head(m, s->slot, &s->shown);

	s->addr_next = *head;
	*head = state_index(m, s) + 1;
	s->shown_linked = true;
}

void
table_link_assoc(struct mp *m, struct session *s)
{
	uint32_t *head = assoc_head(m, s->assoc);

	s->assoc_next = *head;
	*head = state_index(m, s) + 1;
	s->assoc_linked = true;
}

void
table_unlink_addr(struct mp *m, struct session *s)
{
	uint32_t *at = table_addr_head(m, s->slot, &s->shown), n;
	uint32_t me = state_index(m, s) + 1;
	struct session *t;

	for (n = 0; s->shown_linked && *at != 0 && n < WALK_MAX; n++) {
		if (*at == me) {
			*at = s->addr_next;
			break;
		}
		if ((t = state_session(m, *at - 1)) == NULL)
			break;
		at = &t->addr_next;
	}
	s->shown_linked = false;
}

void
table_unlink_assoc(struct mp *m, struct session *s)
{
	uint32_t *at = assoc_head(m, s->assoc), n;
	uint32_t me = state_index(m, s) + 1;
	struct session *t;

	for (n = 0; s->assoc_linked && *at != 0 && n < WALK_MAX; n++) {
		if (*at == me) {
			*at = s->assoc_next;
			break;
		}
		if ((t = state_session(m, *at - 1)) == NULL)
			break;
		at = &t->assoc_next;
	}
	s->assoc_linked = false;
}

static void
heap_put(struct mp *m, uint32_t pos, struct due d)
{
	m->heap[pos] = d;
	m->heap_pos[d.session] = pos + 1;
}

/* The entry at a place of the heap; an index out of range counts as 0. */
static struct due
heap_at(const struct mp *m, uint32_t pos)
{
	struct due d = m->heap[pos];

	if (d.session >= m->limits.sessions)
		d.session = 0;
	return d;
}

static void
heap_sift(struct mp *m, uint32_t pos, uint32_t n)
{
	struct due d = heap_at(m, pos);
	uint32_t up, down;

	while (pos > 0) {
		up = (pos - 1) / 2;
		if (m->heap[up].at <= d.at)
			break;
		heap_put(m, pos, heap_at(m, up));
		pos = up;
	}
	while ((down = 2 * pos + 1) < n) {
		if (down + 1 < n && m->heap[down + 1].at < m->heap[down].at)
			down++;
		if (m->heap[down].at >= d.at)
			break;
		heap_put(m, pos, heap_at(m, down));
		pos = down;
	}
	heap_put(m, pos, d);
}

static uint32_t
heap_size(const struct mp *m)
{
	uint32_t n = m->sh->heap_n;

	return n <= m->limits.sessions ? n : m->limits.sessions;
}

void
table_set_deadline(struct mp *m, struct session *s, uint64_t at)
{
	uint32_t n = heap_size(m), index = state_index(m, s);
	uint32_t pos = m->heap_pos[index];

	s->deadline = at;
	if (pos == 0 || pos > n) {
		if (n == m->limits.sessions)
			return;
		m->sh->heap_n = ++n;
		pos = n;
	}
	m->heap[pos - 1] = (struct due) { at, index };
	heap_sift(m, pos - 1, n);
}

struct session *
table_first(struct mp *m)
{
	uint32_t n, index;

	while ((n = heap_size(m)) > 0) {
		index = heap_at(m, 0).session;
		if (m->heap_pos[index] == 1)
			return &m->sessions[index];
		/* Not that session's entry: another process wrote it. */
		state_count(m, MP_C_corrupt);
		m->sh->heap_n = --n;
		m->heap[0] = heap_at(m, n);
		if (n > 0)
			heap_sift(m, 0, n);
	}
	return NULL;
}

uint64_t
table_first_at(const struct mp *m)
{
	return heap_size(m) == 0 ? MP_NEVER : m->heap[0].at;
}

void
table_remove(struct mp *m, struct session *s)
{
	uint32_t n = heap_size(m), index = state_index(m, s);
	uint32_t pos = m->heap_pos[index];

	m->heap_pos[index] = 0;
	s->deadline = MP_NEVER;
	if (pos == 0 || pos > n)
		return;
	m->sh->heap_n = --n;
	if (pos - 1 == n)
		return;
	m->heap[pos - 1] = heap_at(m, n);
	heap_sift(m, pos - 1, n);
}

struct session *
table_new_session(struct mp *m)
{
	uint32_t i = m->sh->session_free - 1, gen;
	struct session *s = state_session(m, i);

	if (s != NULL)
		m->sh->session_free = s->addr_next;
	else if ((s = state_session(m, m->sh->session_used)) != NULL)
		m->sh->session_used++;
	else
		return NULL;
	gen = s->gen + 1;
	if (s->annexed) /* whoever freed it died, or another process wrote it */
		memset(state_annex(m, s), 0, sizeof(struct annex));
	memset(s, 0, sizeof(*s));
	s->gen = gen;
	return s;
}

void
table_free_session(struct mp *m, struct session *s)
{
	uint32_t gen = s->gen;
	struct annex *annex = s->annexed ? state_annex(m, s) : NULL;

	table_remove(m, s);
	table_unlink_addr(m, s);
	table_unlink_assoc(m, s);
	if (annex != NULL)
		crypto_wipe(annex, sizeof(*annex));
	crypto_wipe(s, sizeof(*s));
	s->gen = gen + 1;
	s->addr_next = m->sh->session_free;
	m->sh->session_free = state_index(m, s) + 1;
}

uint32_t
table_flows_left(const struct mp *m)
{
	uint32_t live = m->sh->flows_live;

	return live < m->limits.flows ? m->limits.flows - live : 0;
}

struct flow *
table_new_flow(struct mp *m, uint32_t *index)
{
	uint32_t i = m->sh->flow_free - 1;

	if (i < m->limits.flows)
		m->sh->flow_free = m->flows[i].session;
	else if (m->sh->flow_used < m->limits.flows)
		i = m->sh->flow_used++;
	else
		return NULL;
	m->sh->flows_live++;
	memset(&m->flows[i], 0, sizeof(m->flows[i]));
	memset(&m->replay[i], 0, sizeof(m->replay[i]));
	*index = i;
	return &m->flows[i];
}

void
table_free_flow(struct mp *m, uint32_t index)
{
	if (index >= m->limits.flows)
		return;
	m->sh->flows_live -= m->sh->flows_live > 0;
	crypto_wipe(&m->flows[index], sizeof(m->flows[index]));
	m->flows[index].session = m->sh->flow_free;
	m->sh->flow_free = index + 1;
}
