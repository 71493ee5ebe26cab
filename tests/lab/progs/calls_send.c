/* SPDX-License-Identifier: ISC */
/* Every call that sends, and what the peer receives. */
#include "calls.h"

static char buf[70000];

/* Prints the peer's answer. */
static void
show(int fd)
{
	ssize_t n;

	wait_for(fd);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	printf("  %zd: %.60s\n", n, buf);
	fflush(stdout);
}

/* Sends with one control message; prints the TOS and TTL that arrived. */
static void
with(int fd, const char *what, int level, int type, const void *data,
    size_t len, size_t room)
{
	uint64_t control[32] = { 0 };
	struct iovec iov = { .iov_base = (char *)"h", .iov_len = 1 };
	struct msghdr msg = { .msg_name = &peer, .msg_namelen = peer_len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = room };
	struct cmsghdr *c = (struct cmsghdr *)control;
	ssize_t n;

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	n = sendmsg(fd, &msg, 0);
	say(what, n);
	if (n > 0)
		show(fd);
}

static void
number(int fd, int level, int type, int value)
{
	char what[60];

	snprintf(what, sizeof(what), "level %d type %d value %d", level, type,
	    value);
	with(fd, what, level, type, &value, sizeof(value),
	    CMSG_SPACE(sizeof(value)));
}

static void
heads(int fd)
{
	static const int all[][3] = {
		{ IPPROTO_IP, IP_TTL, 0 }, { IPPROTO_IP, IP_TTL, 7 },
		{ IPPROTO_IP, IP_TTL, 256 }, { IPPROTO_IP, IP_TOS, 1 },
		{ IPPROTO_IP, IP_TOS, 0xb8 }, { IPPROTO_IP, IP_TOS, 256 },
		{ IPPROTO_IP, IP_TOS, -1 }, { IPPROTO_IP, 77, 1 },
		{ IPPROTO_IPV6, IPV6_HOPLIMIT, 7 },
		{ IPPROTO_IPV6, IPV6_HOPLIMIT, -1 },
		{ IPPROTO_IPV6, IPV6_HOPLIMIT, 256 },
		{ IPPROTO_IPV6, IPV6_TCLASS, 2 },
		{ IPPROTO_IPV6, IPV6_TCLASS, 0xb9 },
		{ IPPROTO_IPV6, IPV6_TCLASS, 256 },
		{ IPPROTO_IPV6, IPV6_DONTFRAG, 1 },
		{ IPPROTO_IPV6, IPV6_DONTFRAG, 2 },
		{ IPPROTO_IPV6, 111, 1 }, { IPPROTO_UDP, 99, 1 },
		{ IPPROTO_TCP, 1, 1 }, { SOL_SOCKET, SO_MARK, 5 },
		{ SOL_SOCKET, 99, 1 },
	};
	uint8_t tos = 3;
	int ttl = 9;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		number(fd, all[i][0], all[i][1], all[i][2]);
	with(fd, "tos of a byte", IPPROTO_IP, IP_TOS, &tos, 1, CMSG_SPACE(1));
	with(fd, "ttl of two", IPPROTO_IP, IP_TTL, &ttl, 2, CMSG_SPACE(2));
	with(fd, "tclass of two", IPPROTO_IPV6, IPV6_TCLASS, &ttl, 2,
	    CMSG_SPACE(2));
	with(fd, "cut short", IPPROTO_IP, IP_TTL, &ttl, 4, CMSG_LEN(4) - 1);
	with(fd, "too short", IPPROTO_IP, IP_TTL, &ttl, 4, 7);
}

