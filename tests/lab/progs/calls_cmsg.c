/* SPDX-License-Identifier: ISC */
/*
 * Control messages on reception: exactly those that the options ask for, with
 * the kernel's values.
 */
#include <linux/net_tstamp.h>
#include <time.h>

#include "calls.h"

static char buf[1000];

static void
print_one(const struct cmsghdr *c)
{
	const uint8_t *p = CMSG_DATA(c);
	char text[INET6_ADDRSTRLEN];
	struct in_pktinfo pi;
	int n;

	printf("    level %d type %d len %zu", c->cmsg_level, c->cmsg_type,
	    c->cmsg_len);
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
	    c->cmsg_len == CMSG_LEN(sizeof(pi))) {
		memcpy(&pi, p, sizeof(pi));
		printf(" to %s", inet_ntop(AF_INET, &pi.ipi_addr, text,
		    sizeof(text)));
		printf(" spec %s if %d", inet_ntop(AF_INET, &pi.ipi_spec_dst,
		    text, sizeof(text)), pi.ipi_ifindex > 0);
	} else if (c->cmsg_level == IPPROTO_IPV6 &&
	    c->cmsg_type == IPV6_PKTINFO && c->cmsg_len >= CMSG_LEN(16))
		printf(" to %s", inet_ntop(AF_INET6, p, text, sizeof(text)));
	else if (c->cmsg_len < CMSG_LEN(16) && c->cmsg_len > CMSG_LEN(4))
		; /* truncated: has no whole value */
	else if (c->cmsg_level == IPPROTO_IP &&
	    c->cmsg_type == IP_ORIGDSTADDR)
		printf(" family %d to %s", p[0], inet_ntop(AF_INET, p + 4,
		    text, sizeof(text)));
	else if (c->cmsg_level == IPPROTO_IPV6 &&
	    c->cmsg_type == IPV6_ORIGDSTADDR &&
	    c->cmsg_len >= CMSG_LEN(24))
		printf(" family %d to %s", p[0], inet_ntop(AF_INET6, p + 8,
		    text, sizeof(text)));
	else if (c->cmsg_len == CMSG_LEN(1))
		printf(" is %d", *p);
	else if (c->cmsg_len == CMSG_LEN(4)) {
		memcpy(&n, p, sizeof(n));
		printf(" is %d", n);
	}
	printf("\n");
}

static void
take(int fd, size_t room, bool asked)
{
	uint64_t control[64];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room > 0 ? control : NULL,
		.msg_controllen = room };
	struct cmsghdr *c;
	ssize_t n;

	if (!asked)
		ask(fd, "r1");
	wait_for(fd);
	n = recvmsg(fd, &msg, 0);
	printf("  %zd in %zu: %zu flags %#x\n", n, room, msg.msg_controllen,
	    (unsigned)msg.msg_flags);
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		print_one(c);
	fflush(stdout);
}

static void
on(int fd, int level, int option, int value)
{
	int n = setsockopt(fd, level, option, &value, sizeof(value));

	printf("%d %d = %d: %s\n", level, option, value,
	    n == 0 ? "good" : strerrorname_np(errno));
}

static void
each(int fd)
{
	static const int all[][3] = {
		{ IPPROTO_IP, IP_PKTINFO, 1 }, { IPPROTO_IP, IP_RECVTTL, 1 },
		{ IPPROTO_IP, IP_RECVTOS, 1 },
		{ IPPROTO_IP, IP_RECVORIGDSTADDR, 1 },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
		{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1 },
		{ IPPROTO_IPV6, IPV6_RECVTCLASS, 1 },
		{ IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1 },
		{ SOL_SOCKET, SO_TIMESTAMP, 1 },
		{ SOL_SOCKET, SO_TIMESTAMPNS, 1 },
		{ SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE |
			SOF_TIMESTAMPING_RX_SOFTWARE },
	};
	size_t i, k, n = sizeof(all) / sizeof(all[0]);

	take(fd, sizeof(buf) / 2, false);
	for (i = 0; i < n; i++) {
		on(fd, all[i][0], all[i][1], all[i][2]);
		take(fd, 512, false);
		on(fd, all[i][0], all[i][1], 0);
	}
	take(fd, 512, false);
	for (k = 0; k < n; k++)
		on(fd, all[k][0], all[k][1], all[k][2]);
	for (i = 0; i <= 160; i += 9)
		take(fd, i, false);
	take(fd, 512, false);
	for (k = 0; k < n; k++)
		on(fd, all[k][0], all[k][1], 0);
	take(fd, 512, false);
}

/* A timestamp lies between the times before and after the exchange. */
static void
times(int fd)
{
	uint64_t control[16];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control) };
	struct timespec before, after, ts;
	struct cmsghdr *c;

	on(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	clock_gettime(CLOCK_REALTIME, &before);
	ask(fd, "r1");
	wait_for(fd);
	say("recvmsg", recvmsg(fd, &msg, 0));
	clock_gettime(CLOCK_REALTIME, &after);
	c = CMSG_FIRSTHDR(&msg);
	if (c == NULL || c->cmsg_type != SO_TIMESTAMPNS)
		errx(1, "no time");
	memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	printf("between: %d %d\n", ts.tv_sec > before.tv_sec ||
	    (ts.tv_sec == before.tv_sec && ts.tv_nsec >= before.tv_nsec),
	    ts.tv_sec < after.tv_sec ||
	    (ts.tv_sec == after.tv_sec && ts.tv_nsec <= after.tv_nsec));
	on(fd, SOL_SOCKET, SO_TIMESTAMP, 1);
	take(fd, 512, false);
	on(fd, SOL_SOCKET, SO_TIMESTAMP, 0);
	take(fd, 512, false);
}

int
main(int argc, char **argv)
{
	int fd[2];

	begin(argc, argv, fd);
	each(fd[0]);
	times(fd[0]);
	say("connect", connect(fd[1], (struct sockaddr *)&peer, peer_len));
	each(fd[1]);
	return 0;
}
