/* SPDX-License-Identifier: ISC */
/* Options: their value before, after a valid and after an edge value is set. */
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "topics.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* An option with an int, and two values: a usual one, and one that is refused
 * or at the edge. */
#define OPT(level, name, value, edge) { level, name, #name, value, edge }
static const struct row {
	int level, option;
	const char *name;
	int value, edge;
} rows[] = {
	OPT(SOL_SOCKET, SO_REUSEADDR, 1, -1),
	OPT(SOL_SOCKET, SO_REUSEPORT, 1, 7),
	OPT(SOL_SOCKET, SO_BROADCAST, 1, 5),
	OPT(SOL_SOCKET, SO_KEEPALIVE, 1, 0),
	OPT(SOL_SOCKET, SO_DONTROUTE, 1, 3),
	OPT(SOL_SOCKET, SO_SNDBUF, 30000, 1),
	OPT(SOL_SOCKET, SO_RCVBUF, 30000, 1),
	OPT(SOL_SOCKET, SO_RCVLOWAT, 10, -1),
	OPT(SOL_SOCKET, SO_SNDLOWAT, 10, -1),
	OPT(SOL_SOCKET, SO_PRIORITY, 5, 7),
	OPT(SOL_SOCKET, SO_TIMESTAMP, 1, 9),
	OPT(SOL_SOCKET, SO_TIMESTAMPNS, 1, 9),
	OPT(SOL_SOCKET, SO_TYPE, 1, 1),
	OPT(SOL_SOCKET, SO_DOMAIN, 1, 1),
	OPT(SOL_SOCKET, SO_PROTOCOL, 1, 1),
	OPT(SOL_SOCKET, SO_ERROR, 1, 1),
	OPT(SOL_SOCKET, SO_ACCEPTCONN, 1, 1),
	OPT(SOL_SOCKET, SO_OOBINLINE, 1, 1),
	OPT(SOL_SOCKET, SO_MARK, 1, 0),
	OPT(SOL_SOCKET, SO_RXQ_OVFL, 1, 0),
	OPT(SOL_SOCKET, SO_RCVMARK, 1, 0),
	OPT(SOL_SOCKET, SO_PEEK_OFF, 0, -1),
	OPT(SOL_SOCKET, SO_BUSY_POLL, 0, -1),
	OPT(SOL_SOCKET, SO_ZEROCOPY, 1, 2),
	OPT(SOL_SOCKET, SO_PASSCRED, 1, 0),
	OPT(SOL_SOCKET, SO_NO_CHECK, 1, 0),
	OPT(SOL_SOCKET, 12345, 1, 0),
	OPT(IPPROTO_IP, IP_TOS, 0x28, 0x1ff),
	OPT(IPPROTO_IP, IP_TTL, 33, 256),
	OPT(IPPROTO_IP, IP_PKTINFO, 1, 8),
	OPT(IPPROTO_IP, IP_RECVTOS, 1, 8),
	OPT(IPPROTO_IP, IP_RECVTTL, 1, 8),
	OPT(IPPROTO_IP, IP_RECVERR, 1, 8),
	OPT(IPPROTO_IP, IP_RECVOPTS, 1, 8),
	OPT(IPPROTO_IP, IP_RETOPTS, 1, 8),
	OPT(IPPROTO_IP, IP_RECVORIGDSTADDR, 1, 8),
	OPT(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, 77),
	OPT(IPPROTO_IP, IP_MTU, 1, 1),
	OPT(IPPROTO_IP, IP_FREEBIND, 1, 0),
	OPT(IPPROTO_IP, IP_TRANSPARENT, 1, 0),
	OPT(IPPROTO_IP, IP_MULTICAST_TTL, 3, 256),
	OPT(IPPROTO_IP, IP_MULTICAST_LOOP, 0, 7),
	OPT(IPPROTO_IP, IP_MULTICAST_ALL, 0, 7),
	OPT(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, 0),
	OPT(IPPROTO_IP, IP_MINTTL, 5, 300),
	OPT(IPPROTO_IP, IP_NODEFRAG, 1, 0),
	OPT(IPPROTO_IP, 12345, 1, 0),
	OPT(IPPROTO_IPV6, IPV6_V6ONLY, 1, 7),
	OPT(IPPROTO_IPV6, IPV6_TCLASS, 0x28, 256),
	OPT(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33, 256),
	OPT(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3, 256),
	OPT(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, 7),
	OPT(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 8),
	OPT(IPPROTO_IPV6, IPV6_RECVTCLASS, 1, 8),
	OPT(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, 8),
	OPT(IPPROTO_IPV6, IPV6_RECVERR, 1, 8),
	OPT(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1, 8),
	OPT(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, 77),
	OPT(IPPROTO_IPV6, IPV6_MTU, 1300, 1),
	OPT(IPPROTO_IPV6, IPV6_DONTFRAG, 1, 8),
	OPT(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1, 0),
	OPT(IPPROTO_IPV6, IPV6_RECVPATHMTU, 1, 0),
	OPT(IPPROTO_IPV6, IPV6_FREEBIND, 1, 0),
	OPT(IPPROTO_IPV6, IPV6_TRANSPARENT, 1, 0),
	OPT(IPPROTO_IPV6, 31, 1, 0), /* IPV6_RECVERR_RFC4884 */
	OPT(IPPROTO_IPV6, 12345, 1, 0),
	OPT(IPPROTO_UDP, UDP_CORK, 1, 0),
	OPT(IPPROTO_UDP, UDP_SEGMENT, 100, 70000),
	OPT(IPPROTO_UDP, UDP_GRO, 1, 8),
	OPT(IPPROTO_UDP, 12345, 1, 0),
	OPT(IPPROTO_TCP, 1, 1, 0),
	OPT(77, 1, 1, 0),
};

