/* SPDX-License-Identifier: ISC */
/* preload/agent/rtnl.c: the decoder, with messages as the kernel lays them
 * out. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/rtnl.h"

/* The message in the making. */
static union {
	struct nlmsghdr head;
	char bytes[4096];
} m;

static void *
begin(uint16_t type, size_t size)
{
	memset(&m, 0, sizeof(m));
	m.head.nlmsg_type = type;
	m.head.nlmsg_len = NLMSG_LENGTH(size);
	return NLMSG_DATA(&m.head);
}

static struct rtattr *
add(unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)(m.bytes +
	    NLMSG_ALIGN(m.head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (data != NULL)
		memcpy(RTA_DATA(a), data, len);
	m.head.nlmsg_len = NLMSG_ALIGN(m.head.nlmsg_len) +
	    (unsigned)RTA_SPACE(len);
	return a;
}

static void
add_number(unsigned short type, uint32_t n)
{
	add(type, &n, sizeof(n));
}

static void
add_ip(unsigned short type, int family, const char *text)
{
	uint8_t ip[16];

	ck_assert_int_eq(inet_pton(family, text, ip), 1);
	add(type, ip, family == AF_INET ? 4 : 16);
}

static void
ip_is(const struct mp_addr *a, const char *text)
{
	uint8_t ip[16];

	ck_assert_int_eq(inet_pton(AF_INET6, text, ip), 1);
	ck_assert_mem_eq(a->ip, ip, 16);
	ck_assert_uint_eq(a->port, 0);
}

/* --- Links ---------------------------------------------------------------- */

static void
begin_link(uint16_t type, unsigned flags)
{
	struct ifinfomsg *info = begin(type, sizeof(*info));

	info->ifi_index = 7;
	info->ifi_flags = flags;
	info->ifi_type = 1;
}

/* IFLA_LINKINFO with an interface's kind, with or without its ending 0. */
static void
add_kind(const char *kind, size_t len)
{
	struct rtattr *outer = add(IFLA_LINKINFO, NULL, RTA_SPACE(len));
	struct rtattr *inner = RTA_DATA(outer);

	inner->rta_type = IFLA_INFO_KIND;
	inner->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(inner), kind, len);
}

START_TEST(link_whole)
{
	struct rtnl_link l;

	begin_link(RTM_NEWLINK, IFF_UP | IFF_RUNNING);
	add(IFLA_IFNAME, "eth0", 5);
	add_number(IFLA_MTU, 1400);
	ck_assert(rtnl_read_link(&m.head, &l));
	ck_assert_uint_eq(l.ifindex, 7);
	ck_assert_uint_eq(l.mtu, 1400);
	ck_assert_str_eq(l.name, "eth0");
	ck_assert(l.up && l.ethernet && !l.gone);
	ck_assert(!l.loopback && !l.dummy && !l.bridge);
}
END_TEST

START_TEST(link_states)
{
	struct rtnl_link l;

	begin_link(RTM_DELLINK, IFF_UP | IFF_LOOPBACK);
	ck_assert(rtnl_read_link(&m.head, &l));
	ck_assert(l.gone && l.loopback);
	ck_assert(!l.up); /* no carrier */
	ck_assert_uint_eq(l.mtu, 0);
	ck_assert_str_eq(l.name, "");
}
END_TEST

START_TEST(link_kinds)
{
	static const struct {
		const char *kind;
		size_t len;
		bool dummy, bridge;
	} rows[] = { { "dummy", 6, true, false }, { "dummy", 5, true, false },
		{ "bridge", 7, false, true }, { "dummyx", 7, false, false },
		{ "dum", 4, false, false }, { "", 0, false, false } };
	struct rtnl_link l;

	begin_link(RTM_NEWLINK, 0);
	add_kind(rows[_i].kind, rows[_i].len);
	ck_assert(rtnl_read_link(&m.head, &l));
	ck_assert_int_eq(l.dummy, rows[_i].dummy);
	ck_assert_int_eq(l.bridge, rows[_i].bridge);
}
END_TEST

