/* SPDX-License-Identifier: ISC */
/* preload/shared/sockfilter.c: what the kernel does by these programs, packet
 * by packet. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/internal.h"
#include "shared/net.h"
#include "shared/sockfilter.h"
#include "suites.h"

enum { PREFIX = 0xc3, LONGEST = 200 };

static const uint8_t token[ARENA_TOKEN] = "sixteen letters";

/* The begin of a packet; the rest of its length is 0xee. */
struct packet {
	size_t len;
	uint8_t head[8];
	bool ours; /* the arena's token follows the first 4 bytes */
};

/* The first 4 bytes of a packet of a session: a sid of this slot, and the C
 * bit. */
#define SID(slot, c) PREFIX, (slot) << 3, 0x55, 0x54 | (c)
#define DATA(slot) { 60, { SID(slot, 0), 1, 2, 0, 0 }, false }
#define INTERNAL(slot, kind) \
	{ INTERNAL_OVERHEAD, { 0, (slot) << 3, 0, kind }, true }

static size_t
build(const struct packet *p, uint8_t out[LONGEST])
{
	memset(out, 0xee, LONGEST);
	memcpy(out, p->head, p->len < 8 ? p->len : 8);
	if (p->ours)
		memcpy(out + 4, token, sizeof(token));
	return p->len;
}

/* Runs on one processor, so that packets arrive in the order they were sent. */
static void
one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* A socket bound there, for AF_INET6 a dual-stack one.  *port 0: any. */
static int
udp(int family, const char *ip, uint16_t *port, bool shared)
{
	struct mp_addr a = addr_of(ip, *port);
	struct sockaddr_in6 name;
	socklen_t len = sizeof(name);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, off = 0;

	ck_assert_int_ge(fd, 0);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	len = net_put(&a, family, (struct sockaddr *)&name, sizeof(name));
	ck_assert_msg(bind(fd, (struct sockaddr *)&name, len) == 0, "%s: %s",
	    ip, strerror(errno));
	len = sizeof(name);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	ck_assert(net_get(&a, (struct sockaddr *)&name, len));
	*port = a.port;
	return fd;
}

static void
send_to(int fd, int family, const char *ip, uint16_t port,
    const struct packet *p)
{
	struct mp_addr a = addr_of(ip, port);
	struct sockaddr_in6 name;
	uint8_t bytes[LONGEST];
	size_t n = build(p, bytes);
	socklen_t len = net_put(&a, family, (struct sockaddr *)&name,
	    sizeof(name));

	ck_assert_msg(sendto(fd, bytes, n, 0, (struct sockaddr *)&name, len) ==
	    (ssize_t)n, "%s: %s", ip, strerror(errno));
}

/* --- The group ------------------------------------------------------------ */

enum { C = 1, SOCKETS = 4 };

/* Index 0 is slot 0, 1 the agent, 2 slot 5, 3 slot 31.  Slot 7 gets the data of
 * one session alone, and slot 5 that of one which slots 0 and 7 had before. */
static struct sockfilter_steering group = { .prefix = PREFIX, .control = C,
	.plain = 2, .probed = 3, .only = 1U << 7,
	.sid[7] = { 0, (uint32_t)PREFIX << 24 | 7 << 19 | 0x5554 },
	.sid[5] = { (uint32_t)PREFIX << 24 | 0xaabc,
		(uint32_t)PREFIX << 24 | 7 << 19 | 0xaabc },
	.late = { 0x66112232, (uint32_t)PREFIX << 24 | 0x112232 }, .nlate = 2 };

