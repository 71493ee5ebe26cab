/* SPDX-License-Identifier: ISC */
/* A bundle of datagrams in a socket's queue: looked at, taken, filtered, and
 * after UDP_GRO was switched off. */
#include "fact.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { SIZE = 100, COUNT = 4, LAST = 60, WHOLE = (COUNT - 1) * SIZE + LAST };

/* Sends COUNT datagrams at once: of 'a', then of 'b', 'c', 'd'. */
static void
put_bundle(int fd, const struct name *to)
{
	char text[WHOLE];
	int i, error;

	for (i = 0; i < WHOLE; i++)
		text[i] = (char)('a' + i / SIZE);
	error = put_segments(fd, to, text, sizeof(text), SIZE);
	if (error != 0)
		broken("UDP_SEGMENT: %s", said(error));
}

/* The length of what recvmsg(2) gives, and the int of its UDP_GRO, or 0. */
static int
take_some(int fd, int flags, size_t room, int *segment)
{
	union {
		struct cmsghdr head;
		char room[256];
	} control;
	char text[WHOLE + 1];
	struct iovec iov = { .iov_base = text, .iov_len = room };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int n = (int)recvmsg(fd, &msg, flags | MSG_DONTWAIT);

	*segment = 0;
	if (n < 0)
		return -errno;
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			claim(c->cmsg_len == CMSG_LEN(sizeof(int)), "the size "
			    "is an int", "%zu octets", (size_t)c->cmsg_len);
			memcpy(segment, CMSG_DATA(c), sizeof(*segment));
		}
	return n;
}

static void
try_look(int fd, int sender, const struct name *to)
{
	int i, n = 0, size;

	put_bundle(sender, to);
	put_bundle(sender, to);
	for (i = 0; i < 2; i++) {
		n = take_some(fd, MSG_PEEK, WHOLE + 1, &size);
		claim(n == WHOLE && size == SIZE, "MSG_PEEK gives the bundle "
		    "whole, with its size, and leaves it", "%d octets, size %d",
		    n, size);
	}
	claim(ioctl(fd, FIONREAD, &n) == 0 && n == WHOLE, "FIONREAD gives the "
	    "length of the whole bundle", "%d", n);
	n = take_some(fd, 0, 0, &size);
	claim(n == 0, "a receive of no octets takes it", "%d", n);
	n = take_some(fd, 0, WHOLE + 1, &size);
	claim(n == WHOLE, "whole, and no other", "%d octets are next", n);
	claim(quiet(fd), "then nothing is left", "something is");
}

static void
try_off(int fd, int sender, const struct name *to)
{
	int n, size;

	put_bundle(sender, to);
	set(fd, IPPROTO_UDP, UDP_GRO, 0);
	n = take_some(fd, MSG_PEEK, WHOLE + 1, &size);
	claim(n == WHOLE && size == 0, "with UDP_GRO off a bundle that lies in "
	    "the queue comes whole, without its size", "%d octets, size %d", n,
	    size);
	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	n = take_some(fd, 0, WHOLE + 1, &size);
	claim(n == WHOLE && size == SIZE, "and on again with it",
	    "%d octets, size %d", n, size);
}

static void
try_filter(int fd, int sender, const struct name *to)
{
	int error, n, size;

	error = ATTACH(fd, SO_ATTACH_FILTER,
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0));
	if (error != 0)
		broken("attach: %s", said(error));
	put_bundle(sender, to);
	n = take_some(fd, 0, WHOLE + 1, &size);
	claim(n == WHOLE, "a socket filter sees the first datagram of a bundle "
	    "only", "%d octets", n);
	set(fd, IPPROTO_UDP, UDP_GRO, 0);
	put_bundle(sender, to);
	n = take_some(fd, 0, WHOLE + 1, &size);
	claim(n == SIZE && quiet(fd), "and each one without UDP_GRO",
	    "%d octets", n);
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int fd = sock_at(w, &any), sender = sock(w);

	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	try_look(fd, sender, &to);
	try_off(fd, sender, &to);
	try_filter(fd, sender, &to);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K56",
		.holds = "a bundle is looked at and taken as one; with UDP_GRO "
		    "off its size is not told; a socket filter sees its first "
		    "datagram",
		.breaks = "datagrams that arrived in a bundle are lost, or come "
		    "twice",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
