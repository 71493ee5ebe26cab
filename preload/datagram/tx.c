/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The way of a datagram out.  Every hook that sends calls tx_message(), with
 * the socket held, and makes its result what the kernel's would be.
 *
 *	tx_message	 checks the program's buffers as the kernel does.
 *	tx_messages	 sendmmsg(2): such a message after the other, those that
 *			 are alike together.
 *	tx_piece	 with MSG_MORE or UDP_CORK only: collects pieces; the
 *			 last one sends the datagram.
 *	tx_target	 where to: msg_name, else the peer of an emulated
 *			 connection, else the peer that the kernel's socket is
 *			 connected to, if that is still plain.
 *	tx_policy	 plain, protected or refused (dest_policy.c).
 *	tx_plain	 plain: the kernel sends it.  Before, an unbound socket
 *			 is bound and gets its socket filter, and a name
 *			 server's answer is let in (ingress_answer).
 *	tx_protected	 protected: a fresh socket is attached first, which may
 *			 start the agent; then tx_sealed.c has it:
 *	tx_sealed	 reads the control messages and gathers the payload in
 *			 the thread's buffer.  UDP_SEGMENT makes several
 *			 datagrams of it; messages of a sendmmsg(2) that are
 *			 alike (tx_many.c) are gathered together.
 *	tx_bundle_send	 sends as many of these as go together, at once; the
 *			 others one by one:
 *	tx_sealed_attempt  mp_send_begin() chooses the path,
 *			 tx_sealed_transmit() seals and sends one packet, or two
 *			 when the flow is in doubt; mp_send_commit() takes in
 *			 how it went.  A path that fails: another try, TRIES in
 *			 all.
 *	tx_staged_put	 there is no session yet: the datagram is staged, and
 *			 the agent sends it.
 *
 * Locks: begin, commit and stage hold the arena's lock; sealing and every
 * system call are done without it.  A signal handler that interrupts the lock's
 * holder leaves its datagram to it (tx_deferred.c).
 *
 * Errors: EACCES, a rule refuses it, or there is no agent or key, or no resource
 * that attaching takes (patience.h); ECONNREFUSED,
 * the agent heard an ICMP port unreachable; EHOSTUNREACH, no answer for 10 s;
 * ENETUNREACH, no path is left; EMSGSIZE, too long, or longer than any path
 * takes without fragments; ENOBUFS, no room for a session, or signal handlers
 * nested too deep; ENOBUFS, or EAGAIN of a call that does not wait, an agent that
 * is late (patience.h); and what the kernel says to the program's arguments.
 *
 * Invariants: what is protected reaches the kernel only sealed, but for peers
 * of plain_peer.c; a datagram that was begun is committed by the process that
 * began it, or never.  It must never allocate from the program's heap, and
 * never wait longer than the kernel's send would, but for the attach.
 *
 * Sources: core/PROTOCOL.md, core/mp.h; sendmsg(2), udp(7).
 */
#include "tx.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "cork.h"
#include "mp.h"
#include "plain_peer.h"
#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "policy/dest_scope.h"
#include "policy/rules.h"
#include "process/iov.h"
#include "process/log.h"
#include "process/reentry.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/ingress.h"
#include "socket/ksock.h"
#include "socket/patience.h"
#include "socket/pinned.h"
#include "socket/sock.h"
#include "socket/sockopt.h"
#include "tx_bundle.h"
#include "tx_many.h"
#include "tx_gather.h"
#include "tx_option.h"
#include "tx_sealed.h"

/* --- Where to ------------------------------------------------------------- */

/* 1 and the address; 0: only the kernel's socket knows; or a negative errno. */
static int
tx_target(const struct sock *s, const struct msghdr *msg, struct mp_addr *dst)
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

/* --- Plain ---------------------------------------------------------------- */

/* Sends the program's message, with the UDP_SEGMENT that the program set and
 * the kernel's socket was not told. */