static const struct group_row {
	const char *name;
	struct packet packet;
	int index;
} groups[] = {
	{ "data of slot 0", DATA(0), 0 },
	{ "data of slot 5", DATA(5), 2 },
	{ "data of slot 31", DATA(31), 3 },
	{ "data of a slot without a socket", DATA(6), 2 },
	{ "data of the one session", DATA(7), 3 },
	{ "data of a session that slot 5 took from slot 0",
	    { 60, { PREFIX, 0, 0xaa, 0xbc }, false }, 2 },
	{ "its former key's, of slot 7",
	    { 60, { PREFIX, 7 << 3, 0xaa, 0xbc }, false }, 2 },
	{ "control of that session", { 60, { PREFIX, 0, 0xaa, 0xbd }, false },
	    C },
	{ "data of another", { 60, { PREFIX, 7 << 3, 0x55, 0x56 }, false }, C },
	{ "control of that slot", { 60, { SID(7, 1) }, false }, C },
	{ "internal for that slot", INTERNAL(7, INTERNAL_DATA), 3 },
	{ "shortest data", { MP_OVERHEAD, { SID(31, 0) }, false }, 3 },
	{ "a byte less", { MP_OVERHEAD - 1, { SID(31, 0) }, false }, 2 },
	{ "control", { 60, { SID(0, 1) }, false }, C },
	{ "control of another slot", { 60, { SID(31, 1) }, false }, C },
	{ "shortest control", { MP_OVERHEAD, { SID(0, 1) }, false }, C },
	{ "control, a byte less", { MP_OVERHEAD - 1, { SID(0, 1) }, false },
	    2 },
	{ "a sequence number of 2^32 - 1",
	    { 60, { SID(31, 0), 0xff, 0xff, 0, 0 }, false }, 3 },
	{ "no sequence number of ours: byte 6",
	    { 60, { SID(31, 0), 0, 0, 1, 0 }, false }, 2 },
	{ "no sequence number of ours: byte 7",
	    { 60, { SID(31, 0), 0, 0, 0, 1 }, false }, 2 },
	{ "late data", { 60, { 0x66, 0x11, 0x22, 0x32 }, false }, C },
	{ "late control", { 60, { 0x66, 0x11, 0x22, 0x33 }, false }, C },
	{ "late data with our prefix",
	    { 60, { PREFIX, 0x11, 0x22, 0x32 }, false }, C },
	{ "nearly late", { 60, { 0x66, 0x11, 0x22, 0x34 }, false }, 2 },
	{ "late, a byte less",
	    { MP_OVERHEAD - 1, { 0x66, 0x11, 0x22, 0x32 }, false }, 2 },
	{ "another prefix", { 60, { PREFIX ^ 1, 31 << 3 }, false }, 2 },
	{ "a handshake", { 148, { 0x9d, 0x4e, 0xc2, 0xb7 }, false }, C },
	{ "a short one",
	    { MP_OVERHEAD - 1, { 0x9d, 0x4e, 0xc2, 0xb7 }, false }, 2 },
	{ "nearly a handshake", { 148, { 0x9d, 0x4e, 0xc2, 0xb6 }, false }, 2 },
	{ "internal for slot 0", INTERNAL(0, INTERNAL_DATA), 0 },
	{ "internal for slot 5", INTERNAL(5, INTERNAL_DATA), 2 },
	{ "put back for slot 5", INTERNAL(5, INTERNAL_AGAIN), 2 },
	{ "kept for slot 5", INTERNAL(5, INTERNAL_LAST), 2 },
	{ "of no socket yet", INTERNAL(5, INTERNAL_BACKLOG), C },
	{ "internal for slot 31", INTERNAL(31, INTERNAL_ERROR), 3 },
	{ "internal for the agent", INTERNAL(31, INTERNAL_WAKE), C },
	{ "internal for the agent, too", INTERNAL(0, INTERNAL_CLOSING), C },
	{ "a probe", INTERNAL(0, INTERNAL_LOCATE), 3 },
	{ "internal, too short",
	    { INTERNAL_OVERHEAD - 1, { 0, 0, 0, INTERNAL_WAKE }, true }, 2 },
	{ "internal without our token", { 80, { 0, 0, 0, 1, 1 }, false }, 2 },
	{ "plaintext", { 20, "hello", false }, 2 },
	{ "zeros", { 100, { 0 }, false }, 2 },
	{ "one byte", { 1, { 0 }, false }, 2 },
	{ "nothing", { 0, { 0 }, false }, 2 },
};

/* The index of the socket that becomes readable. */
static int
readable(const int *fds)
{
	struct pollfd p[SOCKETS];
	uint8_t bytes[LONGEST];
	int i, which = -1;

	for (i = 0; i < SOCKETS; i++)
		p[i] = (struct pollfd) { .fd = fds[i], .events = POLLIN };
	ck_assert_int_eq(poll(p, SOCKETS, 10000), 1);
	for (i = 0; i < SOCKETS; i++)
		if (p[i].revents & POLLIN)
			which = i;
	ck_assert_int_ge(which, 0);
	ck_assert_int_ge(recv(fds[which], bytes, sizeof(bytes), 0), 0);
	return which;
}

static void
group_run(int family, const char *from, const char *to)
{
	int fds[SOCKETS], out, i, at;
	int sender = strchr(from, ':') != NULL ? AF_INET6 : AF_INET;
	uint16_t port = 0, any = 0;

	memset(group.slot, 255, sizeof(group.slot));
	memcpy(group.token, token, sizeof(token));
	group.slot[0] = 0;
	group.slot[5] = 2;
	group.slot[7] = group.slot[31] = 3;
	for (i = 0; i < SOCKETS; i++)
		fds[i] = udp(family, family == AF_INET ? "0.0.0.0" : "::",
		    &port, true);
	ck_assert_int_eq(sockfilter_steer(fds[C], &group, &(uint64_t) { 0 }), 0);
	out = udp(sender, from, &any, false);
	for (i = 0; i < COUNT(groups); i++) {
		send_to(out, sender, to, port, &groups[i].packet);
		at = readable(fds);
		ck_assert_msg(at == groups[i].index, "%s: %d",
		    groups[i].name, at);
	}
	/* One more socket, and other indices, as when one is opened. */
	group.slot[6] = 1;
	group.control = 0;
	ck_assert_int_eq(sockfilter_steer(fds[0], &group, &(uint64_t) { 0 }), 0);
	send_to(out, sender, to, port, &(struct packet) DATA(6));
	ck_assert_int_eq(readable(fds), 1);
	send_to(out, sender, to, port,
	    &(struct packet) { 60, { SID(6, 1) }, false });
	ck_assert_int_eq(readable(fds), 0);
	for (i = 0; i < SOCKETS; i++)
		close(fds[i]);
	close(out);
}

START_TEST(group_index)
{
	static const struct {
		int family;
		const char *from, *to;
	} rows[] = {
		{ AF_INET, "127.0.0.1", "127.0.0.1" },
		{ AF_INET6, "127.0.0.1", "127.0.0.1" },
		{ AF_INET6, "::1", "::1" },
	};

	group_run(rows[_i].family, rows[_i].from, rows[_i].to);
}
END_TEST

