/* SPDX-License-Identifier: ISC */
/* core/addr.c by tables. */
#include <arpa/inet.h>
#include <string.h>

#include "addr.h"
#include "mp.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static void
parse(uint8_t ip[16], const char *text)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (strchr(text, ':') != NULL) {
		ck_assert_int_eq(inet_pton(AF_INET6, text, ip), 1);
		return;
	}
	memcpy(ip, mapped, sizeof(mapped));
	ck_assert_msg(inet_pton(AF_INET, text, ip + 12) == 1, "%s", text);
}

#define LO ADDR_LOOPBACK
#define LL ADDR_LINK
#define PR ADDR_PRIVATE
#define GL ADDR_GLOBAL

static const struct class_row {
	const char *ip;
	enum addr_scope scope;
	bool is4, unusable, synthetic;
} classes[] = {
	/* unspecified, broadcast, multicast */
	{ "0.0.0.0", GL, true, true, false },
	{ "0.0.0.1", GL, true, false, false },
	{ "255.255.255.255", GL, true, true, false },
	{ "255.255.255.254", GL, true, false, false },
	{ "223.255.255.255", GL, true, false, false },
	{ "224.0.0.0", GL, true, true, false },
	{ "224.0.0.251", GL, true, true, false },
	{ "232.1.2.3", GL, true, true, false },
	{ "239.255.255.255", GL, true, true, false },
	{ "240.0.0.0", GL, true, false, false },
	/* 127/8 */
	{ "126.255.255.255", GL, true, false, false },
	{ "127.0.0.0", LO, true, false, false },
	{ "127.0.0.1", LO, true, false, false },
	{ "127.255.255.255", LO, true, false, false },
	{ "128.0.0.0", GL, true, false, false },
	/* 169.254/16 */
	{ "169.253.255.255", GL, true, false, false },
	{ "169.254.0.0", LL, true, false, false },
	{ "169.254.255.255", LL, true, false, false },
	{ "169.255.0.0", GL, true, false, false },
	/* 10/8 */
	{ "9.255.255.255", GL, true, false, false },
	{ "10.0.0.0", PR, true, false, false },
	{ "10.255.255.255", PR, true, false, false },
	{ "11.0.0.0", GL, true, false, false },
	/* 172.16/12 */
	{ "172.15.255.255", GL, true, false, false },
	{ "172.16.0.0", PR, true, false, false },
	{ "172.17.0.1", PR, true, false, false },
	{ "172.31.255.255", PR, true, false, false },
	{ "172.32.0.0", GL, true, false, false },
	/* 192.168/16 */
	{ "192.167.255.255", GL, true, false, false },
	{ "192.168.0.0", PR, true, false, false },
	{ "192.168.255.255", PR, true, false, false },
	{ "192.169.0.0", GL, true, false, false },
	/* 100.64/10 */
	{ "100.63.255.255", GL, true, false, false },
	{ "100.64.0.0", PR, true, false, false },
	{ "100.127.255.255", PR, true, false, false },
	{ "100.128.0.0", GL, true, false, false },
	/* 198.18/15 */
	{ "198.17.255.255", GL, true, false, false },
	{ "198.18.0.0", GL, true, false, true },
	{ "198.19.255.255", GL, true, false, true },
	{ "198.20.0.0", GL, true, false, false },
	{ "203.0.113.1", GL, true, false, false },
	/* IPv6: unspecified, loopback, multicast */
	{ "::", GL, false, true, false },
	{ "::1", LO, false, false, false },
	{ "::2", GL, false, false, false },
	{ "::7f00:1", GL, false, false, false },
	{ "1::", GL, false, false, false },
	{ "1::1", GL, false, false, false },
	{ "feff:ffff::", GL, false, false, false },
	{ "ff00::", GL, false, true, false },
	{ "ff02::1", GL, false, true, false },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GL, false, true, false },
	/* fe80::/10 */
	{ "fe7f:ffff::1", GL, false, false, false },
	{ "fe80::", LL, false, false, false },
	{ "fe80::1", LL, false, false, false },
	{ "febf:ffff::1", LL, false, false, false },
	{ "fec0::1", GL, false, false, false },
	/* fc00::/7 */
	{ "fbff:ffff::1", GL, false, false, false },
	{ "fc00::", PR, false, false, false },
	{ "fd12:3456::1", PR, false, false, false },
	{ "fdff:ffff::1", PR, false, false, false },
	{ "fe00::1", GL, false, false, false },
	/* 2001:2::/48 */
	{ "2001:1:ffff:ffff::", GL, false, false, false },
	{ "2001:2::", GL, false, false, true },
	{ "2001:2:0:ffff:ffff:ffff:ffff:ffff", GL, false, false, true },
	{ "2001:2:1::", GL, false, false, false },
	{ "2001:db8::1", GL, false, false, false },
	/* near IPv4-mapped */
	{ "::fffe:127.0.0.1", GL, false, false, false },
	{ "::ffff:0:10.0.0.1", GL, false, false, false },
	{ "1::ffff:10.0.0.1", GL, false, false, false },
	{ "64:ff9b::10.0.0.1", GL, false, false, false },
	{ "::ffff:10.0.0.1", PR, true, false, false },
};