static ssize_t
tx_kernel(int fd, const struct sock *s, const struct msghdr *msg, int flags)
{
	struct msghdr m = *msg;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];
	size_t used = m.msg_controllen;
	ssize_t n;

	if (s->segment != 0 && used <= sizeof(room) && tx_option_segment(msg) <
	    0) {
		if (used > 0)
			memcpy(room, msg->msg_control, used);
		m.msg_control = room;
		net_add(&m, IPPROTO_UDP, UDP_SEGMENT, &s->segment,
		    sizeof(s->segment));
	}
	n = seccomp_sendmsg(fd, &m, flags);
	return n < 0 ? -errno : n;
}

/*
 * The source that the program bound, unless its message chooses one.  `room'
 * has NET_CONTROL bytes.
 */
static void
tx_add_source(const struct sock *s, struct msghdr *m, const struct mp_addr *dst,
    uint64_t *room)
{
	size_t used = m->msg_controllen;
	struct mp_path path = { .remote = *dst, .local = s->local };
	uint64_t alone[NET_CONTROL / sizeof(uint64_t)] = { 0 };
	struct sockaddr_in6 name;
	struct msghdr source = { .msg_name = &name, .msg_control = alone,
		.msg_controllen = sizeof(alone) };

	if (!(s->wide || net_is_multicast(&s->local)) ||
	    net_is_v4(dst) != net_is_v4(&s->local) ||
	    (used > 0 && tx_option_has_source(m, net_is_v4(dst))))
		return;
	/* Bound to a multicast group: the kernel chooses the source. */
	if (net_is_multicast(&s->local))
		memset(path.local.ip + (net_is_v4(dst) ? 12 : 0), 0,
		    net_is_v4(dst) ? 4 : 16);
	net_aim(&source, s->kernel, &path);
	if (used + source.msg_controllen > NET_CONTROL)
		return;
	if (used > 0)
		memcpy(room, m->msg_control, used);
	memset((uint8_t *)room + used, 0, CMSG_ALIGN(used) - used);
	used = CMSG_ALIGN(used);
	memcpy((uint8_t *)room + used, alone, source.msg_controllen);
	m->msg_control = room;
	m->msg_controllen = used + source.msg_controllen;
}

/*
 * As the kernel would send it from the program's socket.  The kernel's may be
 * of another family, is not connected, and is bound to the wildcard where the
 * program bound an address.
 */
static ssize_t
tx_plain(int fd, const struct sock *s, const struct msghdr *msg,
    const struct mp_addr *dst, int flags)
{
	struct msghdr m = *msg;
	struct sockaddr_in6 sin6;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];

	/* An IPv6 name may have a scope id and a flow label. */
	if (m.msg_name == NULL || s->family == AF_INET ||
	    ((const struct sockaddr *)m.msg_name)->sa_family !=
	    AF_INET6) {
		m.msg_name = &sin6;
		m.msg_namelen = net_put(dst, s->kernel == MP_INET ? AF_INET :
		    AF_INET6, (struct sockaddr *)&sin6, sizeof(sin6));
		net_put_zone((struct sockaddr *)&sin6, m.msg_namelen, s->zone);
	}
	tx_add_source(s, &m, dst, room);
	return tx_kernel(fd, s, &m, flags);
}

/* --- Either way ----------------------------------------------------------- */

/* Attaches a fresh socket: 0, or what the call says while the agent is late, or
 * has no room. */
static int
tx_attach(int fd, struct sock *s, int flags)
{
	bool waits;

	if (atomic_load(&s->state) != SOCK_FRESH)
		return 0;
	waits = patience_waits(fd, flags);
	if (waits && !atomic_load(&s->lacking) && !patience_due(s))
		(void)patience_sleep(s);
	if (attach_socket(fd, s) != SOCK_FRESH)
		return 0;
	if (atomic_load(&s->lacking))
		return -EACCES;
	return waits ? -ENOBUFS : -EAGAIN;
}

static ssize_t
tx_protected(int fd, struct sock *s, const struct msghdr *msg,
    const struct mp_addr *dst, const struct dest_policy *p, int flags,
    struct tx_more *more)
{
	bool plain = false;
	int error = 0;
	ssize_t n;

