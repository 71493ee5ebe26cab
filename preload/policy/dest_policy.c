/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Each datagram is plain, protected or refused, by its destination.  Two
 * sources decide.  The rules (rules.c), which are read once when the program
 * starts (conf.c) and do not change.  And, for an address that the rules do not
 * make plain, the kernel's routes (dest_scope.c): what goes to this host itself
 * or to all hosts of a link is plain.  Routes change at any time, and the
 * library gets no events.
 *
 * dest_policy_of() is the one call for both.  Its answer is remembered in a
 * table of the process, by address and port; of the kernel's part only that it
 * is another host's address, for LIFE_MS.  That it is this host's, or all hosts'
 * of a link, makes datagrams plain, so it is asked anew for each of them: an
 * address that moves to another host gets none of them in plaintext, whatever
 * event tells of the move, and when.
 *
 * States of an entry:
 *	absent	 the rules are walked: dest_policy_apply().
 *	UNKNOWN	 the rules' part is known, the scope is not.  tx.c first looks
 *		 for a session with that address: a peer that has one is another
 *		 host, even where no route leads to the address it is known by
 *		 (dest_policy_of_peer); else the kernel is asked.
 *	fresh	 all is known: another host's.
 *	expired	 the rules' part still holds, the scope is asked for again;
 *		 at once, where it was not another host's.
 *		 Where a seccomp filter forbids that by now, the old scope
 *		 stays.
 *
 * No lock: an entry is four words, written and read one by one.  The last one
 * is the exclusive or of the third and the address's hash, so a reader that
 * sees words of two writers (threads, or a signal handler within a write) finds
 * no entry, and asks anew.  Nothing is allocated; two addresses with the same
 * place take it from each other.
 *
 * What fails: without a descriptor to ask with (EMFILE) the scope stays unknown
 * and the datagram is protected.  Plaintext must never be sent because
 * something is not known; so a hash never stands for an address here, the
 * address itself is compared.
 *
 * Sources: ip(7), connect(2).
 */
#include "dest_policy.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "conf.h"
#include "mp.h"
#include "shared/clock.h"

enum {
	PLACES = 1024,	/* a power of two */
	LIFE_MS = 1000, /* how long an entry is believed */
	/* The word `what': flags, port and time of an entry. */
	WHAT_VALID = 1,
	WHAT_PREFER = 2,
	WHAT_DNS = 4,
	WHAT_PLAIN_FROM = 8,
	WHAT_WAY = 4,	/* first bit of enum rules_way, by the rules alone */
	WHAT_SCOPE = 6, /* first bit of enum dest_scope */
	WHAT_PORT = 8,	/* first of 16 bits */
	WHAT_TIME = 24, /* first of 40 bits, ms */
	WHAT_TWO_BITS = 3,
};

static struct {
	_Atomic uint64_t ip[2], what, check;
} cache[PLACES];

/* Milliseconds; the coarse clock is read without a system call, and 4 ms are
 * exact enough. */
