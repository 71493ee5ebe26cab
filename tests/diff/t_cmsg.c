/* SPDX-License-Identifier: ISC */
/* Control messages: a socket receives exactly those that its options ask for,
 * and those that it sends have their effect. */
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "topics.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	REOPENED = 6,	   /* times that a port is bound again */
	UNDER_WAY_MS = 60, /* longest way between the hosts, and more */
};

static void
on(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		say("(option %d/%d: %s)", level, option,
		    strerrorname_np(errno));
}

static void
take(const char *label, int fd, size_t control, int flags)
{
	struct message m;

	message_fresh(&m, 100, control);
	CALL(label, recvmsg(fd, &m.hdr, flags));
	say_message(&m, trace_ret);
}

/* --- Asked for, each alone ----------------------------------------------- */

static const struct asked {
	const char *name;
	int level, option;
} asked[] = {
	{ "none", -1, 0 },
	{ "pktinfo", IPPROTO_IP, IP_PKTINFO },
	{ "tos", IPPROTO_IP, IP_RECVTOS },
	{ "ttl", IPPROTO_IP, IP_RECVTTL },
	{ "origdst", IPPROTO_IP, IP_RECVORIGDSTADDR },
	{ "opts", IPPROTO_IP, IP_RECVOPTS },
	{ "retopts", IPPROTO_IP, IP_RETOPTS },
	{ "recverr", IPPROTO_IP, IP_RECVERR },
	{ "pktinfo6", IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ "tclass", IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ "hoplimit", IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
	{ "origdst6", IPPROTO_IPV6, IPV6_RECVORIGDSTADDR },
	{ "recverr6", IPPROTO_IPV6, IPV6_RECVERR },
	{ "timestamp", SOL_SOCKET, SO_TIMESTAMP },
	{ "timestampns", SOL_SOCKET, SO_TIMESTAMPNS },
	{ "rxq-ovfl", SOL_SOCKET, SO_RXQ_OVFL },
	{ "gro", IPPROTO_UDP, UDP_GRO },
};
enum { NASKED = sizeof(asked) / sizeof(asked[0]) };

/* The socket is connected, bound, or has received before the option is set. */
static void
alone(const struct kind *k, const char *how)
{
	char label[64];
	int fd, i;

	for (i = 0; i < NASKED; i++) {
		if (asked[i].level == IPPROTO_IPV6 && k->family == AF_INET)
			continue;
		trace_scene();
		fd = *how == 'c' ? sock_connected(k) : sock_of(k);
		if (*how == 'b') {
			close(fd);
			fd = sock_bound(k, k->port + 60);
		}
		if (*how == 't') {
			ask(fd, k, "!efirst");
			comes(fd);
			drain(fd);
		}
		if (asked[i].level >= 0)
			on(fd, asked[i].level, asked[i].option, 1);
		ask(fd, k, "!ehello");
		comes(fd);
		snprintf(label, sizeof(label), "%s-%s", how, asked[i].name);
		take(label, fd, 256, MSG_DONTWAIT);
		if (asked[i].level >= 0)
			on(fd, asked[i].level, asked[i].option, 0);
		ask(fd, k, "!ehello");
		comes(fd);
		snprintf(label, sizeof(label), "%s-%s-off", how,
		    asked[i].name);
		take(label, fd, 256, MSG_DONTWAIT);
		close(fd);
	}
}

static int
all_on(const struct kind *k)
{
	int fd = sock_of(k), i;

	for (i = 1; i < NASKED; i++)
		if ((asked[i].level != IPPROTO_IPV6 || k->family == AF_INET6) &&
		    asked[i].option != SO_RXQ_OVFL &&
		    asked[i].option != SO_TIMESTAMPNS)
			on(fd, asked[i].level, asked[i].option, 1);
	return fd;
}

/* What was under way to a port when its socket was closed is no loss of the
 * next one's. */
static void
reopened(const struct kind *k)
{
	int fd, i;

	for (i = 0; i < REOPENED; i++) {
		fd = sock_bound(k, k->port + 61);
		on(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
		if (i == REOPENED - 1)
			poll(NULL, 0, UNDER_WAY_MS);
		ask(fd, k, "!ehello");
		comes(fd);
		if (i == REOPENED - 1)
			take("reopened-rxq-ovfl", fd, 256, MSG_DONTWAIT);
		close(fd);
	}
}

/* All options at once: the kernel's order, in buffers of every size. */
static void
together(const struct kind *k)
{
	static const size_t rooms[] = { 0, 1, 15, 16, 17, 24, 31, 32, 33, 40,
		60, 64, 80, 100, 512 };
	char label[64];
	size_t i;
	int fd = all_on(k);

	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		ask(fd, k, "!ehello");
		comes(fd);
		snprintf(label, sizeof(label), "all-room-%zu", rooms[i]);
		take(label, fd, rooms[i], MSG_DONTWAIT);
	}
	ask(fd, k, "!ehello");
	comes(fd);
	take("all-peek", fd, 512, MSG_DONTWAIT | MSG_PEEK);
	take("all-peek-small", fd, 20, MSG_DONTWAIT | MSG_PEEK);
	take("all-peeked", fd, 512, MSG_DONTWAIT);
	take("all-none", fd, 512, MSG_DONTWAIT);
	take("all-errqueue", fd, 512, MSG_ERRQUEUE);
	close(fd);
}

/* TOS and TTL of the peer's datagrams. */
static void
heard(const struct kind *k)
{
	static const int tos[] = { 0, 1, 2, 3, 0x28, 0xb8, 0xbb, 0xfc };
	static const int ttl[] = { 1, 2, 33, 255 };
	char label[64];
	size_t i;
	int fd = sock_of(k);

	on(fd, IPPROTO_IP, IP_RECVTOS, 1);
	on(fd, IPPROTO_IP, IP_RECVTTL, 1);
	if (k->family == AF_INET6) {
		on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	}
	for (i = 0; i < sizeof(tos) / sizeof(tos[0]); i++) {
		ask(fd, k, "!t %d", tos[i]);
		comes(fd);
		snprintf(label, sizeof(label), "heard-tos-%02x", tos[i]);
		take(label, fd, 256, MSG_DONTWAIT);
	}
	for (i = 0; i < sizeof(ttl) / sizeof(ttl[0]); i++) {
		ask(fd, k, "!l %d", ttl[i]);
		comes(fd);
		snprintf(label, sizeof(label), "heard-ttl-%d", ttl[i]);
		take(label, fd, 256, MSG_DONTWAIT);
	}
	close(fd);
}

/* --- Sent ---------------------------------------------------------------- */

/* Sends 250 bytes to the peer with one control message, cut by `cut' bytes. */
static void
give(const char *label, const struct kind *k, int fd, int level, int type,
    const void *value, size_t len, size_t cut)
{
	char control[128];
	struct iovec v = { .iov_base = (char *)wrong(pattern()),
		.iov_len = 250 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_name = wrong(&k->peer.sa), .msg_namelen = k->peer.len,
		.msg_control = control };

	control_add(&h, level, type, value, len);
	h.msg_controllen -= cut;
	CALL(label, sendmsg(fd, &h, 0));
	say_report(fd);
}

static void
give_int(const char *label, const struct kind *k, int fd, int level, int type,
    int value)
{
	give(label, k, fd, level, type, &value, sizeof(value), 0);
}

static void
give_pktinfo(const char *label, const struct kind *k, int fd, unsigned index,
    const struct name *source)
{
	struct in_pktinfo pi = { .ipi_ifindex = (int)index };
	struct in6_pktinfo pi6 = { .ipi6_ifindex = index };

	if (k->family == AF_INET) {
		if (source != NULL)
			memcpy(&pi.ipi_spec_dst, source->byte + 4, 4);
		give(label, k, fd, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi),
		    0);
	} else {
		if (source != NULL)
			memcpy(&pi6.ipi6_addr, source->byte + 8, 16);
		give(label, k, fd, IPPROTO_IPV6, IPV6_PKTINFO, &pi6,
		    sizeof(pi6), 0);
	}
}

