/* SPDX-License-Identifier: ISC */
#include "rx_sealed.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "mp.h"
#include "process/reentry.h"
#include "rx_bundle.h"
#include "rx_packet.h"
#include "rx_requeue.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/raw.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/notify.h"
#include "socket/recover.h"

/* Is a session's datagram this socket's?  So it is, too, if the session is with
 * another socket of the port, which was connected to the peer only after the
 * datagram had arrived here: the kernel leaves such where they are.  [lock] */
static bool
rx_sealed_is_own(const struct rx *in, const struct mp_rx *rx)
{
	const struct slot *other = &in->s->map.arena->slot[rx->slot %
	    MP_SLOTS_MAX];

	return rx->slot == in->s->slot || (!in->s->connected &&
	    other->connected && net_equal(&other->peer, &rx->from) &&
	    in->info.arrival < other->since);
}

/* Datagrams are missing: tells the engine how many packets the kernel had no room
 * for, of which one may be a whole bundle. */
static void
rx_sealed_tell_drops(struct rx *in)
{
	struct sock *s = in->s;
	uint32_t info[SK_MEMINFO_DROPS + 1] = { 0 };
	socklen_t len = sizeof(info);

	if (!SECCOMP_ALLOWS(SYS_getsockopt, in->fd, SOL_SOCKET, SO_MEMINFO,
	    info, &len) || RAW(SYS_getsockopt, in->fd, SOL_SOCKET, SO_MEMINFO,
	    info, &len) != 0 || len < sizeof(info) ||
	    !reentry_lock(s->map.arena))
		return;
	mp_recv_dropped(&s->map.mp, arena_now(), s->slot,
	    info[SK_MEMINFO_DROPS] - arena_own_drops(&s->map, s->slot),
	    rx_bundle_is_on(s) ? MP_BUNDLE_MAX : 1);
	reentry_unlock(s->map.arena);
}

static void
rx_sealed_unlock(struct rx *in)
{
	bool late = notify_due(in->s);
	bool missed = mp_recv_missed(&in->s->map.mp, in->s->slot);

	reentry_unlock(in->s->map.arena);
	if (missed)
		rx_sealed_tell_drops(in);
	if (late)
		notify_agent(in->fd, in->s);
}

/* --- One packet ----------------------------------------------------------- */

/* MSG_PEEK: would the opened packet be given?  RX_GIVE or RX_DROP. */
static int
rx_sealed_peek(struct rx *in, struct mp_rx *rx, int opened)
{
	enum mp_verdict v;

	if (!reentry_lock(in->s->map.arena))
		return RX_DROP;
	v = mp_recv_peek(&in->s->map.mp, arena_now(), rx, in->buf->payload,
	    opened);
	in->own = rx_sealed_is_own(in, rx);
	rx_sealed_unlock(in);
	return v == MP_DELIVER && in->own;
}

static enum mp_verdict
rx_sealed_commit(struct rx *in, struct mp_rx *rx, uint8_t *opened, int len)
{
	struct sock *s = in->s;
	enum mp_verdict v = MP_DROPPED;

	if (!reentry_lock(s->map.arena))
		return MP_DROPPED;
	if (rx_bundle_owns(in)) {
		v = mp_recv_commit(&s->map.mp, arena_now(), rx, opened, len);
		if (v == MP_JOIN)
			v = mp_recv_join(&s->map.mp, rx, opened,
			    REENTRY_PAYLOAD);
		in->own = rx_sealed_is_own(in, rx);
		rx_bundle_advance(in, in->seg + 1);
	}
	rx_sealed_unlock(in);
	return v;
}

/* Finds the session: RX_GIVE, the packet can be opened. */
static int
rx_sealed_begin(struct rx *in, struct mp_rx *rx, bool peek)
{
	struct sock *s = in->s;
	enum mp_verdict v;

	if (!reentry_lock(s->map.arena))
		return in->queued ? -EAGAIN : RX_DROP;
	attach_refresh(s);
	v = mp_recv_begin(&s->map.mp, arena_now(), rx, in->packet,
	    in->packet_len);
	if (v != MP_SEALED && !peek && rx_bundle_owns(in))
		rx_bundle_advance(in, in->seg + 1);
	reentry_unlock(s->map.arena);
	return v == MP_SEALED ? RX_GIVE : RX_DROP;
}

static int
rx_sealed_one(struct rx *in, bool peek)
{
	struct mp_rx rx = { .path = { .local = in->info.local,
		.remote = in->from, .ifindex = in->info.ifindex },
		.arrival = in->info.arrival };
	/* Beside the packet where that is needed once more, or where the room
	 * behind it, for mp_recv_join(), is too small. */
	uint8_t *to = peek || in->packet != in->buf->packet ?
	    in->buf->payload : in->packet;
	int opened, v = rx_sealed_begin(in, &rx, peek);

	if (v != RX_GIVE)
		return v;
	opened = mp_open(&rx, in->packet, in->packet_len, to);
	if (peek) {
		if (!rx_sealed_peek(in, &rx, opened))
			return RX_DROP;
	} else if (rx_sealed_commit(in, &rx, to, opened) != MP_DELIVER)
		return RX_DROP;
	if (!in->own) {
		rx_requeue_to(in, rx.slot, &rx.from, to + rx.off, rx.len);
		return RX_DROP;
	}
	in->from = rx.from;
	in->payload = to + rx.off;
	in->len = rx.len;
	return RX_GIVE;
}