/* --- Plaintext of a group ------------------------------------------------- */

/* Who gets plaintext: index 0 at 127.0.0.2, 1 and 3 from one peer, 2 IPv4 that
 * is left, 3 IPv6. */
static const struct plain_row {
	const char *from, *to;
	int index;
} plains[] = {
	{ "127.0.0.9", "127.0.0.1", 2 },
	{ "127.0.0.9", "127.0.0.2", 0 },
	{ "127.0.0.8", "127.0.0.1", 1 },
	{ "127.0.0.8", "127.0.0.2", 1 },
	{ "::1", "::1", 3 },
};

START_TEST(group_plain)
{
	uint16_t port = 0, peer = 0, any;
	struct sockfilter_claim claim[] = {
		{ .index = 1, .v4 = true, .from = true },
		{ .index = 0, .v4 = true, .at = true },
		{ .index = 2, .v4 = true },
		{ .index = 3, .v6 = true },
	};
	struct sockfilter_steering g = { .prefix = PREFIX, .claim = claim,
		.nclaims = COUNT(claim), .plain = 1 };
	int fds[SOCKETS], out, i, at;

	memset(g.slot, 255, sizeof(g.slot));
	for (i = 0; i < SOCKETS; i++)
		fds[i] = udp(AF_INET6, "::", &port, true);
	close(udp(AF_INET, "127.0.0.8", &peer, false));
	claim[0].peer = addr_of("127.0.0.8", peer);
	claim[1].local = addr_of("127.0.0.2", 0);
	ck_assert_int_eq(sockfilter_steer(fds[C], &g, &(uint64_t) { 0 }), 0);
	for (i = 0; i < COUNT(plains); i++) {
		any = strcmp(plains[i].from, "127.0.0.8") == 0 ? peer : 0;
		out = udp(strchr(plains[i].from, ':') != NULL ? AF_INET6 :
		    AF_INET, plains[i].from, &any, false);
		send_to(out, strchr(plains[i].from, ':') != NULL ? AF_INET6 :
		    AF_INET, plains[i].to, port,
		    &(struct packet) { 5, "plain", false });
		at = readable(fds);
		ck_assert_msg(at == plains[i].index, "row %d: %d", i, at);
		close(out);
	}
	for (i = 0; i < SOCKETS; i++)
		close(fds[i]);
}
END_TEST

/* --- The filter ----------------------------------------------------------- */

/* Makes a network namespace whose loopback interface has addresses that stand
 * for other hosts': 10/8, 172.16/12 and these.  False: not allowed. */
static bool
network(void)
{
	static const char *const v4[][2] = { { "lo", "127.0.0.1" },
		{ "lo:1", "10.1.2.3" }, { "lo:2", "172.16.0.1" } };
	static const unsigned masks[] = { 0xff000000, 0xff000000, 0xfff00000 };
	static const char *const v6[] = { "2001:db8::1", "2001:db8:0:1::1",
		"2001:db8:0:1::2", "2001:dc8::1" };
	struct {
		struct in6_addr ip;
		uint32_t len;
		int ifindex;
	} in6;
	struct ifreq ifr;
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;
	struct sockaddr_in6 sin6;
	struct mp_addr a;
	int fd, i;

	if (unshare(CLONE_NEWNET) != 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (i = 0; i < COUNT(v4); i++) {
		memset(&ifr, 0, sizeof(ifr));
		strcpy(ifr.ifr_name, v4[i][0]);
		a = addr_of(v4[i][1], 0);
		net_put(&a, AF_INET, (struct sockaddr *)sin, sizeof(*sin));
		ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &ifr), 0);
		sin->sin_addr.s_addr = htonl(masks[i]);
		ck_assert_int_eq(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
		ifr.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
		ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	}
	close(fd);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (i = 0; i < COUNT(v6); i++) {
		a = addr_of(v6[i], 0);
		memcpy(&in6.ip, a.ip, 16);
		in6.len = 128;
		in6.ifindex = (int)if_nametoindex("lo");
		ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &in6), 0);
		/* Usable once the kernel has checked that it is no
		 * duplicate. */
		net_put(&a, AF_INET6, (struct sockaddr *)&sin6, sizeof(sin6));
		while (bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) != 0) {
			ck_assert_int_eq(errno, EADDRNOTAVAIL);
			poll(NULL, 0, 1);
		}
		close(fd);
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	close(fd);
	return true;
}

enum flag { F_V6 = 1, F_NO_V4 = 2, F_ALL = 4, F_DNS = 8, F_MANY = 16,
	F_NOT = 32, F_HERE = 64 };

/* A packet, and whether it passes.  `rule' is a prefix that is let in, or
 * NULL. */
