/* SPDX-License-Identifier: ISC */
#include "rx_packet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "policy/conf.h"
#include "process/libc.h"
#include "process/reentry.h"
#include "rx_spin.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "socket/fdtab.h"
#include "socket/ksock.h"
#include "socket/stale_fd.h"

/*
 * recvmsg(2) gave no sender.  Either the socket is shut down and gives 0 bytes;
 * or the descriptor is another file by now, whose bytes, though perhaps not all
 * that the program had room for, are the program's.
 */
static int
rx_packet_without_sender(struct rx *in, struct msghdr *msg, ssize_t n)
{
	in->payload = in->packet;
	in->len = (size_t)n;
	in->from.port = 0;
	in->nobody = true;
	if (n > 0 || !ksock_same(in->fd, in->s)) {
		stale_fd_drop(in->fd);
		stale_fd_arrived(msg);
	}
	return RX_GIVE;
}

int
rx_packet(struct rx *in, int flags)
{
	struct sockaddr_in6 name;
	uint64_t room[NET_CONTROL / sizeof(uint64_t)];
	struct iovec iov = { .iov_base = in->packet,
		.iov_len = REENTRY_PACKET };
	struct msghdr msg = { .msg_name = &name, .msg_namelen = sizeof(name),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof(room) };
	ssize_t n;

	n = rx_spin_recvmsg(in->fd, &msg, flags, conf_get()->set.spin_us,
	    in->s->options.timeout);
	if (n < 0)
		return -errno;
	in->packet_len = (size_t)n;
	in->kflags = msg.msg_flags;
	if (!net_get(&in->from, (struct sockaddr *)&name, msg.msg_namelen))
		return rx_packet_without_sender(in, &msg, n);
	in->zone = net_zone((struct sockaddr *)&name, msg.msg_namelen);
	in->flowinfo = name.sin6_family == AF_INET6 ? name.sin6_flowinfo : 0;
	net_info_read(&msg, &in->info);
	return 0;
}

/* Milliseconds that are left of SO_RCVTIMEO, rounded up; -1: there is no
 * timeout, or the call does not wait. */
static int
rx_packet_timeout_left(const struct rx *in)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);
	uint64_t gone = arena_now() - in->begun, all;

	if (!in->s->options.timeout || !SECCOMP_ALLOWS(SYS_fcntl, in->fd,
	    F_GETFL) ||
	    !SECCOMP_ALLOWS(SYS_getsockopt, in->fd, SOL_SOCKET, SO_RCVTIMEO) ||
	    !SECCOMP_ALLOWS(SYS_poll) || (in->flags & MSG_DONTWAIT) != 0 ||
	    (real_fcntl(in->fd, F_GETFL, NULL) & O_NONBLOCK) != 0 ||
	    real_getsockopt(in->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) != 0 ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0))
		return -1;
	all = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	if (gone >= all)
		return 0;
	all = (all - gone + 999) / 1000;
	return all > INT_MAX ? INT_MAX : (int)all;
}

/* After a signal the kernel restarts neither poll(2) nor a receive with a
 * timeout, so the program sees EINTR as without the library (signal(7)). */
int
rx_packet_again(struct rx *in, int flags)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };
	int left = rx_packet_timeout_left(in), v;

	if (left < 0)
		return rx_packet(in, flags);
	for (;;) {
		v = rx_packet(in, flags | MSG_DONTWAIT);
		if (v != -EAGAIN || left == 0)
			return v;
		if (real_poll(&p, 1, left) < 0)
			return -errno;
		left = rx_packet_timeout_left(in);
	}
}
