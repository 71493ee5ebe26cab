/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The way of a datagram in.  Every hook that receives calls rx_message(), with
 * the socket held.  Packets wait in the kernel's queue of the program's socket,
 * so poll(2) tells the truth without the library's help, and nothing is kept
 * here.
 *
 *	rx_message	 checks the program's buffers; attaches a fresh bound
 *			 socket.  A socket that is not attached is the kernel's:
 *			 rx_plain() translates addresses, no more.
 *	rx_attached	 looks whether the agent died (recover.c); takes the
 *			 thread's buffer.  MSG_ERRQUEUE: rx_error.c.
 *	rx_next		 takes packets until one is for the program.  What is
 *			 dropped costs the program nothing but the wait: a
 *			 timeout runs from the start of its call.
 *	rx_bundle_next	 the next packet, alone or of a bundle that stays in the
 *			 queue until its last one was given (rx_bundle.c).
 *	rx_packet	 recvmsg(2) on the kernel's socket.
 *	rx_classify	 what it is:
 *	  internal	 rx_open_internal(): a datagram that another socket of
 *			 the port, or the agent, took for this one; or an error.
 *			 A copy is dropped if what it repeats was given: that
 *			 may have lain before it (mp_recv_copy()).
 *	  sealed	 rx_sealed_open(): mp_recv_begin() finds the session,
 *			 mp_open() opens, mp_recv_commit() says whether it is
 *			 new.
 *	  plain		 rx_accepts_plain(): may it come in (ingress.c)?
 *	rx_give		 payload, sender, control messages to the program.
 *	rx_skip_copies	 takes away the copies that lie next, of datagrams that
 *			 were given: they are nothing that poll(2) should tell.
 *
 * A datagram of a session may be another socket's: one with another slot goes
 * there (rx_requeue.c); one of a client that this socket was not connected to
 * goes to the agent's backlog.  The program's own socket filter is applied to
 * what a session brought (user_filter.c).
 *
 * MSG_PEEK: the packet stays in the queue, is opened beside, and mp_recv_peek()
 * changes nothing.  What lies first and is not for the program is swept away.
 *
 * Locks: begin and commit hold the arena's lock; opening and every system call
 * are done without it.  In a signal handler that interrupted the lock's holder
 * sealed packets are dropped.
 *
 * Errors: the kernel's own; ECONNREFUSED, the agent heard an ICMP port
 * unreachable; EHOSTUNREACH, the peer does not answer; what ICMP says, where
 * the program asked for it (icmp.c).
 *
 * Invariants: a datagram is given once; a packet that does not open, or was
 * seen, is dropped without a word; plaintext is given only where the rules
 * allow it, even if it came before the socket filter did.  Sources:
 * core/PROTOCOL.md; recvmsg(2), udp(7).
 */
#include "rx.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cmsg.h"
#include "icmp.h"
#include "mp.h"
#include "plain_peer.h"
#include "pmtu.h"
#include "policy/dest_policy.h"
#include "process/iov.h"
#include "process/reentry.h"
#include "rx_bundle.h"
#include "rx_error.h"
#include "rx_packet.h"
#include "rx_requeue.h"
#include "rx_sealed.h"
#include "shared/arena.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/ingress.h"
#include "socket/ingress_rule.h"
#include "socket/notify.h"
#include "socket/own_addr.h"
#include "socket/patience.h"
#include "socket/pinned.h"
#include "socket/recover.h"
#include "socket/sockopt.h"
#include "socket/user_filter.h"
#include "timestamp.h"

enum {
	PARTED = 1024, /* packets; about what a queue of default size holds */
	COPIED = 2 * 1000 * 1000, /* us for which a copy may lie in the queue */
};

/* The peer's port is closed: -ECONNREFUSED, unless a send or SO_ERROR told that
 * to the program already. */
