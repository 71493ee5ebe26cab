/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * An endpoint is the engine's state of one UDP port: its slots (the sockets of
 * the port), the host's addresses, its sessions and their flows.  All of it
 * lies in one block of memory that the caller gives and mp_size() sizes; the
 * engine allocates nothing.  This file lays the block out and keeps what
 * concerns the endpoint as a whole: slots and local addresses.
 *
 * The block holds, each at a multiple of 64 bytes: struct shared; the arrays
 * of sessions and their annexes, flows, replay windows (one for each flow) and handshakes; the
 * hash tables and the heap of deadlines (table.c); the three pools of
 * datagrams, and the links of their chunks (pool.c).  Records name each other
 * by index, never by pointer, so processes may map the block at different
 * addresses.  mp_create() fills a block of zeros in and sets its magic last;
 * mp_attach() makes a view (struct mp) of a block that exists, with the limits
 * that it names, once they fit its size.
 *
 * Other processes map the block and may write anything into it.  So a view is
 * filled in once and is private to its process, and each index out of the
 * block is checked against it (state.h).
 *
 * A slot is one of:
 *
 * Closed.  It has no session but those that are MP_S_CLOSING.
 *
 * Open (mp_slot_open()), with the address family that its socket can express.
 * The program's datagrams make sessions in it.  One open slot accepts: the
 * sessions of strangers go there.  That is the slot opened last, or the one
 * that mp_slot_accept() named.  When it closes, no slot accepts until another
 * one is opened or named, and INITs of strangers are dropped.
 *
 * Parting (mp_slot_part()).  Its socket is gone, but what the program sent is
 * still to go.  The sessions that have nothing of that end as if it was closed,
 * and no stranger gets a session in it: who would read what he says?  The
 * others stay until it is closed, or mp_slot_move() gives them to another slot.
 *
 * Closed again (mp_slot_close()).  Sessions that are up become MP_S_CLOSING,
 * so that the agent sends their CLOSE (output.c); all others are freed.
 *
 * A connected socket has one peer: mp_slot_move() gives its other sessions to
 * another slot, mp_slot_take() gets it the session with its peer, which another
 * slot has.  Their sids still name the old slot, so they are rekeyed.
 *
 * mp_locals() replaces the list of the host's addresses.  Each session that is
 * not over then ends, stops or makes its flows (path.c), little by little
 * (change.c).
 *
 * All functions want the caller's lock, but mp_size(), mp_attach() and
 * mp_sid_prefix(), which read what never changes.
 *
 * Sources: PROTOCOL.md, "Words", 1 (sid, slots) and 3 (addresses).
 */
#include <string.h>

#include "addr.h"
#include "change.h"
#include "crypto.h"
#include "mp.h"
#include "path.h"
#include "pool.h"
#include "recent.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "wire.h"

#define ENDPOINT_MAGIC UINT64_C(0x6d70736869300006) /* and layout version */

enum {
	ENDPOINT_ALIGN = 64,
	ENDPOINT_ROOMY = 8192, /* sessions with 8 flow records each */
};

static const struct mp_limits defaults = { .sessions = 4096, .flows = 0,
	.flows_each = 64, .pool = 1 << 25, .pool_each = 1 << 24,
	.staged = 1 << 24 };

/* The largest power of two up to n. */
static uint32_t
power_of_two(uint32_t n)
{
	while ((n & (n - 1)) != 0)
		n &= n - 1;
	return n;
}

static bool
limits_ok(const struct mp_limits *in, struct mp_limits *l)
{
	*l = *in;
	l->sessions = l->sessions ? l->sessions : defaults.sessions;
	l->flows_each = l->flows_each ? l->flows_each : defaults.flows_each;
	if (l->sessions > MP_SESSIONS_MAX)
		return false;
	if (l->flows == 0)
		l->flows = l->sessions <= ENDPOINT_ROOMY ? l->sessions * 8 :
		    l->sessions * 4;
	if (l->flows < l->flows_each)
		l->flows = l->flows_each;
	l->pool = l->pool ? l->pool : defaults.pool;
	l->pool_each = l->pool_each ? l->pool_each : defaults.pool_each;
	l->staged = l->staged ? l->staged : defaults.staged;
	if (l->pool < 4096 || l->pool > 1 << 30 || l->staged < 4096 ||
	    l->staged > 1 << 30)
		return false;
	l->pool = power_of_two(l->pool);
	l->staged = power_of_two(l->staged);
	return l->flows <= MP_RECORDS_MAX &&
	    l->flows_each <= MP_FLOWS_MAX;
}

