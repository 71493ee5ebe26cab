/* SPDX-License-Identifier: ISC */
#include "out.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "conf.h"
#include "guard.h"
#include "inner.h"
#include "join.h"
#include "libc.h"
#include "log.h"
#include "net.h"
#include "plain.h"
#include "reach.h"
#include "revive.h"
#include "want.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	TRIES = 16, /* flows that a datagram is tried on */
	/* What of the program's flags is right for another packet than its own:
	 * not MSG_ZEROCOPY, since the buffer is used again at once. */
	KEPT = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_DONTROUTE,
};

/* --- Waking the agent ------------------------------------------------------- */

bool
out_late(struct sock *s)
{
	uint64_t deadline = mp_deadline(&s->map.mp);

	if (deadline >= atomic_load(&s->map.arena->armed))
		return false;
	atomic_store(&s->map.arena->armed, deadline);
	return true;
}

void
out_wake(int fd, struct sock *s)
{
	struct inner in = { .kind = INNER_WAKE };
	uint8_t buf[INNER_OVERHEAD];

	(void)inner_send(s->map.arena, fd, &in, NULL, 0, buf);
}

/* --- Where it goes ------------------------------------------------------------ */

/* 1 and the address; 0: the kernel shall say; or a negative errno. */
static int
target(const struct sock *s, const struct msghdr *msg, struct mp_addr *dst)
{
	const struct sockaddr *name = msg->msg_name;
	struct sockaddr_in sin;

	if (name == NULL || msg->msg_namelen == 0) {
		*dst = s->peer;
		return s->connected;
	}
	if (msg->msg_namelen < sizeof(name->sa_family))
		return -EINVAL;
	if (s->family == AF_INET) {
		if (msg->msg_namelen < sizeof(sin))
			return -EINVAL;
		memcpy(&sin, name, sizeof(sin));
		if (sin.sin_family == AF_UNSPEC)
			sin.sin_family = AF_INET;
		if (sin.sin_family != AF_INET)
			return -EAFNOSUPPORT;
		net_get(dst, (struct sockaddr *)&sin, sizeof(sin));
	} else if (name->sa_family == AF_UNSPEC) {
		*dst = s->peer;
		return s->connected;
	} else if (!net_get(dst, name, msg->msg_namelen))
		return -EINVAL;
	if (dst->port == 0)
		return -EINVAL;
	return s->v6only && net_is_v4(dst) ? -ENETUNREACH : 1;
}

static ssize_t
result(ssize_t n)
{
	return n < 0 ? -errno : n;
}

/* As the kernel sends it, but that its socket may be of another family, is not
 * connected, and is bound to more than the program thinks. */
static ssize_t
plain(int fd, const struct sock *s, const struct msghdr *msg,
    const struct mp_addr *dst, int flags)
{
	struct msghdr m = *msg;
	struct sockaddr_in6 sin6;
	struct mp_path path = { .remote = *dst, .local = s->local };
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];

	if (m.msg_name != NULL && s->family == AF_INET6 &&
	    (!s->wide || net_is_multicast(dst) || net_is_link_local(dst)))
		return result(real_sendmsg(fd, &m, flags)); /* scope id */
	m.msg_name = &sin6;
	/* A group is no address to send from: let the kernel choose. */
	if (net_is_multicast(&path.local))
		memset(path.local.ip + 12, 0, 4);
	if ((s->wide || net_is_multicast(&s->local)) &&
	    m.msg_controllen == 0 && net_is_v4(dst) == net_is_v4(&s->local)) {
		memset(room, 0, sizeof(room));
		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		net_aim(&m, s->kernel, &path);
	} else
		m.msg_namelen = net_put(dst, s->kernel == MP_INET ? AF_INET :
		    AF_INET6, (struct sockaddr *)&sin6, sizeof(sin6));
	return result(real_sendmsg(fd, &m, flags));
}

/* --- Through the engine -------------------------------------------------------- */

/* A datagram on its way. */
struct out {
	int fd, flags;
	struct sock *s;
	struct mp_addr dst;
	struct guard_buf *buf;
	const uint8_t *payload;
	size_t len;
	bool held; /* for want of a session */
};

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
	iov.iov_len = mp_seal(tx, o->payload, o->len, o->buf->packet);
	if (real_sendmsg(o->fd, &msg, flags) < 0)
		return -errno;
	return 0;
}

/* No session yet: keeps it. */
static int
hold(struct out *o, uint64_t now)
{
	int error = mp_hold(&o->s->map.mp, now, o->s->slot, &o->dst,
	    o->payload, o->len);
	bool late = out_late(o->s);

	guard_unlock(o->s->map.arena);
	o->held = true;
	if (late)
		out_wake(o->fd, o->s);
	return error;
}

static int
tell(const struct out *o, int error)
{
	char text[NET_TEXT];

	if (error == MP_EHOSTUNREACH)
		log_say(LOG_WARN, LOG_PEER, "no answer from %s: is the program "
		    "there run under mpshim with the other half of the same "
		    "key, and is its UDP port open?",
		    net_text(&o->dst, text));
	return error;
}

