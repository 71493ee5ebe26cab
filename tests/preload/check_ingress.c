/* SPDX-License-Identifier: ISC */
/* preload/socket/ingress_rule.c and ingress.c: what comes in to the program. */
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/conf.h"
#include "shared/net.h"
#include "shared/sockfilter.h"
#include "socket/fdtab.h"
#include "socket/ingress.h"
#include "suites.h"

#define PEER "203.0.113.1"
#define OTHER "203.0.113.2"
#define OWN "198.51.100.1" /* where the socket's packets arrive */
#define PORT 7001	   /* of the peers */

enum {
	SINCE = 1000000, /* when the socket was connected last, us */
	BEFORE = SINCE - 1,
	AFTER = SINCE + 1,
	NOW = 100000000,
};

enum socket_flag {
	V6 = 1,	       /* the program's socket is of IPv6 */
	ONLY_V6 = 2,
	NOW_TO = 4,    /* connected to PEER, since SINCE */
	WAS_TO = 8,    /* connected to OTHER before */
	KERNEL_TO = 16, /* connected by the kernel */
	GROUPS = 32,   /* joined to multicast groups */
	BROADCAST = 64, /* SO_BROADCAST */
	ASKED = 128,   /* asked PEER's port 53 at ASKED_AT */
	WIDE = 256,    /* bound to OWN by us, to the wildcard in the kernel */
};
enum { ASKED_AT = NOW - INGRESS_RULE_ANSWER_US };

static void
socket_of(int flags, struct sock *s)
{
	struct mp_addr server = addr_of(PEER, 53);

	memset(s, 0, sizeof(*s));
	s->family = flags & V6 ? AF_INET6 : AF_INET;
	s->kernel = MP_DUAL;
	s->v6only = flags & ONLY_V6;
	s->since = flags & (NOW_TO | WAS_TO) ? SINCE : 0;
	s->connected = flags & NOW_TO;
	s->peer = addr_of(PEER, PORT);
	s->was_connected = flags & WAS_TO;
	s->was = addr_of(OTHER, PORT);
	s->kconnected = flags & KERNEL_TO;
	s->groups = flags & GROUPS;
	s->broadcast = flags & BROADCAST;
	s->wide = flags & WIDE;
	s->local = addr_of(OWN, 0);
	if (flags & ASKED)
		ck_assert(ingress_rule_ask(s, &server, ASKED_AT));
}

/* --- Plaintext that arrived
 * ------------------------------------------------- */