static void
back(const char *name, const char *when, int fd, const struct row *r,
    socklen_t room)
{
	char label[80];
	unsigned char value[16];
	socklen_t len = room;

	memset(value, TRACE_FILL, sizeof(value));
	snprintf(label, sizeof(label), "%s-%s", name, when);
	CALL(label, getsockopt(fd, r->level, r->option, value, &len));
	say("len %u", len);
	say("%02x%02x%02x%02x %02x", value[0], value[1], value[2], value[3],
	    value[4]);
}

static void
put(const char *name, const char *when, int fd, const struct row *r, int value,
    socklen_t len)
{
	char label[80];
	int values[4] = { value };

	snprintf(label, sizeof(label), "%s-%s", name, when);
	CALL(label, setsockopt(fd, r->level, r->option, values, len));
}

static void
one(const struct kind *k, const struct row *r, bool connected)
{
	char name[64];
	int fd = sock_of(k);

	/* An option without a name is labelled by its level and number. */
	if (r->name[0] >= '0' && r->name[0] <= '9')
		snprintf(name, sizeof(name), "%s%d.%s", connected ? "c-" : "",
		    r->level, r->name);
	else
		snprintf(name, sizeof(name), "%s%s", connected ? "c-" : "",
		    r->name);
	if (connected)
		(void)!connect(fd, &k->peer.sa, k->peer.len);
	back(name, "before", fd, r, 4);
	put(name, "set", fd, r, r->value, 4);
	back(name, "after", fd, r, 4);
	put(name, "edge", fd, r, r->edge, 4);
	back(name, "edge-after", fd, r, 16);
	if (!connected) {
		put(name, "len-0", fd, r, r->value, 0);
		put(name, "len-1", fd, r, 1, 1);
		back(name, "len-1-after", fd, r, 1);
		put(name, "len-3", fd, r, 1, 3);
		put(name, "len-16", fd, r, r->value, 16);
		put(name, "len-minus", fd, r, r->value, (socklen_t)-1);
		back(name, "len-0-after", fd, r, 0);
		back(name, "len-minus-after", fd, r, (socklen_t)-1);
	}
	close(fd);
}

static void
structs(const struct kind *k)
{
	struct timeval tv = { .tv_sec = 1, .tv_usec = 250000 }, was;
	struct linger linger = { .l_onoff = 1, .l_linger = 3 };
	char dev[32] = "a";
	socklen_t len;
	int fd = sock_of(k);

	CALL("SO_RCVTIMEO", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)));
	len = sizeof(was);
	CALL("SO_RCVTIMEO-after", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
	    &was, &len));
	say("len %u %ld.%06ld", len, (long)was.tv_sec, (long)was.tv_usec);
	tv.tv_usec = 1000000;
	CALL("SO_RCVTIMEO-bad", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)));
	CALL("SO_SNDTIMEO-short", setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
	    4));
	CALL("SO_LINGER", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)));
	len = sizeof(linger);
	CALL("SO_LINGER-after", getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    &len));
	say("len %u %d %d", len, linger.l_onoff, linger.l_linger);
	CALL("SO_BINDTODEVICE", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
	    dev, 2));
	memset(dev, 0, sizeof(dev));
	len = sizeof(dev);
	CALL("SO_BINDTODEVICE-after", getsockopt(fd, SOL_SOCKET,
	    SO_BINDTODEVICE, dev, &len));
	say("len %u %s", len, dev);
	CALL("SO_BINDTODEVICE-bad", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
	    "nosuch", 7));
	CALL("set-null", setsockopt(fd, SOL_SOCKET, SO_BROADCAST, NULL, 4));
	CALL("set-nowhere", setsockopt(fd, SOL_SOCKET, SO_BROADCAST,
	    nowhere(), 4));
	CALL("set-tos-nowhere", setsockopt(fd, IPPROTO_IP, IP_TOS, nowhere(),
	    4));
	len = 4;
	CALL("get-null", getsockopt(fd, SOL_SOCKET, SO_DOMAIN, NULL, &len));
	CALL("get-null-len", getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &was,
	    NULL));
	CALL("get-nowhere", getsockopt(fd, SOL_SOCKET, SO_DOMAIN, nowhere(),
	    &len));
	CALL("get-nowhere-len", getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &was,
	    nowhere()));
	close(fd);
}

void
topic_options(const struct kind *k)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		one(k, &rows[i], false);
		one(k, &rows[i], true);
	}
	structs(k);
}
