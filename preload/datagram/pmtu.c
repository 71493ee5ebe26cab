/* SPDX-License-Identifier: ISC */
/*
 * Only the kernel can make a socket report POLLERR.  So the library sends a
 * datagram of 65,504 bytes with "don't fragment", too long for any path: the
 * kernel puts EMSGSIZE into the error queue.  When the program reads the queue,
 * the MTU in that entry is replaced by the peer's.  IP_RECVERR, which an
 * attached socket has off (sockopt.c), is on until then: the kernel empties the
 * queue when it is turned off.
 */
#include "pmtu.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>

#include "cmsg.h"
#include "mp.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "shared/sibling.h"
#include "socket/fdtab.h"
#include "socket/notify.h"

enum {
	PIECES = 16,
	PIECE = 4094,	  /* bytes; 65504 in all */
	MTU_MOST = 60000, /* bytes: on a larger path it might not be too long */
};

int
pmtu_of(int fd, struct sock *s, const struct mp_addr *peer)
{
	uint32_t session, size = MP_SIZE_MIN - MP_OVERHEAD;
	bool late = false;

	if (s->map.arena != NULL && reentry_lock(s->map.arena)) {
		session = mp_session_find(&s->map.mp, sibling_sender(&s->map,
		    s->slot, peer), peer);
		if (session != MP_NONE) {
			size = mp_session_mtu(&s->map.mp, session);
			mp_session_probe_mtu(&s->map.mp, arena_now(), session);
			late = notify_due(s);
		}
		reentry_unlock(s->map.arena);
	}
	if (late)
		notify_agent(fd, s);
	return (int)size + (net_is_v4(peer) ? 28 : 48);
}

/* Of the kernel's socket, for one family. */
static void
pmtu_set_recverr(int fd, bool v4, int on)
{
	(void)seccomp_setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
	    v4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof(on));
}

void
pmtu_exceeded(int fd, struct sock *s, const struct mp_addr *peer)
{
	static const uint8_t zeros[PIECE];
	bool v4 = net_is_v4(peer);
	struct sockaddr_in6 name;
	struct iovec iov[PIECES];
	struct msghdr msg = { .msg_name = &name, .msg_iov = iov,
		.msg_iovlen = PIECES };
	int saved = errno, i, mtu;

	if (!(v4 ? s->options.recverr : s->options.recverr6) ||
	    !(v4 ? s->df : s->options.df6 || s->options.dontfrag))
		return;
	mtu = seccomp_unfiltered() ? net_mtu(s->kernel, peer) : 0;
	if (mtu <= 0 || mtu > MTU_MOST)
		return;
	for (i = 0; i < PIECES; i++)
		iov[i] = (struct iovec) { .iov_len = sizeof(zeros),
			.iov_base = (void *)(uintptr_t)zeros };
	msg.msg_namelen = net_put(peer, s->kernel == MP_INET ? AF_INET :
	    AF_INET6, (struct sockaddr *)&name, sizeof(name));
	s->options.told_mtu = (uint16_t)pmtu_of(fd, s, peer);
	atomic_store(&s->options.errors, true);
	pmtu_set_recverr(fd, v4, 1);
	(void)seccomp_sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	errno = saved;
}

/* The control message with the error, or NULL. */
static struct cmsghdr *
pmtu_find_error(struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err)) &&
		    ((c->cmsg_level == IPPROTO_IP &&
			c->cmsg_type == IP_RECVERR) ||
			(c->cmsg_level == IPPROTO_IPV6 &&
			c->cmsg_type == IPV6_RECVERR)))
			return c;
	return NULL;
}

bool
pmtu_read_error(const struct sock *s, struct msghdr *msg, struct mp_addr *to,
    struct cmsg_room *room)
{
	struct cmsghdr *c = pmtu_find_error(msg);
	struct sock_extended_err ee;

	if (c == NULL)
		return false;
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	if (ee.ee_origin != SO_EE_ORIGIN_LOCAL || ee.ee_errno != EMSGSIZE)
		return false;
	ee.ee_info = s->options.told_mtu;
	memcpy(CMSG_DATA(c), &ee, sizeof(ee));
	cmsg_put(room, c->cmsg_level, c->cmsg_type, CMSG_DATA(c),
	    c->cmsg_len - CMSG_LEN(0));
	(void)net_get(to, msg->msg_name, msg->msg_namelen);
	if (s->connected) /* the kernel's socket is not, and knows no port */
		to->port = s->peer.port;
	return true;
}

bool
pmtu_is_own_error(struct sock *s, int error)
{
	return atomic_load(&s->options.errors) && error < 0 &&
	    (error == -ECONNREFUSED || error == -EHOSTUNREACH ||
	    error == -ENETUNREACH || error == -EMSGSIZE ||
	    error == -EPROTO || error == -ENOPROTOOPT || error == -EACCES);
}

void
pmtu_errors_end(int fd, struct sock *s)
{
	if (!atomic_exchange(&s->options.errors, false))
		return;
	pmtu_set_recverr(fd, true, 0);
	if (s->kernel != MP_INET)
		pmtu_set_recverr(fd, false, 0);
}
