/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * With UDP_GRO the kernel keeps datagrams of one sender that arrived together
 * as one bundle, and hands them out in one call.  That is many times cheaper
 * than one by one.  But what the library took from the queue, and has not given
 * to the program yet, poll(2) would not know.  So a bundle stays in the queue
 * until its last datagram was given: it is looked at (MSG_PEEK), and taken away
 * then.  The record of the socket (struct slot_rx of the arena) says how many
 * of its datagrams are done with.
 *
 * Modes of a socket, for all processes that have it
 *	off	UDP_GRO is off.  Packets are taken, one in each call.
 *	on	UDP_GRO is on.  Packets are looked at, then claimed.
 *
 * Off to on: rx_bundle_pace(), once datagrams arrive faster than one in FAST_US
 * on the average of ROUND of them, and most right behind another one, as those
 * of a bundle do: the answers of a fast talk do not.  Not while another call may be taking from
 * the queue unseen (`taking': it would get a whole bundle), not where a second
 * process has received from the socket, where a signal tells of each datagram
 * (O_ASYNC), or where the program has a socket filter, which the kernel would
 * show the first datagram of a bundle only.
 *
 * On to off: `leaving' is set where one of these happens meanwhile; where a
 * second thread is about to wait (the kernel wakes one waiter for a whole
 * bundle); and where bundles have fewer than two datagrams.  UDP_GRO is then
 * switched off as soon as the queue is found empty, so that no bundle lies in a
 * queue whose mode is off: the kernel would give it without the size of its
 * datagrams (K56).  While the queue is never empty nobody waits, and nothing is
 * missed.
 *
 * Claiming.  A reader notes `changes' (with the deaths of owners of the lock:
 * rx_bundle_changes()), looks at what lies first, and opens it.
 * Under the lock it asks whether `changes' is still the same, and whether the
 * datagram is the next one of the bundle by `id' and `given'.  If so it is the
 * reader's: rx_bundle_advance() writes `given', and after the last one takes
 * the bundle from the queue.  So of several threads and processes each datagram
 * has one reader, in the order of the queue.  Sessions' datagrams are committed
 * to the engine in the same hold of the lock, each when it is given, not
 * before: a process that is killed, or execs, leaves the rest of a bundle for
 * who reads next.  If it dies between the last `given' and the taking away, the
 * bundle is done with, as its id says, and the next reader takes it away.
 *
 * The cache (struct rx_bundle) is this process's: what it has looked at and
 * opened.  One call has it at a time; a call that does not get it (another
 * thread, a signal handler) looks at the bundle anew for its one datagram.  It
 * is of no use once `changes' differs.
 *
 * The socket filter saw the first packet of a bundle only.  Packets of sessions
 * and internal ones are authenticated; plaintext behind such a packet is
 * dropped, plaintext behind plaintext came from the same address to the same
 * one (rx.c).
 *
 * Lock: the arena's.  Under it are called recvmsg(2) of no bytes and without
 * waiting, and setsockopt(2), both by bare system calls, which cannot be
 * cancelled.
 */
#include "rx_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "icmp.h"
#include "policy/conf.h"
#include "process/forked.h"
#include "process/libc.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/raw.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/user_filter.h"

enum {
	OFF = 0, ON = 1,
	MOVED = 2,	   /* look again */
	ROUND = 64,	   /* datagrams, or looks */
	FAST_US = 100,	   /* between two datagrams, on the average, ... */
	CLOSE_US = 10,	   /* ... and between most of them: no answer of a
			    * peer's to ours comes that soon */
	/* Between two tries to switch on, at least: one that brings no bundles
	 * costs ROUND calls more, and a peer's bundles may begin at any time. */
	REST_US = 50000,
	POPS = 4,	   /* errors of the socket that may come in between */
};

static struct slot_rx *
rx_bundle_shared(const struct sock *s)
{
	return &s->map.arena->slot[s->slot % MP_SLOTS_MAX].rx;
}

/* Grows whenever something left the queue's head, and when the owner of the lock
 * died, since it may have died in between. */
static uint32_t
rx_bundle_changes(const struct sock *s)
{
	return atomic_load(&rx_bundle_shared(s)->changes) +
	    atomic_load(&s->map.arena->died);
}

/* A number for this process, of this program and no other. */
static uint64_t
rx_bundle_reader(void)
{
	static _Atomic uint64_t me;
	static _Atomic unsigned forks;
	uint64_t id = atomic_load(&me);
	unsigned now = forked_times();

	if (id != 0 && atomic_load(&forks) == now)
		return id;
	if (!SECCOMP_ALLOWS(SYS_getrandom, &id, sizeof(id)) ||
	    RAW(SYS_getrandom, &id, sizeof(id), 0) != (long)sizeof(id))
		id = arena_now();
	id |= 1;
	atomic_store(&me, id);
	atomic_store(&forks, now);
	return id;
}

void
rx_bundle_leave(struct sock *s)
{
	struct slot_rx *r;

	if (atomic_load(&s->state) != SOCK_ATTACHED || s->map.arena == NULL)
		return;
	r = rx_bundle_shared(s);
	if (atomic_load(&r->mode) == ON)
		atomic_store(&r->leaving, 1);
}

/* Notes that this process receives from the socket. */
static void
rx_bundle_note_reader(struct sock *s, struct slot_rx *r)
{
	uint64_t me = rx_bundle_reader(), is = atomic_load(&r->reader);

	if (is == me || (is == 0 &&
	    atomic_compare_exchange_strong(&r->reader, &is, me)) || is == me)
		return;
	if (atomic_load(&r->shared) == 0)
		atomic_store(&r->shared, 1);
	rx_bundle_leave(s);
}

/* --- On and off ----------------------------------------------------------- */

static bool
rx_bundle_set(int fd, int on)
{
	return SECCOMP_ALLOWS(SYS_setsockopt, fd, IPPROTO_UDP, UDP_GRO, &on,
	    sizeof(on)) && RAW(SYS_setsockopt, fd, IPPROTO_UDP, UDP_GRO, &on,
	    sizeof(on)) == 0;
}

/* recvmsg(2) of no bytes, without waiting: 0, or a negative errno. */
static int
rx_bundle_bare(int fd, int flags)
{
	struct msghdr msg = { .msg_iov = NULL };

	return RAW(SYS_recvmsg, fd, &msg, flags | MSG_DONTWAIT) < 0 ? -errno :
								      0;
}

/* Does the program wait in no other way than a bundle allows? */
static bool
rx_bundle_suits(struct rx *in)
{
	int flags;

	if (conf_get()->set.no_bundles || !seccomp_unfiltered() ||
	    user_filter_present(in->s))
		return false;
	flags = real_fcntl(in->fd, F_GETFL, NULL);
	return flags >= 0 && (flags & O_ASYNC) == 0;
}

static struct rx_bundle *
rx_bundle_map(struct sock *s)
{
	struct rx_bundle *is = atomic_load(&s->bundle);
	void *p;

	if (is != NULL)
		return is;
	p = mmap(NULL, sizeof(*is), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&s->bundle, &is, p))
		return p;
	(void)munmap(p, sizeof(*is)); /* another thread was faster */
	return is;
}