/* A name that is too long and has no end: its first 15 bytes, and a 0. */
START_TEST(link_long_name)
{
	struct rtnl_link l;

	begin_link(RTM_NEWLINK, 0);
	add(IFLA_IFNAME, "abcdefghijklmnopqrst", 20);
	ck_assert(rtnl_read_link(&m.head, &l));
	ck_assert_str_eq(l.name, "abcdefghijklmno");
}
END_TEST

/* What carries the interface: the one that it was made on, or the other end of a
 * tunnel that was made on none. */
START_TEST(link_lower)
{
	static const struct {
		const char *kind;
		uint32_t under; /* IFLA_LINK */
		unsigned short type;
		int family;
		const char *remote;
		bool abroad; /* of another network namespace */
		uint32_t lower;
		const char *outer;
	} rows[] = { { "macvlan", 3, 0, 0, NULL, false, 3, "::" },
		{ "vlan", 3, 0, 0, NULL, false, 0, "::" },
		{ "macvlan", 3, 0, 0, NULL, true, 0, "::" },
		{ "macvlan", 7, 0, 0, NULL, false, 0, "::" },
		{ "veth", 3, 0, 0, NULL, false, 0, "::" },
		{ "dsa", 3, 0, 0, NULL, false, 0, "::" },
		{ "vxlan", 0, 2, AF_INET, "192.0.2.1", false, 0,
		    "::ffff:192.0.2.1" },
		{ "vxlan", 0, 16, AF_INET6, "2001:db8::1", false, 0,
		    "2001:db8::1" },
		{ "vxlan", 0, 2, AF_INET, "239.1.1.1", false, 0, "::" },
		{ "gre", 4, 7, AF_INET, "192.0.2.1", false, 4,
		    "::ffff:192.0.2.1" },
		{ "ip6tnl", 0, 3, AF_INET6, "2001:db8::1", false, 0,
		    "2001:db8::1" },
		{ "tun", 0, 2, AF_INET, "192.0.2.1", false, 0, "::" },
		{ "sit", 0, 3, AF_INET, "0.0.0.0", false, 0, "::" } };
	size_t len = strlen(rows[_i].kind);
	struct rtattr *outer, *inner;
	struct rtnl_link l;
	uint8_t ip[16];
	int size = rows[_i].family == AF_INET ? 4 : 16;

	begin_link(RTM_NEWLINK, 0);
	if (rows[_i].under != 0)
		add_number(IFLA_LINK, rows[_i].under);
	if (rows[_i].abroad)
		add_number(IFLA_LINK_NETNSID, 0);
	outer = add(IFLA_LINKINFO, NULL, RTA_SPACE(len) +
	    RTA_SPACE(RTA_SPACE(16)));
	inner = RTA_DATA(outer);
	inner->rta_type = IFLA_INFO_KIND;
	inner->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(inner), rows[_i].kind, len);
	if (rows[_i].remote != NULL) {
		inner = (struct rtattr *)(void *)((char *)inner +
		    RTA_SPACE(len));
		inner->rta_type = IFLA_INFO_DATA;
		inner->rta_len = (unsigned short)RTA_LENGTH(RTA_SPACE(size));
		inner = RTA_DATA(inner);
		inner->rta_type = rows[_i].type;
		inner->rta_len = (unsigned short)RTA_LENGTH(size);
		ck_assert_int_eq(inet_pton(rows[_i].family, rows[_i].remote,
		    ip), 1);
		memcpy(RTA_DATA(inner), ip, (size_t)size);
	}
	ck_assert(rtnl_read_link(&m.head, &l));
	ck_assert_uint_eq(l.lower, rows[_i].lower);
	ip_is(&l.outer, rows[_i].outer);
}
END_TEST

/* What a bridge says of its ports is not about the interface. */
START_TEST(link_of_a_bridge)
{
	struct rtnl_link l;

	begin_link(RTM_DELLINK, 0);
	((struct ifinfomsg *)NLMSG_DATA(&m.head))->ifi_family = AF_BRIDGE;
	ck_assert(!rtnl_read_link(&m.head, &l));
}
END_TEST