/* Takes `n' records of a size from the block; returns the offset of the
 * first. */
static size_t
endpoint_take(size_t *at, size_t n, size_t size)
{
	size_t begin = *at;

	*at = (begin + n * size + ENDPOINT_ALIGN - 1) &
	    ~(size_t)(ENDPOINT_ALIGN - 1);
	return begin;
}

/* Sets where the arrays lie, from `base' on (NULL: sets nothing); returns the
 * block's size. */
static size_t
lay_out(struct mp *m, uint8_t *base)
{
	const struct mp_limits *l = &m->limits;
	size_t at = 0, refs = (size_t)l->sessions * 2 + STATE_HANDSHAKES;
	size_t sh, ss, an, fl, se, sk, p[12], pool, held, parts;
	uint32_t parts_size = pool_parts_size(l);

	m->buckets = 64;
	while (m->buckets < l->sessions * 2)
		m->buckets *= 2;
	sh = endpoint_take(&at, 1, sizeof(struct shared));
	ss = endpoint_take(&at, l->sessions, sizeof(struct session));
	an = endpoint_take(&at, l->sessions, sizeof(struct annex));
	fl = endpoint_take(&at, l->flows, sizeof(struct flow));
	se = endpoint_take(&at, l->flows, sizeof(struct replay));
	sk = endpoint_take(&at, STATE_HANDSHAKES, sizeof(struct handshake));
	p[0] = endpoint_take(&at, m->buckets, sizeof(uint32_t));
	p[1] = endpoint_take(&at, refs, sizeof(uint32_t));
	p[2] = endpoint_take(&at, m->buckets, sizeof(uint32_t));
	p[3] = endpoint_take(&at, m->buckets, sizeof(uint32_t));
	p[4] = endpoint_take(&at, l->sessions, sizeof(struct due));
	p[5] = endpoint_take(&at, l->sessions, sizeof(uint32_t));
	p[6] = endpoint_take(&at, l->pool / POOL_CHUNK, sizeof(uint32_t));
	p[7] = endpoint_take(&at, l->staged / POOL_CHUNK, sizeof(uint32_t));
	p[8] = endpoint_take(&at, parts_size / POOL_CHUNK, sizeof(uint32_t));
	p[9] = endpoint_take(&at, l->sessions, sizeof(uint32_t));
	p[10] = endpoint_take(&at, m->buckets, sizeof(uint32_t));
	p[11] = endpoint_take(&at, l->sessions, sizeof(struct share));
	pool = endpoint_take(&at, l->pool, 1);
	held = endpoint_take(&at, l->staged, 1);
	parts = endpoint_take(&at, parts_size, 1);
	if (base == NULL)
		return at;
	m->sh = (struct shared *)(void *)(base + sh);
	m->sessions = (struct session *)(void *)(base + ss);
	m->annexes = (struct annex *)(void *)(base + an);
	m->flows = (struct flow *)(void *)(base + fl);
	m->replay = (struct replay *)(void *)(base + se);
	m->handshakes = (struct handshake *)(void *)(base + sk);
	m->sid_heads = (uint32_t *)(void *)(base + p[0]);
	m->sid_next = (uint32_t *)(void *)(base + p[1]);
	m->addr_heads = (uint32_t *)(void *)(base + p[2]);
	m->assoc_heads = (uint32_t *)(void *)(base + p[3]);
	m->heap = (struct due *)(void *)(base + p[4]);
	m->heap_pos = (uint32_t *)(void *)(base + p[5]);
	m->pool_link = (uint32_t *)(void *)(base + p[6]);
	m->staged_link = (uint32_t *)(void *)(base + p[7]);
	m->parts_link = (uint32_t *)(void *)(base + p[8]);
	m->route_next = (uint32_t *)(void *)(base + p[9]);
	m->share_heads = (uint32_t *)(void *)(base + p[10]);
	m->shares = (struct share *)(void *)(base + p[11]);
	m->pool = base + pool;
	m->staged = base + held;
	m->parts = base + parts;
	return at;
}

size_t
mp_size(const struct mp_limits *limits)
{
	struct mp m;

	return limits_ok(limits, &m.limits) ? lay_out(&m, NULL) : 0;
}