/* Switches bundles on. */
static void
rx_bundle_on(struct rx *in)
{
	struct slot_rx *r = rx_bundle_shared(in->s);

	if (atomic_load(&r->shared) != 0 ||
	    arena_now() - atomic_load(&r->since) < REST_US ||
	    !rx_bundle_suits(in) ||
	    rx_bundle_map(in->s) == NULL || !reentry_lock(in->s->map.arena))
		return;
	if (atomic_load(&r->mode) == OFF) {
		/* Who takes counts itself first, then looks at the mode. */
		atomic_store(&r->leaving, 0);
		atomic_fetch_add(&r->changes, 1);
		atomic_store(&r->mode, ON);
		if (atomic_load(&r->taking) != 0 ||
		    atomic_load(&r->waiting) != 0 ||
		    !rx_bundle_set(in->fd, 1)) {
			atomic_store(&r->mode, OFF);
		}
		atomic_store(&r->since, arena_now());
	}
	reentry_unlock(in->s->map.arena);
}

void
rx_bundle_pace(struct rx *in)
{
	struct sock *s = in->s;
	uint64_t now, was;

	if (s->map.arena == NULL ||
	    atomic_load(&rx_bundle_shared(s)->mode) != OFF)
		return;
	now = in->info.arrival;
	if (now != MP_NEVER && now - atomic_load(&s->came_at) < CLOSE_US)
		atomic_fetch_add(&s->close, 1);
	atomic_store(&s->came_at, now);
	if (atomic_fetch_add(&s->paced, 1) % ROUND != ROUND - 1)
		return;
	was = atomic_exchange(&s->pace_at, now);
	if (atomic_exchange(&s->close, 0) >= ROUND / 2 && now != MP_NEVER &&
	    now - was < ROUND * FAST_US)
		rx_bundle_on(in);
}