static const struct filter_row {
	const char *name;
	unsigned flags;
	const char *local; /* only what was sent to this one */
	const char *rule;
	unsigned len, rule_port;
	const char *from;
	unsigned port; /* 0: any */
	const char *to;
	struct packet packet;
	bool passes;
} filters[] = {
#define PLAIN { 20, "hello", false }
	/* Packets of sessions and internal datagrams pass in any case. */
	{ "data", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9", DATA(0), 1 },
	{ "data, IPv6", F_V6, NULL, NULL, 0, 0, "2001:db8::1", 0,
	    "2001:dc8::1", DATA(9), 1 },
	{ "control", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { 60, { SID(0, 1) }, false }, 1 },
	{ "data over the family that the program has not", F_V6 | F_NO_V4,
	    NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9", DATA(0), 1 },
	{ "data over IPv6 to a program of IPv4", 0, NULL, NULL, 0, 0,
	    "2001:db8::1", 0, "2001:dc8::1", DATA(0), 1 },
	{ "data to another address", 0, "10.3.3.3", NULL, 0, 0, "10.0.0.1", 0,
	    "10.9.9.9", DATA(0), 1 },
	{ "short data", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { MP_OVERHEAD - 1, { SID(0, 0) }, false }, 0 },
	{ "shortest data", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { MP_OVERHEAD, { SID(0, 0) }, false }, 1 },
	{ "another prefix", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { 60, { PREFIX ^ 1 }, false }, 0 },
	{ "too large a number", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { 60, { SID(0, 0), 0, 0, 0, 1 }, false }, 0 },
	{ "a handshake, which no agent took", 0, NULL, NULL, 0, 0, "10.0.0.1",
	    0, "10.9.9.9", { 148, { 0x9d, 0x4e, 0xc2, 0xb7 }, false }, 1 },
	{ "nearly one", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { 148, { 0x9d, 0x4e, 0xc2, 0xb6 }, false }, 0 },
	{ "internal", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    INTERNAL(0, INTERNAL_DATA), 1 },
	{ "internal, short", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { INTERNAL_OVERHEAD - 1, { 0, 0, 0, INTERNAL_DATA }, true }, 0 },
	{ "a stranger's", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    { 80, { 0, 0, 0, INTERNAL_DATA, 1 }, false }, 0 },
	{ "a probe", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    INTERNAL(0, INTERNAL_LOCATE), 0 },
	{ "a probe where all is wanted", F_ALL, NULL, NULL, 0, 0, "10.0.0.1",
	    0, "10.9.9.9", INTERNAL(0, INTERNAL_LOCATE), 0 },
	/* Plaintext. */
	{ "plain", 0, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9", PLAIN, 0 },
	{ "plain, IPv6", F_V6, NULL, NULL, 0, 0, "2001:db8::1", 0,
	    "2001:dc8::1", PLAIN, 0 },
	{ "plain, all wanted", F_ALL, NULL, NULL, 0, 0, "10.0.0.1", 0,
	    "10.9.9.9", PLAIN, 1 },
	{ "plain IPv6, all wanted", F_ALL | F_V6, NULL, NULL, 0, 0,
	    "2001:db8::1", 0, "2001:dc8::1", PLAIN, 1 },
	{ "nothing in it, all wanted", F_ALL, NULL, NULL, 0, 0, "10.0.0.1", 0,
	    "10.9.9.9", { 0, { 0 }, false }, 1 },
	{ "nothing in it", 0, NULL, NULL, 0, 0, "10.0.0.1", 0,
	    "10.9.9.9", { 0, { 0 }, false }, 0 },
	{ "plain IPv6 to a program of IPv4", F_ALL, NULL, NULL, 0, 0,
	    "2001:db8::1", 0, "2001:dc8::1", PLAIN, 0 },
	{ "plain IPv4 to a program of IPv6 only", F_ALL | F_V6 | F_NO_V4, NULL,
	    NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9", PLAIN, 0 },
	{ "loopback", 0, NULL, NULL, 0, 0, "127.0.0.1", 0, "127.0.0.1", PLAIN,
	    1 },
	{ "loopback, elsewhere", 0, NULL, NULL, 0, 0, "127.255.0.9", 0,
	    "127.0.0.1", PLAIN, 1 },
	{ "loopback, IPv6", F_V6, NULL, NULL, 0, 0, "::1", 0, "::1", PLAIN,
	    1 },
	{ "loopback of the other family", 0, NULL, NULL, 0, 0, "::1", 0, "::1",
	    PLAIN, 0 },
	/* Only to one address. */
	{ "to it", F_ALL, "10.3.3.3", NULL, 0, 0, "10.0.0.1", 0, "10.3.3.3",
	    PLAIN, 1 },
	{ "to another", F_ALL, "10.3.3.3", NULL, 0, 0, "10.0.0.1", 0,
	    "10.3.3.4", PLAIN, 0 },
	{ "from loopback to another", F_ALL, "10.3.3.3", NULL, 0, 0,
	    "127.0.0.1", 0, "127.0.0.1", PLAIN, 0 },
	{ "to it, not wanted", 0, "10.3.3.3", NULL, 0, 0, "10.0.0.1", 0,
	    "10.3.3.3", PLAIN, 0 },
	{ "to it, IPv6", F_ALL | F_V6, "2001:dc8::1", NULL, 0, 0,
	    "2001:db8::1", 0, "2001:dc8::1", PLAIN, 1 },
	{ "to another, IPv6", F_ALL | F_V6, "2001:db8:0:1::1", NULL, 0, 0,
	    "2001:db8::1", 0, "2001:db8:0:1::2", PLAIN, 0 },
	/* Name servers. */
	{ "a name server", F_DNS, NULL, NULL, 0, 0, "10.0.0.1", 53,
	    "10.9.9.9", PLAIN, 1 },
	{ "a name server, IPv6", F_DNS | F_V6, NULL, NULL, 0, 0,
	    "2001:db8::1", 53, "2001:dc8::1", PLAIN, 1 },
	{ "another port", F_DNS, NULL, NULL, 0, 0, "10.0.0.1", 54,
	    "10.9.9.9", PLAIN, 0 },
	{ "names not wanted", 0, NULL, NULL, 0, 0, "10.0.0.1", 53,
	    "10.9.9.9", PLAIN, 0 },
	/* Prefixes, by their lengths. */
	{ "/0 of IPv4", 0, NULL, "0.0.0.0", 96, 0, "172.16.0.1", 0, "10.9.9.9",
	    PLAIN, 1 },
	{ "/0 of IPv4, IPv6 comes", F_V6, NULL, "0.0.0.0", 96, 0,
	    "2001:db8::1", 0, "2001:dc8::1", PLAIN, 0 },
	{ "/0 of IPv6", F_V6, NULL, "::", 0, 0, "2001:db8::1", 0,
	    "2001:dc8::1", PLAIN, 1 },
	{ "/0 of IPv6, IPv4 comes", F_V6, NULL, "::", 0, 0, "10.0.0.1", 0,
	    "10.9.9.9", PLAIN, 0 },
	{ "/8, lowest", 0, NULL, "10.0.0.0", 104, 0, "10.0.0.1", 0, "10.9.9.9",
	    PLAIN, 1 },
	{ "/8, highest", 0, NULL, "10.77.0.0", 104, 0, "10.255.255.254", 0,
	    "10.9.9.9", PLAIN, 1 },
	{ "/8, out", 0, NULL, "10.0.0.0", 104, 0, "172.16.0.1", 0, "10.9.9.9",
	    PLAIN, 0 },
	{ "/20, lowest", 0, NULL, "10.1.16.0", 116, 0, "10.1.16.1", 0,
	    "10.9.9.9", PLAIN, 1 },
	{ "/20, highest", 0, NULL, "10.1.16.0", 116, 0, "10.1.31.255", 0,
	    "10.9.9.9", PLAIN, 1 },
	{ "/20, one above", 0, NULL, "10.1.16.0", 116, 0, "10.1.32.0", 0,
	    "10.9.9.9", PLAIN, 0 },
	{ "/20, one below", 0, NULL, "10.1.16.0", 116, 0, "10.1.15.255", 0,
	    "10.9.9.9", PLAIN, 0 },
	{ "/31, in", 0, NULL, "10.1.1.2", 127, 0, "10.1.1.3", 0, "10.9.9.9",
	    PLAIN, 1 },
	{ "/31, out", 0, NULL, "10.1.1.2", 127, 0, "10.1.1.4", 0, "10.9.9.9",
	    PLAIN, 0 },
	{ "/32, it", 0, NULL, "10.1.1.2", 128, 0, "10.1.1.2", 0, "10.9.9.9",
	    PLAIN, 1 },
	{ "/32, its neighbour", 0, NULL, "10.1.1.2", 128, 0, "10.1.1.3", 0,
	    "10.9.9.9", PLAIN, 0 },
	{ "/28 of IPv6, in", F_V6, NULL, "2001:dbf::", 28, 0, "2001:db8::1",
	    0, "2001:dc8::1", PLAIN, 1 },
	{ "/28 of IPv6, out", F_V6, NULL, "2001:dbf::", 28, 0, "2001:dc8::1",
	    0, "2001:dc8::1", PLAIN, 0 },
	{ "/32 of IPv6, in", F_V6, NULL, "2001:db8::", 32, 0,
	    "2001:db8:0:1::1", 0, "2001:dc8::1", PLAIN, 1 },
	{ "/32 of IPv6, out", F_V6, NULL, "2001:db8::", 32, 0, "2001:dc8::1",
	    0, "2001:dc8::1", PLAIN, 0 },
	{ "/64, in", F_V6, NULL, "2001:db8:0:1::", 64, 0, "2001:db8:0:1::2",
	    0, "2001:dc8::1", PLAIN, 1 },
	{ "/64, out", F_V6, NULL, "2001:db8:0:1::", 64, 0, "2001:db8::1", 0,
	    "2001:dc8::1", PLAIN, 0 },
	{ "/128, it", F_V6, NULL, "2001:db8:0:1::1", 128, 0,
	    "2001:db8:0:1::1", 0, "2001:dc8::1", PLAIN, 1 },
	{ "/128, its neighbour", F_V6, NULL, "2001:db8:0:1::1", 128, 0,
	    "2001:db8:0:1::2", 0, "2001:dc8::1", PLAIN, 0 },
	/* Sent by this host to itself, as all of these are. */
	{ "from here", F_HERE, NULL, NULL, 0, 0, "10.0.0.1", 0, "10.9.9.9",
	    PLAIN, 1 },
	{ "from here, IPv6", F_HERE | F_V6, NULL, NULL, 0, 0, "2001:db8::1", 0,
	    "2001:dc8::1", PLAIN, 1 },
	{ "from here to another address", F_HERE, "10.3.3.3", NULL, 0, 0,
	    "10.0.0.1", 0, "10.9.9.9", PLAIN, 0 },
	{ "from here, the family that the program has not", F_HERE, NULL, NULL,
	    0, 0, "2001:db8::1", 0, "2001:dc8::1", PLAIN, 0 },
	/* Prefixes with ports. */
	{ "its port", 0, NULL, "10.1.1.2", 128, 7777, "10.1.1.2", 7777,
	    "10.9.9.9", PLAIN, 1 },
	{ "not its port", 0, NULL, "10.1.1.2", 128, 7777, "10.1.1.2", 7778,
	    "10.9.9.9", PLAIN, 0 },
	{ "port of anybody", 0, NULL, "0.0.0.0", 96, 7777, "172.16.0.1", 7777,
	    "10.9.9.9", PLAIN, 1 },
	{ "port, IPv6", F_V6, NULL, "2001:db8::", 32, 7777, "2001:db8::1",
	    7777, "2001:dc8::1", PLAIN, 1 },
	{ "another port, IPv6", F_V6, NULL, "2001:db8::", 32, 7777,
	    "2001:db8::1", 7776, "2001:dc8::1", PLAIN, 0 },
	/* Everybody but a prefix. */
	{ "a peer", F_NOT, NULL, "10.1.0.0", 112, 0, "10.1.1.2", 0,
	    "10.9.9.9", PLAIN, 0 },
	{ "no peer", F_NOT, NULL, "10.1.0.0", 112, 0, "10.2.1.2", 0,
	    "10.9.9.9", PLAIN, 1 },
	{ "a peer by its port", F_NOT, NULL, "10.1.1.2", 128, 7777,
	    "10.1.1.2", 7777, "10.9.9.9", PLAIN, 0 },
	{ "the same host, another port", F_NOT, NULL, "10.1.1.2", 128, 7777,
	    "10.1.1.2", 7778, "10.9.9.9", PLAIN, 1 },
	{ "data of a peer", F_NOT, NULL, "10.1.0.0", 112, 0, "10.1.1.2", 0,
	    "10.9.9.9", DATA(0), 1 },
	{ "a peer who is a name server", F_NOT | F_DNS, NULL, "10.1.0.0", 112,
	    0, "10.1.1.2", 53, "10.9.9.9", PLAIN, 1 },
	{ "to one, though many are wanted", F_MANY, NULL, NULL, 0, 0,
	    "10.0.0.1", 0, "10.9.9.9", PLAIN, 0 },
};

static void
filter_of(const struct filter_row *r, struct sockfilter_rules *f,
    struct sockfilter_prefix *rule)
{
	memset(f, 0, sizeof(*f));
	f->prefix = PREFIX;
	memcpy(f->token, token, sizeof(token));
	f->v4 = !(r->flags & F_NO_V4);
	f->v6 = r->flags & F_V6;
	f->all_plain = r->flags & (F_ALL | F_NOT);
	f->dns = r->flags & F_DNS;
	f->multicast = f->broadcast = r->flags & F_MANY;
	f->here = r->flags & F_HERE;
	f->local_only = r->local != NULL;
	if (r->local != NULL)
		f->local = addr_of(r->local, 0);
	if (r->rule != NULL) {
		rule->addr = addr_of(r->rule, r->rule_port);
		rule->len = (uint8_t)r->len;
		rule->drop = r->flags & F_NOT;
		f->peers = rule;
		f->npeers = 1;
	}
}

/* Did this packet arrive next?  Data always passes: if the packet of data that
 * was sent second arrives first, the first one was dropped. */
static bool
came_first(int fd, const struct packet *p)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t got[LONGEST], sent[LONGEST];
	size_t len = build(p, sent);
	ssize_t n;

	ck_assert_int_eq(poll(&wait, 1, 10000), 1);
	n = recv(fd, got, sizeof(got), 0);
	return n == (ssize_t)len && memcmp(got, sent, len) == 0;
}

static void
filter_run(const struct filter_row *r)
{
	static const struct packet last = { 61, { SID(1, 0) }, false };
	struct sockfilter_rules f;
	struct sockfilter_prefix rule;
	uint16_t port = 0, from = (uint16_t)r->port;
	int family = strchr(r->from, ':') != NULL ? AF_INET6 : AF_INET, on = 1;
	int in, out;
	bool came;

	in = udp(AF_INET6, "::", &port, false);
	out = udp(family, r->from, &from, false);
	setsockopt(out, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	filter_of(r, &f, &rule);
	ck_assert_int_eq(sockfilter_attach(in, &f, &(uint64_t) { 0 }), 0);
	send_to(out, family, r->to, port, &r->packet);
	send_to(out, family, r->to, port, &last);
	came = came_first(in, &r->packet);
	ck_assert_msg(came == r->passes, "%s: %d", r->name, came);
	if (came)
		ck_assert(came_first(in, &last));
	close(in);
	close(out);
}

START_TEST(filter)
{
	int i;

	if (!network()) {
		printf("check_sockfilter: filters skipped, no network of our "
		    "own\n");
		return;
	}
	one_processor();
	for (i = 0; i < COUNT(filters); i++)
		filter_run(&filters[i]);
}
END_TEST

/* --- The program's own filter
 * ------------------------------------------------ */

/* The program's filter runs on plaintext that the rules let in, may shorten it,
 * starts with its registers at 0, and does not see packets of sessions. */
static void
follow(const struct packet *p, bool wanted, ssize_t passes)
{
	static const struct sock_filter cut[] = {
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 8 + 10),
		BPF_STMT(BPF_RET | BPF_A, 0) };
	struct sockfilter_rules f = { .prefix = PREFIX, .v4 = true, .v6 = true,
		.all_plain = wanted, .then = cut, .nthen = COUNT(cut) };
	uint16_t port = 0, from = 0;
	uint8_t got[LONGEST];
	int in = udp(AF_INET6, "::", &port, false);
	int out = udp(AF_INET, "127.0.0.1", &from, false);

	memcpy(f.token, token, sizeof(token));
	if (!wanted) /* loopback passes otherwise */
		f.local_only = true, f.local = addr_of("127.0.0.2", 0);
	ck_assert_int_eq(sockfilter_attach(in, &f, &(uint64_t) { 0 }), 0);
	send_to(out, AF_INET, "127.0.0.1", port, p);
	ck_assert_int_eq(recv(in, got, sizeof(got), MSG_DONTWAIT), passes);
	close(in);
	close(out);
}

START_TEST(followed)
{
	static const struct packet plain = { 60, { 'h', 'e', 'l', 'l', 'o' },
		false }, data = DATA(0), inner = INTERNAL(0, INTERNAL_DATA);

	one_processor();
	follow(&plain, true, 10);
	follow(&plain, false, -1);
	follow(&data, true, 60);
	follow(&inner, true, INTERNAL_OVERHEAD);
}
END_TEST

/* --- Multicast and broadcast
 * ------------------------------------------------- */

/* Sent by the host itself, on loopback and on an Ethernet. */
enum { GROUPS = 1, ALL = 2 };

static const struct many_row {
	const char *name, *from, *to;
	int wanted;
	bool passes;
} manies[] = {
	{ "a group on loopback", "10.1.2.3", "239.1.2.3", GROUPS, true },
	{ "a group, not wanted", "10.1.2.3", "239.1.2.3", ALL, false },
	{ "a group on an Ethernet", "192.0.2.1", "239.1.2.3", GROUPS, true },
	{ "the same, not wanted", "192.0.2.1", "239.1.2.3", 0, false },
	{ "the highest group", "192.0.2.1", "239.255.255.255", GROUPS, true },
	{ "a group of IPv6", "2001:db8::1", "ff05::77", GROUPS, true },
	{ "the same, not wanted", "2001:db8::1", "ff05::77", 0, false },
	{ "a network's broadcast", "192.0.2.1", "192.0.2.255", ALL, true },
	{ "the same, not wanted", "192.0.2.1", "192.0.2.255", GROUPS, false },
	{ "everybody", "192.0.2.1", "255.255.255.255", ALL, true },
	{ "the same, not wanted", "192.0.2.1", "255.255.255.255", GROUPS,
	    false },
	{ "just one", "192.0.2.1", "192.0.2.1", GROUPS | ALL, false },
};

/* Makes an Ethernet (TAP) without other hosts, with 192.0.2.1/24; -1: not
 * allowed. */
static int
ethernet(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;
	struct mp_addr a = addr_of("192.0.2.1", 0);
	int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC), fd;

	strcpy(ifr.ifr_name, "tap0");
	if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr) != 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	net_put(&a, AF_INET, (struct sockaddr *)sin, sizeof(*sin));
	ck_assert_int_eq(ioctl(fd, SIOCSIFADDR, &ifr), 0);
	sin->sin_addr.s_addr = htonl(0xffffff00);
	ck_assert_int_eq(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
	return tap;
}

/* Joins `in' to the group on the interface of `from', and lets `out' send by
 * it. */
static void
join(int in, int out, int family, const char *from, const char *to)
{
	int ifindex = (int)if_nametoindex(strncmp(from, "10.", 3) == 0 ?
		"lo" : "tap0");
	struct group_req req = { .gr_interface = (uint32_t)ifindex };
	struct ip_mreqn by = { .imr_ifindex = ifindex };
	struct mp_addr a = addr_of(to, 0);

	if (!net_is_multicast(&a)) {
		ck_assert_int_eq(setsockopt(out, SOL_SOCKET, SO_BINDTOIFINDEX,
		    &ifindex, sizeof(ifindex)), 0);
		return;
	}
	net_put(&a, family, (struct sockaddr *)&req.gr_group,
	    sizeof(req.gr_group));
	ck_assert_int_eq(setsockopt(in, family == AF_INET ? IPPROTO_IP :
	    IPPROTO_IPV6, MCAST_JOIN_GROUP, &req, sizeof(req)), 0);
	if (family == AF_INET)
		ck_assert_int_eq(setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF,
		    &by, sizeof(by)), 0);
	else
		ck_assert_int_eq(setsockopt(out, IPPROTO_IPV6,
		    IPV6_MULTICAST_IF, &ifindex, sizeof(ifindex)), 0);
}

static void
many_run(const struct many_row *r)
{
	static const struct packet hello = { 20, "hello", false },
		last = { 61, { SID(1, 0) }, false };
	struct sockfilter_rules f = { .prefix = PREFIX, .v4 = true, .v6 = true,
		.multicast = r->wanted & GROUPS, .broadcast = r->wanted & ALL };
	uint16_t port = 0, any = 0;
	int family = strchr(r->from, ':') != NULL ? AF_INET6 : AF_INET, on = 1;
	int in = udp(AF_INET6, "::", &port, false);
	int out = udp(family, r->from, &any, false);
	bool came;

	setsockopt(out, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	join(in, out, family, r->from, r->to);
	ck_assert_int_eq(sockfilter_attach(in, &f, &(uint64_t) { 0 }), 0);
	send_to(out, family, r->to, port, &hello);
	send_to(out, family, r->to, port, &last);
	came = came_first(in, &hello);
	ck_assert_msg(came == r->passes, "%s: %d", r->name, came);
	close(in);
	close(out);
}

START_TEST(many)
{
	int tap = -1, i;

	if (!network() || (tap = ethernet()) < 0) {
		printf("check_sockfilter: multicast skipped, no Ethernet of our "
		    "own\n");
		return;
	}
	one_processor();
	for (i = 0; i < COUNT(manies); i++)
		many_run(&manies[i]);
	close(tap);
}
END_TEST

/* --- How many rules ------------------------------------------------------- */

/* RULES_MAX prefixes of the longest kind fit.  Beyond the longest program there
 * is an error, not half a program. */
START_TEST(many_rules)
{
	static struct sockfilter_prefix rules[400];
	struct sockfilter_rules f = { .prefix = PREFIX, .v4 = true, .v6 = true,
		.dns = true, .multicast = true, .broadcast = true,
		.local_only = true, .local = addr_of("2001:db8::1", 0),
		.peers = rules };
	uint16_t port = 0;
	int fd = udp(AF_INET6, "::", &port, false), error = 0;
	size_t i;

	for (i = 0; i < 400; i++) {
		rules[i].addr = addr_of("2001:db8::1", 7777);
		rules[i].addr.ip[14] = (uint8_t)(i >> 8);
		rules[i].addr.ip[15] = (uint8_t)i;
		rules[i].len = 127;
	}
	f.npeers = 64;
	ck_assert_int_eq(sockfilter_attach(fd, &f, &(uint64_t) { 0 }), 0);
	for (i = 64; i <= 400 && error == 0; i++) {
		f.npeers = i;
		error = sockfilter_attach(fd, &f, &(uint64_t) { 0 });
	}
	ck_assert_int_eq(error, -E2BIG);
	f.npeers = 400;
	ck_assert_int_eq(sockfilter_attach(fd, &f,
	    &(uint64_t) { 0 }), -E2BIG);
	close(fd);
}
END_TEST

/* Does plaintext of IPv4 pass the filter of the socket? */
static bool
passes_v4(int in, uint16_t port)
{
	static const struct packet plain = { 60, { 'h', 'e', 'l', 'l', 'o' },
		false };
	uint8_t got[LONGEST];
	uint16_t from = 0;
	int out = udp(AF_INET, "127.0.0.1", &from, false);

	send_to(out, AF_INET, "127.0.0.1", port, &plain);
	close(out);
	return recv(in, got, sizeof(got), MSG_DONTWAIT) > 0;
}

/* The same program is not attached again while its mark says that it is. */
START_TEST(attached_once)
{
	struct sockfilter_rules f = { .prefix = PREFIX, .v6 = true,
		.here = true };
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	struct sock_fprog other = { .len = 1, .filter = &all };
	uint64_t mark = 0, first;
	uint16_t port = 0;
	int fd = udp(AF_INET6, "::", &port, false);

	one_processor();
	ck_assert_int_eq(sockfilter_attach(fd, &f, &mark), 0);
	ck_assert(!passes_v4(fd, port));
	first = mark;
	ck_assert_uint_ne(first, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &other,
	    sizeof(other)), 0);
	ck_assert_int_eq(sockfilter_attach(fd, &f, &mark), 0);
	ck_assert(passes_v4(fd, port)); /* `other' is still there */
	mark = 0;
	ck_assert_int_eq(sockfilter_attach(fd, &f, &mark), 0);
	ck_assert_uint_eq(mark, first);
	ck_assert(!passes_v4(fd, port));
	/* Another program has another mark, one that fails has none. */
	f.v4 = true;
	ck_assert_int_eq(sockfilter_attach(fd, &f, &mark), 0);
	ck_assert_uint_ne(mark, first);
	ck_assert(passes_v4(fd, port));
	ck_assert_int_eq(sockfilter_attach(-1, &f, &first), -EBADF);
	ck_assert_uint_eq(first, 0);
	close(fd);
}
END_TEST

START_TEST(no_socket)
{
	struct sockfilter_rules f = { .prefix = PREFIX };
	int fds[2];

	ck_assert_int_eq(sockfilter_attach(-1, &f,
	    &(uint64_t) { 0 }), -EBADF);
	ck_assert_int_eq(sockfilter_steer(-1, &group,
	    &(uint64_t) { 0 }), -EBADF);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(sockfilter_attach(fds[0], &f,
	    &(uint64_t) { 0 }), -ENOTSOCK);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

Suite *
suite_sockfilter(void)
{
	Suite *s = suite_create("sockfilter");
	TCase *t = tcase_create("sockfilter");

	tcase_add_loop_test(t, group_index, 0, 3);
	tcase_add_test(t, group_plain);
	tcase_add_test(t, filter);
	tcase_add_test(t, followed);
	tcase_add_test(t, many);
	tcase_add_test(t, many_rules);
	tcase_add_test(t, attached_once);
	tcase_add_test(t, no_socket);
	suite_add_tcase(s, t);
	return s;
}