int
mp_create(struct mp *m, void *block, size_t size, const struct mp_setup *setup,
    uint64_t now)
{
	struct shared *sh;

	(void)now;
	memset(m, 0, sizeof(*m));
	if (!limits_ok(&setup->limits, &m->limits) ||
	    setup->server > MP_SERVERS_MAX || lay_out(m, NULL) > size ||
	    (uintptr_t)block % ENDPOINT_ALIGN != 0)
		return MP_EINVAL;
	lay_out(m, block);
	sh = m->sh;
	sh->limits = m->limits;
	sh->port = setup->port;
	sh->tell_private = setup->tell_private;
	sh->resend_us = setup->resend_us == 0 ? RECENT_LONGEST :
	    setup->resend_us;
	sh->aes = !setup->chacha_only && !setup->no_aes_hardware;
	sh->accept_slot = UINT8_MAX;
	sh->sweep_at = MP_NEVER;
	rng_init(&sh->rng, setup->seed);
	rng_bytes(&sh->rng, sh->hash_key, sizeof(sh->hash_key));
	sh->fleet = setup->server != 0;
	sh->sid_prefix = sh->fleet ? mp_sid_prefix_of(setup->server) :
	    setup->sid_prefix;
	while (!mp_sid_prefix_ok(sh->sid_prefix))
		sh->sid_prefix = (uint8_t)rng_u32(&sh->rng);
	sh->magic = ENDPOINT_MAGIC;
	return 0;
}

int
mp_attach(struct mp *m, void *block, size_t size)
{
	const struct shared *sh = block;

	memset(m, 0, sizeof(*m));
	if ((uintptr_t)block % ENDPOINT_ALIGN != 0 || size < sizeof(*sh) ||
	    sh->magic != ENDPOINT_MAGIC || !limits_ok(&sh->limits,
		&m->limits) || lay_out(m, NULL) > size)
		return MP_EINVAL;
	lay_out(m, block);
	return 0;
}

void
mp_stir(struct mp *m, const uint8_t seed[32])
{
	rng_stir(&m->sh->rng, seed);
}

void
mp_drain(struct mp *m, bool drain)
{
	m->sh->drain = drain;
}

bool
mp_drains(const struct mp *m)
{
	return m->sh->drain;
}

bool
mp_sid_prefix_ok(uint8_t prefix)
{
	return prefix != 0 && prefix != WIRE_MAGIC >> 24;
}

uint8_t
mp_sid_prefix_of(uint8_t server)
{
	return WIRE_PREFIX_FLEET | server;
}

uint8_t
mp_sid_prefix(const struct mp *m)
{
	return m->sh->sid_prefix;
}

int
mp_slot_open(struct mp *m, uint32_t slot, enum mp_family family)
{
	if (slot >= MP_SLOTS_MAX ||
	    (family != MP_DUAL && family != MP_INET && family != MP_INET6))
		return MP_EINVAL;
	m->sh->open_slots |= 1U << slot;
	m->sh->parting_slots &= ~(1U << slot);
	m->sh->family[slot] = (uint8_t)family;
	m->sh->accept_slot = (uint8_t)slot;
	return 0;
}

int
mp_slot_accept(struct mp *m, uint32_t slot)
{
	if (!state_slot_accepts(m, slot))
		return MP_EINVAL;
	m->sh->accept_slot = (uint8_t)slot;
	return 0;
}

uint32_t
mp_slots(const struct mp *m)
{
	return m->sh->open_slots;
}

uint32_t
mp_slots_accepting(const struct mp *m)
{
	return m->sh->open_slots & ~m->sh->parting_slots;
}

/* Can the socket of this slot express the session's peer, and has it no other
 * session with that address? */
static bool
can_show(const struct mp *m, const struct session *s, uint32_t slot)
{
	return addr_fits((enum mp_family)m->sh->family[slot], s->shown.ip) &&
	    table_find_addr(m, slot, &s->shown) == NULL;
}

/* Does the slot have this session, and is it not over? */
static bool
endpoint_has(const struct session *s, uint32_t slot)
{
	return s->state != MP_S_FREE && s->state != MP_S_CLOSING &&
	    s->state != MP_S_CLOSED && s->slot == slot;
}

static void
endpoint_move(struct mp *m, struct session *s, uint32_t to, uint64_t now)
{
	table_unlink_addr(m, s);
	s->slot = (uint8_t)to;
	table_link_addr(m, s);
	session_resteer(m, s, now);
}

void
mp_slot_take(struct mp *m, uint64_t now, uint32_t from, uint32_t to,
    const struct mp_addr *peer)
{
	struct session *s;

	if (from == to || !state_slot_open(m, from) ||
	    !state_slot_accepts(m, to))
		return;
	s = table_find_addr(m, from, peer);
	if (s != NULL && endpoint_has(s, from) && can_show(m, s, to))
		endpoint_move(m, s, to, now);
}

