/* SPDX-License-Identifier: ISC */
/* IPv4's options and control messages work on an AF_INET6 socket. */
#include "fact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* What a datagram's control messages told: its TOS and TTL, or -1. */
struct fields {
	int tos, ttl;
};

static struct fields
take_fields(int fd)
{
	union {
		struct cmsghdr head;
		char room[256];
	} control;
	char text[64];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct fields f = { -1, -1 };
	struct cmsghdr *c;

	if (!readable(fd, WAIT_MS) || recvmsg(fd, &msg, 0) < 0)
		broken("a datagram did not arrive");
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			f.tos = *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			memcpy(&f.ttl, CMSG_DATA(c), sizeof(f.ttl));
	}
	return f;
}

/* Sends with TOS and TTL in control messages. */
static int
put_with(int fd, const struct name *to, int tos, int ttl)
{
	union {
		struct cmsghdr head;
		char room[2 * CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { .iov_base = (char[]) { 'x' }, .iov_len = 1 };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)&to->sa,
		.msg_namelen = to->len, .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_TOS;
	c->cmsg_len = CMSG_LEN(sizeof(tos));
	memcpy(CMSG_DATA(c), &tos, sizeof(tos));
	c = (struct cmsghdr *)(void *)(control.room + CMSG_SPACE(sizeof(tos)));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_TTL;
	c->cmsg_len = CMSG_LEN(sizeof(ttl));
	memcpy(CMSG_DATA(c), &ttl, sizeof(ttl));
	return sendmsg(fd, &msg, MSG_DONTWAIT) >= 0 ? 0 : -errno;
}

static void
claim_group(const struct way *w, int theirs)
{
	struct ip_mreqn join = { .imr_multiaddr.s_addr = htonl(0xe0090901) };
	struct name group = at(w, 0, 2, PORT);
	int fd, error;

	join.imr_ifindex = (int)index_of("v0");
	error = setsockopt(theirs, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join,
	    sizeof(join)) == 0 ? 0 : -errno;
	claim(error == 0, "IP_ADD_MEMBERSHIP is taken", "%s", said(error));
	there();
	ip("route add 224.0.0.0/4 dev w0\n");
	fd = sock(w);
	here();
	inet_pton(AF_INET6, "::ffff:224.9.9.1", &group.sin6.sin6_addr);
	error = put(fd, &group, "group");
	claim(error == 0 && arrives(theirs, "group"),
	    "a datagram to the group comes", "%s", said(error));
	set(theirs, IPPROTO_IP, IP_MULTICAST_ALL, 1);
	claim(get(theirs, IPPROTO_IP, IP_MULTICAST_ALL) == 1,
	    "IP_MULTICAST_ALL is kept", "it is not");
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int ours = sock(w), theirs, error;
	struct fields f;

	links(1);
	theirs = sock_at(w, &any);
	set(theirs, IPPROTO_IP, IP_RECVTOS, 1);
	set(theirs, IPPROTO_IP, IP_RECVTTL, 1);
	set(ours, IPPROTO_IP, IP_TOS, 0x28);
	set(ours, IPPROTO_IP, IP_TTL, 33);
	error = put(ours, &to, "x");
	f = take_fields(theirs);
	claim(error == 0 && f.tos == 0x28 && f.ttl == 33, "IP_TOS and IP_TTL "
	    "are those of its packets, and RECVTOS and RECVTTL tell them",
	    "TOS %d, TTL %d, %s", f.tos, f.ttl, said(error));
	error = put_with(ours, &to, 0x48, 44);
	f = take_fields(theirs);
	claim(error == 0 && f.tos == 0x48 && f.ttl == 44,
	    "as control messages they are one packet's",
	    "TOS %d, TTL %d, %s", f.tos, f.ttl, said(error));
	set(theirs, IPPROTO_IP, IP_RECVTOS, 0);
	set(theirs, IPPROTO_IP, IP_RECVTTL, 0);
	claim_group(w, theirs);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K3",
		.holds = "IP_TOS, IP_TTL, their control messages and groups of "
		    "IPv4 work on an AF_INET6 socket",
		.breaks = "IPv4 programs lose these options, since their socket "
		    "is one of IPv6",
		.ways = MAPPED, .net = true, .run = run });
}
