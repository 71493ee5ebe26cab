/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Three pools keep datagrams of all sessions: those staged until their session
 * is up (POOL_HELD), recent ones that may be resent (POOL_RECENT), and parts
 * that wait for the other part of their datagram (POOL_PARTS, part.c).
 *
 * A pool is memory in chunks of 512 bytes.  Each session has a queue of records
 * in chunks of its own, linked by an array beside the memory (`link'), and
 * writes them one after the other: a record's head lies in one chunk, its
 * datagram goes on in the next ones.  Chunks that the queue has left are free
 * at once, and used again before others are touched.  So the memory touched is
 * what the sessions held at one time together, at most, and not the whole pool:
 * 100 Mbit/s hold 1 MiB at a round trip of 80 ms, and 4 MiB at most while a
 * path of 60 ms has died (tests/sim, pool_100): rate x (2 SRTT + 150 ms) and
 * heads.
 *
 * A session has a bound of its own, half the pool (208 KiB at least) staged,
 * pool_each recent bytes and 64 KiB of parts, records included; over it, its own
 * oldest goes.  Of a session that is up no more than 208 KiB are staged
 * (pool_fits()): there the program waits; but half the pool while they stand
 * behind datagrams in parts (part_order.c), as at its begin.
 * Where the pool is full, the oldest record of the session that holds most
 * goes.  Queues of POOL_HEAVY chunks and more are in lists by the logarithm of
 * their chunks, so that one of those that hold most (within a factor of 2) is
 * found at once.  Where none is heavy, the session drops its own oldest, or
 * takes from the next that a walk finds.
 *
 * A position, kept outside (resend_pos), is a record's number and place.  It
 * may outlive its record: pool_at() then gives the session's oldest.
 *
 * Invariants: chunks are free, or of one queue, or were never used; `taken'
 * counts those of queues.  Numbers of a queue rise by 1, so a walk ends.  Every
 * record is checked before use (place, magic, number, session), and every link
 * against the number of chunks, since other processes may write to the pool.
 * Where something does not fit, the whole pool begins anew (pool_reset()):
 * queues of an earlier epoch count as empty.
 *
 * Payloads are plaintext.  pool_clear() wipes a session's; what was only
 * dropped stays in memory until the chunk is used again.
 *
 * A process may be killed in here.  So a record is complete before it counts,
 * which one write of `count' decides; and where two fields change, the second of
 * them alone is out of date (queue_first(), queue_last()).  What such a process
 * was about to take or give back may be lost: some chunks, until all are free.
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
	POOL_HEAVY = 8, /* chunks from which a queue is in a list by size */
	POOL_LOOKS = 64, /* sessions that one walk looks at */
	/* For one session, records included, where others than those of its begin
	 * are staged: Linux's default send buffer (net.core.wmem_default,
	 * 212992). */
	POOL_HELD_BYTES = 208 * 1024,
	POOL_PARTS_BYTES = 64 * 1024,
	POOL_PARTS_ALL = 2 << 20, /* of all sessions */
};

uint32_t
pool_parts_size(const struct mp_limits *l)
{
	return l->staged < POOL_PARTS_ALL ? l->staged : POOL_PARTS_ALL;
}

/* A pool, and where its memory lies in this process. */
struct place {
	const struct mp *m;
	enum pool_kind kind;
	struct pool *pool;
	uint8_t *mem;
	uint32_t *link; /* of each chunk: the next one + 1; 0: none */
	uint32_t size, chunks, each_bytes;
};

static struct place
place_of(const struct mp *m, enum pool_kind kind)
{
	struct place p = { .m = m, .kind = kind };

	switch (kind) {
	case POOL_HELD:
		p.pool = &m->sh->staged;
		p.mem = m->staged;
		p.link = m->staged_link;
		p.size = m->limits.staged;
		p.each_bytes = p.size / 2 > POOL_HELD_BYTES ? p.size / 2 :
		    POOL_HELD_BYTES;
		break;
	case POOL_PARTS:
		p.pool = &m->sh->parts;
		p.mem = m->parts;
		p.link = m->parts_link;
		p.size = pool_parts_size(&m->limits);
		p.each_bytes = POOL_PARTS_BYTES;
		break;
	case POOL_RECENT:
		p.pool = &m->sh->pool;
		p.mem = m->pool;
		p.link = m->pool_link;
		p.size = m->limits.pool;
		p.each_bytes = m->limits.pool_each;
		break;
	}
	p.chunks = p.size / POOL_CHUNK;
	return p;
}

/* Is it known without a look at the session's annex that it has no queue? */
static bool
queue_none(const struct session *s, enum pool_kind kind)
{
	return kind == POOL_PARTS && !s->annexed;
}

/* A session's queue; one of an earlier epoch is empty. */
static struct queue *
queue_of(struct session *s, const struct place *p)
{
	struct queue *q = p->kind == POOL_HELD ? &s->staged :
	    p->kind == POOL_PARTS ? &state_annex(p->m, s)->parts : &s->pool;

	if (q->epoch != p->pool->epoch)
		*q = (struct queue) { .epoch = p->pool->epoch };
	return q;
}

/* Another process has spoilt the pool: it begins anew, empty. */
static void
pool_reset(struct mp *m, const struct place *p)
{
	uint32_t epoch = p->pool->epoch;

	state_count(m, MP_C_corrupt);
	memset(p->pool, 0, sizeof(*p->pool));
	p->pool->epoch = epoch + 1;
}

/* --- Queues by size ------------------------------------------------------- */

/* The list of a queue with so many chunks; 0: of none. */
static unsigned
list_of(uint32_t chunks)
{
	unsigned log;

	if (chunks < POOL_HEAVY)
		return 0;
	log = 31 - (unsigned)__builtin_clz(chunks);
	return log < STATE_HEAVY ? log : STATE_HEAVY - 1;
}

static void
list_leave(const struct mp *m, const struct place *p, struct queue *q,
    unsigned list)
{
	struct session *before = state_session(m, q->before - 1U);
	struct session *after = state_session(m, q->after - 1U);

	if (before != NULL)
		queue_of(before, p)->after = q->after;
	else
		p->pool->heavy[list] = q->after;
	if (after != NULL)
		queue_of(after, p)->before = q->before;
	q->before = q->after = 0;
}

/* A queue that had `had' chunks has more or fewer now. */
static void
queue_sized(const struct mp *m, const struct place *p, struct session *s,
    uint32_t had)
{
	struct queue *q = queue_of(s, p);
	struct session *after;
	unsigned was, list;

	if (q->chunks == had)
		return;
	was = list_of(had);
	list = list_of(q->chunks);
	if (was == list)
		return;
	if (was != 0)
		list_leave(m, p, q, was);
	if (list == 0)
		return;
	q->after = p->pool->heavy[list];
	after = state_session(m, q->after - 1U);
	if (after != NULL)
		queue_of(after, p)->before = state_index(m, s) + 1;
	p->pool->heavy[list] = state_index(m, s) + 1;
}

/* The position of its oldest record. */
static uint64_t
first_of(const struct queue *q)
{
	return (uint64_t)(q->number - q->n) << 32 | q->first;
}

/* --- Records -------------------------------------------------------------- */

static uint32_t
record_size(size_t len)
{
	return (uint32_t)(sizeof(struct record) + len + POOL_ALIGN - 1) &
	    ~(POOL_ALIGN - 1U);
}

/* The record at a position, checked; NULL: there is none. */
static struct record *
record_at(const struct place *p, uint64_t pos, uint32_t session, uint32_t gen)
{
	uint32_t at = (uint32_t)pos;
	struct record *r;

	if (at >= p->size || at % POOL_ALIGN != 0 ||
	    POOL_CHUNK - at % POOL_CHUNK < sizeof(*r))
		return NULL;
	r = (struct record *)(void *)(p->mem + at);
	if (r->magic != RECORD_MAGIC || r->number != pos >> 32 ||
	    r->session != session || r->gen != gen)
		return NULL;
	return r;
}

/*
 * The next piece of a record's datagram, `want' bytes of it at most, from place
 * *at on, which moves on.  A datagram never begins where a chunk does, so there
 * the chunk before has ended.  NULL: a link leads nowhere.
 */
static uint8_t *
piece(const struct place *p, uint32_t *at, size_t want, size_t *got)
{
	uint32_t c;
	uint8_t *here;

	if (*at % POOL_CHUNK == 0) {
		c = *at / POOL_CHUNK - 1;
		if (c >= p->chunks || (c = STATE_ONCE(p->link[c]) - 1) >=
		    p->chunks)
			return NULL;
		*at = c * POOL_CHUNK;
	}
	*got = POOL_CHUNK - *at % POOL_CHUNK;
	*got = *got < want ? *got : want;
	here = p->mem + *at;
	*at += (uint32_t)*got;
	return here;
}

static uint32_t
data_at(const struct place *p, const struct record *r)
{
	return (uint32_t)((const uint8_t *)(r + 1) - p->mem);
}

/* --- Chunks --------------------------------------------------------------- */

static uint32_t
chunk_take(const struct place *p)
{
	uint32_t c = STATE_ONCE(p->pool->free) - 1;

	if (c < p->chunks) {
		p->pool->free = p->link[c];
	} else {
		c = STATE_ONCE(p->pool->used);
		if (c >= p->chunks)
			return MP_NONE;
		p->pool->used = c + 1;
	}
	p->pool->taken++;
	return c;
}

/* The session's oldest record, where it is known that it has one; NULL: it is
 * not there.  Who was taking one out may have died before it was counted. */
static struct record *
queue_first(const struct mp *m, const struct place *p, const struct session *s,
    struct queue *q)
{
	struct record *r = record_at(p, first_of(q), state_index(m, s),
	    s->gen);

	if (r != NULL || q->n < 2)
		return r;
	q->n--;
	return record_at(p, first_of(q), state_index(m, s), s->gen);
}

/* The newest one.  Who was adding another may have died before it counted. */
static struct record *
queue_last(const struct mp *m, const struct place *p, const struct session *s,
    struct queue *q)
{
	struct record *r = record_at(p, (uint64_t)(q->number - 1) << 32 |
	    q->last, state_index(m, s), s->gen);

	if (r != NULL)
		return r;
	for (r = queue_first(m, p, s, q); r != NULL &&
	     r->number + 1 != q->number;)
		r = record_at(p, pool_after(r), r->session, r->gen);
	return r;
}

/* What is written before this counts before what is written after it, should
 * the process die in between. */
static void
pool_barrier(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Bytes left in the queue's last chunk, if a record can begin there. */
static uint32_t
queue_left(const struct queue *q)
{
	uint32_t left = q->chunks == 0 ? 0 : (0 - q->end) % POOL_CHUNK;

	return left < sizeof(struct record) ? 0 : left;
}

/* Chunks that a record of that size needs besides. */
static uint32_t
queue_needs(const struct queue *q, uint32_t size)
{
	uint32_t left = queue_left(q);

	return size <= left ? 0 : (size - left + POOL_CHUNK - 1) / POOL_CHUNK;
}

/* Makes the queue longer by a record of that size; its place, or MP_NONE. */
static uint32_t
queue_extend(const struct place *p, struct queue *q, uint32_t size)
{
	uint32_t left = queue_left(q), at = q->end, c, last;

	if (q->chunks > 0 && (q->end == 0 || q->end > p->size))
		return MP_NONE;
	if (left == 0)
		at = MP_NONE;
	q->end = (q->end + POOL_CHUNK - 1) & ~(POOL_CHUNK - 1U);
	for (; left < size; left += POOL_CHUNK) {
		last = q->end / POOL_CHUNK - 1;
		c = chunk_take(p);
		if (c == MP_NONE)
			return MP_NONE;
		if (q->chunks++ > 0)
			p->link[last] = c + 1;
		p->link[c] = 0;
		q->end = (c + 1) * POOL_CHUNK;
		at = at == MP_NONE ? c * POOL_CHUNK : at;
	}
	q->end -= left - size;
	return at;
}

/* Gives back the queue's chunks from one on, up to another; MP_NONE: all. */
static void
chunks_free(struct mp *m, const struct place *p, struct queue *q, uint32_t c,
    uint32_t stop)
{
	uint32_t next, chunks = q->chunks;

	if (stop == MP_NONE)
		q->chunks = 0;
	pool_barrier();
	while (chunks > 0 && c != stop) {
		if (c >= p->chunks || p->pool->taken == 0) {
			pool_reset(m, p);
			return;
		}
		next = STATE_ONCE(p->link[c]) - 1;
		p->link[c] = 0;
		chunks--;
		if (stop != MP_NONE)
			q->chunks--;
		pool_barrier();
		if (p->pool->free == 0) {
			p->pool->last = c;
			pool_barrier();
			p->pool->free = c + 1;
		} else {
			if (p->pool->last < p->chunks)
				p->link[p->pool->last] = c + 1;
			p->pool->last = c;
		}
		pool_barrier();
		p->pool->taken--;
		c = next;
	}
	if (p->pool->taken == 0) /* begin again where memory is warm */
		p->pool->free = p->pool->used = 0;
}

/* Takes a session's oldest record out of its queue. */
static void
queue_pop(struct mp *m, const struct place *p, struct session *s,
    struct record *r)
{
	struct queue *q = queue_of(s, p);
	uint32_t had = q->chunks, stop = MP_NONE;
	uint32_t at = data_at(p, r) - (uint32_t)sizeof(*r);
	uint32_t size = record_size(pool_len(r));
	uint32_t next = STATE_ONCE(r->next);

	if (q->n > 1) {
		stop = next / POOL_CHUNK;
		q->first = next;
		pool_barrier();
		q->n--;
		q->bytes -= size <= q->bytes ? size : q->bytes;
	} else {
		q->n = q->bytes = 0;
	}
	pool_barrier();
	r->magic = 0;
	chunks_free(m, p, q, at / POOL_CHUNK, stop);
	queue_sized(m, p, s, had);
}

/* --- Room for one more ---------------------------------------------------- */

/* A session that holds something, if one of the next POOL_LOOKS does. */
static struct session *
walk(struct mp *m, const struct place *p)
{
	struct session *s;
	uint32_t i;

	for (i = 0; i < POOL_LOOKS; i++) {
		s = state_session(m, p->pool->hand);
		p->pool->hand = s == NULL || p->pool->hand + 1 >=
		    m->sh->session_used ? 0 : p->pool->hand + 1;
		if (s != NULL && !queue_none(s, p->kind) &&
		    queue_of(s, p)->n > 0)
			return s;
	}
	return NULL;
}

/* Whose oldest record is to go for one of `s'; NULL: nobody's. */
static struct session *
pool_victim(struct mp *m, const struct place *p, struct session *s)
{
	struct session *v = NULL;
	unsigned own = list_of(queue_of(s, p)->chunks), list;

	for (list = STATE_HEAVY - 1; list > own && v == NULL; list--)
		v = state_session(m, p->pool->heavy[list] - 1);
	if (v != NULL)
		return v;
	return queue_of(s, p)->n > 0 ? s : walk(m, p);
}

/* Drops a session's oldest record for another one. */
static void
pool_evict(struct mp *m, const struct place *p, struct session *s)
{
	if (queue_of(s, p)->n == 0) {
		pool_reset(m, p); /* it is in a list, and empty */
		return;
	}
	pool_drop(m, p->kind, s);
	if (p->kind == POOL_HELD)
		state_count(m, MP_C_drop_staged);
}

/* Sees to it that a record of that size fits. */
static bool
pool_room(struct mp *m, const struct place *p, struct session *s,
    uint32_t size)
{
	struct session *v;

	if (p->pool->taken > p->chunks)
		pool_reset(m, p);
	while (queue_of(s, p)->n > 0 &&
	    queue_of(s, p)->bytes + size > p->each_bytes)
		pool_evict(m, p, s);
	while (p->chunks - p->pool->taken <
	    queue_needs(queue_of(s, p), size)) {
		v = pool_victim(m, p, s);
		if (v == NULL)
			return false;
		pool_evict(m, p, v);
	}
	return true;
}

/* --- Outside -------------------------------------------------------------- */

/* Writes what lies at place *at, which moves on. */
static void
fill(struct mp *m, const struct place *p, uint32_t *at, const uint8_t *data,
    size_t len)
{
	uint8_t *here;
	size_t n;

	for (; len > 0; len -= n, data += n) {
		here = piece(p, at, len, &n);
		if (here == NULL) {
			pool_reset(m, p);
			return;
		}
		memcpy(here, data, n);
	}
}

/* As struct queue has them. */
static uint64_t
queue_counts(uint32_t n, uint32_t number)
{
	struct queue q = { .n = n, .number = number };

	return q.count;
}

struct record *
pool_put(struct mp *m, enum pool_kind kind, struct session *s, uint64_t now,
    const void *data, size_t len)
{
	struct place p = place_of(m, kind);
	struct queue *q;
	uint32_t size = record_size(len), had, at, data_place;
	struct record *r, *last;

	if (len > MP_PAYLOAD_MAX || size > p.each_bytes || size > p.size / 2 ||
	    !pool_room(m, &p, s, size))
		return NULL;
	q = queue_of(s, &p);
	had = q->chunks;
	at = queue_extend(&p, q, size);
	last = q->n > 0 ? queue_last(m, &p, s, q) : NULL;
	if (at == MP_NONE || (last == NULL && q->n > 0)) {
		pool_reset(m, &p);
		return NULL;
	}
	r = (struct record *)(void *)(p.mem + at);
	*r = (struct record) { .magic = RECORD_MAGIC, .number = q->number,
		.next = MP_NONE, .session = state_index(m, s),
		.gen = s->gen, .tos = -1, .ttl = -1, .sent_at = now,
		.len = (uint16_t)len };
	data_place = data_at(&p, r);
	if (data != NULL)
		fill(m, &p, &data_place, data, len);
	if (last != NULL)
		last->next = at;
	else
		q->first = at;
	q->last = at;
	q->bytes = (q->n > 0 ? q->bytes : 0) + size;
	pool_barrier();
	*(volatile uint64_t *)&q->count = queue_counts(q->n + 1, q->number + 1);
	queue_sized(m, &p, s, had);
	return r;
}

void
pool_fetch(const struct mp *m, const struct session *s)
{
	const struct queue *q = &s->pool;
	uint32_t mask = m->limits.pool - 1;

	__builtin_prefetch(m->pool + (q->end & mask), 1);
	__builtin_prefetch(m->pool + (q->last & mask), 1);
	__builtin_prefetch(m->pool + (q->first & mask), 1);
}

uint64_t
pool_begin(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct place p = place_of(m, kind);
	const struct queue *q = queue_of(s, &p);

	return q->n == 0 ? MP_NEVER : first_of(q);
}

struct record *
pool_first(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct place p = place_of(m, kind);
	struct queue *q;
	struct record *r;

	if (queue_none(s, kind))
		return NULL;
	q = queue_of(s, &p);
	if (q->n == 0)
		return NULL;
	r = queue_first(m, &p, s, q);
	if (r == NULL)
		pool_reset(m, &p);
	return r;
}

struct record *
pool_next(struct mp *m, enum pool_kind kind, const struct record *r)
{
	struct place p = place_of(m, kind);
	uint64_t next = pool_after(r);

	return next == MP_NEVER ? NULL :
	    record_at(&p, next, r->session, r->gen);
}

uint64_t
pool_position(const struct mp *m, enum pool_kind kind, const struct record *r)
{
	struct place p = place_of(m, kind);

	return (uint64_t)r->number << 32 |
	    (data_at(&p, r) - (uint32_t)sizeof(*r));
}

uint64_t
pool_after(const struct record *r)
{
	uint32_t next = STATE_ONCE(r->next);

	return next == MP_NONE ? MP_NEVER :
	    (uint64_t)(uint32_t)(r->number + 1) << 32 | next;
}

struct record *
pool_at(struct mp *m, enum pool_kind kind, struct session *s, uint64_t pos)
{
	struct place p = place_of(m, kind);
	struct record *r = queue_of(s, &p)->n == 0 ? NULL :
	    record_at(&p, pos, state_index(m, s), s->gen);

	return r != NULL ? r : pool_first(m, kind, s);
}

size_t
pool_len(const struct record *r)
{
	size_t len = STATE_ONCE(r->len);

	return len < MP_PAYLOAD_MAX ? len : MP_PAYLOAD_MAX;
}

bool
pool_read(struct mp *m, enum pool_kind kind, const struct record *r,
    size_t off, uint8_t *out, size_t len)
{
	struct place p = place_of(m, kind);
	uint32_t at = data_at(&p, r);
	const uint8_t *here;
	size_t n;

	while (off + len > 0) {
		here = piece(&p, &at, off > 0 ? off : len, &n);
		if (here == NULL) {
			pool_reset(m, &p);
			return false;
		}
		if (off > 0) {
			off -= n;
			continue;
		}
		memcpy(out, here, n);
		out += n;
		len -= n;
	}
	return true;
}

void
pool_drop(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct place p = place_of(m, kind);
	struct record *r = pool_first(m, kind, s);

	if (r != NULL)
		queue_pop(m, &p, s, r);
}

void
pool_clear(struct mp *m, enum pool_kind kind, struct session *s)
{
	struct place p = place_of(m, kind);
	struct record *r;
	uint8_t *here;
	uint32_t at;
	size_t len, n;

	while ((r = pool_first(m, kind, s)) != NULL) {
		if (kind == POOL_HELD)
			state_count(m, MP_C_drop_staged);
		at = data_at(&p, r);
		for (len = pool_len(r); len > 0; len -= n) {
			here = piece(&p, &at, len, &n);
			if (here == NULL)
				break;
			crypto_wipe(here, n);
		}
		queue_pop(m, &p, s, r);
	}
}

bool
pool_fits(const struct mp *m, struct session *s, size_t len)
{
	struct place p = place_of(m, POOL_HELD);

	return queue_of(s, &p)->bytes + record_size(len) <= POOL_HELD_BYTES;
}

bool
pool_fits_begin(const struct mp *m, struct session *s, size_t len)
{
	struct place p = place_of(m, POOL_HELD);

	return queue_of(s, &p)->bytes + record_size(len) <= p.each_bytes;
}

void
pool_copy(struct mp *m, enum pool_kind kind, const struct record *r,
    enum pool_kind to_kind, struct record *copy)
{
	struct place p = place_of(m, kind), to = place_of(m, to_kind);
	uint32_t at = data_at(&p, r), at_copy = data_at(&to, copy);
	const uint8_t *here;
	size_t len = pool_len(r), n;

	if (len > pool_len(copy))
		return;
	copy->tos = r->tos;
	copy->ttl = r->ttl;
	copy->df = r->df;
	for (; len > 0; len -= n) {
		here = piece(&p, &at, len, &n);
		if (here == NULL) {
			pool_reset(m, &p);
			return;
		}
		fill(m, &to, &at_copy, here, n);
	}
}

void
pool_stage_recent(struct mp *m, struct session *s, uint64_t now)
{
	struct record *r, *held;

	/* What is staged already is newer. */
	while ((held = pool_first(m, POOL_HELD, s)) != NULL) {
		r = pool_put(m, POOL_RECENT, s, now, NULL, pool_len(held));
		if (r != NULL)
			pool_copy(m, POOL_HELD, held, POOL_RECENT, r);
		pool_drop(m, POOL_HELD, s);
	}
	for (r = pool_first(m, POOL_RECENT, s); r != NULL;
	     r = pool_next(m, POOL_RECENT, r)) {
		held = pool_put(m, POOL_HELD, s, now, NULL, pool_len(r));
		if (held != NULL)
			pool_copy(m, POOL_RECENT, r, POOL_HELD, held);
	}
	pool_clear(m, POOL_RECENT, s);
}
