/* SPDX-License-Identifier: ISC */
/* preload/policy/rules.c: the text of a prefix, the first rule that fits, and
 * what the rules say about an address. */
#include <stdio.h>
#include <string.h>

#include "policy/rules.h"
#include "suites.h"

/* --- Prefixes ------------------------------------------------------------- */

/* The text, the address and bits that it stands for; NULL: it is refused. */
static const struct prefix_row {
	const char *word, *ip;
	unsigned len, port;
} prefixes[] = {
	{ "192.0.2.1", "192.0.2.1", 128, 0 },
	{ "192.0.2.1:9", "192.0.2.1", 128, 9 },
	{ "192.0.2.0/24", "192.0.2.0", 120, 0 },
	{ "192.0.2.0/24:65535", "192.0.2.0", 120, 65535 },
	{ "0.0.0.0/0", "0.0.0.0", 96, 0 },
	{ "2001:db8::1", "2001:db8::1", 128, 0 },
	{ "2001:db8::/32", "2001:db8::", 32, 0 },
	{ "[2001:db8::1]", "2001:db8::1", 128, 0 },
	{ "[2001:db8::1]:9", "2001:db8::1", 128, 9 },
	{ "[2001:db8::/32]:9", "2001:db8::", 32, 9 },
	{ "::/0", "::", 0, 0 },
	{ "::ffff:192.0.2.1", "192.0.2.1", 128, 0 },
	{ "", NULL, 0, 0 },
	{ "[", NULL, 0, 0 },
	{ "]", NULL, 0, 0 },
	{ "192.0.2.1:", NULL, 0, 0 },
	{ "192.0.2.1:0", NULL, 0, 0 },
	{ "192.0.2.1:65536", NULL, 0, 0 },
	{ "192.0.2.1:123456", NULL, 0, 0 },
	{ "192.0.2.1/33", NULL, 0, 0 },
	{ "192.0.2.1/", NULL, 0, 0 },
	{ "192.0.2.1/-1", NULL, 0, 0 },
	{ "192.0.2.1:9/24", NULL, 0, 0 },
	{ "[192.0.2.1]:9", NULL, 0, 0 },
	{ "[2001:db8::1", NULL, 0, 0 },
	{ "[2001:db8::1]9", NULL, 0, 0 },
	{ "2001:db8::/129", NULL, 0, 0 },
	{ "name", NULL, 0, 0 },
	{ "192.0.2.1 ", NULL, 0, 0 },
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	    NULL, 0, 0 },
};

START_TEST(prefix)
{
	const struct prefix_row *r = &prefixes[_i];
	struct sockfilter_prefix p;
	struct mp_addr a;
	bool well = rules_prefix(&p, r->word);

	ck_assert_msg(well == (r->ip != NULL), "%s", r->word);
	if (!well)
		return;
	a = addr_of(r->ip, r->port);
	ck_assert_mem_eq(p.addr.ip, a.ip, sizeof(a.ip));
	ck_assert_uint_eq(p.addr.port, r->port);
	ck_assert_uint_eq(p.len, r->len);
	ck_assert(!p.drop);
}
END_TEST

/* --- What fits ------------------------------------------------------------ */

/* Which of the rules of `fit_rules' is the first that fits; -1: none does. */
static const char *const fit_rules[] = { "192.0.2.1:9", "192.0.2.0/25",
	"192.0.2.0/24", "10.0.0.0/9", "2001:db8::/33", "[2001:db8::/32]:7",
	"::/0" };

static const struct fit_row {
	const char *ip;
	unsigned port;
	int rule;
} fits[] = {
	{ "192.0.2.1", 9, 0 },
	{ "192.0.2.1", 8, 1 },
	{ "192.0.2.127", 9, 1 },
	{ "192.0.2.128", 9, 2 },
	{ "192.0.3.0", 9, -1 },
	{ "10.127.255.255", 9, 3 },
	{ "10.128.0.0", 9, -1 },
	{ "2001:db8:7fff::", 7, 4 },
	{ "2001:db8:8000::", 7, 5 },
	{ "2001:db8:8000::", 8, 6 },
	{ "fd00::1", 1, 6 },
	{ "198.51.100.1", 1, -1 }, /* ::/0 does not stand for IPv4 */
};

START_TEST(fit)
{
	const struct fit_row *r = &fits[_i];
	struct rules rules = { .n = 0 };
	struct rule rule = { .way = WAY_PLAIN };
	struct mp_addr a = addr_of(r->ip, r->port);
	int i;

	for (i = 0; i < COUNT(fit_rules); i++) {
		ck_assert(rules_prefix(&rule.peers, fit_rules[i]));
		ck_assert(rules_add(&rules, &rule));
	}
	ck_assert_ptr_eq(rules_find(&rules, &a), r->rule < 0 ? NULL :
	    &rules.rule[r->rule]);
}
END_TEST

START_TEST(full)
{
	struct rules rules = { .n = 0 };
	struct rule rule = { .way = WAY_PLAIN };
	int i;

	for (i = 0; i < RULES_MAX; i++)
		ck_assert(rules_add(&rules, &rule));
	ck_assert(!rules_add(&rules, &rule));
	ck_assert_uint_eq(rules.n, RULES_MAX);
}
END_TEST

