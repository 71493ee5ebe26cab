/* SPDX-License-Identifier: ISC */
#include "suites.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/bind_rule.h"
#include "mp.h"
#include "shared/arena.h"
#include "shared/ipc.h"

enum flag { ADDR = 1, PORT = 2 }; /* SO_REUSEADDR, SO_REUSEPORT */

/* A socket as its program bound it. */
struct bound {
	int family;
	bool v6only;
	const char *at; /* see address() */
	int reuse;
};

#define ANY4 { AF_INET, false, "any4", 0 }
#define ONE4 { AF_INET, false, "one4", 0 }
#define TWO4 { AF_INET, false, "two4", 0 }
#define ANY6 { AF_INET6, false, "any6", 0 }
#define ONLY6 { AF_INET6, true, "any6", 0 }
#define ONE6 { AF_INET6, false, "one6", 0 }
#define TWO6 { AF_INET6, false, "two6", 0 }
#define MAPPED { AF_INET6, false, "one4", 0 } /* ::ffff:10.0.0.1 */
#define REUSE(how) { AF_INET, false, "any4", (how) }

static const struct row {
	struct bound old, new;
	bool allowed;
} rows[] = {
	/* the same addresses: only if both ask for the same kind of reuse */
	{ ANY4, ANY4, false },
	{ ONE4, ONE4, false },
	{ ANY6, ANY6, false },
	{ ONE6, ONE6, false },
	{ REUSE(ADDR), REUSE(ADDR), true },
	{ REUSE(PORT), REUSE(PORT), true },
	{ REUSE(ADDR), REUSE(PORT), false },
	{ REUSE(ADDR | PORT), REUSE(PORT), true },
	{ REUSE(ADDR), REUSE(0), false },
	{ REUSE(0), REUSE(PORT), false },
	/* the wildcard and an address overlap, two addresses do not */
	{ ANY4, ONE4, false },
	{ ONE4, ANY4, false },
	{ ONE4, TWO4, true },
	{ ANY6, ONE6, false },
	{ ONE6, TWO6, true },
	/* families: a socket at :: takes IPv4 unless it refuses to */
	{ ANY4, ANY6, false },
	{ ANY4, ONLY6, true },
	{ ONLY6, ANY4, true },
	{ ONLY6, ANY6, false },
	{ ONE4, ANY6, false },
	{ ONE4, ONLY6, true },
	{ ANY4, ONE6, true }, /* at an IPv6 address no IPv4 arrives */
	{ ONE4, MAPPED, false },
	{ TWO4, MAPPED, true },
	{ ONE6, MAPPED, true },
	{ ANY6, MAPPED, false },
	{ ONLY6, MAPPED, true },
};

static struct mp_addr
address(const char *name)
{
	struct mp_addr a = { .port = 4000 };

	if (name[3] == '4')
		a.ip[10] = a.ip[11] = 0xff;
	if (strncmp(name, "any", 3) != 0) {
		a.ip[0] = name[3] == '4' ? 0 : 0xfd;
		a.ip[12] = 10;
		a.ip[15] = name[0] == 'o' ? 1 : 2;
	}
	return a;
}

START_TEST(rule)
{
	const struct row *r = &rows[_i];
	struct slot old = { .cookie = 1, .family = (uint8_t)r->old.family,
		.v6only = r->old.v6only,
		.reuseaddr = (r->old.reuse & ADDR) != 0,
		.reuseport = (r->old.reuse & PORT) != 0,
		.local = address(r->old.at) };
	static struct ipc_request ask;

	ask.family = (uint8_t)r->new.family;
	ask.v6only = r->new.v6only;
	ask.reuseaddr = (r->new.reuse & ADDR) != 0;
	ask.reuseport = (r->new.reuse & PORT) != 0;
	ask.local = address(r->new.at);
	ck_assert_msg((bind_rule_of(&old, 0, &ask) != BIND_RULE_REFUSED) ==
	    r->allowed,
	    "row %d: %s besides %s is %s", _i, r->new.at, r->old.at,
	    r->allowed ? "refused" : "allowed");
}
END_TEST

/* Sockets at different devices do not meet; one at none meets all. */
START_TEST(device)
{
	static const struct {
		uint32_t old, new;
		enum bind_rule rule;
	} devices[] = { { 0, 0, BIND_RULE_REFUSED },
		{ 2, 0, BIND_RULE_REFUSED }, { 0, 2, BIND_RULE_REFUSED },
		{ 2, 2, BIND_RULE_REFUSED }, { 2, 3, BIND_RULE_APART } };
	struct slot old = { .family = AF_INET, .local = address("any4") };
	static struct ipc_request ask;
	size_t i;

	ask.family = AF_INET;
	ask.local = address("any4");
	for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		ask.device = devices[i].new;
		ck_assert_int_eq(bind_rule_of(&old, devices[i].old, &ask),
		    devices[i].rule);
	}
	/* Of the same kind of reuse, SO_REUSEADDR looks on, SO_REUSEPORT does
	 * not. */
	old.reuseaddr = old.reuseport = true;
	ask.reuseport = 1;
	ck_assert_int_eq(bind_rule_of(&old, 0, &ask), BIND_RULE_SHARED);
	ask.reuseaddr = 1;
	ck_assert_int_eq(bind_rule_of(&old, 0, &ask), BIND_RULE_APART);
}
END_TEST

Suite *
suite_bind_rule(void)
{
	Suite *s = suite_create("bind_rule");
	TCase *t = tcase_create("rows");

	tcase_add_loop_test(t, rule, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, device);
	suite_add_tcase(s, t);
	return s;
}
