/* SPDX-License-Identifier: ISC */
/* preload/datagram/cmsg.c: control messages of received datagrams, beside those
 * that the kernel writes. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datagram/cmsg.h"
#include "mp.h"
#include "shared/net.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"
#include "socket/own_addr.h"
#include "suites.h"

enum { ROOM = 160, FILL = 0xa5 };

static void
turn_on(int fd, int level, int option)
{
	int on = 1;

	ck_assert_int_eq(setsockopt(fd, level, option, &on, sizeof(on)), 0);
}

/* A datagram from a socket to itself over loopback, received with so much room
 * for control messages. */
static struct msghdr
kernel_gives(int family, uint64_t control[ROOM / 8], size_t room,
    struct sockaddr_in6 *from)
{
	struct mp_addr a = addr_of(family == AF_INET ? "127.0.0.1" : "::1", 0);
	int fd = socket(family, SOCK_DGRAM, 0);
	socklen_t len = sizeof(*from);
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_name = from, .msg_namelen = sizeof(*from),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = room };

	if (family == AF_INET) {
		turn_on(fd, IPPROTO_IP, IP_PKTINFO);
		turn_on(fd, IPPROTO_IP, IP_RECVTTL);
		turn_on(fd, IPPROTO_IP, IP_RECVTOS);
		turn_on(fd, IPPROTO_IP, IP_RECVORIGDSTADDR);
	} else {
		turn_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
		turn_on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
		turn_on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
		turn_on(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR);
	}
	ck_assert_int_eq(bind(fd, (struct sockaddr *)from,
	    net_put(&a, family, (struct sockaddr *)from, sizeof(*from))), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)from, &len), 0);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)from, len),
	    1);
	memset(control, FILL, ROOM);
	ck_assert_int_eq(recvmsg(fd, &msg, 0), 1);
	msg.msg_iovlen = 0;
	close(fd);
	return msg;
}

static struct sock
sock_of(int family, struct arena_map *map, unsigned port)
{
	struct sock s = { .family = family,
		.kernel = family == AF_INET ? MP_INET : MP_DUAL };

	close(arena_fresh(map));
	map->arena->port = (uint16_t)port;
	s.map = *map;
	return s;
}

/* The same bytes, length and MSG_CTRUNC, for each length of the room. */
START_TEST(as_kernel)
{
	int family = _i < ROOM ? AF_INET : AF_INET6;
	size_t room = (size_t)(_i % ROOM);
	uint64_t his[ROOM / 8], all[ROOM / 8], ours[ROOM / 8];
	struct sockaddr_in6 name;
	struct msghdr kernel, whole = kernel_gives(family, all, ROOM, &name),
	    msg = { .msg_control = ours, .msg_controllen = room };
	struct net_info info;
	struct mp_addr from;
	struct arena_map map;
	struct sock s;
	bool cut;

	net_info_read(&whole, &info);
	kernel = kernel_gives(family, his, room, &name);
	ck_assert(net_get(&from, (struct sockaddr *)&name,
	    kernel.msg_namelen));
	s = sock_of(family, &map, from.port);
	s.options.pktinfo = s.options.ttl = s.options.tos = s.options.origdst =
	    family == AF_INET;
	s.options.pktinfo6 = s.options.hoplimit = s.options.tclass =
	    s.options.origdst6 = family == AF_INET6;
	memset(ours, FILL, ROOM);
	cut = cmsg_give(&s, &from, &info, &msg);
	ck_assert(cut == ((kernel.msg_flags & MSG_CTRUNC) != 0));
	ck_assert_uint_eq(msg.msg_controllen, kernel.msg_controllen);
	ck_assert_mem_eq(ours, his, ROOM);
	arena_unmap(&map);
}
END_TEST

/* --- Which messages ------------------------------------------------------- */

enum { PKT = 1, PKT6 = 2, TTL = 4, HOPS = 8, TOS = 16, CLASS = 32, DST = 64,
	DST6 = 128, STAMP = 256, STAMPNS = 512, STAMPING = 1024 };