START_TEST(classify)
{
	const struct class_row *r = &classes[_i];
	struct mp_addr a = { .port = 1 };

	parse(a.ip, r->ip);
	ck_assert_msg(addr_is4(a.ip) == r->is4, "%s", r->ip);
	ck_assert_msg(addr_scope_of(a.ip) == r->scope, "%s", r->ip);
	ck_assert_msg(addr_unusable(&a) == r->unusable, "%s", r->ip);
	ck_assert_msg(addr_is_synthetic(a.ip) == r->synthetic, "%s", r->ip);
	ck_assert(addr_fits(MP_DUAL, a.ip));
	ck_assert(addr_fits(MP_INET, a.ip) == r->is4);
	ck_assert(addr_fits(MP_INET6, a.ip) == !r->is4);
	ck_assert(!addr_fits((enum mp_family)5, a.ip));
	a.port = 0;
	ck_assert_msg(addr_unusable(&a), "%s port 0", r->ip);
}
END_TEST

START_TEST(equal)
{
	struct mp_addr a = { .port = 0x1234 }, b;
	int i;

	parse(a.ip, "2001:db8::1");
	b = a;
	ck_assert(addr_equal(&a, &b));
	for (i = 0; i < 16; i++) {
		b.ip[i] ^= 1;
		ck_assert(!addr_equal(&a, &b));
		b.ip[i] ^= 1;
	}
	b.port ^= 0x0100;
	ck_assert(!addr_equal(&a, &b));
	b.port ^= 0x0101;
	ck_assert(!addr_equal(&a, &b));
}
END_TEST

static const struct pair_row {
	const char *local, *remote;
	bool ok;
} pairs[] = {
	{ "192.0.2.1", "203.0.113.1", true },
	{ "2001:db8::1", "2001:db8::2", true },
	{ "192.0.2.1", "2001:db8::2", false },
	/* private with global is allowed: a NAT may lie between */
	{ "10.0.0.1", "203.0.113.1", true },
	{ "10.0.0.1", "172.16.0.1", true },
	{ "100.64.0.1", "192.168.0.1", true },
	{ "fd00::1", "2001:db8::2", true },
	/* loopback only with loopback */
	{ "127.0.0.1", "127.0.0.2", true },
	{ "127.0.0.1", "203.0.113.1", false },
	{ "127.0.0.1", "169.254.0.1", false },
	{ "127.0.0.1", "10.0.0.1", false },
	{ "::1", "::1", true },
	{ "::1", "2001:db8::1", false },
	{ "::1", "fe80::1", false },
	{ "::1", "fd00::1", false },
	/* same scope, other family */
	{ "::1", "127.0.0.1", false },
	{ "fe80::1", "169.254.0.1", false },
	{ "fd00::1", "10.0.0.1", false },
	/* link-local only with link-local */
	{ "169.254.0.1", "169.254.9.9", true },
	{ "169.254.0.1", "10.0.0.1", false },
	{ "169.254.0.1", "203.0.113.1", false },
	{ "fe80::1", "fe80::2", true },
	{ "fe80::1", "2001:db8::2", false },
	{ "fe80::1", "fd00::2", false },
};

