/* SPDX-License-Identifier: ISC */
/* Which packets of a socket the kernel stamps and counts. */
#include "fact.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>

/* Sends a byte; `flags' go with it unless they are -1. */
static void
send_with(int fd, const struct name *to, int flags)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(uint32_t))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
		.cmsg_type = SO_TIMESTAMPING,
		.cmsg_len = CMSG_LEN(sizeof(uint32_t)) } };
	uint32_t value = (uint32_t)flags;
	char byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_name = (void *)(uintptr_t)&to->sa,
		.msg_namelen = to->len, .msg_control = &control,
		.msg_controllen = flags >= 0 ? sizeof(control) : 0 };

	memcpy(CMSG_DATA(&control.head), &value, sizeof(value));
	if (sendmsg(fd, &msg, 0) != 1)
		broken("send: %s", said(-errno));
}

/* The number of the next stamp; -1: there is none. */
static int
number(int fd)
{
	union {
		struct cmsghdr head;
		char room[512];
	} control;
	char bytes[256];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct sock_extended_err ee;
	struct cmsghdr *c;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -1;
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if ((c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_RECVERR)) {
			memcpy(&ee, CMSG_DATA(c), sizeof(ee));
			return ee.ee_origin == SO_EE_ORIGIN_TIMESTAMPING ?
			    (int)ee.ee_data : -2;
		}
	return -2;
}

static void
run(const struct way *w)
{
	int flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
	    SOF_TIMESTAMPING_OPT_ID, fd, n;
	struct name any = at_any(w, 0), far, self;

	links(1);
	far = at(w, 0, 2, PORT);
	self = far;
	fd = sock_at(w, &any);
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags,
	    sizeof(flags)) != 0)
		broken("SO_TIMESTAMPING: %s", said(-errno));
	send_with(fd, &far, -1);
	n = number(fd);
	claim(n == 0, "a packet is stamped before the send returns", "%d", n);
	send_with(fd, &far, 0);
	n = number(fd);
	claim(n == -1, "with a control message of no flags it is not",
	    "number %d", n);
	self = at(w, 0, 1, PORT);
	send_with(fd, &self, -1);
	n = number(fd);
	claim(n == 1, "nor is it counted; and one over lo is both", "%d", n);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K52",
		.holds = "a control message SO_TIMESTAMPING of no flags spares "
		    "a packet the stamp and the number, and lo stamps too",
		.breaks = "transmit time stamps: a program gets those of the "
		    "library's packets, or other numbers",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