/* What the program asked for, and the messages in their order. */
static const struct give_row {
	int family;
	const char *from;
	unsigned asked;
	struct {
		int level, type;
	} want[4];
} gives[] = {
	{ AF_INET, "192.0.2.9", 0, { { 0, 0 } } },
	{ AF_INET, "192.0.2.9", PKT | TTL, { { IPPROTO_IP, IP_PKTINFO },
	    { IPPROTO_IP, IP_TTL } } },
	{ AF_INET, "192.0.2.9", TOS | DST, { { IPPROTO_IP, IP_TOS },
	    { IPPROTO_IP, IP_ORIGDSTADDR } } },
	{ AF_INET, "192.0.2.9", PKT6 | HOPS | CLASS | DST6, { { 0, 0 } } },
	{ AF_INET6, "2001:db8::9", PKT6 | HOPS | CLASS | DST6,
	    { { IPPROTO_IPV6, IPV6_PKTINFO }, { IPPROTO_IPV6, IPV6_HOPLIMIT },
		{ IPPROTO_IPV6, IPV6_TCLASS },
		{ IPPROTO_IPV6, IPV6_ORIGDSTADDR } } },
	{ AF_INET6, "2001:db8::9", PKT | TTL | TOS | DST, { { 0, 0 } } },
	/* IPv4 in an IPv6 socket: both levels' PKTINFO, else IPv4's. */
	{ AF_INET6, "192.0.2.9", PKT6 | PKT | HOPS | TTL,
	    { { IPPROTO_IPV6, IPV6_PKTINFO }, { IPPROTO_IP, IP_PKTINFO },
		{ IPPROTO_IP, IP_TTL } } },
	{ AF_INET, "192.0.2.9", STAMP | TTL, { { SOL_SOCKET, SO_TIMESTAMP },
	    { IPPROTO_IP, IP_TTL } } },
	{ AF_INET6, "2001:db8::9", STAMPNS | STAMPING | PKT6,
	    { { SOL_SOCKET, SO_TIMESTAMPNS }, { SOL_SOCKET, SO_TIMESTAMPING },
		{ IPPROTO_IPV6, IPV6_PKTINFO } } },
};

static void
ask_for(struct sock_options *o, unsigned asked)
{
	o->pktinfo = asked & PKT;
	o->pktinfo6 = asked & PKT6;
	o->ttl = asked & TTL;
	o->hoplimit = asked & HOPS;
	o->tos = asked & TOS;
	o->tclass = asked & CLASS;
	o->origdst = asked & DST;
	o->origdst6 = asked & DST6;
	o->stamp = asked & STAMP ? SO_TIMESTAMP : asked & STAMPNS ?
	    SO_TIMESTAMPNS : 0;
	o->stamping = (asked & STAMPING) != 0;
}

static struct net_info
info_of(const char *local)
{
	return (struct net_info) { .local = addr_of(local, 0), .ifindex = 3,
		.arrival = 1, .tos = 5, .ttl = 64, .stamped = SO_TIMESTAMPING,
		.stamp = { .tv_sec = 7, .tv_nsec = 123456789 } };
}