	if (atomic_load(&s->state) == SOCK_FRESH) {
		s->first = *dst;
		if (s->kconnected) /* an error of its plain peer, if told */
			error = sockopt_get(fd, SOL_SOCKET, SO_ERROR);
	}
	n = error > 0 ? -error : tx_attach(fd, s, flags);
	if (n != 0)
		return n;
	if (atomic_load(&s->state) != SOCK_ATTACHED)
		return -EACCES;
	n = tx_sealed(fd, s, dst, msg, flags, more, &plain);
	if (!plain)
		return n;
	plain_peer_prefer(dst, p);
	return tx_plain(fd, s, msg, dst, flags);
}

/* The policy of a destination.  The kernel is not asked about a peer that has a
 * session. */
static struct dest_policy
tx_policy(struct sock *s, const struct mp_addr *dst)
{
	struct dest_policy p = dest_policy_known(dst);

	if (s->names) {
		p.way = WAY_PLAIN;
		return p;
	}
	if (p.way == WAY_PLAIN || p.scope != DEST_SCOPE_UNKNOWN)
		return p;
	return plain_peer_has_session(s, dst) ? dest_policy_of_peer(dst) :
						dest_policy_of(dst);
}

static void
tx_say_refused(const struct mp_addr *dst)
{
	char text[NET_TEXT];

	if (rules_find(&conf_get()->set.rules, dst) != NULL)
		log_say(LOG_WARN, LOG_WAY, "nothing is sent to %s: a rule "
		    "refuses it", net_text(dst, text));
	else
		log_say(LOG_WARN, LOG_WAY, "nothing is sent to link-local "
		    "addresses: --plain fe80::/10 allows it, unprotected");
}

/*
 * The peer that the kernel's socket is connected to may be another host by now:
 * its address was this host's, or all hosts' of a link.  Then the connection
 * becomes one that connect.c emulates.  As tx_target().
 */
static int
tx_kernel_target(int fd, struct sock *s, struct mp_addr *dst)
{
	int error;

	if (!s->kconnected || s->names ||
	    dest_policy_of(&s->kpeer).way == WAY_PLAIN)
		return 0;
	error = sock_connect_again(fd, s);
	*dst = s->peer;
	return error != 0 ? error : s->connected;
}

/* Over IPv4 there is no urgent data; the kernel's IPv6 takes no notice of the
 * flag. */
static bool
tx_is_urgent(const struct sock *s, int flags)
{
	return (flags & MSG_OOB) != 0 && s->family == AF_INET;
}

/* The error for a socket at an address that stays plain, which is to send to a
 * protected peer.  From 127.0.0.0/8 the kernel reaches no other host. */
static int
tx_plain_only(const struct sock *s, const struct mp_addr *dst)
{
	return net_is_v4(dst) && net_is_v4(&s->local) &&
	    net_is_loopback(&s->local) ? -EINVAL : -EACCES;
}

/* More messages like this one, or NULL: as tx_sealed(). */
static ssize_t
tx_datagram(int fd, struct sock *s, const struct msghdr *msg, int flags,
    struct tx_more *more)
{
	enum sock_state state = atomic_load(&s->state);
	struct mp_addr dst;
	struct dest_policy p;
	int n = tx_target(s, msg, &dst);

