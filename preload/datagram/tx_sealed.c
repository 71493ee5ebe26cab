/* SPDX-License-Identifier: ISC */
#include "tx_sealed.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "icmp.h"
#include "mp.h"
#include "pmtu.h"
#include "policy/dest_policy.h"
#include "process/forked.h"
#include "process/iov.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"
#include "socket/ksock.h"
#include "socket/notify.h"
#include "socket/recover.h"
#include "socket/sockopt.h"
#include "tx_bundle.h"
#include "tx_deferred.h"
#include "tx_gather.h"
#include "tx_option.h"
#include "tx_packet.h"
#include "tx_room.h"
#include "tx_staged.h"
#include "tx_stamp.h"

enum {
	TRIES = 16, /* flows that a datagram is tried on */
	/* Flags of the program's call that apply to packets, too.  Not
	 * MSG_ZEROCOPY: the library's buffer is used again at once. */
	KEPT = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_DONTROUTE,
	SEGMENTS = 128, /* UDP_MAX_SEGMENTS of linux/udp.h */
	LONGEST4 = 65507, /* bytes that the kernel makes them of, IPv4 */
	LONGEST6 = 65527,
};

/* Logs that a peer does not answer; returns the error. */
static int
tx_sealed_refused(const struct tx *o, int error)
{
	if (error == MP_EHOSTUNREACH)
		notify_silent_peer(&o->dst);
	return error;
}

static void tx_sealed_deferred(
    const struct tx_deferred *, const uint8_t *payload);

/* Called in a signal handler that interrupted this thread's own lock. */
static void
tx_sealed_defer(const struct tx *o)
{
	struct tx_deferred l = { .send = tx_sealed_deferred,
		.fd = o->fd,
		.flags = o->flags,
		.cookie = o->s->cookie,
		.forks = forked_times(),
		.dst = o->dst,
		.ask = o->ask,
		.len = o->len };

	l.ask.socket = NULL; /* points into the caller's message */
	l.ask.df = o->df;
	tx_deferred_put(&l, o->payload);
}

/* What tx_gather_put() gave: as tx_sealed_attempt(). */
static int
tx_sealed_gathered(struct tx *o, int n, uint64_t now)
{
	if (n == 3) {
		o->left = tx_room_left(o->fd, o->len);
		return 1;
	}
	if (n == 2)
		(void)tx_gather_send(o); /* what has no room stays accepted */
	if (n > 0)
		return 0;
	n = tx_gather_make_room(o);
	return n == 0 ? tx_staged_put(o, now) : n;
}

/* One try: 0, a negative errno, or 1 to begin anew. */
static int
tx_sealed_attempt(struct tx *o)
{
	struct mp *m = &o->s->map.mp;
	struct mp_tx tx[MP_TX_MAX];
	uint64_t now;
	unsigned forks = forked_times();
	int n = tx_packet_lock(o), i;

	if (n == -EDEADLK && reentry_busy())
		tx_sealed_defer(o);
	if (n != 0)
		return n == -EDEADLK ? 0 : n;
	now = arena_now(); /* not before: to wait may take long */
	n = tx_gather_put(o, now);
	if (n != 0) {
		tx_packet_unlock(o);
		return tx_sealed_gathered(o, n, now);
	}
	n = mp_send_begin(m, now, o->slot, &o->dst, 0, o->len,
	    o->df ? MP_DF : 0, tx);
	reentry_unlock(o->s->map.arena);
	if (forked_times() != forks)
		return 1; /* the parent sends what was begun before the fork */
	o->plain = n == 0;
	if (n == MP_EAGAIN)
		return tx_staged_put(o, now);
	if (n <= 0)
		return tx_sealed_refused(o, n);
	for (i = 0; i < n; i++)
		tx[i].error = tx_packet_send(o, &tx[i],
		    tx[i].copy ? o->flags | MSG_DONTWAIT : o->flags,
		    i == 0 ? o->stamps : 0);
	tx_option_keep(&o->ask, o->s, &tx[0]);
	if (!reentry_lock(o->s->map.arena))
		return 0;
	n = mp_send_commit(m, arena_now(), tx, n, o->payload, o->len);
	tx_packet_unlock(o);
	return n == -EAGAIN && o->room ? 1 : n;
}

