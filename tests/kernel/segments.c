/* SPDX-License-Identifier: ISC */
/* One send of several datagrams, and several received as one. */
#include "fact.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { SIZE = 100, COUNT = 4 };

static const char payload[SIZE * COUNT];

/* The next one's length, and the size in its control message, or 0. */
static int
take_length(int fd, int *segment)
{
	union {
		struct cmsghdr head;
		char room[256];
	} control;
	char text[SIZE * COUNT + 1];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int n;

	*segment = 0;
	if (!readable(fd, WAIT_MS) || (n = (int)recvmsg(fd, &msg, 0)) < 0)
		broken("a datagram did not arrive");
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
		memcpy(segment, CMSG_DATA(c), sizeof(*segment));
	return n;
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int fd = sock_at(w, &any), sender = sock(w), i, n, size, error;

	for (i = 0; i < COUNT; i++) {
		error = i > 0 ? 0 : put_segments(sender, &to, payload, sizeof(payload), SIZE);
		claim(error == 0, "UDP_SEGMENT is taken as a control message of "
		    "16 bits", "%s", said(error));
		n = take_length(fd, &size);
		claim(n == SIZE && size == 0, "without UDP_GRO each datagram "
		    "comes for itself", "%d octets", n);
	}
	claim(quiet(fd), "and no more", "one more");
	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	(void)put_segments(sender, &to, payload, sizeof(payload), SIZE);
	n = take_length(fd, &size);
	claim(n == SIZE * COUNT && size == SIZE, "with UDP_GRO they come as "
	    "one, with an int of their size", "%d octets, size %d", n, size);
	set(fd, IPPROTO_UDP, UDP_GRO, 0);
	(void)put_segments(sender, &to, payload, sizeof(payload), SIZE);
	n = take_length(fd, &size);
	claim(n == SIZE, "turned off again, each for itself", "%d octets", n);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K34",
		.holds = "UDP_SEGMENT as a control message cuts one send into "
		    "datagrams; UDP_GRO turned off gives each for itself",
		.breaks = "plaintext of programs that send so is cut wrongly, or "
		    "a bundle of packets is taken for one",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