static const struct plain_row {
	const char *name;
	int flags;
	const char *from, *to;
	uint64_t arrival;
	int dns_after; /* from a name server, read so long after ASKED_AT, us;
			* 0: it is none */
	enum ingress_verdict verdict;
} plain_rows[] = {
	/* Not connected. */
	{ "from anybody", 0, PEER, OWN, AFTER, 0, INGRESS_PLAIN_BY_POLICY },
	{ "when is unknown", 0, PEER, OWN, MP_NEVER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "to a group, joined to none", 0, PEER, "239.1.2.3", AFTER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "to a group", GROUPS, PEER, "239.1.2.3", AFTER, 0,
	    INGRESS_PLAIN_YES },
	{ "to a group of IPv6", GROUPS | V6, "2001:db8::1", "ff05::77", AFTER,
	    0, INGRESS_PLAIN_YES },
	{ "to one, joined to groups", GROUPS, PEER, OWN, AFTER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "with SO_BROADCAST", BROADCAST, PEER, OWN, AFTER, 0,
	    INGRESS_PLAIN_YES },
	/* Families. */
	{ "IPv6 to a program of IPv4", 0, "2001:db8::1", OWN, AFTER, 0,
	    INGRESS_PLAIN_NO },
	{ "the same to a group", GROUPS | BROADCAST, "2001:db8::1", "ff05::77",
	    AFTER, 0, INGRESS_PLAIN_NO },
	{ "IPv4 to a program of IPv6", V6, PEER, OWN, AFTER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "IPv4 with IPV6_V6ONLY", V6 | ONLY_V6, PEER, OWN, AFTER, 0,
	    INGRESS_PLAIN_NO },
	{ "IPv6 with IPV6_V6ONLY", V6 | ONLY_V6, "2001:db8::1", "2001:db8::2",
	    AFTER, 0, INGRESS_PLAIN_BY_POLICY },
	/* Connected: only the peer, but the policy has to let it in. */
	{ "from the peer", NOW_TO, PEER, OWN, AFTER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "from another, at the moment itself", NOW_TO, OTHER, OWN, SINCE, 0,
	    INGRESS_PLAIN_NO },
	{ "from the peer, when is unknown", NOW_TO, PEER, OWN, MP_NEVER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "from another", NOW_TO, OTHER, OWN, AFTER, 0, INGRESS_PLAIN_NO },
	{ "from another to a group", NOW_TO | GROUPS | BROADCAST, OTHER,
	    "239.1.2.3", AFTER, 0, INGRESS_PLAIN_NO },
	{ "from another, when is unknown", NOW_TO, OTHER, OWN, MP_NEVER, 0,
	    INGRESS_PLAIN_NO },
	/* It arrived before the socket was connected to the peer. */
	{ "from another, before", NOW_TO, OTHER, OWN, BEFORE, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "from the peer, before", NOW_TO, PEER, OWN, BEFORE, 0,
	    INGRESS_PLAIN_BY_POLICY },
	{ "from the one before, before", NOW_TO | WAS_TO, OTHER, OWN, BEFORE,
	    0, INGRESS_PLAIN_BY_POLICY },
	{ "from the peer, which was another", NOW_TO | WAS_TO, PEER, OWN,
	    BEFORE, 0, INGRESS_PLAIN_NO },
	{ "from the one before, after", NOW_TO | WAS_TO, OTHER, OWN, AFTER, 0,
	    INGRESS_PLAIN_NO },
	{ "not connected any more, before", WAS_TO, PEER, OWN, BEFORE, 0,
	    INGRESS_PLAIN_NO },
	{ "not connected any more, after", WAS_TO, PEER, OWN, AFTER, 0,
	    INGRESS_PLAIN_BY_POLICY },
	/* Name servers. */
	{ "an answer", ASKED, PEER, OWN, AFTER, 1, INGRESS_PLAIN_YES },
	{ "just in time", ASKED, PEER, OWN, AFTER, INGRESS_RULE_ANSWER_US - 1,
	    INGRESS_PLAIN_YES },
	{ "too late", ASKED, PEER, OWN, AFTER, INGRESS_RULE_ANSWER_US,
	    INGRESS_PLAIN_NO },
	{ "of a server that was not asked", ASKED, OTHER, OWN, AFTER, 1,
	    INGRESS_PLAIN_NO },
	{ "no question", 0, PEER, OWN, AFTER, 1, INGRESS_PLAIN_NO },
	{ "no question, with SO_BROADCAST", BROADCAST, PEER, OWN, AFTER, 1,
	    INGRESS_PLAIN_NO },
};

START_TEST(plain)
{
	const struct plain_row *r = &plain_rows[_i];
	struct mp_addr from = addr_of(r->from, r->dns_after > 0 ? 53 : PORT),
		to = addr_of(r->to, 0);
	enum ingress_verdict verdict;
	struct sock s;

	socket_of(r->flags, &s);
	verdict = ingress_rule_plain(&s, &from, &to, r->arrival,
	    ASKED_AT + (uint64_t)r->dns_after, r->dns_after > 0);
	ck_assert_msg(verdict == r->verdict, "%s: %d", r->name, (int)verdict);
}
END_TEST