/* --- Addresses ------------------------------------------------------------ */

static void
begin_address(uint16_t type, unsigned char family)
{
	struct ifaddrmsg *info = begin(type, sizeof(*info));

	info->ifa_family = family;
	info->ifa_index = 3;
	info->ifa_prefixlen = 24;
	info->ifa_flags = IFA_F_PERMANENT;
}

START_TEST(address_v4)
{
	struct rtnl_address a;

	begin_address(RTM_NEWADDR, AF_INET);
	add_ip(IFA_ADDRESS, AF_INET, "192.0.2.9"); /* the other end's */
	add_ip(IFA_LOCAL, AF_INET, "192.0.2.1");
	ck_assert(rtnl_read_address(&m.head, &a));
	ip_is(&a.addr, "::ffff:192.0.2.1");
	ck_assert_uint_eq(a.ifindex, 3);
	ck_assert_uint_eq(a.prefix_len, 24);
	ck_assert_uint_eq(a.flags, IFA_F_PERMANENT);
	ck_assert(!a.gone);
}
END_TEST

/* Flags of more than 8 bits stand in an attribute. */
START_TEST(address_v6)
{
	struct rtnl_address a;

	begin_address(RTM_DELADDR, AF_INET6);
	add_ip(IFA_ADDRESS, AF_INET6, "2001:db8::1");
	add_number(IFA_FLAGS, IFA_F_STABLE_PRIVACY);
	ck_assert(rtnl_read_address(&m.head, &a));
	ip_is(&a.addr, "2001:db8::1");
	ck_assert_uint_eq(a.flags, IFA_F_STABLE_PRIVACY);
	ck_assert(a.gone);
}
END_TEST

START_TEST(address_wrong)
{
	struct rtnl_address a;

	begin_address(RTM_NEWADDR, AF_INET);
	ck_assert(!rtnl_read_address(&m.head, &a));
	add_ip(IFA_LOCAL, AF_INET6, "2001:db8::1"); /* of the other length */
	ck_assert(!rtnl_read_address(&m.head, &a));
}
END_TEST

/* --- Routes --------------------------------------------------------------- */

static struct rtmsg *
begin_route(uint16_t type, unsigned char family)
{
	struct rtmsg *info = begin(type, sizeof(*info));

	info->rtm_family = family;
	info->rtm_type = RTN_UNICAST;
	info->rtm_table = RT_TABLE_MAIN;
	return info;
}

START_TEST(route_one_hop)
{
	struct rtnl_route r;

	begin_route(RTM_NEWROUTE, AF_INET)->rtm_dst_len = 24;
	add_ip(RTA_DST, AF_INET, "192.0.2.0");
	add_number(RTA_OIF, 5);
	add_number(RTA_TABLE, 1000);
	ck_assert(rtnl_read_route(&m.head, &r));
	ip_is(&r.dst, "::ffff:192.0.2.0");
	ck_assert_uint_eq(r.dst_len, 24);
	ck_assert_int_eq(r.family, AF_INET);
	ck_assert_uint_eq(r.type, RTN_UNICAST);
	ck_assert_uint_eq(r.table, 1000);
	ck_assert_uint_eq(r.nhops, 1);
	ck_assert_uint_eq(r.hop[0], 5);
	ck_assert(!r.gone && !r.cloned);
}
END_TEST

START_TEST(route_default)
{
	struct rtnl_route r;

	begin_route(RTM_DELROUTE, AF_INET6)->rtm_flags = RTM_F_CLONED;
	ck_assert(rtnl_read_route(&m.head, &r));
	ip_is(&r.dst, "::");
	ck_assert_uint_eq(r.nhops, 0);
	ck_assert_uint_eq(r.table, RT_TABLE_MAIN);
	ck_assert(r.gone && r.cloned);
	begin_route(RTM_NEWROUTE, AF_INET);
	ck_assert(rtnl_read_route(&m.head, &r));
	ip_is(&r.dst, "::ffff:0.0.0.0");
}
END_TEST