	if (n == 0 && s->unasked) { /* it may be connected by then */
		n = tx_attach(fd, s, flags);
		if (n != 0)
			return n;
		n = tx_target(s, msg, &dst);
	}
	if (n == 0)
		n = tx_kernel_target(fd, s, &dst);
	tx_gather_before(fd, &dst);
	if (tx_is_urgent(s, flags))
		return -EOPNOTSUPP;
	if (n == 0 && !s->kconnected) /* it gets a port, and an error */
		(void)ksock_autobind_plain(fd, s);
	if (n == 0) /* the peer that the kernel is connected to, or none */
		return tx_kernel(fd, s, msg, flags);
	if (n < 0)
		return n;
	if ((flags & MSG_OOB) != 0 && net_is_v4(&dst))
		return -EOPNOTSUPP;
	s->portless = false;
	p = tx_policy(s, &dst);
	if (state == SOCK_PLAIN && p.way != WAY_PLAIN)
		return tx_plain_only(s, &dst);
	if (p.way == WAY_REFUSE) {
		tx_say_refused(&dst);
		return -EACCES;
	}
	if (p.way == WAY_PROTECT) {
		if (p.plain_besides && plain_peer_may_send(s, &dst, &p)) {
			atomic_store(&s->untold, false);
			return tx_plain(fd, s, msg, &dst, flags);
		}
		return tx_protected(fd, s, msg, &dst, &p, flags, more);
	}
	atomic_store(&s->untold, false);
	if (state != SOCK_PLAIN && p.is_dns)
		ingress_answer(fd, s, &dst);
	if (state == SOCK_FRESH && !s->kconnected) {
		s->home = net_is_loopback(&dst) && (s->home || !s->bound);
		(void)ksock_autobind_plain(fd, s); /* also sets the socket filter */
	}
	return tx_plain(fd, s, msg, &dst, flags);
}

/* --- In pieces ------------------------------------------------------------ */

/* What the kernel says to the first piece: 0, or a negative errno. */
static int
tx_check_first(int fd, struct sock *s, const struct msghdr *msg)
{
	struct mp_addr dst;
	struct tx_option ask;
	int n = tx_target(s, msg, &dst);

	if (n == 0 && !s->kconnected)
		return -EDESTADDRREQ;
	if (n == 0 || n == 1)
		n = s->options.shut ? -EPIPE : n;
	if (n < 0)
		return n;
	if (!s->bound) /* the first piece gets it a port */
		(void)ksock_autobind_quietly(fd, s, 0);
	return n == 0 ? 0 : tx_option_read(&ask, fd, s, &dst, msg);
}

/* Adds a piece; the last one sends the datagram.  An error drops all pieces. */
static ssize_t
tx_piece(int fd, struct sock *s, const struct msghdr *msg, int flags)
{
	bool more = s->options.cork || (flags & MSG_MORE) != 0;
	struct cork *c;
	ssize_t n = 0, sent = 0;

	if (tx_is_urgent(s, flags))
		return -EOPNOTSUPP;
	c = cork_enter(s);
	if (c == NULL)
		return -EAGAIN;
	if (!atomic_load(&s->options.corked)) {
		n = tx_check_first(fd, s, msg);
		if (n == 0)
			n = cork_begin(c, msg);
	}
	if (n == 0)
		n = cork_add(c, msg);
	more = more && n >= 0;
	atomic_store(&s->options.corked, more);
	if (n >= 0 && !more)
		sent = tx_datagram(fd, s, &c->msg, flags & ~MSG_MORE,
		    NULL);
	cork_leave(c, more);
	return sent < 0 ? sent : n;
}

void
tx_uncork(int fd, struct sock *s)
{
	struct cork *c;

	if (!atomic_load(&s->options.corked))
		return;
	c = cork_enter(s);
	if (c == NULL)
		return;
	atomic_store(&s->options.corked, false);
	if (c->msg.msg_iovlen > 0)
		(void)tx_datagram(fd, s, &c->msg, MSG_NOSIGNAL, NULL);
	cork_leave(c, false);
}

/* --- The calls ------------------------------------------------------------ */

static bool
tx_in_pieces(const struct sock *s, int flags)
{
	return s->options.cork || atomic_load(&s->options.corked) ||
	    ((flags & MSG_MORE) != 0 && atomic_load(&s->state) != SOCK_PLAIN);
}

static ssize_t
tx_message_and_more(int fd, struct sock *s, const struct msghdr *msg, int flags,
    struct tx_more *more)
{
	int place, error = iov_check(msg);
	ssize_t n;