/* The peer's address alone is not the peer. */
START_TEST(plain_other_port)
{
	struct mp_addr from = addr_of(PEER, PORT + 1), to = addr_of(OWN, 0);
	struct sock s;

	socket_of(NOW_TO, &s);
	ck_assert_int_eq(ingress_rule_plain(&s, &from, &to, AFTER, NOW, false),
	    INGRESS_PLAIN_NO);
}
END_TEST

/* --- Datagrams of sessions
 * -------------------------------------------------- */

static const struct session_row {
	const char *name;
	int flags;
	const char *from;
	uint64_t arrival;
	bool expected;
	enum ingress of_client, of_server; /* unless it is expected */
} session_rows[] = {
	{ "never connected", 0, OTHER, AFTER, true, 0, 0 },
	{ "from the peer", NOW_TO, PEER, AFTER, true, 0, 0 },
	{ "from the peer, when is unknown", NOW_TO, PEER, MP_NEVER, true, 0,
	    0 },
	{ "from another", NOW_TO, OTHER, AFTER, false, INGRESS_NEXT,
	    INGRESS_DROP },
	/* The kernel would have taken it, and the program reads it now. */
	{ "from another, before", NOW_TO, OTHER, BEFORE, false, INGRESS_NEXT,
	    INGRESS_TAKE },
	{ "from the peer, before", NOW_TO, PEER, BEFORE, true, 0, 0 },
	{ "from the one before, before", NOW_TO | WAS_TO, OTHER, BEFORE, true,
	    0, 0 },
	{ "from the peer, which was another", NOW_TO | WAS_TO, PEER, BEFORE,
	    false, INGRESS_NEXT, INGRESS_DROP },
	{ "from the one before, after", NOW_TO | WAS_TO, OTHER, AFTER, false,
	    INGRESS_NEXT, INGRESS_DROP },
	{ "not connected any more, after", WAS_TO, PEER, AFTER, true, 0, 0 },
	{ "not connected any more, before", WAS_TO, PEER, BEFORE, false,
	    INGRESS_NEXT, INGRESS_DROP },
};

START_TEST(session)
{
	const struct session_row *r = &session_rows[_i];
	struct mp_addr from = addr_of(r->from, PORT);
	struct sock s;

	socket_of(r->flags, &s);
	ck_assert_msg(ingress_rule_expected(&s, &from, r->arrival) ==
	    r->expected, "%s", r->name);
	if (r->expected)
		return;
	ck_assert_msg(ingress_rule_unexpected(&s, r->arrival, true) ==
	    r->of_client, "%s, a client", r->name);
	ck_assert_msg(ingress_rule_unexpected(&s, r->arrival, false) ==
	    r->of_server, "%s, a server", r->name);
}
END_TEST

/* --- The socket filter
 * ------------------------------------------------------- */

enum rule_flag {
	F_V4 = 1,
	F_V6 = 2,
	F_ALL_PLAIN = 4,
	F_DNS = 8,
	F_MULTICAST = 16,
	F_BROADCAST = 32,
	F_LOCAL_ONLY = 64,
	F_CONF = 128, /* the prefixes of the configuration */
	F_PEER = 256, /* the peer alone */
};

static const struct filter_row {
	const char *name;
	int flags;
	bool from_peer, rest;
	int rules;
} filter_rows[] = {
	{ "of IPv4", 0, false, false, F_V4 | F_CONF },
	{ "of IPv6", V6, false, false, F_V4 | F_V6 | F_CONF },
	{ "of IPv6 only", V6 | ONLY_V6, false, false, F_V6 | F_CONF },
	{ "everybody else is plain", 0, false, true,
	    F_V4 | F_CONF | F_ALL_PLAIN },
	{ "groups", GROUPS, false, false, F_V4 | F_CONF | F_MULTICAST },
	{ "everybody", BROADCAST, false, false, F_V4 | F_CONF | F_BROADCAST },
	{ "names", ASKED, false, false, F_V4 | F_CONF | F_DNS },
	{ "one address", WIDE, false, false, F_V4 | F_CONF | F_LOCAL_ONLY },
	{ "connected to a protected peer", NOW_TO, false, true, F_V4 },
	{ "connected to one that may be plain", NOW_TO, true, false,
	    F_V4 | F_PEER },
	{ "connected, and all else", NOW_TO | GROUPS | BROADCAST | ASKED, true,
	    true, F_V4 | F_PEER },
	{ "not connected any more", WAS_TO, true, false, F_V4 | F_CONF },
	{ "connected by the kernel", KERNEL_TO, false, false,
	    F_V4 | F_ALL_PLAIN },
};