/* --- Several -------------------------------------------------------------- */

/* Where the packets end that are committed now, from `at' on: all, or one that
 * opened and what did not around it, so that this does not leave the socket
 * readable for nothing. */
static unsigned
rx_sealed_extent(const struct mp_rx_bundle *g, unsigned at, bool all)
{
	if (all)
		return g->n;
	while (at < g->n && g->one[at].opened < 0)
		at++;
	if (at < g->n)
		at++;
	while (at < g->n && g->one[at].opened < 0)
		at++;
	return at;
}

/* [lock] */
static void
rx_sealed_commit_to(struct rx *in, struct rx_bundle *b, unsigned to)
{
	unsigned from = b->ready - b->base;

	if (to <= from)
		return;
	(void)mp_recv_bundle_commit(&in->s->map.mp, arena_now(), &b->region,
	    from, to, b->opened + b->ready * b->head.each, b->head.each);
	b->ready = b->base + to;
}

/* Of the committed packets at..to: the next datagram, and for `all' those of the
 * same length behind it, of which the last may be shorter.  Returns the number
 * of the packet behind them; *first is `to' if there is none. */
static unsigned
rx_sealed_run(const struct mp_rx_bundle *g, unsigned at, unsigned to, bool all,
    unsigned *first)
{
	size_t len = 0;
	unsigned i;

	*first = to;
	for (i = at; i < to; i++) {
		if (g->one[i].verdict != MP_DELIVER)
			continue;
		if (*first == to) {
			*first = i;
			len = g->one[i].len;
		} else if (!all || len == 0 || g->one[i].len > len ||
		    g->one[i].len == 0) {
			break;
		} else if (g->one[i].len < len) {
			return i + 1;
		}
	}
	return i;
}

/* Puts the payloads side by side: those of one kernel bundle do not exceed a
 * buffer. */
static void
rx_sealed_gather(struct rx *in, struct rx_bundle *b, unsigned first,
    unsigned end)
{
	const struct mp_rx_bundle *g = &b->region;
	uint8_t *at = b->opened + (b->base + first) * b->head.each +
	    g->one[first].off;
	unsigned i;

	in->payload = at;
	in->len = 0;
	for (i = first; i < end; i++) {
		if (g->one[i].verdict != MP_DELIVER)
			continue;
		if (i > first) {
			memmove(at, b->opened + (b->base + i) * b->head.each +
			    g->one[i].off, g->one[i].len);
			in->info.segment = (uint32_t)g->one[first].len;
		}
		at += g->one[i].len;
		in->len += g->one[i].len;
	}
}

static void
rx_sealed_requeue(struct rx *in, const struct rx_bundle *b, unsigned first,
    unsigned end)
{
	const struct mp_rx_bundle *g = &b->region;
	unsigned i;

	for (i = first; i < end; i++)
		if (g->one[i].verdict == MP_DELIVER)
			rx_requeue_to(in, g->rx.slot, &g->rx.from, b->opened +
			    (b->base + i) * b->head.each + g->one[i].off,
			    g->one[i].len);
}

static int
rx_sealed_several(struct rx *in, struct rx_bundle *b)
{
	struct mp_rx_bundle *g = &b->region;
	bool all = in->s->options.gro && !atomic_load(&in->s->peeked);
	unsigned at = in->seg - b->base, to = rx_sealed_extent(g, at, all),
		 first = to, end = to;
	bool owns;

	if (!reentry_lock(in->s->map.arena))
		return -EAGAIN;
	owns = rx_bundle_owns(in);
	if (owns) {
		rx_sealed_commit_to(in, b, to);
		end = rx_sealed_run(g, at, to, all, &first);
		in->own = rx_sealed_is_own(in, &g->rx);
		rx_bundle_advance(in, b->base + end);
	}
	rx_sealed_unlock(in);
	if (!owns || first == to)
		return RX_DROP;
	if (!in->own) {
		rx_sealed_requeue(in, b, first, end);
		return RX_DROP;
	}
	in->from = g->rx.from;
	rx_sealed_gather(in, b, first, end);
	return RX_GIVE;
}

int
rx_sealed_open(struct rx *in, bool peek)
{
	if (atomic_load(&in->s->map.arena->moved))
		recover_follow(in->fd, in->s);
	if (!peek && rx_bundle_open(in))
		return rx_sealed_several(in, in->cache);
	return rx_sealed_one(in, peek);
}