static int
rx_refusal(struct sock *s, const struct mp_addr *peer)
{
	bool untold = true;

	if (!s->connected || !net_equal(peer, &s->peer))
		return RX_DROP;
	if (reentry_lock(s->map.arena)) {
		untold = attach_refused(s);
		reentry_unlock(s->map.arena);
	}
	return untold ? -ECONNREFUSED : RX_DROP;
}

/* Is what the agent handed on not the copy of a datagram that the program has?
 * Without the lock that cannot be told, as for packets of sessions. */
static bool
rx_is_unseen(struct sock *s, const struct internal *inner, bool peek)
{
	bool unseen;

	if (inner->copy.seq == 0)
		return true;
	if (!reentry_lock(s->map.arena))
		return false;
	unseen = mp_recv_copy(&s->map.mp, arena_now(), &inner->copy,
	    inner->len, peek);
	reentry_unlock(s->map.arena);
	return unseen;
}

/* An internal datagram of the agent or another process of the port.  One for
 * another socket comes here while the steering is out of date, since a socket
 * was closed: the agent gives it on. */
static int
rx_open_internal(struct rx *in, bool peek)
{
	struct sock *s = in->s;
	struct internal inner;
	int v;

	if (!peek && (v = rx_bundle_claim(in, 1)) != RX_GIVE)
		return v;
	if (in->packet != in->buf->packet) /* the cache's stays sealed */
		memmove(in->buf->packet, in->packet, in->packet_len);
	if (!internal_open(s->map.arena, &inner, in->buf->packet,
	    in->packet_len))
		return RX_DROP;
	in->from = inner.from;
	in->zone = inner.zone;
	in->payload = in->buf->packet + inner.off;
	in->len = inner.len;
	in->info.tos = inner.tos;
	in->info.ttl = inner.ttl;
	if (inner.slot != s->slot) {
		/* One to a group came to the other sockets, too. */
		if (inner.kind == INTERNAL_DATA && !peek &&
		    !net_is_multicast(&in->info.local))
			rx_requeue_astray(in, inner.slot, &inner.copy);
		return RX_DROP;
	}
	if (inner.kind == INTERNAL_ICMP || inner.kind == INTERNAL_ICMP_TOLD)
		return peek ? RX_DROP :
		    icmp_internal(in->fd, s, &inner, in->buf);
	in->again = inner.kind == INTERNAL_AGAIN;
	if (in->again)
		return RX_GIVE;
	if (inner.kind == INTERNAL_DATA || inner.kind == INTERNAL_LAST)
		return rx_is_unseen(s, &inner, peek) ? RX_GIVE : RX_DROP;
	if (inner.kind != INTERNAL_ERROR || peek) /* rx_sweep() takes it */
		return RX_DROP;
	if (internal_error(&inner, in->buf->packet) == ECONNREFUSED)
		return rx_refusal(s, &inner.from);
	notify_silent_peer(&inner.from);
	return s->connected && net_equal(&inner.from, &s->peer) ?
	    -EHOSTUNREACH : RX_DROP;
}

/* Does the packet begin as one of a session of this endpoint, and is it long
 * enough? */
static bool
rx_is_sealed(const struct rx *in, const uint8_t *p, size_t len)
{
	return len >= MP_OVERHEAD &&
	    p[0] == mp_sid_prefix(&in->s->map.mp) && p[6] == 0 && p[7] == 0;
}

/* Is this packet, of the port's arena, plaintext? */
static bool
rx_is_plain(const struct rx *in, const uint8_t *packet, size_t len)
{
	return !internal_is(in->s->map.arena, packet, len) &&
	    !rx_is_sealed(in, packet, len);
}

/* A handshake comes to this process only where the port has no agent. */
static bool
rx_is_handshake(const struct rx *in)
{
	const uint8_t *p = in->packet;

	return in->s->map.arena != NULL && in->packet_len >= MP_OVERHEAD &&
	    ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
		p[3]) == MP_HANDSHAKE_MAGIC;
}

