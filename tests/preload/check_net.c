/* SPDX-License-Identifier: ISC */
/* preload/shared/net.c: the forms of an address, and paths through real
 * sockets. */
#include <errno.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/net.h"
#include "suites.h"

/* --- From a socket address ------------------------------------------------ */

static const struct get_row {
	int family;
	socklen_t len;
	bool good;
} gets[] = {
	{ AF_INET, 16, true },
	{ AF_INET, 128, true }, /* a sockaddr_storage */
	{ AF_INET, 15, false },
	{ AF_INET, 8, false },
	{ AF_INET, 2, false },
	{ AF_INET, 1, false },
	{ AF_INET, 0, false },
	{ AF_INET6, 28, true },
	{ AF_INET6, 128, true },
	{ AF_INET6, 24, true }, /* without the scope id */
	{ AF_INET6, 23, false },
	{ AF_INET6, 16, false },
	{ AF_UNIX, 110, false },
	{ AF_UNSPEC, 16, false },
	{ AF_UNSPEC, 28, false },
	{ 0xffff, 28, false },
};

START_TEST(get)
{
	const struct get_row *r = &gets[_i];
	struct mp_addr a, want = addr_of(r->family == AF_INET ? "192.0.2.1" :
		"2001:db8::7", 4660);
	struct sockaddr_storage name;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&name;
	struct sockaddr_in *sin = (struct sockaddr_in *)&name;

	memset(&name, 0xaa, sizeof(name));
	name.ss_family = (sa_family_t)r->family;
	if (r->family == AF_INET) {
		sin->sin_port = htons(4660);
		sin->sin_addr.s_addr = htonl(0xc0000201);
	} else {
		sin6->sin6_port = htons(4660);
		memcpy(&sin6->sin6_addr, want.ip, 16);
	}
	ck_assert(net_get(&a, (struct sockaddr *)&name, r->len) == r->good);
	if (r->good)
		ck_assert(net_equal(&a, &want));
}
END_TEST

START_TEST(get_none)
{
	struct mp_addr a;

	ck_assert(!net_get(&a, NULL, 0));
	ck_assert(!net_get(&a, NULL, 28));
}
END_TEST

/* --- To a socket address -------------------------------------------------- */

static const struct put_row {
	const char *ip;
	int family;
	socklen_t len; /* what net_put() gives */
	const char *as; /* in AF_INET6, when not `ip' */
} puts_rows[] = {
	{ "192.0.2.1", AF_INET, 16, NULL },
	{ "0.0.0.0", AF_INET, 16, NULL },
	{ "255.255.255.255", AF_INET, 16, NULL },
	{ "192.0.2.1", AF_INET6, 28, "::ffff:192.0.2.1" },
	{ "2001:db8::7", AF_INET6, 28, NULL },
	{ "::", AF_INET6, 28, NULL },
	{ "::", AF_INET, 16, "0.0.0.0" },
	{ "2001:db8::7", AF_INET, 0, NULL },
	{ "::1", AF_INET, 0, NULL },
	{ "::192.0.2.1", AF_INET, 0, NULL }, /* compatible: not IPv4 */
};

/* Into buffers of each size. */
START_TEST(put)
{
	const struct put_row *r = &puts_rows[_i];
	struct mp_addr a = addr_of(r->ip, 51966);
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(51966) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(51966) };
	const void *whole = r->family == AF_INET ? (void *)&sin : &sin6;
	uint8_t out[64], want[64];
	socklen_t size, take;

	memcpy(&sin.sin_addr, a.ip + 12, 4);
	memcpy(&sin6.sin6_addr, a.ip, 16);
	for (size = 0; size <= 40; size++) {
		memset(out, 0xaa, sizeof(out));
		memset(want, 0xaa, sizeof(want));
		take = size < r->len ? size : r->len;
		memcpy(want, whole, take);
		ck_assert_uint_eq(net_put(&a, r->family,
		    (struct sockaddr *)out, size), r->len);
		ck_assert_mem_eq(out, want, sizeof(out));
	}
}
END_TEST