static void
said(const struct kind *k)
{
	struct in_pktinfo pi = { .ipi_ifindex = 0 };
	int fd = sock_of(k), n = 1;
	int level = k->level, tos, ttl;

	/* For a mapped peer an IPv6 socket accepts those of IPv4, too. */
	tos = k->family == AF_INET ? IP_TOS : IPV6_TCLASS;
	ttl = k->family == AF_INET ? IP_TTL : IPV6_HOPLIMIT;
	give_int("give-tos", k, fd, level, tos, 0xb8);
	give_int("give-tos-ecn", k, fd, level, tos, 0x03);
	give_int("give-tos-256", k, fd, level, tos, 256);
	give_int("give-tos-minus", k, fd, level, tos, -1);
	give_int("give-ttl", k, fd, level, ttl, 33);
	give_int("give-ttl-0", k, fd, level, ttl, 0);
	give_int("give-ttl-256", k, fd, level, ttl, 256);
	give_int("give-ttl-minus", k, fd, level, ttl, -1);
	give("give-tos-byte", k, fd, level, tos, &n, 1, 0);
	give("give-tos-len-0", k, fd, level, tos, &n, 0, 0);
	give("give-tos-cut", k, fd, level, tos, &n, 4, 12);
	give("give-tos-cut-8", k, fd, level, tos, &n, 4, 20);
	give_int("give-ip-tos", k, fd, IPPROTO_IP, IP_TOS, 0x28);
	give_int("give-ip-ttl", k, fd, IPPROTO_IP, IP_TTL, 44);
	give("give-ip-pktinfo", k, fd, IPPROTO_IP, IP_PKTINFO, &pi,
	    sizeof(pi), 0);
	give_int("give-ipv6-tclass", k, fd, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
	give_int("give-unknown", k, fd, level, 12345, 1);
	give_int("give-level-77", k, fd, 77, 1, 1);
	give_int("give-socket-1", k, fd, SOL_SOCKET, 1, 1);
	give_int("give-udp-77", k, fd, IPPROTO_UDP, 77, 1);
	give_pktinfo("give-pktinfo-0", k, fd, 0, NULL);
	give_pktinfo("give-pktinfo-ours", k, fd, 0, &k->ours);
	give_pktinfo("give-pktinfo-alien", k, fd, 0, &k->alien);
	give_pktinfo("give-pktinfo-lo", k, fd, 1, NULL);
	give_pktinfo("give-pktinfo-a", k, fd, 2, &k->ours);
	give_pktinfo("give-pktinfo-777", k, fd, 777, NULL);
	give("give-pktinfo-short", k, fd, level,
	    k->family == AF_INET ? IP_PKTINFO : IPV6_PKTINFO, &pi, 8, 0);
	close(fd);
}

/* UDP_SEGMENT as a control message: into how many datagrams 250 bytes go. */
static void
segments(const struct kind *k)
{
	static const uint16_t sizes[] = { 100, 50, 250, 300, 60000, 4, 2, 1,
		0 };
	char label[64];
	size_t i;
	int fd = sock_of(k);

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(label, sizeof(label), "segment-%u", sizes[i]);
		give(label, k, fd, IPPROTO_UDP, UDP_SEGMENT, &sizes[i],
		    sizeof(sizes[i]), 0);
		settle_of(k, fd);
		say_rest(fd);
	}
	give_int("segment-int", k, fd, IPPROTO_UDP, UDP_SEGMENT, 100);
	settle_of(k, fd);
	say_rest(fd);
	close(fd);
}