/* The queue was found empty: switches bundles off, if it still is.  `changes'
 * grows, so that no reader trusts what it found without the option. */
static void
rx_bundle_off(struct rx *in)
{
	struct slot_rx *r = rx_bundle_shared(in->s);

	if (!reentry_lock(in->s->map.arena)) {
		in->stay = true;
		return;
	}
	if (atomic_load(&r->mode) == ON) {
		atomic_fetch_add(&r->changes, 1);
		if (!rx_bundle_set(in->fd, 0)) {
			in->stay = true;
		} else if (rx_bundle_bare(in->fd, MSG_PEEK) == -EAGAIN) {
			atomic_store(&r->mode, OFF);
			atomic_store(&r->leaving, 0);
			atomic_store(&r->since, arena_now());
		} else {
			(void)rx_bundle_set(in->fd, 1);
		}
		atomic_fetch_add(&r->changes, 1);
	}
	reentry_unlock(in->s->map.arena);
}

/* --- What lies first ------------------------------------------------------ */

static uint64_t
rx_bundle_id(const struct rx *in)
{
	struct {
		struct timespec stamp;
		uint64_t total;
		uint8_t begins[32];
	} of;

	memset(&of, 0, sizeof(of));
	of.stamp = in->info.stamp;
	of.total = in->total;
	memcpy(of.begins, in->packet, in->total < sizeof(of.begins) ?
	    in->total : sizeof(of.begins));
	return net_hash(&of, sizeof(of));
}

/* How many of its datagrams are done with.  Only under the lock is it sure. */
static unsigned
rx_bundle_given(const struct rx *in)
{
	const struct slot_rx *r = rx_bundle_shared(in->s);

	return atomic_load(&r->id) == in->id ? atomic_load(&r->given) : 0;
}

/* Makes packet `seg' of the bundle the next one. */
static void
rx_bundle_at(struct rx *in, unsigned seg)
{
	size_t off = seg * in->each;

	in->seg = seg;
	in->packet = in->packets + off;
	in->packet_len = in->total - off < in->each ? in->total - off :
	    in->each;
	in->info.segment = 0;
	in->queued = true;
}

bool
rx_bundle_owns(const struct rx *in)
{
	const struct slot_rx *r;

	if (!in->queued)
		return true;
	r = rx_bundle_shared(in->s);
	return atomic_load(&r->mode) == ON &&
	    rx_bundle_changes(in->s) == in->changes &&
	    rx_bundle_given(in) == in->seg;
}

void
rx_bundle_advance(struct rx *in, unsigned to)
{
	struct slot_rx *r;
	int i, v = -EINTR;

	if (!in->queued)
		return;
	in->queued = false;
	r = rx_bundle_shared(in->s);
	atomic_store(&r->id, in->id);
	atomic_store(&r->given, to);
	if (to < in->n)
		return;
	for (i = 0; i < POPS && v != 0 && v != -EAGAIN; i++) {
		v = rx_bundle_bare(in->fd, 0);
		if (v != 0 && icmp_is_error(in->s, v))
			icmp_later(in->s);
	}
	/* Not before: who notes this number looks at the queue behind it. */
	atomic_fetch_add(&r->changes, 1);
}