/* As many hops as are read, and one more; each brings a gateway. */
START_TEST(route_hops)
{
	static struct {
		struct rtnexthop hop;
		char gateway[RTA_SPACE(4)];
	} hops[RTNL_HOPS + 1];
	struct rtnl_route r;
	size_t i, n = _i == 0 ? 2 : RTNL_HOPS + 1;

	for (i = 0; i < n; i++) {
		hops[i].hop.rtnh_len = sizeof(hops[i]);
		hops[i].hop.rtnh_ifindex = (int)i + 10;
	}
	begin_route(RTM_NEWROUTE, AF_INET);
	add(RTA_MULTIPATH, hops, n * sizeof(hops[0]));
	ck_assert(rtnl_read_route(&m.head, &r));
	ck_assert_uint_eq(r.nhops, n < RTNL_HOPS ? n : RTNL_HOPS);
	for (i = 0; i < r.nhops; i++)
		ck_assert_uint_eq(r.hop[i], i + 10);
}
END_TEST

START_TEST(route_wrong)
{
	struct rtnl_route r;

	begin_route(RTM_NEWROUTE, AF_BRIDGE);
	ck_assert(!rtnl_read_route(&m.head, &r));
	begin_route(RTM_NEWROUTE, AF_INET)->rtm_dst_len = 33;
	ck_assert(!rtnl_read_route(&m.head, &r));
}
END_TEST

START_TEST(route_source)
{
	struct rtnl_route r;

	begin_route(RTM_NEWROUTE, AF_INET6);
	add_ip(RTA_GATEWAY, AF_INET6, "fe80::1");
	add_ip(RTA_PREFSRC, AF_INET6, "2001:db8::5");
	ck_assert(rtnl_read_route(&m.head, &r));
	ip_is(&r.gateway, "fe80::1");
	ip_is(&r.source, "2001:db8::5");
	begin_route(RTM_NEWROUTE, AF_INET6);
	ck_assert(rtnl_read_route(&m.head, &r));
	ip_is(&r.gateway, "::");
	ip_is(&r.source, "::");
}
END_TEST

/* --- By which interface packets leave ------------------------------------- */

/* The path is from 2001:db8::5 by interface 2.  What the kernel answers to the
 * question with the source, and to that without: the interface (0: an error)
 * and its own choice of a source. */
static const struct leaves_row {
	const char *what;
	uint32_t with, without;
	const char *source;
	uint8_t type; /* of the first route */
	bool may_be_any; /* the source */
	uint32_t by; /* what comes of it */
	bool any;
} leaves[] = {
	{ "the path's own", 2, 9, "::", RTN_UNICAST, true, 2, false },
	{ "another, but strict with ::", 3, 2, "2001:db8::5", RTN_UNICAST,
	    true, 2, true },
	{ "with :: it has another source", 3, 2, "2001:db8::6", RTN_UNICAST,
	    true, 3, false },
	{ "with :: by another, too", 3, 3, "2001:db8::5", RTN_UNICAST, true,
	    3, false },
	{ "no route by that interface", 3, 0, "::", RTN_UNICAST, true, 3,
	    false },
	{ "the socket has a source", 3, 2, "2001:db8::5", RTN_UNICAST, false,
	    3, false },
	{ "no route at all", 0, 0, "::", RTN_UNICAST, true, 2, false },
	{ "to this host", 1, 2, "2001:db8::5", RTN_LOCAL, true, 2, false },
};

static bool
asks_with(unsigned short type)
{
	const struct rtmsg *info = NLMSG_DATA(&m.head);
	const struct rtattr *a = RTM_RTA(info);
	unsigned len = (unsigned)RTM_PAYLOAD(&m.head);

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == type)
			return true;
	return false;
}