/* --- Kinds and texts ------------------------------------------------------ */

enum { V4 = 1, ANY = 2, LOOP = 4, MANY = 8, LINK = 16 };

static const struct kind_row {
	const char *ip;
	unsigned kinds;
	const char *text;
} kinds[] = {
	{ "0.0.0.0", V4 | ANY, "0.0.0.0:9" },
	{ "0.0.0.1", V4, "0.0.0.1:9" },
	{ "126.255.255.255", V4, "126.255.255.255:9" },
	{ "127.0.0.0", V4 | LOOP, "127.0.0.0:9" },
	{ "127.255.255.255", V4 | LOOP, "127.255.255.255:9" },
	{ "128.0.0.0", V4, "128.0.0.0:9" },
	{ "169.254.1.1", V4, "169.254.1.1:9" },
	{ "223.255.255.255", V4, "223.255.255.255:9" },
	{ "224.0.0.0", V4 | MANY, "224.0.0.0:9" },
	{ "239.255.255.255", V4 | MANY, "239.255.255.255:9" },
	{ "240.0.0.0", V4, "240.0.0.0:9" },
	{ "255.255.255.255", V4, "255.255.255.255:9" },
	{ "::", ANY, "[::]:9" },
	{ "::1", LOOP, "[::1]:9" },
	{ "::2", 0, "[::2]:9" },
	{ "::ffff:127.0.0.1", V4 | LOOP, "127.0.0.1:9" },
	{ "::127.0.0.1", 0, "[::127.0.0.1]:9" },
	{ "fe7f::1", 0, "[fe7f::1]:9" },
	{ "fe80::1", LINK, "[fe80::1]:9" },
	{ "febf::1", LINK, "[febf::1]:9" },
	{ "fec0::1", 0, "[fec0::1]:9" },
	{ "ff00::", MANY, "[ff00::]:9" },
	{ "ff02::1", MANY, "[ff02::1]:9" },
	{ "2001:db8:1111:2222:3333:4444:5555:6666", 0,
	    "[2001:db8:1111:2222:3333:4444:5555:6666]:9" },
};

START_TEST(kind)
{
	const struct kind_row *r = &kinds[_i];
	struct mp_addr a = addr_of(r->ip, 9), b = a;
	char text[NET_TEXT];
	unsigned is = (net_is_v4(&a) ? V4 : 0) | (net_is_any(&a) ? ANY : 0) |
	    (net_is_loopback(&a) ? LOOP : 0) |
	    (net_is_multicast(&a) ? MANY : 0) |
	    (net_is_link_local(&a) ? LINK : 0);

	ck_assert_msg(is == r->kinds, "%s: %u", r->ip, is);
	ck_assert_str_eq(net_text(&a, text), r->text);
	ck_assert(net_equal(&a, &b));
	b.port++;
	ck_assert(!net_equal(&a, &b));
	b = a;
	b.ip[15] ^= 1;
	ck_assert(!net_equal(&a, &b));
}
END_TEST