	if (error == 0 && ((int)msg->msg_namelen < 0))
		error = -EINVAL;
	if (error == 0 && iov_bad(msg->msg_name, msg->msg_namelen))
		error = msg->msg_name == NULL ? 0 : -EFAULT;
	if (error != 0)
		return error;
	place = pinned_begin(s);
	n = tx_in_pieces(s, flags) ? tx_piece(fd, s, msg, flags) :
				     tx_datagram(fd, s, msg, flags, more);
	/* The kernel chooses a port before it looks at anything else. */
	if (n < 0 && n != -EAGAIN)
		s->portless = false;
	if (n < 0 && !s->bound && atomic_load(&s->state) == SOCK_FRESH)
		(void)ksock_autobind_plain(fd, s);
	pinned_end(place);
	return n;
}

ssize_t
tx_message(int fd, struct sock *s, const struct msghdr *msg, int flags)
{
	return tx_message_and_more(fd, s, msg, flags, NULL);
}

/* How many messages, from the first of n on, may go together. */
static unsigned
tx_count_alike(const struct sock *s, const struct mmsghdr *msgs, unsigned n,
    int flags)
{
	unsigned most;

	if (n < 2 || atomic_load(&s->state) != SOCK_ATTACHED ||
	    s->segment != 0 || tx_in_pieces(s, flags) ||
	    iov_check(&msgs->msg_hdr) != 0)
		return 1;
	most = mp_bundle_most(iov_total(&msgs->msg_hdr));
	return most < 2 ? 1 : tx_many_alike(msgs, n < most ? n : most);
}

/* Sends the first one, and of those alike as many as go with it: how many; or a
 * negative errno. */
static int
tx_send_alike(int fd, struct sock *s, struct mmsghdr *msgs, unsigned alike,
    int flags)
{
	struct tx_more more = { .msgs = msgs + 1, .n = alike - 1 };
	ssize_t sent = tx_message_and_more(fd, s, &msgs->msg_hdr, flags,
	    alike > 1 ? &more : NULL);
	unsigned i;

	if (sent < 0)
		return (int)sent;
	msgs->msg_len = (unsigned)sent;
	for (i = 1; i <= more.sent; i++)
		msgs[i].msg_len = (unsigned)iov_total(&msgs[i].msg_hdr);
	return (int)i;
}

/* What the next ones of n messages, to several peers, will touch of the arena is
 * asked for together.  Returns how many of them that is. */
static unsigned
tx_look_ahead(struct sock *s, const struct mmsghdr *msgs, unsigned n)
{
	struct mp_addr dst[MP_AHEAD];
	unsigned i, peers = 0;
	int place;

	if (n < 2 || atomic_load(&s->state) != SOCK_ATTACHED)
		return n;
	for (i = 0; i < n && i < MP_AHEAD; i++)
		if (iov_bad(&msgs[i], sizeof(msgs[i])) ||
		    !tx_many_readable(&msgs[i].msg_hdr))
			break;
		else if (tx_target(s, &msgs[i].msg_hdr, &dst[peers]) == 1 &&
		    (peers == 0 || !net_equal(&dst[peers], &dst[peers - 1])))
			peers++;
	place = pinned_begin(s);
	if (peers > 1 && reentry_lock(s->map.arena)) {
		mp_ahead_send(&s->map.mp, s->slot, dst, peers);
		reentry_unlock(s->map.arena);
	}
	pinned_end(place);
	return i > 0 ? i : 1;
}

int
tx_messages(int fd, struct sock *s, struct mmsghdr *msgs, unsigned n, int flags)
{
	unsigned i = 0, alike = 0, ahead = 0;
	int sent;

	while (i < n) {
		if (iov_bad(&msgs[i], sizeof(msgs[i])))
			return i > 0 ? (int)i : -EFAULT;
		if (i >= ahead)
			ahead = i + tx_look_ahead(s, &msgs[i], n - i);
		if (alike == 0)
			alike = tx_count_alike(s, &msgs[i], n - i, flags);
		sent = tx_send_alike(fd, s, &msgs[i], alike, flags);
		if (sent < 0)
			return i > 0 ? (int)i : sent;
		alike -= (unsigned)sent;
		i += (unsigned)sent;
	}
	return (int)i;
}