static uint64_t
dest_policy_clock(void)
{
	struct timespec ts;

	clock_read(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t
dest_policy_hash(const uint64_t ip[2], uint16_t port)
{
	uint64_t h = (ip[0] ^ port) * 0x9e3779b97f4a7c15u;

	h = (h ^ h >> 32 ^ ip[1]) * 0xff51afd7ed558ccdu;
	return (h ^ h >> 32) | 1;
}

static struct dest_policy
dest_policy_unpack(uint64_t hash, uint64_t what)
{
	struct dest_policy p = { .hash = hash,
		.way = what >> WHAT_WAY & WHAT_TWO_BITS,
		.scope = what >> WHAT_SCOPE & WHAT_TWO_BITS,
		.prefer = (what & WHAT_PREFER) != 0,
		.is_dns = (what & WHAT_DNS) != 0,
		.plain_from = (what & WHAT_PLAIN_FROM) != 0 };

	if (p.way == WAY_PROTECT && p.scope > DEST_SCOPE_PEER)
		p.way = WAY_PLAIN;
	p.plain_besides = p.way == WAY_PROTECT && p.plain_from;
	return p;
}

/* What the rules alone say. */
static uint64_t
dest_policy_apply(const struct mp_addr *a)
{
	const struct conf *conf = conf_get();
	struct rules_policy r = { .way = WAY_PLAIN, .plain_from = true };

	if (conf->active)
		r = rules_apply(&conf->set.rules, a);
	return WHAT_VALID | (r.prefer ? WHAT_PREFER : 0) |
	    (r.is_dns ? WHAT_DNS : 0) | (r.plain_from ? WHAT_PLAIN_FROM : 0) |
	    (uint64_t)r.way << WHAT_WAY | (uint64_t)a->port << WHAT_PORT;
}

/* One look into the cache. */
struct look {
	const struct mp_addr *addr;
	uint64_t ip[2], hash, now;
	uint64_t what; /* the scope, if known, is fresh */
	uint64_t old;  /* the scope, in its place, of an expired entry; or 0 */
};

static void
dest_policy_store(const struct look *l, uint64_t what)
{
	size_t i = l->hash >> 32 & (PLACES - 1);

	what |= l->now << WHAT_TIME;
	atomic_store_explicit(&cache[i].ip[0], l->ip[0], memory_order_relaxed);
	atomic_store_explicit(&cache[i].ip[1], l->ip[1], memory_order_relaxed);
	atomic_store_explicit(&cache[i].what, what, memory_order_relaxed);
	atomic_store_explicit(&cache[i].check, what ^ l->hash,
	    memory_order_relaxed);
}

/* Without its time; 0: there is none.  *at: its time. */
static uint64_t
dest_policy_load(const struct look *l, uint64_t *at)
{
	size_t i = l->hash >> 32 & (PLACES - 1);
	uint64_t what = atomic_load_explicit(&cache[i].what,
	    memory_order_relaxed);

	if (atomic_load_explicit(&cache[i].ip[0], memory_order_relaxed) !=
	    l->ip[0] ||
	    atomic_load_explicit(&cache[i].ip[1], memory_order_relaxed) !=
	    l->ip[1] ||
	    (atomic_load_explicit(&cache[i].check, memory_order_relaxed) ^
	    what) != l->hash ||
	    (uint16_t)(what >> WHAT_PORT) != l->addr->port)
		return 0;
	*at = what >> WHAT_TIME;
	return what & (((uint64_t)1 << WHAT_TIME) - 1);
}

static void
dest_policy_look(struct look *l, const struct mp_addr *a)
{
	const uint64_t scope = (uint64_t)WHAT_TWO_BITS << WHAT_SCOPE;
	uint64_t at = 0;

	l->addr = a;
	memcpy(l->ip, a->ip, sizeof(l->ip));
	l->hash = dest_policy_hash(l->ip, a->port);
	l->now = dest_policy_clock();
	l->old = 0;
	l->what = dest_policy_load(l, &at);
	if (l->what == 0) {
		l->what = dest_policy_apply(a);
		dest_policy_store(l, l->what);
	} else if (l->now - at >= LIFE_MS ||
	    (l->what & scope) != (uint64_t)DEST_SCOPE_PEER << WHAT_SCOPE) {
		l->old = l->what & scope;
		l->what &= ~scope;
	}
}

struct dest_policy
dest_policy_known(const struct mp_addr *a)
{
	struct look l;

	dest_policy_look(&l, a);
	return dest_policy_unpack(l.hash, l.what);
}

struct dest_policy
dest_policy_of(const struct mp_addr *a)
{
	struct look l;
	struct dest_policy p;
	enum dest_scope scope;

	dest_policy_look(&l, a);
	p = dest_policy_unpack(l.hash, l.what);
	if (p.scope != DEST_SCOPE_UNKNOWN || p.way == WAY_PLAIN)
		return p;
	scope = dest_scope_ask(a);
	if (scope != DEST_SCOPE_UNKNOWN)
		l.what |= (uint64_t)scope << WHAT_SCOPE;
	else if (l.old != 0 && !dest_scope_may_ask())
		l.what |= l.old;
	else
		return p;
	dest_policy_store(&l, l.what);
	return dest_policy_unpack(l.hash, l.what);
}

struct dest_policy
dest_policy_of_peer(const struct mp_addr *a)
{
	struct look l;

	dest_policy_look(&l, a);
	l.what &= ~((uint64_t)WHAT_TWO_BITS << WHAT_SCOPE);
	l.what |= (uint64_t)DEST_SCOPE_PEER << WHAT_SCOPE;
	dest_policy_store(&l, l.what);
	return dest_policy_unpack(l.hash, l.what);
}