START_TEST(text_longest)
{
	struct mp_addr a = addr_of("1111:2222:3333:4444:5555:6666:7777:8888",
	    65535);
	char text[NET_TEXT];

	ck_assert_str_eq(net_text(&a, text),
	    "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}
END_TEST

/* --- Through the kernel --------------------------------------------------- */

static const struct path_row {
	enum mp_family kernel;
	const char *from, *to;
} paths[] = {
	{ MP_INET, "127.0.0.1", "127.0.0.1" },
	{ MP_INET, "127.0.0.2", "127.3.4.5" },
	{ MP_DUAL, "127.0.0.2", "127.3.4.5" },
	{ MP_DUAL, "::1", "::1" },
	{ MP_INET6, "::1", "::1" },
};

/* A socket at the wildcard of a family, with all options of struct net_info
 * on. */
static int
open_any(enum mp_family kernel, struct mp_addr *name)
{
	int family = kernel == MP_INET ? AF_INET : AF_INET6, on = 1;
	int only = kernel == MP_INET6, fd;
	struct sockaddr_in6 sin6;
	struct mp_addr any = { .port = 0 };
	socklen_t len;

	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on,
		    sizeof(on));
	}
	if (!only) {
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	}
	net_options(fd, kernel);
	len = net_put(&any, family, (struct sockaddr *)&sin6, sizeof(sin6));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin6, len), 0);
	len = sizeof(sin6);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin6, &len), 0);
	ck_assert(net_get(name, (struct sockaddr *)&sin6, len));
	return fd;
}

static void
receive(int fd, struct mp_addr *from, struct net_info *info)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char data[16], control[NET_CONTROL];
	struct sockaddr_in6 name;
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = { .msg_name = &name, .msg_namelen = sizeof(name),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };

	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(recvmsg(fd, &msg, 0), 5);
	ck_assert_int_eq(msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC), 0);
	ck_assert(net_get(from, (struct sockaddr *)&name, msg.msg_namelen));
	net_info_read(&msg, info);
}

START_TEST(path_taken)
{
	const struct path_row *r = &paths[_i];
	struct mp_addr here, there, from;
	struct mp_path path = { .local = addr_of(r->from, 0),
		.remote = addr_of(r->to, 0), .ifindex = if_nametoindex("lo") };
	char control[NET_CONTROL];
	struct sockaddr_in6 name;
	struct iovec iov = { .iov_base = (char *)"hello", .iov_len = 5 };
	struct msghdr msg = { .msg_name = &name, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = control };
	struct net_info info;
	uint64_t before;
	int a = open_any(r->kernel, &here), b = open_any(r->kernel, &there);
	int tos = 0x20, ttl = 77, v4 = net_is_v4(&path.local);

	path.remote.port = there.port;
	memset(control, 0xaa, sizeof(control));
	setsockopt(a, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS :
	    IPV6_TCLASS, &tos, sizeof(tos));
	setsockopt(a, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL :
	    IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
	before = arena_now();
	net_aim(&msg, r->kernel, &path);
	ck_assert_uint_le(msg.msg_controllen, sizeof(control));
	ck_assert_int_eq(sendmsg(a, &msg, 0), 5);
	receive(b, &from, &info);
	path.local.port = here.port;
	ck_assert(net_equal(&from, &path.local));
	path.remote.port = 0;
	ck_assert(net_equal(&info.local, &path.remote));
	ck_assert_uint_eq(info.ifindex, path.ifindex);
	ck_assert_int_eq(info.tos, tos);
	ck_assert_int_eq(info.ttl, ttl);
	/* 1000: the two clocks are not read at once. */
	ck_assert_uint_ge(info.arrival + 1000, before);
	ck_assert_uint_le(info.arrival, arena_now() + 1000);
	close(a);
	close(b);
}
END_TEST

/* A path by an interface that does not exist is an error of the send. */
START_TEST(path_no_interface)
{
	struct mp_path path = { .local = addr_of("127.0.0.1", 0),
		.remote = addr_of("127.0.0.1", 9), .ifindex = 0x7ffffff0 };
	char control[NET_CONTROL];
	struct sockaddr_in6 name;
	struct iovec iov = { .iov_base = (char *)"hello", .iov_len = 5 };
	struct msghdr msg = { .msg_name = &name, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = control };
	struct mp_addr here;
	int fd = open_any(MP_DUAL, &here);

	net_aim(&msg, MP_DUAL, &path);
	ck_assert_int_eq(sendmsg(fd, &msg, 0), -1);
	close(fd);
}
END_TEST

/* MSG_FASTOPEN, by which a packet fails on a TCP socket that took the
 * descriptor of its socket (tx_sealed.c), and which UDP ignores. */
START_TEST(fastopen)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(name);
	struct iovec iov = { .iov_base = (char *)"packet", .iov_len = 6 };
	struct msghdr msg = { .msg_name = &name, .msg_namelen = len,
		.msg_iov = &iov, .msg_iovlen = 1 };
	int type = _i == 0 ? SOCK_STREAM : SOCK_DGRAM, to, from;
	char buf[10];

	name.sin6_addr = in6addr_loopback;
	to = socket(AF_INET6, type, 0);
	from = socket(AF_INET6, type, 0);
	ck_assert_int_eq(bind(to, (struct sockaddr *)&name, len), 0);
	ck_assert_int_eq(getsockname(to, (struct sockaddr *)&name, &len), 0);
	if (_i == 0)
		ck_assert_int_eq(listen(to, 1), 0);
	ck_assert_int_eq(connect(from, (struct sockaddr *)&name, len), 0);
	ck_assert_int_eq(sendmsg(from, &msg, MSG_FASTOPEN), _i == 0 ? -1 : 6);
	if (_i == 1)
		ck_assert_int_eq(recv(to, buf, sizeof(buf), MSG_DONTWAIT), 6);
	close(to);
	close(from);
}
END_TEST