/* May the program have this plaintext, which the socket filter let in?  Of a
 * bundle the filter saw the first packet only. */
static bool
rx_accepts_plain(struct rx *in)
{
	struct dest_policy p;

	if (rx_is_handshake(in)) {
		recover_asked(in->fd, in->s);
		return false;
	}
	if (in->seg > 0 && (!rx_is_plain(in, in->packets, in->each) ||
	    !user_filter_takes(in->s, &in->from, &in->info, in->payload,
		&in->len)))
		return false;
	if (!ingress_rule_zone(in->s, in->zone, in->info.arrival) ||
	    !ingress_plain(in->s, &in->from, &in->info.local, in->info.arrival))
		return false;
	p = dest_policy_known(&in->from);
	if (p.plain_besides) /* not from this host itself */
		p = dest_policy_of(&in->from);
	return !p.plain_besides ||
	    plain_peer_may_receive(in->s, &in->from, &p);
}

/* A session's packet came to any address, by any interface: what is told
 * instead of those, if anything is. */
static void
rx_tell_own(struct rx *in)
{
	const struct sock_options *w = &in->s->options;

	if (w->pktinfo || w->pktinfo6 || w->origdst || w->origdst6 ||
	    in->s->filter != NULL)
		own_addr_tell(in->fd, in->s, &in->from, &in->info);
}

/* How many packets of plaintext, from this one on, a program with UDP_GRO gets
 * as one bundle. */
static unsigned
rx_count_plain(const struct rx *in)
{
	unsigned n = 1;
	size_t len, at = (in->seg + 1) * in->each;

	if (!in->s->options.gro || atomic_load(&in->s->peeked))
		return 1;
	for (; at < in->total; n++, at += in->each) {
		len = in->total - at < in->each ? in->total - at : in->each;
		if (!rx_is_plain(in, in->packets + at, len))
			break;
	}
	return n;
}

static int
rx_take_plain(struct rx *in, bool peek)
{
	unsigned n = 1;
	int v;

	in->payload = in->packet;
	in->len = in->packet_len;
	if (!in->queued || peek)
		return rx_accepts_plain(in) ? RX_GIVE : RX_DROP;
	if (!user_filter_present(in->s))
		n = rx_count_plain(in);
	v = rx_bundle_claim(in, n);
	if (v != RX_GIVE || !rx_accepts_plain(in))
		return v < 0 ? v : RX_DROP;
	if (n > 1) {
		in->info.segment = (uint32_t)in->each;
		in->len = in->seg + n == in->n ? in->total - in->seg *
		    in->each : n * in->each;
	}
	return RX_GIVE;
}

static int
rx_classify(struct rx *in, bool peek)
{
	struct sock *s = in->s;
	enum ingress want;
	int v;

	in->again = false;
	if (s->map.arena == NULL)
		v = RX_GIVE;
	else if (internal_is(s->map.arena, in->packet, in->packet_len))
		v = rx_open_internal(in, peek);
	else if (rx_is_sealed(in, in->packet, in->packet_len))
		v = rx_sealed_open(in, peek);
	else
		v = RX_GIVE;
	if (v != RX_GIVE)
		return v;
	in->plain = in->payload == NULL;
	if (in->plain)
		return rx_take_plain(in, peek);
	rx_tell_own(in);
	if (in->again)
		return RX_GIVE;
	want = ingress_session(s, &in->from, in->info.arrival);
	if (want == INGRESS_TAKE)
		return user_filter_takes(s, &in->from, &in->info, in->payload,
		    &in->len) ? RX_GIVE : RX_DROP;
	if (want == INGRESS_NEXT && !peek)
		(void)rx_requeue(in);
	return RX_DROP;
}

/* MSG_PEEK: the first packet of the queue is not for the program: takes it
 * away. RX_DROP to look at the next one, RX_GIVE, or a negative errno. */
