/* SPDX-License-Identifier: ISC */
/*
 * The peer of calls_*.c: calls_peer PORT.  It answers a datagram that begins
 * with
 *
 *	rN	by N datagrams, "0" to "N-1"
 *	lN	by one datagram of N bytes
 *	sN	by N datagrams, one every 50 ms
 *	h	by the TOS and TTL of the request, as text
 *
 * and any other by its length and first 20 bytes.
 */
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char data[65536], text[65600];

static void
heads(struct msghdr *msg, char *out, size_t room)
{
	struct cmsghdr *c;
	int tos = -1, ttl = -1;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			tos = *(unsigned char *)CMSG_DATA(c);
		else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
		else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_TCLASS)
			memcpy(&tos, CMSG_DATA(c), sizeof(tos));
		else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
	}
	snprintf(out, room, "tos %d ttl %d", tos, ttl);
}

static void
answer(int fd, struct msghdr *msg, size_t n)
{
	int count = n > 1 ? atoi(data + 1) : 0, i;
	size_t len;

	if (data[0] == 'l') {
		(void)!sendto(fd, text, (size_t)count, 0, msg->msg_name,
		    msg->msg_namelen);
		return;
	}
	if (data[0] == 'r' || data[0] == 's') {
		for (i = 0; i < count; i++) {
			len = (size_t)snprintf(text, 20, "%d", i);
			(void)!sendto(fd, text, len, 0, msg->msg_name,
			    msg->msg_namelen);
			if (data[0] == 's')
				usleep(50000);
		}
		return;
	}
	if (data[0] == 'h')
		heads(msg, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%zu %.*s", n,
		    (int)(n < 20 ? n : 20), data);
	(void)!sendto(fd, text, strlen(text), 0, msg->msg_name,
	    msg->msg_namelen);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 }, from;
	static const int options[][2] = { { IPPROTO_IP, IP_RECVTOS },
		{ IPPROTO_IP, IP_RECVTTL }, { IPPROTO_IPV6, IPV6_RECVTCLASS },
		{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT } };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
	uint64_t control[32];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) - 1 };
	struct msghdr msg;
	size_t i;
	ssize_t n;

	if (argc != 2 || fd < 0)
		errx(2, "usage: calls_peer PORT");
	any.sin6_port = htons((uint16_t)atoi(argv[1]));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		err(1, "bind");
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, options[i][0], options[i][1], &on,
		    sizeof(on)) != 0)
			err(1, "setsockopt");
	for (;;) {
		msg = (struct msghdr) { .msg_name = &from,
			.msg_namelen = sizeof(from), .msg_iov = &iov,
			.msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control) };
		n = recvmsg(fd, &msg, 0);
		if (n < 0)
			err(1, "recvmsg");
		data[n] = '\0';
		answer(fd, &msg, (size_t)n);
	}
}
