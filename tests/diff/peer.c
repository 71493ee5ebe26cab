/* SPDX-License-Identifier: ISC */
/*
 * The peer: answers on an IPv4 port and on an IPv6 port until it is killed.  A
 * datagram is a command if it begins with one of
 *
 *	!e TEXT		send TEXT back
 *	!z		send an empty datagram back
 *	!n N SIZE	send N datagrams of SIZE bytes: abc..., bcd..., cde...
 *	!t TOS		send `tos' back with this TOS or traffic class
 *	!l TTL		send `ttl' back with this TTL or hop limit
 *	!s N SIZE	send N datagrams of SIZE bytes by one UDP_SEGMENT call
 *	!p PORT		send `port' to that port of the sender
 *
 * To any other datagram it answers with a report: length, hash, TOS, TTL, and
 * both addresses.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "topics.h"
#include "world.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* A datagram that was received, and the answer to it. */
struct talk {
	int fd;
	bool v6;
	struct name from;
	char data[PEER_ROOM], reply[PEER_ROOM];
	ssize_t len;
	int tos, ttl;
	char to[INET6_ADDRSTRLEN];
};

static void
on(int fd, int level, int option)
{
	int one = 1;

	if (setsockopt(fd, level, option, &one, sizeof(one)) != 0)
		err(1, "option %d of level %d", option, level);
}

static int
serve(int family, unsigned port)
{
	struct name n;
	int fd = socket(family, SOCK_DGRAM, 0);

	if (family == AF_INET6) {
		on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
		on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
		on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
		on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	} else {
		on(fd, IPPROTO_IP, IP_RECVTOS);
		on(fd, IPPROTO_IP, IP_RECVTTL);
		on(fd, IPPROTO_IP, IP_PKTINFO);
	}
	name_set(&n, family, family == AF_INET6 ? "::" : "0.0.0.0", port);
	if (bind(fd, &n.sa, n.len) != 0)
		err(1, "bind %u", port);
	return fd;
}

static void
look(struct talk *t, struct cmsghdr *c)
{
	const void *data = CMSG_DATA(c);

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
		t->tos = *(const uint8_t *)data;
	else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
		memcpy(&t->ttl, data, sizeof(t->ttl));
	else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
		inet_ntop(AF_INET, &((const struct in_pktinfo *)data)->ipi_addr,
		    t->to, sizeof(t->to));
	else if (c->cmsg_level != IPPROTO_IPV6)
		return;
	else if (c->cmsg_type == IPV6_TCLASS)
		memcpy(&t->tos, data, sizeof(t->tos));
	else if (c->cmsg_type == IPV6_HOPLIMIT)
		memcpy(&t->ttl, data, sizeof(t->ttl));
	else if (c->cmsg_type == IPV6_PKTINFO)
		inet_ntop(AF_INET6, data, t->to, sizeof(t->to));
}

static bool
take(struct talk *t)
{
	char control[256];
	struct iovec iov = { .iov_base = t->data,
		.iov_len = sizeof(t->data) - 1 };
	struct msghdr hdr = { .msg_name = &t->from,
		.msg_namelen = sizeof(t->from.ss), .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	t->len = recvmsg(t->fd, &hdr, MSG_DONTWAIT);
	if (t->len < 0)
		return false;
	t->data[t->len] = '\0';
	t->from.len = hdr.msg_namelen;
	t->tos = t->ttl = -1;
	snprintf(t->to, sizeof(t->to), "unknown");
	for (c = CMSG_FIRSTHDR(&hdr); c != NULL; c = CMSG_NXTHDR(&hdr, c))
		look(t, c);
	return true;
}

static void
reply(struct talk *t, const void *data, size_t len)
{
	if (sendto(t->fd, data, len, 0, &t->from.sa, t->from.len) !=
	    (ssize_t)len)
		warn("sendto");
}

/* Answers with a control message that has a number. */
static void
reply_with(struct talk *t, const void *data, size_t len, int level, int type,
    const void *value, size_t size)
{
	char control[64];
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr hdr = { .msg_name = &t->from,
		.msg_namelen = t->from.len, .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control };

	control_add(&hdr, level, type, value, size);
	if (sendmsg(t->fd, &hdr, 0) != (ssize_t)len)
		warn("sendmsg");
}

static void
report(struct talk *t)
{
	char ip[INET6_ADDRSTRLEN], text[256];
	uint32_t h = 2166136261u;
	ssize_t i;
	int n;

	for (i = 0; i < t->len; i++)
		h = (h ^ (uint8_t)t->data[i]) * 16777619u;
	inet_ntop(t->v6 ? AF_INET6 : AF_INET, t->from.byte + (t->v6 ? 8 : 4),
	    ip, sizeof(ip));
	n = snprintf(text, sizeof(text),
	    "len=%zd hash=%08x tos=%d ttl=%d to=%s from=%s port=%u", t->len,
	    t->len > 0 ? h : 0, t->tos, t->ttl, t->to, ip,
	    (unsigned)(t->from.byte[2] << 8 | t->from.byte[3]));
	reply(t, text, (size_t)n);
}

static void
send_many(struct talk *t, int n, int size, bool whole)
{
	uint16_t segment = (uint16_t)size;
	int i, j, at = 0;

	for (i = 0; i < n && at + size <= (int)sizeof(t->reply); i++) {
		for (j = 0; j < size; j++)
			t->reply[at + j] = (char)('a' + (i + j) % 26);
		if (!whole)
			reply(t, t->reply, (size_t)size);
		else
			at += size;
	}
	if (whole)
		reply_with(t, t->reply, (size_t)at, IPPROTO_UDP, UDP_SEGMENT,
		    &segment, sizeof(segment));
}

static void
obey(struct talk *t)
{
	int level = t->v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int a = 0, b = 0;

	(void)!sscanf(t->data + 2, "%d %d", &a, &b);
	switch (t->data[1]) {
	case 'e':
		reply(t, t->data + 2, (size_t)t->len - 2);
		break;
	case 'z':
		reply(t, "", 0);
		break;
	case 'n':
		send_many(t, a, b, false);
		break;
	case 's':
		send_many(t, a, b, true);
		break;
	case 't':
		reply_with(t, "tos", 3, level, t->v6 ? IPV6_TCLASS : IP_TOS,
		    &a, sizeof(a));
		break;
	case 'l':
		reply_with(t, "ttl", 3, level, t->v6 ? IPV6_HOPLIMIT : IP_TTL,
		    &a, sizeof(a));
		break;
	case 'p':
		t->from = name_port(&t->from, (unsigned)a);
		reply(t, "port", 4);
		break;
	default:
		report(t);
		break;
	}
}

int
peer_main(void)
{
	static struct talk talk[2];
	struct pollfd p[2];
	int i;

	talk[0].fd = serve(AF_INET, PORT_PEER4);
	talk[1].fd = serve(AF_INET6, PORT_PEER6);
	talk[1].v6 = true;
	for (i = 0; i < 2; i++)
		p[i] = (struct pollfd){ .fd = talk[i].fd, .events = POLLIN };
	while (poll(p, 2, -1) > 0)
		for (i = 0; i < 2; i++)
			while (take(&talk[i]))
				if (talk[i].len >= 2 && talk[i].data[0] == '!')
					obey(&talk[i]);
				else
					report(&talk[i]);
	return 1;
}
