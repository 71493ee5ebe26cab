/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Two rings keep datagrams of all sessions: those staged until their session is
 * up (POOL_HELD) and recent ones that may be resent (POOL_RECENT).
 *
 * A ring is a power of two of bytes.  Positions are 64-bit and only grow; the
 * place of one is its remainder by the size.  Records lie from tail to head,
 * each of one piece at a multiple of 16; where one does not fit before the end
 * of the memory, a filler (no magic) takes the rest.  What the head needs, the
 * tail frees: the oldest record of any session goes first.
 *
 * The records of one session form a queue, oldest first, linked by position
 * (`next').  A session has a bound of its own, 208 KiB staged and pool_each
 * recent bytes, records included; over it, its own oldest goes.  A record
 * taken out of its queue is `dead' and stays until the tail passes it.
 *
 * States of a record: in its queue; dead; overwritten.  A position that is kept
 * outside (resend_pos) may outlive its record: pool_at() then gives the
 * session's oldest.
 *
 * Invariants: a live record's position is in [tail, head); its queue's `next'
 * only grows, so a walk ends.  Every record is checked before use (range,
 * alignment, magic, sizes), since other processes may write to the ring; the
 * length is read once and bounded by the ring (pool_len()).
 *
 * Payloads are plaintext.  pool_clear() wipes a session's; what was only
 * dropped stays in memory until the ring comes round.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 2 (staged: Linux's default
 * send buffer, 212992 bytes) and 5 (resend).
 */
#include "pool.h"

#include <string.h>

#include "crypto.h"
#include "mp.h"
#include "state.h"

#define RECORD_MAGIC 0x6d707263U

enum pool_bound {
	POOL_ALIGN = 16,
	/* For one session, records included: Linux's default send buffer
	 * (net.core.wmem_default, 212992). */
	POOL_HELD_BYTES = 208 * 1024,
};

struct place {
	struct ring *ring;
	uint8_t *mem;
	uint32_t size, each_bytes;
};

static struct place
place_of(const struct mp *m, enum pool_kind kind)
{
	struct place p;

	if (kind == POOL_HELD) {
		p.ring = &m->sh->staged;
		p.mem = m->staged;
		p.size = m->limits.staged;
		p.each_bytes = POOL_HELD_BYTES;
	} else {
		p.ring = &m->sh->pool;
		p.mem = m->pool;
		p.size = m->limits.pool;
		p.each_bytes = m->limits.pool_each;
	}
	return p;
}

static struct queue *
queue_of(struct session *s, enum pool_kind kind)
{
	return kind == POOL_HELD ? &s->staged : &s->pool;
}

/* The record at a position, checked; NULL: there is none. */
static struct record *
record_at(const struct place *p, uint64_t pos)
{
	uint32_t off;
	struct record *r;

	if (pos < p->ring->tail || pos >= p->ring->head ||
	    p->ring->head - p->ring->tail > p->size || pos % POOL_ALIGN != 0)
		return NULL;
	off = (uint32_t)(pos & (p->size - 1));
	if (p->size - off < sizeof(*r))
		return NULL;
	r = (struct record *)(void *)(p->mem + off);
	if (r->magic != RECORD_MAGIC || r->size > p->size - off ||
	    r->size < sizeof(*r) || r->len > r->size - sizeof(*r))
		return NULL;
	if (r->next <= pos)
		r->next = MP_NEVER; /* damaged: positions only grow */
	return r;
}

/* Takes a session's oldest record out of its queue. */
static void
queue_pop(struct queue *q, struct record *r)
{
	r->dead = true;
	q->first = r->next;
	if (q->first == MP_NEVER)
		q->last = MP_NEVER;
	q->bytes -= r->size <= q->bytes ? r->size : q->bytes;
	q->n -= q->n > 0;
}

/* Frees the oldest bytes of the ring: one record, or the filler. */
static void
ring_pop(struct mp *m, enum pool_kind kind, const struct place *p)
{
	uint64_t tail = p->ring->tail;
	uint32_t off = (uint32_t)(tail & (p->size - 1));
	struct record *r = record_at(p, tail);
	struct session *s;

	if (r == NULL) { /* filler, up to the end of the memory */
		p->ring->tail = tail + (p->size - off);
		if (p->ring->tail > p->ring->head)
			p->ring->tail = p->ring->head;
		return;
	}
	s = state_session_gen(m, r->session, r->gen);
	if (!r->dead && s != NULL && queue_of(s, kind)->first == tail) {
		queue_pop(queue_of(s, kind), r);
		if (kind == POOL_HELD)
			state_count(m, MP_C_drop_staged);
	}
	p->ring->tail = tail + r->size;
	/* Prefetches the next record to be freed and its session's queue, for
	 * the next pool_put(). */
	r = record_at(p, p->ring->tail);
	if (r != NULL && (s = state_session(m, r->session)) != NULL)
		__builtin_prefetch(queue_of(s, kind), 1);
}

/* Frees `size' bytes in one piece at the head, and returns their position. */
static uint64_t
ring_room(struct mp *m, enum pool_kind kind, const struct place *p,
    uint32_t size)
{
	struct ring *g = p->ring;
	uint32_t off, fill;

	if (g->head < g->tail || g->head - g->tail > p->size)
		g->tail = g->head; /* damaged: empties the ring */
	g->head -= g->head % POOL_ALIGN;
	off = (uint32_t)(g->head & (p->size - 1));
	fill = p->size - off < size ? p->size - off : 0;
	while (p->size - (g->head - g->tail) < (uint64_t)fill + size)
		ring_pop(m, kind, p);
	if (fill >= sizeof(uint32_t))
		memset(p->mem + off, 0, sizeof(uint32_t)); /* no magic */
	g->head += fill;
	return g->head;
}

struct record *
pool_put(struct mp *m, enum pool_kind kind, struct session *s, uint64_t now,
    const void *data, size_t len)
{
	struct place p = place_of(m, kind);
	struct queue *q = queue_of(s, kind);
	uint32_t size = (uint32_t)(sizeof(struct record) + len +
	    POOL_ALIGN - 1) & ~(POOL_ALIGN - 1U);
	struct record *r, *last;
	uint64_t pos;

	if (len > MP_PAYLOAD_MAX || len > p.each_bytes || size > p.size / 2)
		return NULL;
	while (q->n > 0 && q->bytes + size > p.each_bytes) {
		pool_drop(m, kind, s);
		if (kind == POOL_HELD)
			state_count(m, MP_C_drop_staged);
	}
	pos = ring_room(m, kind, &p, size);
	r = (struct record *)(void *)(p.mem + (pos & (p.size - 1)));
	*r = (struct record) { .magic = RECORD_MAGIC, .size = size,
		.next = MP_NEVER, .session = state_index(m, s),
		.gen = s->gen, .sent_at = now, .len = (uint16_t)len };
	if (kind == POOL_HELD)
		memset(&r->option, 0xff, sizeof(r->option));
	memcpy(r + 1, data, len);
	p.ring->head += size;
	last = q->n > 0 ? record_at(&p, q->last) : NULL;
	if (last != NULL) {
		last->next = pos;
	} else {
		q->first = pos;
		q->bytes = q->n = 0;
	}
	q->last = pos;
	q->bytes += size;
	q->n++;
	return r;
}

void
pool_fetch(const struct mp *m, const struct session *s)
{
	__builtin_prefetch(m->pool + (s->pool.last & (m->limits.pool - 1)), 1);
}

struct record *
pool_first(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct place p = place_of(m, kind);
	struct queue *q = queue_of(s, kind);
	struct record *r;

	r = q->n > 0 ? record_at(&p, q->first) : NULL;
	if (r == NULL)
		q->n = q->bytes = 0;
	return r;
}

struct record *
pool_next(struct mp *m, enum pool_kind kind, const struct record *r)
{
	struct place p = place_of(m, kind);

	return r->next == MP_NEVER ? NULL : record_at(&p, r->next);
}

struct record *
pool_at(struct mp *m, enum pool_kind kind, struct session *s, uint64_t pos)
{
	struct place p = place_of(m, kind);
	struct record *r = record_at(&p, pos);

	if (r == NULL || r->dead || r->session != state_index(m, s) ||
	    r->gen != s->gen)
		return pool_first(m, kind, s);
	return r;
}

size_t
pool_len(const struct mp *m, enum pool_kind kind, const struct record *r)
{
	struct place p = place_of(m, kind);
	size_t off = (size_t)((const uint8_t *)(r + 1) - p.mem);
	size_t len = STATE_ONCE(r->len);

	return off > p.size ? 0 : len < p.size - off ? len : p.size - off;
}

const uint8_t *
pool_data(const struct record *r)
{
	return (const uint8_t *)(r + 1);
}

void
pool_drop(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct record *r = pool_first(m, kind, s);

	if (r != NULL)
		queue_pop(queue_of(s, kind), r);
}

void
pool_clear(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct record *r;

	while ((r = pool_first(m, kind, s)) != NULL) {
		if (kind == POOL_HELD)
			state_count(m, MP_C_drop_staged);
		crypto_wipe(r + 1, pool_len(m, kind, r));
		queue_pop(queue_of(s, kind), r);
	}
}