START_TEST(info_of_nothing)
{
	struct msghdr msg = { .msg_controllen = 0 };
	struct net_info info;

	net_info_read(&msg, &info);
	ck_assert_uint_eq(info.arrival, MP_NEVER);
	ck_assert_int_eq(info.tos, -1);
	ck_assert_int_eq(info.ttl, -1);
	ck_assert_uint_eq(info.ifindex, 0);
	ck_assert(!net_is_v4(&info.local) && net_is_any(&info.local));
}
END_TEST

/* Only what says nothing without an interface has a zone, and only in a whole
 * sockaddr_in6. */
static const struct zone_row {
	const char *ip;
	socklen_t len;
	uint32_t zone;
} zones[] = {
	{ "fe80::1", 28, 7 },
	{ "fe80::1", 24, 0 }, /* SIN6_LEN_RFC2133 */
	{ "febf::1", 28, 7 },
	{ "fec0::1", 28, 0 },
	{ "ff02::1:2", 28, 7 },
	{ "ff01::1", 28, 7 },
	{ "ff12::1", 28, 7 }, /* the flags do not matter */
	{ "ff05::1", 28, 0 },
	{ "2001:db8::1", 28, 0 },
	{ "::ffff:224.0.0.1", 28, 0 },
};

START_TEST(zone)
{
	const struct zone_row *r = &zones[_i];
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
		.sin6_scope_id = 7 };

	ck_assert_int_eq(inet_pton(AF_INET6, r->ip, &name.sin6_addr), 1);
	ck_assert_uint_eq(net_zone((struct sockaddr *)&name, r->len), r->zone);
	name.sin6_scope_id = 0;
	net_put_zone((struct sockaddr *)&name, r->len, 7);
	ck_assert_uint_eq(name.sin6_scope_id, r->zone);
}
END_TEST

Suite *
suite_net(void)
{
	Suite *s = suite_create("net");
	TCase *t = tcase_create("net");

	tcase_add_loop_test(t, get, 0, COUNT(gets));
	tcase_add_test(t, get_none);
	tcase_add_loop_test(t, zone, 0, COUNT(zones));
	tcase_add_loop_test(t, put, 0, COUNT(puts_rows));
	tcase_add_loop_test(t, kind, 0, COUNT(kinds));
	tcase_add_test(t, text_longest);
	tcase_add_loop_test(t, path_taken, 0, COUNT(paths));
	tcase_add_test(t, path_no_interface);
	tcase_add_loop_test(t, fastopen, 0, 2);
	tcase_add_test(t, info_of_nothing);
	suite_add_tcase(s, t);
	return s;
}
