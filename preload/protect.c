/* SPDX-License-Identifier: ISC */
#include "protect.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "allowed.h"
#include "ask.h"
#include "conf.h"
#include "forked.h"
#include "guard.h"
#include "iov.h"
#include "join.h"
#include "ksock.h"
#include "late.h"
#include "libc.h"
#include "net.h"
#include "opts.h"
#include "pmtu.h"
#include "revive.h"
#include "uapi.h"
#include "wake.h"

enum {
	TRIES = 16, /* flows that a datagram is tried on */
	/* What of the program's flags is right for another packet than its own:
	 * not MSG_ZEROCOPY, since the buffer is used again at once. */
	KEPT = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_DONTROUTE,
	SEGMENTS = 128, /* UDP_MAX_SEGMENTS */
	PATIENCE_US = 1000000, /* of --prefer */
};

/* A datagram on its way. */
struct out {
	int fd, flags;
	struct sock *s;
	struct mp_addr dst;
	struct guard_buf *buf;
	const uint8_t *payload;
	size_t len;
	struct ask ask;
	bool df;
	bool as_is; /* it wants no protection: see protect() */
};

/* MSG_FASTOPEN means nothing to UDP; a TCP socket that has the number of ours by
 * now would take the packet, but refuses it so. */
static int
transmit(const struct out *o, struct mp_tx *tx, int flags)
{
	struct sockaddr_in6 to;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];
	struct iovec iov = { .iov_base = o->buf->packet };
	struct msghdr msg = { .msg_name = &to, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = room };

	memset(room, 0, 64);
	net_aim(&msg, o->s->kernel, &tx->path);
	ask_add(&o->ask, &msg, &tx->path.remote);
	iov.iov_len = mp_seal(tx, o->payload, o->len, o->buf->packet);
	if (allowed_sendmsg(o->fd, &msg, flags | MSG_FASTOPEN) >= 0)
		return 0;
	/* An ICMP error of another packet is told once. */
	return pmtu_stray(o->s, -errno) && allowed_sendmsg(o->fd, &msg,
	    flags | MSG_FASTOPEN) >= 0 ? 0 : -errno;
}

/*
 * Would the kernel send it?  Nothing else tells, where nothing is sent, that
 * there is no way there, that it is longer than a packet may be, or that the
 * descriptor is another file by now.
 */
static int
may_hold(const struct out *o)
{
	size_t head = (net_is_v4(&o->dst) ? 28 : 48) + MP_OVERHEAD;
	int mtu, error;

	if (o->s->wants.shut)
		return -EPIPE;
	if (!ksock_same(o->fd, o->s))
		return -ENOTSOCK;
	error = ask_probe(o->fd, o->s, &o->dst, NULL);
	if (error == -ENETUNREACH || error == -EHOSTUNREACH ||
	    error == -EACCES)
		return error;
	mtu = o->df ? net_mtu(o->s->kernel, &o->dst) : 0;
	return mtu > 0 && o->len + head > (size_t)mtu ? -EMSGSIZE : 0;
}

/* Which of our addresses the kernel would send it from. */
static void
source(const struct out *o, uint8_t ip[16])
{
	struct mp_addr from = o->ask.source;

	if (net_is_any(&from))
		from = o->s->local;
	if (net_is_any(&from) && ALLOWED(SYS_getsockname) &&
	    (ksock_name(o->fd, &from) != 0 || net_is_any(&from)) &&
	    !net_source(o->s->kernel, &o->dst, &from))
		memset(&from, 0, sizeof(from));
	memcpy(ip, from.ip, sizeof(from.ip));
}

/* No session yet: keeps it. */
static int
hold(struct out *o, uint64_t now)
{
	struct mp_wish wish = { .plain_us = conf_prefer(&o->dst) ?
	    PATIENCE_US : 0 };
	int error = may_hold(o);
	bool late;

	if (error != 0)
		return error;
	ask_wish(&o->ask, o->s, &wish);
	wish.df = o->df;
	source(o, wish.source);
	if (!guard_lock(o->s->map.arena))
		return 0;
	error = mp_hold(&o->s->map.mp, now, o->s->slot, &o->dst, &wish,
	    o->payload, o->len);
	late = wake_late(o->s);
	guard_unlock(o->s->map.arena);
	if (error != 0)
		return error;
	if (late)
		wake_agent(o->fd, o->s);
	return 0;
}

static int
refused(const struct out *o, int error)
{
	if (error == MP_EHOSTUNREACH)
		wake_say_silent(&o->dst);
	return error;
}

static void send_late(const struct late *, const uint8_t *payload);

static void
put_off(const struct out *o)
{
	struct late l = { .send = send_late, .fd = o->fd, .flags = o->flags,
		.cookie = o->s->cookie, .forks = forked_times(),
		.dst = o->dst, .ask = o->ask, .len = o->len };

	l.ask.socket = NULL; /* whose messages are the caller's */
	l.ask.df = o->df;
	late_put(&l, o->payload);
}

