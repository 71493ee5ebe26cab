/* SPDX-License-Identifier: ISC */
/* preload/datagram/tx_option.c: control messages of sends, beside what the
 * kernel says. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "datagram/tx_option.h"
#include "socket/fdtab.h"
#include "shared/net.h"
#include "suites.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static const struct one_row {
	int level, type, value;
	size_t len; /* of the data */
	const char *to;
	int asked[3]; /* tos, ttl, segment */
} ones[] = {
	{ IPPROTO_IP, IP_TOS, 0xb9, 4, "127.0.0.1", { 0xb9, -1, -1 } },
	{ IPPROTO_IP, IP_TOS, 3, 1, "127.0.0.1", { 3, -1, -1 } },
	{ IPPROTO_IP, IP_TOS, 256, 4, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IP, IP_TTL, 1, 4, "127.0.0.1", { -1, 1, -1 } },
	{ IPPROTO_IP, IP_TTL, 0, 4, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IP, IP_TTL, 1, 2, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IP, 200, 1, 4, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_UDP, UDP_SEGMENT, 99, 2, "127.0.0.1", { -1, -1, 99 } },
	{ IPPROTO_UDP, UDP_SEGMENT, 99, 4, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_UDP, 1, 99, 2, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_TCP, 1, 99, 2, "127.0.0.1", { -1, -1, -1 } },
	{ SOL_SOCKET, 200, 99, 4, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IP, IP_PKTINFO, 0, 12, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IP, IP_PKTINFO, 99999, 12, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IP, IP_PKTINFO, 0, 11, "127.0.0.1", { -1, -1, -1 } },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0x2d, 4, "::1", { 0x2d, -1, -1 } },
	{ IPPROTO_IPV6, IPV6_TCLASS, 256, 4, "::1", { -1, -1, -1 } },
	{ IPPROTO_IPV6, IPV6_TCLASS, 1, 1, "::1", { -1, -1, -1 } },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, 0, 4, "::1", { -1, 0, -1 } },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, 256, 4, "::1", { -1, -1, -1 } },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 2, 4, "::1", { -1, -1, -1 } },
	{ IPPROTO_IPV6, IPV6_PKTINFO, 0, 20, "::1", { -1, -1, -1 } },
	{ IPPROTO_IPV6, 200, 1, 4, "::1", { -1, -1, -1 } },
	{ IPPROTO_IP, IP_TOS, 3, 4, "::1", { -1, -1, -1 } },
};

static struct msghdr
with(uint64_t control[8], const struct one_row *r)
{
	struct cmsghdr *c = (struct cmsghdr *)control;

	memset(control, 0, 64);
	c->cmsg_level = r->level;
	c->cmsg_type = r->type;
	c->cmsg_len = CMSG_LEN(r->len);
	memcpy(CMSG_DATA(c), &r->value, sizeof(r->value));
	return (struct msghdr) { .msg_control = control,
		.msg_controllen = CMSG_SPACE(r->len) };
}

/* The kernel's answer to a datagram with these control messages. */
static int
kernel_says(int fd, const struct mp_addr *to, const struct msghdr *msg)
{
	struct sockaddr_in6 name;
	struct msghdr m = *msg;

	m.msg_name = &name;
	m.msg_namelen = net_put(to, AF_INET6, (struct sockaddr *)&name,
	    sizeof(name));
	return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

START_TEST(one)
{
	const struct one_row *r = &ones[_i];
	struct sock s = { .family = AF_INET6, .kernel = MP_DUAL };
	struct mp_addr to = addr_of(r->to, 9);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), off = 0, says;
	uint64_t control[8];
	struct msghdr msg = with(control, r);
	struct tx_option ask;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
	    sizeof(off)), 0);
	says = tx_option_read(&ask, fd, &s, &to, &msg);
	ck_assert_int_eq(says, kernel_says(fd, &to, &msg));
	if (says == 0) {
		ck_assert_int_eq(ask.tos, r->asked[0]);
		ck_assert_int_eq(ask.ttl, r->asked[1]);
		ck_assert_int_eq(ask.segment, r->asked[2]);
	}
	close(fd);
}
END_TEST

/* A datagram to IPv4 by an IPv6 path, and the other way round: the packet gets
 * what the program asked for, else what its socket has for the datagram's
 * family. */