/* Answers as the kernel does, until the other end is closed. */
static void
play_kernel(int fd, const struct leaves_row *row)
{
	uint32_t by;
	bool with;

	while (recv(fd, &m, sizeof(m), 0) > 0) {
		with = asks_with(RTA_SRC);
		if (!asks_with(RTA_OIF) || !asks_with(RTA_DST) ||
		    (with && !asks_with(RTA_IP_PROTO)))
			break;
		by = with ? row->with : row->without;
		if (by == 0) {
			((struct nlmsgerr *)begin(NLMSG_ERROR, sizeof(struct
			    nlmsgerr)))->error = -ENETUNREACH;
		} else {
			begin_route(RTM_NEWROUTE, AF_INET6)->rtm_type =
			    with ? row->type : RTN_UNICAST;
			add_number(RTA_OIF, by);
			add_ip(RTA_PREFSRC, AF_INET6, row->source);
		}
		(void)send(fd, &m, m.head.nlmsg_len, 0);
	}
	_exit(0);
}

START_TEST(leaves_by)
{
	const struct leaves_row *row = &leaves[_i];
	struct mp_path path = { .ifindex = 2, .remote.port = 7000 };
	int pair[2];
	bool any = false;
	uint32_t by;

	inet_pton(AF_INET6, "2001:db8::5", path.local.ip);
	inet_pton(AF_INET6, "2001:db8:9::9", path.remote.ip);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	if (fork() == 0) {
		close(pair[0]);
		play_kernel(pair[1], row);
	}
	close(pair[1]);
	by = rtnl_leaves_by(pair[0], &path, 4000,
	    row->may_be_any ? &any : NULL);
	ck_assert_msg(by == row->by && any == row->any, "%s: by %u, any %d",
	    row->what, by, any);
	close(pair[0]);
}
END_TEST

/* --- All ------------------------------------------------------------------ */

/* Each decoder refuses the others' messages, and those that are cut. */
START_TEST(kinds_and_lengths)
{
	static const uint16_t types[] = { RTM_NEWLINK, RTM_NEWADDR,
		RTM_NEWROUTE, NLMSG_DONE };
	struct rtnl_link l;
	struct rtnl_address a;
	struct rtnl_route r;
	uint16_t type = types[_i];

	begin(type, 64);
	((struct rtmsg *)NLMSG_DATA(&m.head))->rtm_family =
	    type == RTM_NEWROUTE ? AF_INET : AF_UNSPEC;
	ck_assert_int_eq(rtnl_read_link(&m.head, &l), type == RTM_NEWLINK);
	ck_assert_int_eq(rtnl_read_route(&m.head, &r), type == RTM_NEWROUTE);
	ck_assert(!rtnl_read_address(&m.head, &a)); /* it has no address */
	begin(type, 4);
	ck_assert(!rtnl_read_link(&m.head, &l));
	ck_assert(!rtnl_read_address(&m.head, &a));
	ck_assert(!rtnl_read_route(&m.head, &r));
}
END_TEST

Suite *
suite_rtnl(void)
{
	Suite *s = suite_create("rtnl");
	TCase *t = tcase_create("rtnl");

	tcase_add_test(t, link_whole);
	tcase_add_test(t, link_states);
	tcase_add_loop_test(t, link_kinds, 0, 6);
	tcase_add_test(t, link_long_name);
	tcase_add_loop_test(t, link_lower, 0, 12);
	tcase_add_test(t, link_of_a_bridge);
	tcase_add_test(t, address_v4);
	tcase_add_test(t, address_v6);
	tcase_add_test(t, address_wrong);
	tcase_add_test(t, route_one_hop);
	tcase_add_test(t, route_default);
	tcase_add_loop_test(t, route_hops, 0, 2);
	tcase_add_test(t, route_wrong);
	tcase_add_test(t, route_source);
	tcase_add_loop_test(t, leaves_by, 0,
	    sizeof(leaves) / sizeof(leaves[0]));
	tcase_add_loop_test(t, kinds_and_lengths, 0, 4);
	suite_add_tcase(s, t);
	return s;
}