int
rx_bundle_claim(struct rx *in, unsigned n)
{
	bool is;

	if (!in->queued)
		return RX_GIVE;
	if (!reentry_lock(in->s->map.arena))
		return -EAGAIN;
	is = rx_bundle_owns(in);
	if (is)
		rx_bundle_advance(in, in->seg + n);
	reentry_unlock(in->s->map.arena);
	return is ? RX_GIVE : RX_DROP;
}

bool
rx_bundle_is_on(const struct sock *s)
{
	return atomic_load(&rx_bundle_shared(s)->mode) != OFF;
}

/* A bundle is done with, but still there: its reader died before it took it
 * away. */
static int
rx_bundle_remove(struct rx *in)
{
	struct slot_rx *r = rx_bundle_shared(in->s);

	if (!reentry_lock(in->s->map.arena))
		return -EAGAIN;
	if (atomic_load(&r->mode) == ON &&
	    rx_bundle_changes(in->s) == in->changes &&
	    rx_bundle_given(in) >= in->n) {
		in->queued = true;
		rx_bundle_advance(in, in->n);
	}
	reentry_unlock(in->s->map.arena);
	return MOVED;
}

/* The next packet is in the cache. */
static bool
rx_bundle_cached(struct rx *in)
{
	struct sock *s = in->s;
	struct rx_bundle *b;
	const struct rx *head;
	unsigned seg;

	if (in->cache == NULL) {
		b = rx_bundle_map(s);
		if (b == NULL || atomic_exchange(&s->bundle_busy, 1) != 0)
			return false;
		in->cache = b;
	}
	head = &in->cache->head;
	if (!s->bundle_valid || head->changes != rx_bundle_changes(s))
		return false;
	in->changes = head->changes;
	in->id = head->id;
	seg = rx_bundle_given(in);
	if (seg >= head->n)
		return false;
	in->n = head->n;
	in->each = head->each;
	in->total = head->total;
	in->packets = in->cache->packets;
	in->info = head->info;
	in->from = head->from;
	in->zone = head->zone;
	in->flowinfo = head->flowinfo;
	in->kflags = head->kflags;
	rx_bundle_at(in, seg);
	return true;
}

void
rx_bundle_done(struct rx *in)
{
	if (in->cache == NULL)
		return;
	in->cache = NULL;
	atomic_store(&in->s->bundle_busy, 0);
}

/* Counts bundles, and ends them if they have hardly more than one datagram.
 * Those that arrived before the kernel was to make any do not count. */
static void
rx_bundle_weigh(struct rx *in)
{
	struct sock *s = in->s;
	struct slot_rx *r = rx_bundle_shared(s);
	uint32_t was;

	if (in->info.arrival < atomic_load(&r->since))
		return;
	was = atomic_fetch_add(&s->paced, 1);
	atomic_fetch_add(&s->pace_at, in->n);
	if (was % ROUND != ROUND - 1)
		return;
	if (atomic_exchange(&s->pace_at, 0) < 2 * ROUND)
		rx_bundle_leave(s);
}

/* The packet or bundle that was looked at. */
static int
rx_bundle_found(struct rx *in)
{
	struct rx_bundle *b = in->cache;
	unsigned seg;

	if (atomic_load(&rx_bundle_shared(in->s)->mode) != ON)
		return MOVED;
	in->total = in->packet_len;
	in->each = in->info.segment;
	if (in->each == 0 || in->each > in->total)
		in->each = in->total;
	in->n = in->total == 0 ? 1 : (unsigned)((in->total + in->each - 1) /
	    in->each);
	in->id = rx_bundle_id(in);
	rx_bundle_weigh(in);
	if (b != NULL) {
		b->head = *in;
		b->base = b->ready = b->region.n = 0;
		in->s->bundle_valid = true;
	}
	seg = rx_bundle_given(in);
	if (seg >= in->n)
		return rx_bundle_remove(in);
	rx_bundle_at(in, seg);
	return 0;
}

