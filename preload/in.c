/* SPDX-License-Identifier: ISC */
#include "in.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cmsg.h"
#include "conf.h"
#include "guard.h"
#include "inner.h"
#include "join.h"
#include "libc.h"
#include "log.h"
#include "net.h"
#include "out.h"
#include "plain.h"
#include "revive.h"
#include "want.h"

/* A packet on its way to the program. */
struct in {
	int fd, flags;
	struct sock *s;
	struct guard_buf *buf;
	size_t packet_len;
	struct net_info info;
	struct mp_addr from;   /* as the kernel says, then as the program knows */
	const uint8_t *payload; /* for the program */
	size_t len;
	int kflags; /* that the kernel gave back */
};

enum verdict {
	IN_DROP = 0, /* the next one */
	IN_GIVE = 1, /* payload, len and from are for the program */
	/* or a negative errno */
};

/* Takes a packet from the kernel: 0, or a negative errno. */
static int
fetch(struct in *in, int flags)
{
	struct sockaddr_in6 name;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];
	struct iovec iov = { .iov_base = in->buf->packet,
		.iov_len = sizeof(in->buf->packet) };
	struct msghdr msg = { .msg_name = &name, .msg_namelen = sizeof(name),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof(room) };
	ssize_t n;

	n = real_recvmsg(in->fd, &msg, flags);
	if (n < 0)
		return -errno;
	in->packet_len = (size_t)n;
	in->kflags = msg.msg_flags;
	if (!net_get(&in->from, (struct sockaddr *)&name, msg.msg_namelen)) {
		/* Shut down for reading: nothing, from nobody. */
		in->payload = in->buf->packet;
		in->len = 0;
		return n == 0 ? 1 : -ENOTSOCK;
	}
	net_info(&msg, &in->info);
	return 0;
}

/* The slot that it is for has another socket: that one shall have it. */
static void
pass_on(struct in *in, const struct mp_rx *rx)
{
	struct inner inner = { .kind = INNER_DATA, .slot = rx->slot,
		.from = rx->from };

	(void)inner_send(in->s->map.arena, in->fd, &inner,
	    in->buf->packet + rx->off, rx->len, in->buf->payload);
}

/* It was taken but shall stay: it comes again as an internal datagram. */
static void
put_back(struct in *in)
{
	struct inner inner = { .kind = INNER_DATA, .slot = in->s->slot,
		.from = in->from };

	(void)inner_send(in->s->map.arena, in->fd, &inner, in->payload,
	    in->len, in->buf->payload);
}

/* A datagram of a session, looked at where it lies. */
static int
peek_sealed(struct in *in, struct mp_rx *rx, int opened)
{
	struct arena *a = in->s->map.arena;
	enum mp_verdict v;

	if (!guard_lock(a))
		return IN_DROP;
	v = mp_recv_peek(&in->s->map.mp, rx, in->buf->payload, opened);
	guard_unlock(a);
	return v == MP_DELIVER && rx->slot == in->s->slot;
}

static enum mp_verdict
commit(struct in *in, struct mp_rx *rx, const uint8_t *opened, int len)
{
	struct sock *s = in->s;
	enum mp_verdict v;
	bool late;

	if (!guard_lock(s->map.arena))
		return MP_DROPPED;
	v = mp_recv_commit(&s->map.mp, arena_now(), rx, opened, len);
	late = out_late(s);
	guard_unlock(s->map.arena);
	if (late)
		out_wake(in->fd, s);
	return v;
}

/*
 * A packet of a session.  When the program only peeks, it is opened beside
 * where it lies, so that it can be taken properly if it is no datagram.
 */