START_TEST(filter)
{
	static struct conf conf;
	const struct filter_row *r = &filter_rows[_i];
	struct sockfilter_rules rules = { .prefix = 7 };
	struct sockfilter_prefix one;
	struct mp_addr peer = addr_of(PEER, PORT);
	struct sock s;
	int is;

	socket_of(r->flags, &s);
	conf.filters = 3;
	conf.filter_rest = r->rest;
	ingress_rule_filter(&s, &conf, r->from_peer, &rules, &one);
	is = (rules.v4 ? F_V4 : 0) | (rules.v6 ? F_V6 : 0) |
	    (rules.all_plain ? F_ALL_PLAIN : 0) | (rules.dns ? F_DNS : 0) |
	    (rules.multicast ? F_MULTICAST : 0) |
	    (rules.broadcast ? F_BROADCAST : 0) |
	    (rules.local_only ? F_LOCAL_ONLY : 0) |
	    (rules.peers == conf.filter && rules.npeers == 3 ? F_CONF : 0) |
	    (rules.peers == &one && rules.npeers == 1 ? F_PEER : 0);
	ck_assert_msg(is == r->rules, "%s: %#x", r->name, (unsigned)is);
	ck_assert(rules.here);
	ck_assert_uint_eq(rules.prefix, 7); /* not its business */
	ck_assert(net_equal(&rules.local, &s.local));
	if (rules.peers == &one) {
		ck_assert(net_equal(&one.addr, &peer));
		ck_assert_uint_eq(one.len, 128);
		ck_assert(!one.drop);
	}
}
END_TEST

/* As many name servers as there is room for; one more takes the oldest's
 * place. */
START_TEST(servers)
{
	struct mp_addr server[SOCK_ASKED + 1], to = addr_of(OWN, 0);
	struct sock s;
	int i;

	socket_of(0, &s);
	for (i = 0; i <= SOCK_ASKED; i++) {
		server[i] = addr_of("10.0.0.1", 53);
		server[i].ip[15] = (uint8_t)(i + 1);
	}
	for (i = 0; i < SOCK_ASKED; i++)
		ck_assert(ingress_rule_ask(&s, &server[i], NOW) == (i == 0));
	ck_assert(!ingress_rule_ask(&s, &server[1], NOW + 5));
	for (i = 0; i < SOCK_ASKED; i++)
		ck_assert_int_eq(ingress_rule_plain(&s, &server[i], &to, AFTER,
		    NOW + 6, true), INGRESS_PLAIN_YES);
	ck_assert(!ingress_rule_ask(&s, &server[SOCK_ASKED], NOW + 7));
	for (i = 0; i <= SOCK_ASKED; i++)
		ck_assert_int_eq(ingress_rule_plain(&s, &server[i], &to, AFTER,
		    NOW + 8, true), i == 0 ? INGRESS_PLAIN_NO :
		    INGRESS_PLAIN_YES);
	/* Asked anew, it has its time anew. */
	ck_assert_int_eq(ingress_rule_plain(&s, &server[1], &to, AFTER,
	    NOW + 4 + INGRESS_RULE_ANSWER_US, true), INGRESS_PLAIN_YES);
	ck_assert_int_eq(ingress_rule_plain(&s, &server[2], &to, AFTER,
	    NOW + 4 + INGRESS_RULE_ANSWER_US, true), INGRESS_PLAIN_NO);
}
END_TEST