/* Looks at what lies first in the queue. */
static int
rx_bundle_look(struct rx *in, int flags, bool *again)
{
	struct slot_rx *r = rx_bundle_shared(in->s);
	bool waits = (flags & MSG_DONTWAIT) == 0, leaving;
	int v;

	flags |= MSG_PEEK;
	in->packets = in->packet = in->cache != NULL ? in->cache->packets :
	    in->buf->packet;
	if (in->cache != NULL)
		in->s->bundle_valid = false; /* its packets are overwritten */
	if (waits && atomic_fetch_add(&r->waiting, 1) > 0)
		rx_bundle_leave(in->s);
	in->changes = rx_bundle_changes(in->s);
	leaving = atomic_load(&r->leaving) != 0 && !in->stay;
	v = leaving ? rx_packet(in, flags | MSG_DONTWAIT) :
	    *again ? rx_packet_again(in, flags) : rx_packet(in, flags);
	if (waits)
		atomic_fetch_sub(&r->waiting, 1);
	if (v == -EAGAIN && leaving) {
		rx_bundle_off(in);
		return MOVED;
	}
	*again = true;
	if (v == RX_GIVE && (in->flags & MSG_PEEK) == 0)
		return rx_packet(in, flags & ~MSG_PEEK);
	return v != 0 ? v : rx_bundle_found(in);
}

/* Takes a packet, while the mode is off; MOVED: it is not. */
static int
rx_bundle_take(struct rx *in, int flags, bool again)
{
	struct slot_rx *r = rx_bundle_shared(in->s);
	int v = MOVED;

	atomic_fetch_add(&r->taking, 1);
	if (atomic_load(&r->mode) == OFF)
		v = again ? rx_packet_again(in, flags) : rx_packet(in, flags);
	atomic_fetch_sub(&r->taking, 1);
	return v;
}

int
rx_bundle_next(struct rx *in, int flags, bool again)
{
	struct sock *s = in->s;
	int v = MOVED;

	if (s->map.arena != NULL)
		rx_bundle_note_reader(s, rx_bundle_shared(s));
	while (v == MOVED) {
		in->queued = false;
		in->seg = 0;
		in->packet = in->buf->packet;
		if (s->map.arena == NULL)
			v = again ? rx_packet_again(in, flags) :
			    rx_packet(in, flags);
		else if (atomic_load(&rx_bundle_shared(s)->mode) == OFF)
			v = rx_bundle_take(in, flags, again);
		else if (rx_bundle_cached(in))
			v = 0;
		else
			v = rx_bundle_look(in, flags, &again);
	}
	return v;
}

/* --- Opening -------------------------------------------------------------- */

bool
rx_bundle_open(struct rx *in)
{
	struct rx_bundle *b = in->cache;
	struct mp_rx_bundle *g;
	unsigned i;
	size_t at, len;

	if (b == NULL || !in->queued)
		return false;
	g = &b->region;
	if (in->seg >= b->base && in->seg < b->base + g->n)
		return in->seg <= b->ready;
	b->base = b->ready = in->seg;
	at = in->seg * in->each;
	g->rx = (struct mp_rx) { .path = { .local = in->info.local,
		.remote = in->from, .ifindex = in->info.ifindex },
		.arrival = in->info.arrival };
	g->n = 0;
	if (!reentry_lock(in->s->map.arena))
		return false;
	attach_refresh(in->s);
	g->n = mp_recv_bundle_begin(&in->s->map.mp, arena_now(), g, in->packet,
	    in->each, in->total - at);
	reentry_unlock(in->s->map.arena);
	for (i = 0; i < g->n; i++, at += in->each) {
		len = in->total - at < in->each ? in->total - at : in->each;
		g->one[i].opened = mp_recv_bundle_open(g, i, b->packets + at,
		    len, b->opened + at);
	}
	return g->n > 0;
}