static int
take_sealed(struct in *in, bool peek)
{
	struct sock *s = in->s;
	struct mp_rx rx = { .path = { .local = in->info.local,
		.remote = in->from, .ifindex = in->info.ifindex },
		.arrival = in->info.arrival };
	uint8_t *to = peek ? in->buf->payload : in->buf->packet;
	enum mp_verdict v;
	int opened;

	if (atomic_load(&s->map.arena->moved))
		revive_follow(in->fd, s);
	if (!guard_lock(s->map.arena))
		return IN_DROP;
	join_refresh(s);
	v = mp_recv_begin(&s->map.mp, arena_now(), &rx, in->buf->packet,
	    in->packet_len);
	guard_unlock(s->map.arena);
	if (v != MP_SEALED)
		return IN_DROP;
	opened = mp_open(&rx, in->buf->packet, in->packet_len, to);
	if (peek) {
		if (!peek_sealed(in, &rx, opened))
			return IN_DROP;
	} else if (commit(in, &rx, to, opened) != MP_DELIVER)
		return IN_DROP;
	if (!peek && rx.slot != s->slot) {
		pass_on(in, &rx);
		return IN_DROP;
	}
	in->from = rx.from;
	in->payload = to + rx.off;
	in->len = rx.len;
	return IN_GIVE;
}

/* The port of its peer is closed. */
static int
take_refusal(struct sock *s, const struct mp_addr *peer)
{
	if (!s->connected || !net_equal(peer, &s->peer))
		return IN_DROP;
	if (guard_lock(s->map.arena)) {
		(void)join_refused(s); /* it is being said */
		guard_unlock(s->map.arena);
	}
	return -ECONNREFUSED;
}

/* What the agent, or another process of the port, had for us. */
static int
take_inner(struct in *in)
{
	struct sock *s = in->s;
	struct inner inner;
	char text[NET_TEXT];

	if (!inner_open(s->map.arena, &inner, in->buf->packet, in->packet_len))
		return IN_DROP;
	if (inner.slot != s->slot)
		return IN_DROP;
	if (inner.kind == INNER_DATA) {
		in->from = inner.from;
		in->payload = in->buf->packet + inner.off;
		in->len = inner.len;
		return IN_GIVE;
	}
	if (inner.kind != INNER_ERROR)
		return IN_DROP;
	if (inner_error(&inner, in->buf->packet) == ECONNREFUSED)
		return take_refusal(s, &inner.from);
	log_say(LOG_WARN, LOG_PEER, "no answer from %s: is the program there "
	    "run under mpshim with the other half of the same key, and is its "
	    "UDP port open?", net_text(&inner.from, text));
	return s->connected && net_equal(&inner.from, &s->peer) ?
	    -EHOSTUNREACH : IN_DROP;
}

/* Begins with this endpoint's byte, and has the length for it. */
static bool
sealed(const struct in *in)
{
	const uint8_t *p = in->buf->packet;

	return in->packet_len >= MP_OVERHEAD &&
	    p[0] == mp_sid_prefix(&in->s->map.mp) && p[6] == 0 && p[7] == 0;
}

/* Plaintext that the kernel's filter let through. */
static bool
take_plain(const struct in *in)
{
	const struct conf *conf = conf_get();

	if (!want_plain(in->s, &in->from, &in->info.local))
		return false;
	if (!conf->accept_plain && !conf->prefer)
		return true;
	if (conf_way(&in->from) == WAY_PLAIN)
		return true;
	if (!plain_comes(in->s, &in->from))
		return false;
	plain_came(&in->from);
	return true;
}

static int
classify(struct in *in, bool peek)
{
	struct sock *s = in->s;
	int v;

	if (s->map.arena == NULL)
		v = IN_GIVE;
	else if (inner_is(s->map.arena, in->buf->packet, in->packet_len))
		v = take_inner(in);
	else if (sealed(in))
		v = take_sealed(in, peek);
	else
		v = IN_GIVE;
	if (v != IN_GIVE)
		return v;
	if (in->payload == NULL) { /* plaintext */
		in->payload = in->buf->packet;
		in->len = in->packet_len;
		return take_plain(in) ? IN_GIVE : IN_DROP;
	}
	return !s->connected || net_equal(&in->from, &s->peer) ? IN_GIVE :
								 IN_DROP;
}