static void
sources(int fd)
{
	static const char *const all[] = { "0.0.0.0", "10.4.0.1", "192.0.2.1",
		"127.0.0.1" };
	static const char *const all6[] = { "::", "fd06::1", "2001:db8::1",
		"::1" };
	struct in_pktinfo pi;
	struct in6_pktinfo pi6;
	int i, k;

	for (i = 0; i < 12; i++) {
		memset(&pi, 0, sizeof(pi));
		memset(&pi6, 0, sizeof(pi6));
		k = i % 4;
		pi.ipi_ifindex = i < 4 ? 0 : 9999;
		pi6.ipi6_ifindex = (unsigned)pi.ipi_ifindex;
		inet_pton(AF_INET, all[k], &pi.ipi_spec_dst);
		inet_pton(AF_INET6, all6[k], &pi6.ipi6_addr);
		printf("source %s %s\n", all[k], all6[k]);
		/* The answer to a source on loopback would not return. */
		if (k == 3)
			continue;
		if (i < 8 && v4)
			with(fd, "source", IPPROTO_IP, IP_PKTINFO, &pi,
			    sizeof(pi), CMSG_SPACE(sizeof(pi)));
		else if (i < 8)
			with(fd, "source", IPPROTO_IPV6, IPV6_PKTINFO, &pi6,
			    sizeof(pi6), CMSG_SPACE(sizeof(pi6)));
		else
			with(fd, "short", v4 ? IPPROTO_IP : IPPROTO_IPV6,
			    v4 ? IP_PKTINFO : IPV6_PKTINFO, &pi6, 8,
			    CMSG_SPACE(8));
	}
}

static void
options(int fd)
{
	static const int v4s[][2] = { { IP_TOS, 0x2e }, { IP_TOS, 1 },
		{ IP_TOS, 0 }, { IP_TTL, 33 }, { IP_TTL, 0 }, { IP_TTL, -1 },
		{ IP_MTU_DISCOVER, IP_PMTUDISC_DO }, { IP_MTU_DISCOVER, 99 },
		{ IP_MTU_DISCOVER, IP_PMTUDISC_WANT } };
	static const int v6s[][2] = { { IPV6_TCLASS, 0x2e }, { IPV6_TCLASS, 1 },
		{ IPV6_TCLASS, -1 }, { IPV6_TCLASS, 0 },
		{ IPV6_UNICAST_HOPS, 33 }, { IPV6_UNICAST_HOPS, 256 },
		{ IPV6_UNICAST_HOPS, -1 },
		{ IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO },
		{ IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT } };
	int i;

	for (i = 0; i < 9; i++) {
		if (v4)
			set_int(fd, IPPROTO_IP, v4s[i][0], v4s[i][1], "option");
		else
			set_int(fd, IPPROTO_IPV6, v6s[i][0], v6s[i][1],
			    "option");
		ask(fd, "h");
		show(fd);
	}
}

static void
bounds(int fd)
{
	struct iovec iov[] = { { buf, 3 }, { NULL, 0 }, { buf, 4 } };
	struct msghdr msg = { .msg_name = &peer, .msg_namelen = peer_len,
		.msg_iov = iov, .msg_iovlen = 3 };
	struct sockaddr_storage other = peer;

	memset(buf, 'x', sizeof(buf));
	say("empty", sendto(fd, "", 0, 0, (void *)&peer, peer_len));
	show(fd);
	say("NULL 0", sendto(fd, NULL, 0, 0, (void *)&peer, peer_len));
	show(fd);
	say("NULL 5", sendto(fd, NULL, 5, 0, (void *)&peer, peer_len));
	say("kernel's", sendto(fd, (void *)-4096L, 5, 0, (void *)&peer,
	    peer_len));
	memset(buf, 'x', sizeof(buf));
	say("parts", sendmsg(fd, &msg, 0));
	show(fd);
	msg.msg_iovlen = 0;
	say("no parts", sendmsg(fd, &msg, 0));
	show(fd);
	iov[2].iov_len = (size_t)-5;
	msg.msg_iovlen = 3;
	say("negative", sendmsg(fd, &msg, 0));
	memset(buf, 'x', sizeof(buf));
	say("9000", sendto(fd, buf, 9000, 0, (void *)&peer, peer_len));
	show(fd);
	memset(buf, 'x', sizeof(buf));
	say("65528", sendto(fd, buf, 65528, 0, (void *)&peer, peer_len));
	say("65536", sendto(fd, buf, 65536, 0, (void *)&peer, peer_len));
	say("huge", sendto(fd, buf, (size_t)-1, 0, (void *)&peer, peer_len));
	say("short name", sendto(fd, buf, 5, 0, (void *)&peer, 9));
	say("no name", send(fd, buf, 5, 0));
	other.ss_family = AF_UNIX;
	say("family", sendto(fd, buf, 5, 0, (void *)&other, peer_len));
	other = peer;
	((struct sockaddr_in *)&other)->sin_port = 0;
	say("port 0", sendto(fd, buf, 5, 0, (void *)&other, peer_len));
}