/* One try: 0, a negative errno, or 1 to begin anew. */
static int
attempt(struct out *o)
{
	struct sock *s = o->s;
	struct mp_tx tx[2];
	uint64_t now = arena_now();
	unsigned forks = forked_times();
	bool late;
	int n, i;

	if (atomic_load(&s->map.arena->moved))
		revive_follow(o->fd, s);
	if (!guard_lock(s->map.arena)) {
		if (guard_busy()) /* a handler within our own lock */
			put_off(o);
		return 0;
	}
	join_refresh(s);
	if (join_refused(s)) {
		guard_unlock(s->map.arena);
		return -ECONNREFUSED;
	}
	n = mp_send_begin(&s->map.mp, now, s->slot, &o->dst, 0, o->len,
	    o->df ? MP_DF : 0, tx);
	guard_unlock(s->map.arena);
	if (forked_times() != forks)
		return 1; /* the parent sends what was begun */
	o->as_is = n == 0;
	if (n == MP_EAGAIN)
		return hold(o, now);
	if (n <= 0)
		return refused(o, n);
	for (i = 0; i < n; i++)
		tx[i].error = transmit(o, &tx[i],
		    i == 0 ? o->flags : o->flags | MSG_DONTWAIT);
	if (!guard_lock(s->map.arena))
		return 0;
	n = mp_send_commit(&s->map.mp, now, tx, n, o->payload, o->len);
	late = wake_late(s);
	guard_unlock(s->map.arena);
	if (late)
		wake_agent(o->fd, s);
	return n;
}

static ssize_t
send_one(struct out *o)
{
	int i, n = 1;

	for (i = 0; i < TRIES && n == 1; i++)
		n = attempt(o);
	revive_agent(o->fd, o->s);
	if (n == 1)
		return -ENETUNREACH;
	return n < 0 ? n : (ssize_t)o->len;
}

/* What was put off; in a child the parent sends it. */
static void
send_late(const struct late *l, const uint8_t *payload)
{
	struct out o = { .fd = l->fd, .flags = l->flags | MSG_DONTWAIT,
		.dst = l->dst, .ask = l->ask, .df = l->ask.df,
		.payload = payload, .len = l->len };
	int saved = errno;
	bool known;

	if (forked_times() != l->forks)
		return;
	o.s = fdtab_hold(l->fd, &known);
	if (o.s == NULL)
		return;
	if (o.s->cookie == l->cookie &&
	    atomic_load(&o.s->state) == SOCK_JOINED &&
	    (o.buf = guard_take()) != NULL) {
		(void)send_one(&o);
		guard_give(o.buf);
	}
	fdtab_release(o.s);
	errno = saved;
}

/* How long each of its datagrams shall be, or a negative errno. */
static ssize_t
cut(const struct out *o, size_t whole)
{
	size_t size = o->ask.segment >= 0 ? (size_t)o->ask.segment :
					    o->s->segment;

	if (size == 0)
		return (ssize_t)whole;
	if (whole > size * SEGMENTS || o->s->wants.no_check)
		return -EINVAL;
	return (ssize_t)(size < whole ? size : whole);
}

/* All datagrams of a message.  What came after one that was sent is lost as on
 * the way, since the program would send all of it again. */
static ssize_t
send_all(struct out *o, size_t whole)
{
	ssize_t size = cut(o, whole), n;
	size_t at = 0;

	if (size < 0)
		return size;
	/* The kernel does not fragment those that it cuts. */
	o->df |= (size_t)size < whole;
	do {
		o->payload = o->buf->payload + at;
		o->len = whole - at < (size_t)size ? whole - at : (size_t)size;
		n = send_one(o);
		if (n < 0)
			return at > 0 ? (ssize_t)whole : n;
		at += o->len;
	} while (at < whole && !o->as_is);
	return (ssize_t)whole;
}

ssize_t
protect(int fd, struct sock *s, const struct mp_addr *to,
    const struct msghdr *msg, int flags, bool *as_is)
{
	struct out o = { .fd = fd, .s = s, .flags = flags & KEPT, .dst = *to };
	ssize_t n;

	opts_know(fd, s);
	n = ask_read(&o.ask, fd, s, to, msg);
	if (n < 0)
		return n;
	o.df = o.ask.df;
	o.buf = guard_take();
	if (o.buf == NULL)
		return -ENOBUFS;
	n = iov_gather(msg, o.buf->payload, MP_PAYLOAD_MAX);
	if (n >= 0 && (flags & MSG_PROBE) == 0)
		n = send_all(&o, (size_t)n);
	if (n == -EMSGSIZE && o.df)
		pmtu_exceeded(fd, s, to);
	guard_give(o.buf);
	*as_is = o.as_is;
	return n;
}