static int
rx_sweep(struct rx *in)
{
	int v;

	in->payload = NULL;
	v = rx_bundle_next(in, (in->flags & ~MSG_PEEK) | MSG_DONTWAIT, false);
	if (v < 0)
		return RX_DROP;
	if (v == RX_GIVE)
		return v;
	v = rx_classify(in, false);
	if (v == RX_GIVE)
		rx_requeue_to(in, in->s->slot, &in->from, in->payload, in->len);
	return v;
}

/* The next datagram for the program: RX_GIVE, or a negative errno. */
static int
rx_next(struct rx *in)
{
	bool peek = (in->flags & MSG_PEEK) != 0, again = false;
	int v;

	for (;; again = true) {
		in->payload = NULL;
		v = rx_bundle_next(in, in->flags, again);
		if (v != 0 && !icmp_is_error(in->s, v))
			return v;
		if (v != 0) {
			v = icmp_look(in->fd, in->s, in->buf);
			if (v != 0)
				return v;
			continue;
		}
		v = rx_classify(in, peek);
		if (v != RX_GIVE && peek)
			v = rx_sweep(in);
		if (v != RX_DROP)
			return v;
	}
}

/* The sender, in the program's family.  Only the kernel knows a flow label. */
static void
rx_give_name(const struct rx *in, struct msghdr *msg)
{
	struct sockaddr_in6 sin6;
	socklen_t room = msg->msg_namelen;

	if (in->nobody) {
		msg->msg_namelen = 0;
		return;
	}
	msg->msg_namelen = net_put(&in->from, in->s->family,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	net_put_zone((struct sockaddr *)&sin6, msg->msg_namelen, in->zone);
	if (in->plain && msg->msg_namelen == sizeof(sin6))
		sin6.sin6_flowinfo = in->flowinfo;
	memcpy(msg->msg_name, &sin6, room < msg->msg_namelen ? room :
	    msg->msg_namelen);
}

static ssize_t
rx_give(struct rx *in, struct msghdr *msg)
{
	ssize_t done = iov_scatter(msg, in->payload, in->len);
	int flags = in->kflags & ~(MSG_TRUNC | MSG_CTRUNC | MSG_CMSG_CLOEXEC);

	if (done < 0)
		return done;
	if ((size_t)done < in->len)
		flags |= MSG_TRUNC;
	flags |= in->flags & MSG_CMSG_CLOEXEC;
	if (iov_bad(msg->msg_name, msg->msg_name != NULL ? msg->msg_namelen :
							   0))
		return -EFAULT;
	if (msg->msg_name != NULL)
		rx_give_name(in, msg);
	if (in->nobody) {
		msg->msg_controllen = 0;
	} else {
		timestamp_note(in->s, &in->info);
		if (cmsg_give(in->s, &in->from, &in->info, msg))
			flags |= MSG_CTRUNC;
	}
	msg->msg_flags = flags;
	return in->flags & MSG_TRUNC ? (ssize_t)in->len : done;
}

/* A receive on a socket that is not attached: only addresses are translated. */
static ssize_t
rx_plain(int fd, const struct sock *s, struct msghdr *msg, int flags)
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
	n = seccomp_recvmsg(fd, &m, flags);
	if (n < 0)
		return -errno;
	msg->msg_flags = m.msg_flags;
	msg->msg_controllen = m.msg_controllen;
	if ((m.msg_flags & MSG_ERRQUEUE) != 0 && s->family == AF_INET &&
	    s->kernel == MP_DUAL)
		rx_error_translate(s, msg);
	if (m.msg_name != &name)
		msg->msg_namelen = m.msg_namelen;
	else if (net_get(&from, (struct sockaddr *)&name, m.msg_namelen))
		msg->msg_namelen = net_put(&from, AF_INET, msg->msg_name,
		    msg->msg_namelen);
	else
		msg->msg_namelen = 0;
	return n;
}