/* --- What is said --------------------------------------------------------- */

enum { PREFER = 1, DNS = 2, FROM = 4 };

/* For the rest: require, prefer, plain; then require with accept_plain.  The
 * way, and the flags above.  Rules: plain 10/8, protect 11/8, refuse 12/8. */
static const struct policy_row {
	const char *ip;
	unsigned port;
	struct {
		enum rules_way way;
		unsigned flags;
	} by[4];
} policies[] = {
	{ "198.51.100.1", 9, { { WAY_PROTECT, 0 },
	    { WAY_PROTECT, PREFER | FROM }, { WAY_PLAIN, FROM },
	    { WAY_PROTECT, FROM } } },
	{ "10.0.0.1", 9, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "11.0.0.1", 9, { { WAY_PROTECT, 0 }, { WAY_PROTECT, 0 },
	    { WAY_PROTECT, 0 }, { WAY_PROTECT, FROM } } },
	{ "12.0.0.1", 9, { { WAY_REFUSE, 0 }, { WAY_REFUSE, 0 },
	    { WAY_REFUSE, 0 }, { WAY_REFUSE, 0 } } },
	{ "198.51.100.1", 53, { { WAY_PLAIN, DNS | FROM },
	    { WAY_PLAIN, DNS | FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM } } },
	{ "10.0.0.1", 53, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "12.0.0.1", 53, { { WAY_PLAIN, DNS | FROM },
	    { WAY_PLAIN, DNS | FROM }, { WAY_PLAIN, DNS | FROM },
	    { WAY_PLAIN, FROM } } },
	{ "127.0.0.1", 53, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "fe80::1", 9, { { WAY_REFUSE, 0 }, { WAY_REFUSE, FROM },
	    { WAY_PLAIN, FROM }, { WAY_REFUSE, FROM } } },
	{ "::1", 9, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "224.0.0.251", 9, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "ff02::fb", 9, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "255.255.255.255", 9, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
	{ "0.0.0.0", 9, { { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM },
	    { WAY_PLAIN, FROM }, { WAY_PLAIN, FROM } } },
};

static void
rules_of(struct rules *rules, int by)
{
	static const enum rules_rest rest[] = { REST_REQUIRE, REST_PREFER,
		REST_PLAIN, REST_REQUIRE };
	static const char *const words[] = { "10.0.0.0/8", "11.0.0.0/8",
		"12.0.0.0/8" };
	struct rule rule;
	int i;

	memset(rules, 0, sizeof(*rules));
	rules->rest = rest[by];
	rules->accept_plain = by == 3;
	for (i = 0; i < COUNT(words); i++) {
		rule = (struct rule) { .way = (enum rules_way)i };
		ck_assert(rules_prefix(&rule.peers, words[i]));
		ck_assert(rules_add(rules, &rule));
	}
}

START_TEST(policy)
{
	const struct policy_row *r = &policies[_i / 4];
	struct mp_addr a = addr_of(r->ip, r->port);
	struct rules_policy p;
	struct rules rules;
	int by = _i % 4;

	rules_of(&rules, by);
	p = rules_apply(&rules, &a);
	ck_assert_msg(p.way == r->by[by].way, "%s:%u by %d", r->ip, r->port,
	    by);
	ck_assert_msg(((p.prefer ? PREFER : 0) | (p.is_dns ? DNS : 0) |
	    (p.plain_from ? FROM : 0)) == (int)r->by[by].flags, "%s:%u by %d",
	    r->ip, r->port, by);
}
END_TEST

/* The socket filter lets in what rules_apply() lets in. */
START_TEST(filter)
{
	static const bool drop[4][3] = { { false, true, true },
		{ false, true, true }, { false, true, true },
		{ false, false, true } };
	static const bool all[4] = { false, true, true, true };
	struct sockfilter_prefix list[RULES_MAX];
	struct rules rules;
	bool rest;
	int i;

	rules_of(&rules, _i);
	ck_assert_uint_eq(rules_filter(&rules, list, &rest), 3);
	ck_assert(rest == all[_i]);
	for (i = 0; i < 3; i++) {
		ck_assert(list[i].drop == drop[_i][i]);
		ck_assert_mem_eq(&list[i].addr, &rules.rule[i].peers.addr,
		    sizeof(list[i].addr));
		ck_assert_uint_eq(list[i].len, 104);
	}
}
END_TEST

Suite *
suite_rules(void)
{
	Suite *s = suite_create("rules");
	TCase *t = tcase_create("rules");

	tcase_add_loop_test(t, prefix, 0, COUNT(prefixes));
	tcase_add_loop_test(t, fit, 0, COUNT(fits));
	tcase_add_test(t, full);
	tcase_add_loop_test(t, policy, 0, 4 * COUNT(policies));
	tcase_add_loop_test(t, filter, 0, 4);
	suite_add_tcase(s, t);
	return s;
}