START_TEST(pair)
{
	const struct pair_row *r = &pairs[_i];
	uint8_t local[16], remote[16];

	parse(local, r->local);
	parse(remote, r->remote);
	ck_assert_msg(addr_pair_ok(local, remote) == r->ok, "%s %s", r->local,
	    r->remote);
	ck_assert_msg(addr_pair_ok(remote, local) == r->ok, "%s %s",
	    r->remote, r->local);
}
END_TEST

/* May a peer at an address of each scope be told of this one; and with
 * tell_private set? */
static const struct tell_row {
	const char *ip;
	bool tell[4], private[4]; /* peer: loopback, link, private, global */
} tells[] = {
	{ "127.0.0.1", { true }, { true } },
	{ "169.254.0.1", { true, true }, { true, true } },
	{ "10.0.0.1", { true, true, true }, { true, true, true, true } },
	{ "100.64.0.1", { true, true, true }, { true, true, true, true } },
	{ "203.0.113.1", { true, true, true, true },
	    { true, true, true, true } },
	{ "::1", { true }, { true } },
	{ "fe80::1", { true, true }, { true, true } },
	{ "fd00::1", { true, true, true }, { true, true, true, true } },
	{ "2001:db8::1", { true, true, true, true },
	    { true, true, true, true } },
};

START_TEST(tell)
{
	static const char *const peers[4][2] = {
		{ "127.0.0.9", "::1" },
		{ "169.254.9.9", "fe80::9" },
		{ "192.168.9.9", "fd99::9" },
		{ "198.51.100.9", "2001:db8::9" },
	};
	const struct tell_row *r = &tells[_i];
	uint8_t ip[16], peer[16];
	int i, v;

	parse(ip, r->ip);
	for (i = 0; i < 4; i++)
		for (v = 0; v < 2; v++) {
			parse(peer, peers[i][v]);
			ck_assert_msg(addr_may_tell(ip, peer, false) ==
			    r->tell[i], "%s to %s", r->ip, peers[i][v]);
			ck_assert_msg(addr_may_tell(ip, peer, true) ==
			    r->private[i], "%s to %s", r->ip, peers[i][v]);
		}
}
END_TEST

static const struct synth_row {
	enum mp_family family;
	uint32_t n;
	const char *ip;
} synths[] = {
	{ MP_INET, 0, "198.18.0.0" },
	{ MP_INET, 1, "198.18.0.1" },
	{ MP_INET, 0xffff, "198.18.255.255" },
	{ MP_INET, 0x10000, "198.19.0.0" },
	{ MP_INET, 0x1ffff, "198.19.255.255" },
	{ MP_INET, 0x20000, "198.18.0.0" },
	{ MP_INET, UINT32_MAX, "198.19.255.255" },
	{ MP_DUAL, 0x10203, "198.19.2.3" },
	{ MP_INET6, 0, "2001:2::" },
	{ MP_INET6, 1, "2001:2::1" },
	{ MP_INET6, 0xfedcba98, "2001:2::fedc:ba98" },
};

START_TEST(synthetic)
{
	const struct synth_row *r = &synths[_i];
	uint8_t ip[16], want[16];

	memset(ip, 0xaa, sizeof(ip));
	parse(want, r->ip);
	addr_synthetic(ip, r->family, r->n);
	ck_assert_mem_eq(ip, want, 16);
	ck_assert(addr_is_synthetic(ip));
	ck_assert(addr_fits(r->family, ip));
}
END_TEST

Suite *
suite_addr(void)
{
	Suite *s = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_loop_test(tc, classify, 0, COUNT(classes));
	tcase_add_test(tc, equal);
	tcase_add_loop_test(tc, pair, 0, COUNT(pairs));
	tcase_add_loop_test(tc, tell, 0, COUNT(tells));
	tcase_add_loop_test(tc, synthetic, 0, COUNT(synths));
	suite_add_tcase(s, tc);
	return s;
}
