/* SPDX-License-Identifier: ISC */
/* A UDP_SEGMENT send and the room in the socket's send buffer. */
#include "fact.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { SIZE = 1000, COUNT = 60 };

/* 0, or a negative errno. */
static int
put_segments(int fd, const struct name *to)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} control = { .room = { 0 } };
	static char text[SIZE * COUNT];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)&to->sa,
		.msg_namelen = to->len, .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	uint16_t size = SIZE;

	control.head.cmsg_level = IPPROTO_UDP;
	control.head.cmsg_type = UDP_SEGMENT;
	control.head.cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(&control.head), &size, sizeof(size));
	return sendmsg(fd, &msg, MSG_DONTWAIT) >= 0 ? 0 : -errno;
}

/* Bytes that the buffer is charged with. */
static int
charged(int fd)
{
	int n = -1;

	if (ioctl(fd, TIOCOUTQ, &n) != 0)
		broken("SIOCOUTQ");
	return n;
}

static void
run(const struct way *w)
{
	/* Nobody is there: what is sent waits for the neighbour. */
	struct name absent = at(w, 0, 77, PORT);
	int fd, error, before;

	links(1);
	fd = sock(w);
	set(fd, SOL_SOCKET, SO_SNDBUF, 1);
	error = put_segments(fd, &absent);
	claim(error == 0, "a bundle longer than the whole buffer goes into an "
	    "empty one", "%s", said(error));
	claim(charged(fd) > SIZE * COUNT, "and all of it is charged", "%d",
	    charged(fd));
	before = charged(fd);
	error = put_segments(fd, &absent);
	claim(error == -EAGAIN && charged(fd) == before, "into a full buffer "
	    "nothing of it goes", "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K61",
		.holds = "a UDP_SEGMENT send goes whole while there is any "
		    "room, else not at all",
		.breaks = "a part of a bundle is sent twice, or lost, where "
		    "the socket's buffer is full",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