void
mp_slot_move(struct mp *m, uint64_t now, uint32_t from, uint32_t to,
    const struct mp_addr *but)
{
	struct session *s;
	uint32_t i;

	if (from == to || !state_slot_open(m, from) ||
	    !state_slot_accepts(m, to))
		return;
	for (i = 0; i < m->sh->session_used && i < m->limits.sessions; i++) {
		s = &m->sessions[i];
		if (endpoint_has(s, from) &&
		    (but == NULL || !addr_equal(&s->shown, but)) &&
		    can_show(m, s, to))
			endpoint_move(m, s, to, now);
	}
	/* Half-open handshakes that will make a new session. */
	for (i = 0; i < STATE_HANDSHAKES; i++) {
		struct handshake *sh = &m->handshakes[i];

		if (sh->state == HANDSHAKE_OPEN && sh->session == MP_NONE &&
		    sh->slot == from &&
		    addr_fits((enum mp_family)m->sh->family[to],
			sh->source[0].addr.ip))
			sh->slot = (uint8_t)to;
	}
}

/* Ends the sessions of a slot: all, or those that have nothing to say. */
static void
endpoint_end(struct mp *m, uint64_t now, uint32_t slot, bool all)
{
	struct session *s;
	uint32_t i;

	if (m->sh->accept_slot == slot)
		m->sh->accept_slot = UINT8_MAX;
	for (i = 0; i < m->sh->session_used && i < m->limits.sessions; i++) {
		s = &m->sessions[i];
		if (s->state == MP_S_FREE || s->state == MP_S_CLOSING ||
		    s->slot != slot ||
		    (!all && (s->staged.n > 0 || session_waits(m, s))))
			continue;
		if (s->state != MP_S_UP) {
			session_free(m, s);
			continue;
		}
		session_drop_handshake(m, s); /* its answer would revive it */
		s->state = MP_S_CLOSING;
		table_unlink_addr(m, s);
		table_set_deadline(m, s, now);
	}
}

void
mp_slot_part(struct mp *m, uint64_t now, uint32_t slot)
{
	if (!state_slot_open(m, slot))
		return;
	m->sh->parting_slots |= 1U << slot;
	endpoint_end(m, now, slot, false);
}

void
mp_slot_close(struct mp *m, uint64_t now, uint32_t slot)
{
	if (slot >= MP_SLOTS_MAX)
		return;
	m->sh->open_slots &= ~(1U << slot);
	m->sh->parting_slots &= ~(1U << slot);
	endpoint_end(m, now, slot, true);
}

/* Do the addresses belong to one interface and one family? */
static bool
same_kind(const struct mp_local *a, const struct mp_local *b)
{
	return a->ifindex == b->ifindex && addr_is4(a->ip) == addr_is4(b->ip);
}

/*
 * Keeps MP_LOCALS_MAX addresses, in the order of mp.h.  So an uplink comes
 * before the second address of any other interface, and many bridges with many
 * addresses do not hide it.
 */
static void
keep_locals(struct shared *sh, const struct mp_local *list, size_t n)
{
	uint16_t later[MP_LOCALS_GIVEN] = { 0 }; /* how many of its kind are
						  * kept; or `taken' */
	const uint16_t taken = UINT16_MAX, down = MP_LOCALS_GIVEN;
	uint32_t kept = 0;
	size_t i, best;

	for (i = 0; i < n; i++)
		later[i] = list[i].down ? down : 0;
	for (; kept < MP_LOCALS_MAX && kept < n; kept++) {
		for (i = 1, best = 0; i < n; i++)
			if (later[i] < later[best])
				best = i;
		sh->local[kept] = list[best];
		later[best] = taken;
		for (i = 0; i < n; i++)
			if (later[i] != taken &&
			    same_kind(&list[i], &list[best]))
				later[i]++;
	}
	sh->nlocals = kept;
}

void
mp_locals(struct mp *m, uint64_t now, const struct mp_local *list, size_t n)
{
	memset(m->sh->local, 0, sizeof(m->sh->local));
	keep_locals(m->sh, list, n < MP_LOCALS_GIVEN ? n : MP_LOCALS_GIVEN);
	change_locals(m, now);
}

void
mp_link_event(struct mp *m, uint64_t now, uint32_t ifindex)
{
	change_link(m, now, ifindex);
}