static void
set_and_send(const char *label, const struct kind *k, int level, int option,
    int value, size_t size)
{
	int fd = sock_of(k), late = sock_connected(k);
	char text[64];

	trace_scene();
	on(fd, level, option, value);
	CALL(label, sendto(fd, pattern(), size, 0, &k->peer.sa, k->peer.len));
	say_report(fd);
	ask(late, k, "!efirst");
	comes(late);
	drain(late);
	on(late, level, option, value);
	snprintf(text, sizeof(text), "%s-late", label);
	CALL(text, send(late, pattern(), size, 0));
	say_report(late);
	close(fd);
	close(late);
}

static void
set(const struct kind *k)
{
	uint16_t i;
	int fd;

	set_and_send("set-ip-tos", k, IPPROTO_IP, IP_TOS, 0xb8, 10);
	set_and_send("set-ip-tos-ecn", k, IPPROTO_IP, IP_TOS, 0x2, 10);
	set_and_send("set-ip-ttl", k, IPPROTO_IP, IP_TTL, 33, 10);
	set_and_send("set-ip-df", k, IPPROTO_IP, IP_MTU_DISCOVER,
	    IP_PMTUDISC_DO, 1400);
	set_and_send("set-ip-df-long", k, IPPROTO_IP, IP_MTU_DISCOVER,
	    IP_PMTUDISC_DO, 2000);
	set_and_send("set-ip-df-probe", k, IPPROTO_IP, IP_MTU_DISCOVER,
	    IP_PMTUDISC_PROBE, 2000);
	set_and_send("set-ip-df-dont", k, IPPROTO_IP, IP_MTU_DISCOVER,
	    IP_PMTUDISC_DONT, 2000);
	if (k->family == AF_INET6) {
		set_and_send("set-tclass", k, IPPROTO_IPV6, IPV6_TCLASS, 0xb8,
		    10);
		set_and_send("set-hops", k, IPPROTO_IPV6, IPV6_UNICAST_HOPS,
		    33, 10);
		set_and_send("set-df", k, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		    IPV6_PMTUDISC_DO, 1400);
		set_and_send("set-df-long", k, IPPROTO_IPV6,
		    IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, 2000);
		set_and_send("set-dontfrag-long", k, IPPROTO_IPV6,
		    IPV6_DONTFRAG, 1, 2000);
	}
	trace_scene();
	fd = sock_connected(k);
	on(fd, IPPROTO_UDP, UDP_SEGMENT, 100);
	CALL("set-segment", send(fd, pattern(), 250, 0));
	for (i = 0; i < 3; i++)
		say_report(fd);
	CALL("set-segment-short", send(fd, pattern(), 50, 0));
	say_report(fd);
	CALL("set-segment-0", send(fd, pattern(), 0, 0));
	say_report(fd);
	on(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
	CALL("set-segment-off", send(fd, pattern(), 250, 0));
	say_report(fd);
	close(fd);
}

void
topic_asked(const struct kind *k)
{
	alone(k, "connected");
	alone(k, "bound");
	alone(k, "talked");
	reopened(k);
	together(k);
	heard(k);
}

void
topic_cmsg(const struct kind *k)
{
	said(k);
	trace_scene();
	segments(k);
	set(k);
}