/* Sends one datagram: bytes, or a negative errno. */
static ssize_t
tx_sealed_one(struct tx *o)
{
	int i, n = 1;

	o->waits = 0;
	for (i = 0; i < TRIES && n == 1; i++) {
		o->room = false;
		n = tx_sealed_attempt(o);
	}
	recover_agent(o->fd, o->s);
	if (n == 1)
		return -ENETUNREACH;
	return n < 0 ? n : (ssize_t)o->len;
}

/* Sends a deferred datagram.  In the child of a fork the parent sends it. */
static void
tx_sealed_deferred(const struct tx_deferred *l, const uint8_t *payload)
{
	struct tx o = { .fd = l->fd, .flags = l->flags | MSG_DONTWAIT,
		.dst = l->dst, .ask = l->ask, .df = l->ask.df,
		.payload = payload, .len = l->len };
	int saved = errno;
	bool known;

	if (forked_times() != l->forks)
		return;
	o.s = fdtab_hold(l->fd, &known);
	if (o.s == NULL)
		return;
	o.stamps = tx_stamp_flags(o.s, &o.ask);
	if (o.s->cookie == l->cookie &&
	    atomic_load(&o.s->state) == SOCK_ATTACHED &&
	    (o.buf = reentry_take()) != NULL) {
		(void)tx_sealed_one(&o);
		reentry_give(o.buf);
	}
	fdtab_release(o.s);
	errno = saved;
}

/* --- By UDP_SEGMENT -------------------------------------------------------- */

/* The length of the datagrams that UDP_SEGMENT makes of a message, bytes; 0: it
 * makes none. */
static size_t
tx_sealed_segment_size(const struct tx *o)
{
	return o->ask.segment >= 0 ? (size_t)o->ask.segment : o->s->segment;
}

/* What the kernel says to a message of so many bytes: 0, or a negative
 * errno. */
static int
tx_sealed_segment_check(const struct tx *o, size_t whole, size_t size)
{
	bool v4 = net_is_v4(&o->dst);

	if (whole > (v4 ? LONGEST4 : LONGEST6))
		return -EMSGSIZE;
	/* IPv6 has another option for that. */
	return whole > size * SEGMENTS || (v4 && o->s->options.no_check) ?
	    -EINVAL : 0;
}

/*
 * The kernel does not fragment datagrams made by UDP_SEGMENT: are these to have
 * "don't fragment"?  Not once such have gone: the program will not expect that
 * a move to another path makes them too long, and they go in parts.
 */
static bool
tx_sealed_segment_df(const struct tx *o, size_t size)
{
	return size > atomic_load(&o->s->segmented);
}

/* A datagram that UDP_SEGMENT made is too long for the paths that are there.
 * Would plain UDP have sent it by the route? */
static bool
tx_sealed_segment_fits(const struct tx *o, size_t size)
{
	int mtu = net_mtu(o->s->kernel, &o->dst);

	return mtu == 0 || size + (net_is_v4(&o->dst) ? 28 : 48) <= (size_t)mtu;
}

/* Sends the first of several datagrams by itself. */
static ssize_t
tx_sealed_one_segment(struct tx *o, size_t size)
{
	ssize_t n = tx_sealed_one(o);

	if (n == -EMSGSIZE && !o->ask.df && tx_sealed_segment_fits(o, size)) {
		o->df = false;
		n = tx_sealed_one(o);
	}
	return n;
}

/* Sends some of them, from the first one on: how many, or a negative errno. */
static int
tx_sealed_segments(struct tx *o, const struct tx_run *run)
{
	ssize_t n;

	o->df = o->ask.df || tx_sealed_segment_df(o, run->len);
	n = tx_bundle_send(o, run, run->n);
	if (n == 0) {
		o->payload = run->payload;
		o->len = run->n > 1 ? run->len : run->last;
		n = tx_sealed_one_segment(o, run->len);
		n = n < 0 ? n : 1;
	}
	if (n > 0 && tx_sealed_segment_df(o, run->len))
		atomic_store(&o->s->segmented, (uint16_t)run->len);
	o->stamps = 0; /* the kernel stamps the first of them */
	return (int)n;
}

/* They follow others of their message, for which the kernel had room. */
static void
tx_sealed_stage_segments(struct tx *o, const struct tx_run *run)
{
	unsigned i;

	for (i = 0; i < run->n; i++) {
		o->payload = run->payload + i * run->stride;
		o->len = i + 1 < run->n ? run->len : run->last;
		if (tx_staged_put(o, arena_now()) != 0)
			return;
	}
}

