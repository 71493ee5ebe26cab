/* SPDX-License-Identifier: ISC */
/* How much one UDP_SEGMENT send takes, and what it says to more. */
#include "fact.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>


enum {
	MTU = 1500,
	SAFE = 64,  /* segments that every kernel with UDP_SEGMENT takes */
	MOST = 128, /* that a new one does */
	LONGEST = 65507, /* bytes, over IPv4; IPv6 takes 20 more */
	ROOM = 65536,
};

static const char payload[ROOM];

/* How many datagrams come. */
static int
count(int fd)
{
	char text[2048];
	int n = 0;

	while (readable(fd, QUIET_MS) &&
	    recv(fd, text, sizeof(text), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

/* A segment longer than the MTU is refused, and never sent in fragments, also
 * where the socket allows these and where it is the only segment. */
static void
try_mtu(const struct way *w, int fd, const struct name *to)
{
	uint16_t fits = w->v4 ? MTU - 28 : MTU - 48;
	int error;

	set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (w->domain == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	error = put_segments(fd, to, payload, 4U * fits, fits);
	claim(error == 0, "segments that fill the MTU go", "%s", said(error));
	error = put_segments(fd, to, payload, 4U * (fits + 1), fits + 1);
	claim(error == -EMSGSIZE || error == -EINVAL, "one byte more is "
	    "EMSGSIZE (EINVAL in old kernels)", "%s", said(error));
	error = put_segments(fd, to, payload, fits + 1U, fits + 1);
	claim(error == -EMSGSIZE || error == -EINVAL, "also of one segment "
	    "alone", "%s", said(error));
}

static void
run(const struct way *w)
{
	struct name any, to;
	int ours, theirs, error, n;

	links(1);
	there();
	any = at_any(w, PORT);
	theirs = sock_at(w, &any);
	set(theirs, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	here();
	ours = sock(w);
	to = at(w, 0, 2, PORT);
	try_mtu(w, ours, &to);
	(void)count(theirs);
	error = put_segments(ours, &to, payload, SAFE * 100, 100);
	claim(error == 0 && (n = count(theirs)) == SAFE, "64 segments go",
	    "%s", said(error));
	error = put_segments(ours, &to, payload, MOST * 100 + 1, 100);
	claim(error == -EINVAL, "more than 128 are EINVAL", "%s", said(error));
	error = put_segments(ours, &to, payload, LONGEST, 1400);
	claim(error == 0 && (n = count(theirs)) == 47, "65507 bytes go", "%s",
	    said(error));
	error = put_segments(ours, &to, payload, LONGEST + (w->v4 ? 1 : 21), 1400);
	claim(error == -EMSGSIZE, "more are EMSGSIZE", "%s", said(error));
	claim(count(theirs) == 0, "what is refused sends nothing", "some");
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K60",
		.holds = "a UDP_SEGMENT send takes 64 segments and 65507 "
		    "bytes; what it refuses sends nothing",
		.breaks = "a bundle is refused that should go, or goes in part",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
