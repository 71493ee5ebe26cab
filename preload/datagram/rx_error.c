/* SPDX-License-Identifier: ISC */
#include "rx_error.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>

#include "cmsg.h"
#include "mp.h"
#include "pmtu.h"
#include "process/iov.h"
#include "process/reentry.h"
#include "shared/net.h"
#include "shared/seccomp.h"
#include "socket/fdtab.h"
#include "socket/sockopt.h"
#include "tx_stamp.h"

/* The error's offender as an IPv4 address; *source: the sender of a packet that
 * was stamped, zeros of others.  IPv4 tells that as the offender only if it is
 * asked for control messages. */
static void
rx_error_offender(const struct sock *s, struct cmsghdr *c,
    struct in_addr *source)
{
	struct sock_extended_err ee;
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;
	struct mp_addr a;

	memset(&sin, 0, sizeof(sin));
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	memcpy(&sin6, CMSG_DATA(c) + sizeof(ee), sizeof(sin6));
	if (net_get(&a, (struct sockaddr *)&sin6, sizeof(sin6)) &&
	    net_is_v4(&a))
		(void)net_put(&a, AF_INET, (struct sockaddr *)&sin,
		    sizeof(sin));
	if (ee.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		*source = sin.sin_addr;
		if ((s->options.stamping & SOCKOPT_STAMP_CMSG) == 0)
			memset(&sin, 0, sizeof(sin));
	}
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_RECVERR;
	c->cmsg_len = CMSG_LEN(sizeof(ee) + sizeof(sin));
	memcpy(CMSG_DATA(c) + sizeof(ee), &sin, sizeof(sin));
}

/* IPv4's PKTINFO of a packet that was sent names its source. */
static void
rx_error_source(struct cmsghdr *c, const struct in_addr *source)
{
	struct in_pktinfo pi;

	memcpy(&pi, CMSG_DATA(c), sizeof(pi));
	pi.ipi_spec_dst = *source;
	memcpy(CMSG_DATA(c), &pi, sizeof(pi));
}

void
rx_error_translate(const struct sock *s, struct msghdr *msg)
{
	struct cmsghdr *c, *info = NULL;
	struct in_addr source = { .s_addr = 0 };

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len == CMSG_LEN(sizeof(struct in_pktinfo)))
			info = c;
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_RECVERR &&
		    c->cmsg_len == CMSG_LEN(sizeof(struct sock_extended_err) +
		    sizeof(struct sockaddr_in6)))
			break;
	}
	if (c == NULL)
		return;
	rx_error_offender(s, c, &source);
	if (info != NULL && source.s_addr != 0)
		rx_error_source(info, &source);
	msg->msg_controllen = (size_t)((char *)c - (char *)msg->msg_control) +
	    CMSG_ALIGN(c->cmsg_len);
}

/* One message of the queue, into the thread's buffer: 1, it was given to the
 * program, and *done is the result; 0, it is about a packet of the library; or
 * a negative errno. */
static int
rx_error_next(int fd, struct sock *s, struct reentry_buf *buf,
    struct msghdr *msg, int flags, ssize_t *done)
{
	uint64_t control[NET_CONTROL / sizeof(uint64_t)];
	struct cmsg_room room = { .at = msg->msg_control,
		.left = msg->msg_control != NULL ? msg->msg_controllen : 0 };
	struct sockaddr_in6 name;
	struct mp_addr to;
	struct iovec iov = { .iov_base = buf->packet,
		.iov_len = sizeof(buf->payload) };
	struct msghdr m = { .msg_name = &name, .msg_namelen = sizeof(name),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct tx_stamp_entry stamp = { .fd = fd, .s = s, .got = &m,
		.frame = buf->packet, .scratch = buf->payload };
	ssize_t n = seccomp_recvmsg(fd, &m, flags);

	if (n < 0)
		return -errno;
	stamp.n = (size_t)n;
	if (tx_stamp_give(&stamp, msg, done))
		return 1;
	if (s->family == AF_INET && s->kernel == MP_DUAL)
		rx_error_translate(s, &m);
	if (!pmtu_read_error(s, &m, &to, &room))
		return 0;
	*done = iov_scatter(msg, buf->packet, (size_t)n);
	if (msg->msg_name != NULL)
		msg->msg_namelen = net_put(&to, s->family, msg->msg_name,
		    msg->msg_namelen);
	msg->msg_controllen = room.used;
	msg->msg_flags = (m.msg_flags & ~(MSG_CTRUNC | MSG_TRUNC)) |
	    (room.cut ? MSG_CTRUNC : 0) | (*done < n ? MSG_TRUNC : 0);
	return 1;
}

ssize_t
rx_error_take(int fd, struct sock *s, struct msghdr *msg, int flags)
{
	struct reentry_buf *buf = reentry_take();
	ssize_t done = 0;
	int v;

	if (buf == NULL)
		return -ENOBUFS;
	sockopt_know(fd, s);
	do
		v = rx_error_next(fd, s, buf, msg, flags, &done);
	while (v == 0);
	reentry_give(buf);
	if (v == -EAGAIN)
		pmtu_errors_end(fd, s);
	return v < 0 ? v : done;
}