/*
 * Sends all datagrams of a message.  After an error the program would send all
 * of them again.  So when there is no room after the first ones have gone, the
 * rest is staged; when one fails otherwise, the rest is lost, as on the network.
 */
static ssize_t
tx_sealed_all_segments(struct tx *o, size_t whole, size_t size)
{
	struct tx_run run = { .payload = o->buf->payload, .stride = size,
		.len = size, .n = (unsigned)((whole + size - 1) / size) };
	bool begun = false;
	int n;

	run.last = whole - (run.n - 1) * size;
	while (run.n > 0) {
		n = tx_sealed_segments(o, &run);
		if (n == -EAGAIN && begun)
			tx_sealed_stage_segments(o, &run);
		if (n < 0)
			return begun ? (ssize_t)whole : n;
		if (o->plain)
			break;
		begun = true;
		run.payload += (size_t)n * size;
		run.n -= (unsigned)n;
	}
	return (ssize_t)whole;
}

/* --- By sendmmsg ----------------------------------------------------------- */

/* Adds the payloads of more messages behind the first one's, which has `len'
 * bytes. */
static struct tx_run
tx_sealed_gather_more(struct tx *o, size_t len, const struct tx_more *more)
{
	struct tx_run run = { .payload = o->buf->payload, .stride = len,
		.len = len, .last = len, .n = 1 };
	ssize_t n;

	for (; run.n <= more->n; run.n++) {
		n = iov_gather(&more->msgs[run.n - 1].msg_hdr,
		    o->buf->payload + run.n * len, len);
		if (n < 0 || run.last < len)
			break; /* another thread has changed it */
		run.last = (size_t)n;
	}
	return run;
}

/* Sends all of them: as tx_sealed(). */
static ssize_t
tx_sealed_all_more(struct tx *o, size_t len, struct tx_more *more)
{
	struct tx_run run = tx_sealed_gather_more(o, len, more);
	unsigned done = 0;
	ssize_t n;

	while (run.n > 0) {
		n = tx_bundle_send(o, &run, tx_room_left(o->fd, len));
		if (n == 0) {
			o->payload = run.payload;
			o->len = run.n > 1 ? run.len : run.last;
			n = tx_sealed_one(o);
			n = n < 0 ? n : 1;
		}
		if (n < 0 && done == 0)
			return n;
		if (n < 0 || o->plain)
			break;
		done += (unsigned)n;
		run.payload += (size_t)n * run.stride;
		run.n -= (unsigned)n;
	}
	more->sent = done > 0 ? done - 1 : 0;
	return (ssize_t)len;
}

/* --- Either way ------------------------------------------------------------ */

static ssize_t
tx_sealed_send_all(struct tx *o, size_t whole, struct tx_more *more)
{
	size_t size = tx_sealed_segment_size(o);
	int error;

	o->stamps = tx_stamp_flags(o->s, &o->ask);
	if (size > 0 && whole > 0) {
		error = tx_sealed_segment_check(o, whole, size);
		return error != 0 ? error : tx_sealed_all_segments(o, whole,
		    size < whole ? size : whole);
	} else if (more != NULL && o->stamps == 0 && whole > 0) {
		return tx_sealed_all_more(o, whole, more);
	}
	o->payload = o->buf->payload;
	o->len = whole;
	o->single = true;
	return tx_sealed_one(o);
}

ssize_t
tx_sealed(int fd, struct sock *s, const struct mp_addr *to,
    const struct msghdr *msg, int flags, struct tx_more *more, bool *plain)
{
	struct tx o = { .fd = fd, .s = s, .flags = flags & KEPT, .dst = *to };
	ssize_t n;

	sockopt_know(fd, s);
	n = tx_option_read(&o.ask, fd, s, to, msg);
	if (n < 0)
		return n;
	o.df = o.ask.df;
	o.buf = reentry_take();
	if (o.buf == NULL)
		return -ENOBUFS;
	n = icmp_look_due(fd, s, o.buf);
	if (n == 0)
		n = iov_gather(msg, o.buf->payload, tx_sealed_segment_size(&o) >
		    0 ? REENTRY_PAYLOAD : MP_PAYLOAD_MAX);
	if (n >= 0 && (flags & MSG_PROBE) == 0)
		n = tx_sealed_send_all(&o, (size_t)n, more);
	if (n == -EMSGSIZE && o.df)
		pmtu_exceeded(fd, s, to);
	reentry_give(o.buf);
	*plain = o.plain;
	return n;
}
