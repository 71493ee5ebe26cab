/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A program may open and close a thousand sockets a second, and the host may
 * have 10^5 others: looking through the kernel's lists for each of them
 * (socket_scan.c) would cost more than all else.  But the kernel also tells:
 * a netlink socket in the groups SKNLGRP_INET_UDP_DESTROY and its IPv6 kin
 * gets a message for each UDP socket of the network namespace that is gone,
 * with its cookie and port, and anybody may listen (K50 of doc/design.md).
 *
 * The message comes after the socket has left its port.  With it
 * - a port with this one socket is finished at once, whatever else there is on
 *   the host: socket_gc_ended();
 * - a port with more sockets is scanned: in which order two of them left their
 *   group decides about the indices of the others, and the order of messages
 *   does not tell that;
 * - sockets of others cost a look at one entry of a table.
 *
 * Messages are lost when more come than the socket's buffer holds (ENOBUFS):
 * then all ports are scanned.  As long as this module listens (scan->heard),
 * other scans are rare: see socket_gc.c.  Where the kernel does not tell (no
 * inet_diag) all is as without it.
 *
 * Lock: none is held across a call.
 * It must never close a port but by socket_gc_ended().
 * Source: sock_diag(7); K50.
 */
#include "socket_end.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "socket_gc.h"
#include "socket_scan.h"

enum {
	ROOM = 4 << 20,	 /* bytes of the buffer, where allowed */
	MESSAGES = 256,	 /* before others have their turn */
};

int
socket_end_open(struct socket_end *e, struct agent *a)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups =
	    1 << (SKNLGRP_INET_UDP_DESTROY - 1) |
	    1 << (SKNLGRP_INET6_UDP_DESTROY - 1) };
	int room = ROOM, error;

	e->agent = a;
	e->watch.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (e->watch.fd < 0)
		return -errno;
	(void)setsockopt(e->watch.fd, SOL_SOCKET, SO_RCVBUF, &room,
	    sizeof(room));
	if (bind(e->watch.fd, (struct sockaddr *)&nl, sizeof(nl)) == 0)
		return 0;
	error = -errno;
	close(e->watch.fd);
	e->watch.fd = -1;
	return error;
}

/* One message of the kernel: a socket is gone. */
static void
socket_end_take(struct agent *a, const uint8_t *bytes, size_t len)
{
	struct nlmsghdr head;
	struct inet_diag_msg is;

	if (len < NLMSG_HDRLEN + sizeof(is))
		return;
	memcpy(&head, bytes, sizeof(head));
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || head.nlmsg_len > len)
		return;
	memcpy(&is, bytes + NLMSG_HDRLEN, sizeof(is));
	socket_gc_ended(a, ntohs(is.id.idiag_sport),
	    (uint64_t)is.id.idiag_cookie[1] << 32 | is.id.idiag_cookie[0]);
}

static void
on_socket_end(struct watch *w, uint32_t events)
{
	struct agent *a = OWNER(w, struct socket_end, watch)->agent;
	uint8_t bytes[1024];
	struct sockaddr_nl from;
	socklen_t len;
	ssize_t n;
	int i;

	(void)events;
	for (i = 0; i < MESSAGES; i++) {
		len = sizeof(from);
		n = recvfrom(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &len);
		if (n < 0 && errno == ENOBUFS)
			socket_scan_next(a->scan);
		else if (n < 0)
			return;
		else if (len == sizeof(from) && from.nl_pid == 0)
			socket_end_take(a, bytes, (size_t)n);
	}
}

int
socket_end_listen(struct socket_end *e)
{
	int error;

	if (e->watch.fd < 0)
		return -ENOTSUP;
	error = watch_begin(&e->agent->loop, &e->watch, e->watch.fd, EPOLLIN,
	    on_socket_end);
	e->agent->scan->heard = error == 0;
	return error;
}