/* MSG_ERRQUEUE.  An error that the agent tells lies in the other queue. */
static ssize_t
rx_errors(int fd, struct sock *s, struct msghdr *msg, int flags)
{
	struct rx in = { .fd = fd, .flags = MSG_PEEK | MSG_DONTWAIT, .s = s };
	ssize_t n = rx_error_take(fd, s, msg, flags);
	int v = 0;

	if (n != -EAGAIN || (in.buf = reentry_take()) == NULL)
		return n;
	while (v == 0 && rx_bundle_next(&in, in.flags, false) == 0 &&
	    internal_is(s->map.arena, in.packet, in.packet_len) &&
	    (in.packet[3] == INTERNAL_ICMP ||
		in.packet[3] == INTERNAL_ICMP_TOLD))
		v = rx_sweep(&in);
	rx_bundle_done(&in);
	reentry_give(in.buf);
	return v == 0 ? n : rx_error_take(fd, s, msg, flags);
}

/*
 * A datagram was given.  Where its copy lies next, poll(2) would tell of what no
 * call gives: it is taken away.  Only while the agent has put copies into the
 * queue lately, and the queue was not seen empty since; not where an error of
 * the program's own would be taken by this look.
 */
static void
rx_skip_copies(struct rx *gave)
{
	struct rx in = { .fd = gave->fd, .flags = MSG_PEEK | MSG_DONTWAIT,
		.s = gave->s, .buf = gave->buf };
	_Atomic uint64_t *copied =
	    &in.s->map.arena->slot[in.s->slot % MP_SLOTS_MAX].rx.copied;
	uint64_t at = atomic_load(copied);
	int v;

	if (at == 0 || in.s->options.recverr || in.s->options.recverr6)
		return;
	rx_bundle_done(gave);
	while ((v = rx_bundle_next(&in, in.flags, false)) == 0 &&
	    internal_is(in.s->map.arena, in.packet, in.packet_len) &&
	    in.packet[3] == INTERNAL_DATA && rx_classify(&in, true) == RX_DROP &&
	    rx_sweep(&in) == RX_DROP)
		in.payload = NULL;
	if (v < 0 || arena_now() > at + COPIED)
		(void)atomic_compare_exchange_strong(copied, &at, 0);
	rx_bundle_done(&in);
}

/* The next datagram is found, and given or looked at. */
static ssize_t
rx_found(struct rx *in, struct msghdr *msg)
{
	ssize_t n = rx_give(in, msg);

	if ((in->flags & MSG_PEEK) != 0) {
		atomic_store(&in->s->peeked, true);
		return n;
	}
	if (atomic_load(&in->s->peeked))
		atomic_store(&in->s->peeked, false);
	rx_bundle_pace(in);
	rx_skip_copies(in);
	return n;
}

static ssize_t
rx_attached(int fd, struct sock *s, struct msghdr *msg, int flags)
{
	struct rx in = { .fd = fd, .flags = flags, .s = s };
	ssize_t n;

	if ((flags & MSG_ERRQUEUE) != 0)
		return rx_errors(fd, s, msg, flags);
	sockopt_know(fd, s);
	if (s->options.timeout)
		in.begun = arena_now();
	recover_agent(fd, s);
	in.buf = reentry_take();
	if (in.buf == NULL)
		return -ENOBUFS;
	n = icmp_look_due(fd, s, in.buf);
	if (n == 0)
		n = rx_next(&in);
	if (n == RX_GIVE)
		n = rx_found(&in, msg);
	rx_bundle_done(&in);
	reentry_give(in.buf);
	return n;
}

/* Attaches a bound socket.  While the agent is late no packet may be taken, since
 * it could be one of a session: the call waits, or 0 becomes -EAGAIN or another
 * negative errno. */