START_TEST(other_family)
{
	static const struct {
		const char *to, *path;
		int tos, level, type, value;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.2", 5, IPPROTO_IP, IP_TOS, 5 },
		{ "10.0.0.1", "fd00::2", 5, IPPROTO_IPV6, IPV6_TCLASS, 5 },
		{ "10.0.0.1", "fd00::2", -1, IPPROTO_IPV6, IPV6_TCLASS, 11 },
		{ "10.0.0.1", "10.0.0.2", -1, 0, 0, 0 },
		{ "fd00::1", "10.0.0.2", -1, IPPROTO_IP, IP_TOS, 22 },
		{ "fd00::1", "fd00::2", -1, 0, 0, 0 },
	};
	struct sock s = { .family = AF_INET6 };
	struct mp_addr to = addr_of(rows[_i].to, 9),
	    path = addr_of(rows[_i].path, 9);
	struct msghdr none = { .msg_controllen = 0 }, packet;
	uint64_t control[NET_CONTROL / 8] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)control;
	struct tx_option ask;

	s.options.set_tos = 12;
	s.options.set_tclass = 23;
	ck_assert_int_eq(tx_option_read(&ask, -1, &s, &to, &none), 0);
	ask.tos = rows[_i].tos;
	packet = (struct msghdr) { .msg_control = control };
	tx_option_add(&ask, &packet, &path);
	ck_assert_int_eq(packet.msg_controllen > 0, rows[_i].type != 0);
	if (rows[_i].type != 0) {
		ck_assert_int_eq(c->cmsg_level, rows[_i].level);
		ck_assert_int_eq(c->cmsg_type, rows[_i].type);
		ck_assert_int_eq(*(int *)(void *)CMSG_DATA(c),
		    rows[_i].value);
	}
}
END_TEST

/* What the program set for the other family only does not count, whichever
 * family the packet takes.  Values are set_tos and so on, which count from 1. */
START_TEST(other_family_only)
{
	static const struct {
		uint16_t tos, tclass, ttl, hops;
		int tos_got, ttl_got;
	} rows[] = {
		{ 12, 0, 34, 0, 0, 64 }, /* to IPv6 by IPv4 */
		{ 12, 23, 34, 45, 22, 44 },
		{ 0, 0, 0, 0, -1, -1 },
		{ 0, 23, 0, 45, 22, 44 },
	};
	struct sock s = { .family = AF_INET6 };
	struct mp_addr to = addr_of("fd00::1", 9);
	struct msghdr none = { .msg_controllen = 0 };
	struct mp_tx_option wish;
	struct tx_option ask;

	s.options.set_tos = rows[_i].tos;
	s.options.set_tclass = rows[_i].tclass;
	s.options.set_ttl = rows[_i].ttl;
	s.options.set_hops = rows[_i].hops;
	ck_assert_int_eq(tx_option_read(&ask, -1, &s, &to, &none), 0);
	ck_assert_int_eq(ask.far_tos, rows[_i].tos_got);
	ck_assert_int_eq(ask.far_ttl, rows[_i].ttl_got);
	tx_option_engine(&ask, &s, &wish);
	ck_assert_int_eq(wish.tos, rows[_i].tclass - 1);
	ck_assert_int_eq(wish.ttl, rows[_i].hops - 1);
}
END_TEST

/* A staged datagram keeps what it had: not what its socket was told since. */
START_TEST(staged)
{
	static const struct {
		uint16_t set;
		int16_t wish;
		int tos, ttl;
	} rows[] = {
		{ 0, -1, -1, -1 },
		{ 0, 9, 9, 9 },
		{ 34, -1, 0, 64 },
		{ 34, 9, 9, 9 },
		{ 34, NET_MINUS, NET_MINUS, NET_MINUS },
	};
	struct mp_tx_option wish = { .tos = rows[_i].wish,
		.ttl = rows[_i].wish };
	struct sock s = { .options = { .set_tos = rows[_i].set,
		.set_ttl = rows[_i].set } };
	struct tx_option ask = tx_option_of_staged(&s, &wish, true);

	ck_assert_int_eq(ask.tos, rows[_i].tos);
	ck_assert_int_eq(ask.ttl, rows[_i].ttl);
}
END_TEST

/* Control messages that the kernel accepted once are not tried again: the
 * second time a bad descriptor is not noticed. */
START_TEST(source_known)
{
	static const struct one_row mine = { IPPROTO_IP, IP_PKTINFO, 0, 12,
		"127.0.0.1", { -1, -1, -1 } };
	struct sock s = { .family = AF_INET, .kernel = MP_INET };
	struct mp_addr to = addr_of("127.0.0.1", 9);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t control[8];
	struct msghdr msg = with(control, &mine);
	struct tx_option ask;

	ck_assert_uint_eq(atomic_load(&s.options.source), 0);
	ck_assert_int_eq(tx_option_read(&ask, fd, &s, &to, &msg), 0);
	ck_assert_uint_ne(atomic_load(&s.options.source), 0);
	close(fd);
	ck_assert_int_eq(tx_option_read(&ask, -1, &s, &to, &msg), 0);
}
END_TEST

Suite *
suite_tx_option(void)
{
	Suite *s = suite_create("tx_option");
	TCase *t = tcase_create("tx_option");

	tcase_add_loop_test(t, one, 0, COUNT(ones));
	tcase_add_loop_test(t, other_family, 0, 6);
	tcase_add_loop_test(t, other_family_only, 0, 4);
	tcase_add_loop_test(t, staged, 0, 5);
	tcase_add_test(t, source_known);
	suite_add_tcase(s, t);
	return s;
}
