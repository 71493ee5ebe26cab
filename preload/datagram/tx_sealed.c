/* SPDX-License-Identifier: ISC */
#include "tx_sealed.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "mp.h"
#include "pmtu.h"
#include "policy/dest_policy.h"
#include "process/forked.h"
#include "process/iov.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/sibling.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/ksock.h"
#include "socket/notify.h"
#include "socket/recover.h"
#include "socket/sockopt.h"
#include "tx_deferred.h"
#include "tx_option.h"
#include "tx_packet.h"
#include "tx_staged.h"
#include "tx_stamp.h"

enum {
	TRIES = 16, /* flows that a datagram is tried on */
	/* Flags of the program's call that apply to packets, too.  Not
	 * MSG_ZEROCOPY: the library's buffer is used again at once. */
	KEPT = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_DONTROUTE,
	SEGMENTS = 128, /* UDP_MAX_SEGMENTS of linux/udp.h */
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

/* One try: 0, a negative errno, or 1 to begin anew. */
static int
tx_sealed_attempt(struct tx *o)
{
	struct sock *s = o->s;
	struct mp_tx tx[MP_TX_MAX];
	uint64_t now = arena_now();
	unsigned forks = forked_times();
	bool late;
	int n, i;

	if (atomic_load(&s->map.arena->moved))
		recover_follow(o->fd, s);
	if (!reentry_lock(s->map.arena)) {
		if (reentry_busy())
			tx_sealed_defer(o);
		return 0;
	}
	attach_refresh(s);
	if (attach_refused(s)) {
		reentry_unlock(s->map.arena);
		return -ECONNREFUSED;
	}
	o->slot = sibling_sender(&s->map, s->slot, &o->dst);
	n = mp_send_begin(&s->map.mp, now, o->slot, &o->dst, 0, o->len,
	    o->df ? MP_DF : 0, tx);
	reentry_unlock(s->map.arena);
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
	if (!reentry_lock(s->map.arena))
		return 0;
	n = mp_send_commit(&s->map.mp, arena_now(), tx, n, o->payload, o->len);
	late = notify_due(s);
	reentry_unlock(s->map.arena);
	if (late)
		notify_agent(o->fd, s);
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

/* The length of the datagrams that UDP_SEGMENT makes of a message, bytes; or a
 * negative errno. */
static ssize_t
tx_sealed_segment_size(const struct tx *o, size_t whole)
{
	size_t size = o->ask.segment >= 0 ? (size_t)o->ask.segment :
					    o->s->segment;

	if (size == 0)
		return (ssize_t)whole;
	if (whole > size * SEGMENTS || o->s->options.no_check)
		return -EINVAL;
	return (ssize_t)(size < whole ? size : whole);
}

/* Sends all datagrams of a message.  When one fails after another was sent, the
 * rest is lost, as on the network: after an error the program would send all of
 * them again. */
static ssize_t
tx_sealed_send_all(struct tx *o, size_t whole)
{
	ssize_t size = tx_sealed_segment_size(o, whole), n;
	size_t at = 0;

	if (size < 0)
		return size;
	/* The kernel does not fragment datagrams made by UDP_SEGMENT. */
	o->df |= (size_t)size < whole;
	o->stamps = tx_stamp_flags(o->s, &o->ask);
	do {
		o->payload = o->buf->payload + at;
		o->len = whole - at < (size_t)size ? whole - at : (size_t)size;
		n = tx_sealed_one(o);
		if (n < 0)
			return at > 0 ? (ssize_t)whole : n;
		o->stamps = 0; /* the kernel stamps the first of them */
		at += o->len;
	} while (at < whole && !o->plain);
	return (ssize_t)whole;
}

ssize_t
tx_sealed(int fd, struct sock *s, const struct mp_addr *to,
    const struct msghdr *msg, int flags, bool *plain)
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
	n = iov_gather(msg, o.buf->payload, MP_PAYLOAD_MAX);
	if (n >= 0 && (flags & MSG_PROBE) == 0)
		n = tx_sealed_send_all(&o, (size_t)n);
	if (n == -EMSGSIZE && o.df)
		pmtu_exceeded(fd, s, to);
	reentry_give(o.buf);
	*plain = o.plain;
	return n;
}