static int
rx_attach(int fd, struct sock *s, int flags)
{
	uint64_t begun = arena_now();
	int error;

	while (attach_socket(fd, s) == SOCK_FRESH) {
		if (!patience_waits(fd, flags) || patience_over(fd, begun))
			return -EAGAIN;
		error = patience_sleep(s);
		if (error != 0)
			return error;
	}
	return 0;
}

ssize_t
rx_message(int fd, struct sock *s, struct msghdr *msg, int flags)
{
	int place, error = iov_check(msg);
	ssize_t n;

	if (error == 0 && (int)msg->msg_namelen < 0 && msg->msg_name != NULL)
		error = -EINVAL;
	if (error != 0)
		return error;
	place = pinned_begin(s);
	/* A socket that only sent to loopback (`home') is not attached. */
	if (atomic_load(&s->state) == SOCK_FRESH && s->bound &&
	    !s->kconnected && !s->home && (flags & MSG_ERRQUEUE) == 0)
		error = rx_attach(fd, s, flags);
	if (error != 0)
		n = error;
	else if (atomic_load(&s->state) != SOCK_ATTACHED)
		n = rx_plain(fd, s, msg, flags);
	else
		n = rx_attached(fd, s, msg, flags);
	pinned_end(place);
	return n;
}

/* Looks through the queue, which stays as it is, for a packet that is not to be
 * given to the program.  True also where that cannot be told. */
static bool
rx_has_others(struct rx *in)
{
	int i, from = 0, end = -1;
	bool others = false;

	in->packet = in->buf->packet;
	/* SO_PEEK_OFF counts bytes: it cannot go through bundles. */
	if (rx_bundle_is_on(in->s) || seccomp_setsockopt(in->fd, SOL_SOCKET, SO_PEEK_OFF, &from,
		sizeof(from)) != 0)
		return true;
	for (i = 0; i < PARTED && !others; i++) {
		in->payload = NULL;
		in->nobody = false;
		if (rx_packet(in, MSG_PEEK | MSG_DONTWAIT) != 0)
			break;
		others = rx_classify(in, true) != RX_GIVE;
	}
	(void)seccomp_setsockopt(in->fd, SOL_SOCKET, SO_PEEK_OFF, &end,
	    sizeof(end));
	return others;
}

/* Ends at a packet that arrived after the call began: it may be one that this
 * loop put back, which keeps its place. */
void
rx_drain_others(int fd, struct sock *s)
{
	struct rx in = { .fd = fd, .flags = MSG_DONTWAIT, .s = s };
	uint64_t begun = arena_now();
	int i;

	if (!s->connected || s->autobound ||
	    atomic_load(&s->state) != SOCK_ATTACHED ||
	    (in.buf = reentry_take()) == NULL)
		return;
	notify_agent(fd, s); /* it then steers others' packets elsewhere */
	for (i = rx_has_others(&in) ? 0 : PARTED; i < PARTED; i++) {
		if (rx_bundle_next(&in, MSG_PEEK | MSG_DONTWAIT, false) != 0 ||
		    (in.info.arrival != MP_NEVER && in.info.arrival > begun))
			break;
		in.payload = NULL;
		in.nobody = false;
		if (rx_bundle_next(&in, MSG_DONTWAIT, false) != 0)
			break;
		if (rx_classify(&in, false) == RX_GIVE)
			rx_requeue_to(&in, s->slot, &in.from, in.payload,
			    in.len);
	}
	rx_bundle_done(&in);
	reentry_give(in.buf);
}

int
rx_next_length(int fd, struct sock *s)
{
	struct rx in = { .fd = fd, .flags = MSG_PEEK | MSG_DONTWAIT, .s = s };
	int n;

	in.buf = reentry_take();
	if (in.buf == NULL)
		return 0;
	n = rx_next(&in) == RX_GIVE ? (int)in.len : 0;
	if (n > 0)
		atomic_store(&s->peeked, true);
	rx_bundle_done(&in);
	reentry_give(in.buf);
	return n;
}