/* One try: 0, a negative errno, or 1 to begin anew. */
static int
attempt(struct out *o)
{
	struct sock *s = o->s;
	struct mp_tx tx[2];
	uint64_t now = arena_now();
	bool late;
	int n, i;

	if (atomic_load(&s->map.arena->moved))
		revive_follow(o->fd, s);
	if (!guard_lock(s->map.arena))
		return 0; /* a handler within our own lock: lost on the way */
	join_refresh(s);
	if (join_refused(s)) {
		guard_unlock(s->map.arena);
		return -ECONNREFUSED;
	}
	n = mp_send_begin(&s->map.mp, now, s->slot, &o->dst, 0, o->len,
	    s->df ? MP_DF : 0, tx);
	if (n == MP_EAGAIN)
		return hold(o, now);
	guard_unlock(s->map.arena);
	if (n < 0)
		return tell(o, n);
	for (i = 0; i < n; i++)
		tx[i].error = transmit(o, &tx[i],
		    i == 0 ? o->flags : o->flags | MSG_DONTWAIT);
	if (!guard_lock(s->map.arena))
		return 0;
	n = mp_send_commit(&s->map.mp, now, tx, n, o->payload, o->len);
	late = out_late(s);
	guard_unlock(s->map.arena);
	if (late)
		out_wake(o->fd, s);
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

/* Copies the program's buffers into ours: the length, or a negative errno. */
static ssize_t
gather(const struct msghdr *msg, uint8_t *to, size_t room)
{
	const struct iovec *iov = msg->msg_iov;
	size_t i, len = 0;

	for (i = 0; i < msg->msg_iovlen; i++) {
		if (iov[i].iov_len > room - len)
			return -EMSGSIZE;
		if (iov[i].iov_len > 0 && iov[i].iov_base == NULL)
			return -EFAULT;
		if (iov[i].iov_len > 0)
			memcpy(to + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return (ssize_t)len;
}

/* The size that a UDP_SEGMENT message asks datagrams to be cut to, or 0. */
static size_t
segment_size(const struct msghdr *msg)
{
	struct msghdr m = *msg;
	struct cmsghdr *c;
	uint16_t size = 0;

	if (m.msg_control == NULL)
		return 0;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == IPPROTO_UDP &&
		    c->cmsg_type == UDP_SEGMENT &&
		    c->cmsg_len >= CMSG_LEN(sizeof(size)))
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	return size;
}

static ssize_t
protect(struct out *o, const struct msghdr *msg)
{
	ssize_t whole, n = 0;
	size_t cut, at = 0;

	whole = gather(msg, o->buf->payload, MP_PAYLOAD_MAX);
	if (whole < 0)
		return whole;
	cut = segment_size(msg);
	if (cut == 0)
		cut = o->s->segment;
	if (cut == 0)
		cut = (size_t)whole;
	do {
		o->payload = o->buf->payload + at;
		o->len = (size_t)whole - at < cut ? (size_t)whole - at : cut;
		n = send_one(o);
		at += o->len;
	} while (n >= 0 && at < (size_t)whole);
	return n < 0 ? n : whole;
}

/* Which way a datagram goes; who has a session is not asked about. */
static enum conf_way
way_to(struct sock *s, const struct mp_addr *dst)
{
	enum conf_way way = conf_way(dst);
	bool met = false;

	if (way != WAY_PROTECT || reach_known(dst) == REACH_PEER)
		return way;
	if (reach_known(dst) == REACH_UNKNOWN && s->map.arena != NULL &&
	    guard_lock(s->map.arena)) {
		met = mp_session_find(&s->map.mp, s->slot, dst) != MP_NONE;
		guard_unlock(s->map.arena);
	}
	if (met)
		reach_met(dst);
	return reach_ask(dst) == REACH_PEER ? WAY_PROTECT : WAY_PLAIN;
}

ssize_t
out_message(int fd, struct sock *s, const struct msghdr *msg, int flags)
{
	struct out o = { .fd = fd, .s = s, .flags = flags & KEPT };
	enum sock_state state = atomic_load(&s->state);
	enum conf_way way;
	ssize_t n;

	n = target(s, msg, &o.dst);
	if (n < 0)
		return n;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (n == 0) /* the kernel's own peer, who is plain, or nobody */
		return result(real_sendmsg(fd, msg, flags));
	way = way_to(s, &o.dst);
	if (state == SOCK_PLAIN && way != WAY_PLAIN)
		return -EACCES;
	switch (way) {
	case WAY_REFUSE:
		log_say(LOG_WARN, LOG_WAY, "nothing is sent to link-local "
		    "addresses: --plain fe80::/10 allows it, unprotected");
		return -EACCES;
	case WAY_PLAIN:
		if (conf_is_dns(&o.dst))
			want_answer(fd, s, &o.dst);
		if (state == SOCK_FRESH && !s->kconnected)
			(void)join_autobind(fd, s); /* with a filter */
		return plain(fd, s, msg, &o.dst, flags);
	case WAY_PROTECT:
		if (!conf_get()->accept_plain && !conf_get()->prefer)
			break;
		if (plain_goes(s, &o.dst))
			return plain(fd, s, msg, &o.dst, flags);
		break;
	}
	if (state == SOCK_FRESH)
		state = join_make(fd, s);
	if (state != SOCK_JOINED)
		return -EACCES;
	o.buf = guard_take();
	if (o.buf == NULL)
		return -ENOBUFS;
	n = protect(&o, msg);
	guard_give(o.buf);
	if (o.held && plain_instead(&o.dst, arena_now()))
		return plain(fd, s, msg, &o.dst, flags);
	return n;
}