START_TEST(give)
{
	const struct give_row *r = &gives[_i];
	struct mp_addr from = addr_of(r->from, 9);
	struct net_info info = info_of(net_is_v4(&from) ? "192.0.2.1" :
						       "2001:db8::1");
	uint64_t control[64];
	struct msghdr msg = { .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	struct arena_map map;
	struct sock s = sock_of(r->family, &map, 7);
	int i = 0;

	ask_for(&s.options, r->asked);
	ck_assert(!cmsg_give(&s, &from, &info, &msg));
	for (c = CMSG_FIRSTHDR(&msg); c != NULL;
	     c = CMSG_NXTHDR(&msg, c), i++) {
		ck_assert_int_lt(i, 4);
		ck_assert_int_eq(c->cmsg_level, r->want[i].level);
		ck_assert_int_eq(c->cmsg_type, r->want[i].type);
	}
	ck_assert(i == 4 || r->want[i].type == 0);
	arena_unmap(&map);
}
END_TEST

/* What the kernel did not tell is not made up. */
START_TEST(unknown)
{
	struct mp_addr from = addr_of("192.0.2.9", 9);
	struct net_info info = info_of("192.0.2.1");
	uint64_t control[64];
	struct msghdr msg = { .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct arena_map map;
	struct sock s = sock_of(AF_INET, &map, 7);

	ask_for(&s.options, TTL | TOS | STAMP | STAMPING);
	info.ttl = info.tos = -1;
	info.arrival = MP_NEVER;
	info.stamped = 0;
	ck_assert(!cmsg_give(&s, &from, &info, &msg));
	ck_assert_uint_eq(msg.msg_controllen, 0);
	/* If none is asked for, no room at all is enough. */
	msg.msg_control = NULL;
	ck_assert(!cmsg_give(&s, &from, &info, &msg));
	ask_for(&s.options, PKT);
	ck_assert(cmsg_give(&s, &from, &info, &msg));
	arena_unmap(&map);
}
END_TEST

/* SO_RXQ_OVFL tells of drops, but for those that the agent caused; the mark
 * comes after it. */
START_TEST(drops)
{
	static const struct {
		uint32_t kernel, own, told;
	} row[] = { { 0, 0, 0 }, { 7, 0, 7 }, { 7, 2, 5 }, { 2, 2, 0 },
		{ 2, 3, 0 }, { UINT32_MAX, 2, UINT32_MAX - 2 } };
	struct mp_addr from = addr_of("192.0.2.9", 9);
	struct net_info info = info_of("192.0.2.1");
	uint64_t control[16];
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct msghdr msg = { .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct arena_map map;
	struct sock s = sock_of(AF_INET, &map, 7);
	uint32_t n;

	info.drops = row[_i].kernel;
	for (n = 0; n < row[_i].own; n++)
		arena_own_drop(&s.map, s.slot, 1);
	ck_assert(!cmsg_give(&s, &from, &info, &msg));
	if (row[_i].told == 0) {
		ck_assert_uint_eq(msg.msg_controllen, 0);
	} else {
		ck_assert_int_eq(c->cmsg_type, SO_RXQ_OVFL);
		memcpy(&n, CMSG_DATA(c), sizeof(n));
		ck_assert_uint_eq(n, row[_i].told);
	}
	info.marked = true;
	info.mark = 77;
	msg.msg_controllen = sizeof(control);
	ck_assert(!cmsg_give(&s, &from, &info, &msg));
	ck_assert_uint_eq(msg.msg_controllen,
	    CMSG_SPACE(sizeof(n)) * (row[_i].told == 0 ? 1 : 2));
	arena_unmap(&map);
}
END_TEST

/* --- What they say -------------------------------------------------------- */

/* The address that the program is told as its own: of a socket that is bound to
 * the wildcard for the program's address, of a connected one, of others. */
static const struct {
	bool wide, connected, sealed;
	const char *told;
} locals[] = {
	{ false, false, false, "127.0.0.5" }, /* the packet's */
	{ true, false, false, "127.0.0.7" },  /* the socket's */
	{ false, true, false, "127.0.0.7" },
	/* A session's packet may come to any address: by the routes. */
	{ false, false, true, "127.0.0.1" },
	{ true, false, true, "127.0.0.7" },
	{ false, true, true, "127.0.0.7" },
};

START_TEST(local)
{
	struct mp_addr from = addr_of("127.0.0.1", 9), told;
	struct net_info info = info_of("127.0.0.5");
	uint64_t control[16];
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct msghdr msg;
	struct sockaddr_in sin;
	struct arena_map map;
	struct sock s = sock_of(AF_INET, &map, 7);
	int i;

	s.local = addr_of("127.0.0.7", 0);
	s.wide = locals[_i].wide;
	s.connected = locals[_i].connected;
	ask_for(&s.options, DST);
	for (i = 0; i < 2; i++) { /* the second time it is remembered */
		msg = (struct msghdr) { .msg_control = control,
			.msg_controllen = sizeof(control) };
		if (locals[_i].sealed)
			own_addr_tell(-1, &s, &from, &info);
		ck_assert(!cmsg_give(&s, &from, &info, &msg));
		memcpy(&sin, CMSG_DATA(c), sizeof(sin));
		ck_assert(net_get(&told, (struct sockaddr *)&sin,
		    sizeof(sin)));
		ck_assert_uint_eq(told.port, 7);
		ck_assert_mem_eq(told.ip, addr_of(locals[_i].told, 0).ip, 16);
	}
	arena_unmap(&map);
}
END_TEST

/* SO_TIMESTAMP has microseconds, SO_TIMESTAMPNS nanoseconds. */
START_TEST(stamp)
{
	static const struct {
		unsigned asked;
		long fraction;
	} rows[] = { { STAMP, 123456 }, { STAMPNS, 123456789 } };
	struct mp_addr from = addr_of("192.0.2.9", 9);
	struct net_info info = info_of("192.0.2.1");
	uint64_t control[16];
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct msghdr msg = { .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct arena_map map;
	struct sock s = sock_of(AF_INET, &map, 7);
	long pair[2];

	ask_for(&s.options, rows[_i].asked);
	ck_assert(!cmsg_give(&s, &from, &info, &msg));
	ck_assert_uint_eq(c->cmsg_len, CMSG_LEN(sizeof(pair)));
	memcpy(pair, CMSG_DATA(c), sizeof(pair));
	ck_assert_int_eq(pair[0], 7);
	ck_assert_int_eq(pair[1], rows[_i].fraction);
	arena_unmap(&map);
}
END_TEST

Suite *
suite_cmsg(void)
{
	Suite *s = suite_create("cmsg");
	TCase *t = tcase_create("cmsg");

	tcase_add_loop_test(t, as_kernel, 0, 2 * ROOM);
	tcase_add_loop_test(t, give, 0, COUNT(gives));
	tcase_add_test(t, unknown);
	tcase_add_loop_test(t, drops, 0, 6);
	tcase_add_loop_test(t, local, 0, COUNT(locals));
	tcase_add_loop_test(t, stamp, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