/* --- With the policy and the kernel
 * ----------------------------------------- */

static void
policy(const char *variable)
{
	char key[] = "MPSHIM_KEY=/k", other[64];
	char *envp[] = { key, other, NULL };

	strcpy(other, variable);
	conf_load(envp);
}

static const struct policy_row {
	const char *name, *variable, *from, *to;
	bool in;
} policy_rows[] = {
	{ "from a peer", "X=", PEER, OWN, false },
	{ "from a plain peer", "MPSHIM_PLAIN=" PEER, PEER, OWN, true },
	{ "from another", "MPSHIM_PLAIN=" PEER, OTHER, OWN, false },
	{ "from a peer that need not", "MPSHIM_ACCEPT_PLAIN=1", PEER, OWN,
	    true },
	{ "from loopback", "X=", "127.0.0.1", "127.0.0.1", true },
	{ "from the address itself", "X=", OWN, OWN, true },
};

START_TEST(by_policy)
{
	const struct policy_row *r = &policy_rows[_i];
	struct mp_addr from = addr_of(r->from, PORT), to = addr_of(r->to, 0);
	struct sock s;

	policy(r->variable);
	socket_of(0, &s);
	ck_assert_msg(ingress_plain(&s, &from, &to, AFTER) == r->in, "%s",
	    r->name);
}
END_TEST

/* The arena tells which end began the session. */
START_TEST(by_session)
{
	struct mp_addr other = addr_of(OTHER, PORT);
	struct mp_tx tx[MP_TX_MAX];
	struct sock s;
	int memory;

	socket_of(NOW_TO, &s);
	memory = arena_fresh(&s.map);
	ck_assert_int_eq(mp_slot_open(&s.map.mp, 0, MP_DUAL), 0);
	ck_assert_int_eq(ingress_session(&s, &s.peer, AFTER), INGRESS_TAKE);
	ck_assert_int_eq(ingress_session(&s, &other, AFTER), INGRESS_NEXT);
	ck_assert_int_eq(mp_send_begin(&s.map.mp, 1, 0, &other, 0, 1,
	    (enum mp_send_flag)0, tx), MP_EAGAIN); /* now we began */
	ck_assert_int_eq(ingress_session(&s, &other, AFTER), INGRESS_DROP);
	ck_assert_int_eq(ingress_session(&s, &other, BEFORE), INGRESS_TAKE);
	arena_unmap(&s.map);
	close(memory);
}
END_TEST

/* The first name server that is asked opens the socket filter for answers. */
START_TEST(filter_attached)
{
	struct mp_addr server = addr_of("127.0.0.1", 53);
	struct sock_filter code[256];
	socklen_t before = COUNT(code), after = COUNT(code);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sock s;

	policy("X=");
	socket_of(0, &s);
	ck_assert_int_eq(ingress_filter(fd, &s), 0);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code,
	    &before), 0);
	ck_assert_uint_gt(before, 0);
	s.bound = true;
	ingress_answer(fd, &s, &server);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code,
	    &after), 0);
	ck_assert_uint_gt(after, before);
	ck_assert_int_lt(ingress_filter(-1, &s), 0);
	close(fd);
}
END_TEST

Suite *
suite_ingress(void)
{
	Suite *s = suite_create("ingress");
	TCase *t = tcase_create("ingress");

	tcase_add_loop_test(t, plain, 0, COUNT(plain_rows));
	tcase_add_test(t, plain_other_port);
	tcase_add_loop_test(t, session, 0, COUNT(session_rows));
	tcase_add_loop_test(t, filter, 0, COUNT(filter_rows));
	tcase_add_test(t, servers);
	tcase_add_loop_test(t, by_policy, 0, COUNT(policy_rows));
	tcase_add_test(t, by_session);
	tcase_add_test(t, filter_attached);
	suite_add_tcase(s, t);
	return s;
}