/* The next datagram for the program: 0, or a negative errno. */
static int
next(struct in *in)
{
	bool peek = (in->flags & MSG_PEEK) != 0;
	int error, v;

	for (;;) {
		in->payload = NULL;
		error = fetch(in, in->flags);
		if (error != 0)
			return error < 0 ? error : 0;
		v = classify(in, peek);
		if (v == IN_GIVE)
			return 0;
		if (v < 0 && !peek)
			return v;
		if (!peek)
			continue;
		/* What lies there is not for the program: take it away. */
		in->payload = NULL;
		error = fetch(in, (in->flags & ~MSG_PEEK) | MSG_DONTWAIT);
		if (error != 0)
			continue;
		v = classify(in, false);
		if (v == IN_GIVE) {
			put_back(in);
			return 0;
		}
		if (v < 0)
			return v;
	}
}

/* Into the program's buffers; returns how much found room. */
static size_t
scatter(const struct in *in, const struct msghdr *msg)
{
	size_t i, n, done = 0;

	for (i = 0; i < msg->msg_iovlen && done < in->len; i++) {
		n = in->len - done;
		if (msg->msg_iov[i].iov_base == NULL)
			continue;
		if (n > msg->msg_iov[i].iov_len)
			n = msg->msg_iov[i].iov_len;
		if (n > 0)
			memcpy(msg->msg_iov[i].iov_base, in->payload + done, n);
		done += n;
	}
	return done;
}

static ssize_t
give(struct in *in, struct msghdr *msg)
{
	size_t done = scatter(in, msg);
	int flags = in->kflags & ~(MSG_TRUNC | MSG_CTRUNC | MSG_CMSG_CLOEXEC);

	if (done < in->len)
		flags |= MSG_TRUNC;
	flags |= in->flags & MSG_CMSG_CLOEXEC;
	if (msg->msg_name != NULL)
		msg->msg_namelen = net_put(&in->from, in->s->family,
		    msg->msg_name, msg->msg_namelen);
	if (cmsg_give(in->s, &in->info, msg))
		flags |= MSG_CTRUNC;
	msg->msg_flags = flags;
	return (ssize_t)(in->flags & MSG_TRUNC ? in->len : done);
}

/* A socket that the kernel serves alone: only its addresses are ours to say. */
static ssize_t
plain(int fd, const struct sock *s, struct msghdr *msg, int flags)
{
	struct msghdr m = *msg;
	struct sockaddr_in6 name;
	struct mp_addr from;
	ssize_t n;

	if (msg->msg_name != NULL && s->family == AF_INET &&
	    s->kernel != MP_INET) {
		m.msg_name = &name;
		m.msg_namelen = sizeof(name);
	}
	n = real_recvmsg(fd, &m, flags);
	if (n < 0)
		return -errno;
	msg->msg_flags = m.msg_flags;
	msg->msg_controllen = m.msg_controllen;
	if (m.msg_name != &name)
		msg->msg_namelen = m.msg_namelen;
	else if (net_get(&from, (struct sockaddr *)&name, m.msg_namelen))
		msg->msg_namelen = net_put(&from, AF_INET, msg->msg_name,
		    msg->msg_namelen);
	else
		msg->msg_namelen = 0;
	return n;
}

ssize_t
in_message(int fd, struct sock *s, struct msghdr *msg, int flags)
{
	struct in in = { .fd = fd, .flags = flags, .s = s };
	enum sock_state state = atomic_load(&s->state);
	ssize_t n;

	if (state == SOCK_FRESH && s->bound && !s->kconnected)
		state = join_make(fd, s);
	if (state != SOCK_JOINED || (flags & (MSG_ERRQUEUE | MSG_OOB)) != 0)
		return plain(fd, s, msg, flags);
	revive_agent(fd, s);
	in.buf = guard_take();
	if (in.buf == NULL)
		return -ENOBUFS;
	n = next(&in);
	if (n == 0)
		n = give(&in, msg);
	guard_give(in.buf);
	return n;
}

int
in_next(int fd, struct sock *s)
{
	struct in in = { .fd = fd, .flags = MSG_PEEK | MSG_DONTWAIT, .s = s };
	int n;

	in.buf = guard_take();
	if (in.buf == NULL)
		return 0;
	n = next(&in) == 0 ? (int)in.len : 0;
	guard_give(in.buf);
	return n;
}