static void
segments(int fd)
{
	uint16_t size = 100;
	uint64_t control[4] = { 0 };
	struct iovec iov = { buf, 250 };
	struct msghdr msg = { .msg_name = &peer, .msg_namelen = peer_len,
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = CMSG_SPACE(sizeof(size)) };
	struct cmsghdr *c = (struct cmsghdr *)control;

	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	memset(buf, 'y', sizeof(buf));
	say("250 by 100", sendmsg(fd, &msg, 0));
	show(fd);
	show(fd);
	show(fd);
	iov.iov_len = 60;
	say("60 by 100", sendmsg(fd, &msg, 0));
	show(fd);
	iov.iov_len = 20000;
	say("20000 by 100", sendmsg(fd, &msg, 0));
	c->cmsg_len = CMSG_LEN(sizeof(int));
	say("an int", sendmsg(fd, &msg, 0));
	set_int(fd, IPPROTO_UDP, UDP_SEGMENT, -1, "UDP_SEGMENT");
	set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 65536, "UDP_SEGMENT");
	set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 7, "UDP_SEGMENT");
	memset(buf, 'y', 100);
	say("15 by 7", sendto(fd, buf, 15, 0, (void *)&peer, peer_len));
	show(fd);
	show(fd);
	show(fd);
	size = 0;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
	memset(buf, 'y', 100);
	iov.iov_len = 15;
	say("15 in one", sendmsg(fd, &msg, 0));
	show(fd);
	set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 0, "UDP_SEGMENT");
	set_int(fd, IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO");
}

static void
pieces(int fd)
{
	char big[60000];
	struct sockaddr *to = peer_len > 0 ? (void *)&peer : NULL;

	say("more", sendto(fd, "one ", 4, MSG_MORE, to, peer_len));
	say("more", sendto(fd, "two ", 4, MSG_MORE, to, peer_len));
	say("empty more", sendto(fd, "", 0, MSG_MORE, to, peer_len));
	say("end", sendto(fd, "end", 3, 0, to, peer_len));
	show(fd);
	set_int(fd, IPPROTO_UDP, UDP_CORK, 1, "UDP_CORK");
	say("corked", sendto(fd, "abc", 3, 0, to, peer_len));
	say("corked", sendto(fd, "def", 3, 0, to, peer_len));
	say("nothing yet", recv(fd, buf, 10, MSG_DONTWAIT));
	set_int(fd, IPPROTO_UDP, UDP_CORK, 0, "UDP_CORK");
	show(fd);
	set_int(fd, IPPROTO_UDP, UDP_CORK, 1, "UDP_CORK");
	set_int(fd, IPPROTO_UDP, UDP_CORK, 0, "UDP_CORK");
	memset(big, 'b', sizeof(big));
	say("big", sendto(fd, big, 60000, MSG_MORE, to, peer_len));
	say("too big", sendto(fd, big, 6000, 0, to, peer_len));
	say("after", sendto(fd, "after", 5, 0, to, peer_len));
	show(fd);
}

int
main(int argc, char **argv)
{
	int fd[2];

	begin(argc, argv, fd);
	heads(fd[0]);
	sources(fd[0]);
	options(fd[0]);
	bounds(fd[0]);
	segments(fd[0]);
	pieces(fd[0]);
	say("connect", connect(fd[1], (struct sockaddr *)&peer, peer_len));
	peer_len = 0;
	say("send", send(fd[1], "connected", 9, 0));
	show(fd[1]);
	pieces(fd[1]);
	return 0;
}
