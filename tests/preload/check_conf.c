/* SPDX-License-Identifier: ISC */
/* preload/policy/conf.c: what the environment asks for, and what is said of it.
 * */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "suites.h"

#define KEY "MPSHIM_KEY=/k"
#define PEER KEY, "MPSHIM_PEER="
#define PLAIN KEY, "MPSHIM_PLAIN="

/* An environment, the way that datagrams to some addresses go then, and the
 * error message, if any. */
static const struct conf_row {
	const char *env[4];
	struct {
		const char *ip;
		unsigned port;
		enum rules_way way;
	} to[6];
	const char *says; /* part of the one line that is logged; NULL: none */
} rows[] = {
	/* No setting. */
	{ { NULL }, { { "192.0.2.1", 9, WAY_PLAIN },
		{ "2001:db8::1", 9, WAY_PLAIN }, { "fe80::1", 9, WAY_PLAIN } },
	    NULL },
	{ { "MPSHIM_KEY=", "MPSHIM_PEER=192.0.2.1" },
	    { { "192.0.2.1", 9, WAY_PLAIN } }, NULL },
	{ { "MPSHIM_KEY= \t\n " }, { { "192.0.2.1", 9, WAY_PLAIN } }, NULL },
	{ { "MPSHIM_KEYS=/k" }, { { "192.0.2.1", 9, WAY_PLAIN } }, NULL },
	{ { "MPSHIM_PEER=192.0.2.1" }, { { "192.0.2.1", 9, WAY_PLAIN } },
	    NULL },
	/* A key: all but loopback, multicast, broadcast and name servers. */
	{ { KEY }, { { "192.0.2.1", 9, WAY_PROTECT },
		{ "10.0.0.1", 9, WAY_PROTECT },
		{ "2001:db8::1", 9, WAY_PROTECT },
		{ "169.254.0.1", 9, WAY_PROTECT },
		{ "192.0.2.1", 54, WAY_PROTECT },
		{ "192.0.2.1", 0, WAY_PROTECT } }, NULL },
	{ { KEY }, { { "127.0.0.1", 9, WAY_PLAIN },
		{ "127.255.255.255", 9, WAY_PLAIN }, { "::1", 9, WAY_PLAIN },
		{ "0.0.0.0", 9, WAY_PLAIN }, { "::", 9, WAY_PLAIN } }, NULL },
	{ { KEY }, { { "224.0.0.251", 5353, WAY_PLAIN },
		{ "239.255.255.255", 9, WAY_PLAIN },
		{ "ff02::fb", 9, WAY_PLAIN },
		{ "255.255.255.255", 9, WAY_PLAIN },
		{ "192.0.2.1", 53, WAY_PLAIN },
		{ "2001:db8::1", 53, WAY_PLAIN } }, NULL },
	{ { KEY }, { { "fe80::1", 9, WAY_REFUSE }, { "fe80::1", 53, WAY_PLAIN },
		{ "febf::1", 9, WAY_REFUSE }, { "fec0::1", 9, WAY_PROTECT } },
	    NULL },
	/* MPSHIM_PEER: only these. */
	{ { PEER "192.0.2.1" }, { { "192.0.2.1", 9, WAY_PROTECT },
		{ "192.0.2.1", 53, WAY_PLAIN }, { "192.0.2.2", 9, WAY_PLAIN },
		{ "2001:db8::1", 9, WAY_PLAIN }, { "fe80::1", 9, WAY_PLAIN } },
	    NULL },
	{ { PEER "192.0.2.1:7777  2001:db8::1\t[2001:db8::2]:7777" },
	    { { "192.0.2.1", 7777, WAY_PROTECT },
		{ "192.0.2.1", 7778, WAY_PLAIN },
		{ "2001:db8::1", 9, WAY_PROTECT },
		{ "2001:db8::2", 7777, WAY_PROTECT },
		{ "2001:db8::2", 9, WAY_PLAIN } }, NULL },
	{ { PEER "127.0.0.1 fe80::1 [2001:db8::3]" },
	    { { "127.0.0.1", 9, WAY_PLAIN }, { "fe80::1", 9, WAY_PROTECT },
		{ "2001:db8::3", 9, WAY_PROTECT } }, NULL },
	{ { PEER "192.0.2.0/24", "MPSHIM_PLAIN=192.0.2.1" },
	    { { "192.0.2.1", 9, WAY_PLAIN }, { "192.0.2.2", 9, WAY_PROTECT },
		{ "192.0.3.1", 9, WAY_PLAIN } }, NULL },
	/* MPSHIM_PLAIN: prefixes of several lengths. */
	{ { PLAIN "0.0.0.0/0" }, { { "192.0.2.1", 9, WAY_PLAIN },
		{ "255.0.0.1", 9, WAY_PLAIN },
		{ "2001:db8::1", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "::/0" }, { { "2001:db8::1", 9, WAY_PLAIN },
		{ "fe80::1", 9, WAY_PLAIN }, { "192.0.2.1", 9, WAY_PROTECT } },
	    NULL },
	{ { PLAIN "10.0.0.0/8" }, { { "10.0.0.0", 9, WAY_PLAIN },
		{ "10.255.255.255", 9, WAY_PLAIN },
		{ "11.0.0.0", 9, WAY_PROTECT }, { "9.255.255.255", 9,
		    WAY_PROTECT }, { "2001:db8::1", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "10.1.17.5/20" }, { { "10.1.16.0", 9, WAY_PLAIN },
		{ "10.1.31.255", 9, WAY_PLAIN }, { "10.1.32.0", 9,
		    WAY_PROTECT }, { "10.1.15.255", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "10.1.1.2/32 10.1.1.8/31" }, { { "10.1.1.2", 9, WAY_PLAIN },
		{ "10.1.1.3", 9, WAY_PROTECT }, { "10.1.1.9", 9, WAY_PLAIN },
		{ "10.1.1.10", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "2001:db8::/32" }, { { "2001:db8:ffff::1", 9, WAY_PLAIN },
		{ "2001:db9::1", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "2001:db8:0:1::/64" }, { { "2001:db8:0:1::9", 9, WAY_PLAIN },
		{ "2001:db8:0:2::9", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "2001:db8::1/128" }, { { "2001:db8::1", 9, WAY_PLAIN },
		{ "2001:db8::2", 9, WAY_PROTECT } }, NULL },
	/* Ports. */
	{ { PLAIN "10.0.0.0/8:123" }, { { "10.1.1.1", 123, WAY_PLAIN },
		{ "10.1.1.1", 124, WAY_PROTECT } }, NULL },
	{ { PLAIN "0.0.0.0/0:123" }, { { "10.1.1.1", 123, WAY_PLAIN },
		{ "2001:db8::1", 123, WAY_PROTECT } }, NULL },
	{ { PLAIN "[2001:db8::/32]:123" }, { { "2001:db8::9", 123, WAY_PLAIN },
		{ "2001:db8::9", 9, WAY_PROTECT } }, NULL },
	{ { PLAIN "10.0.0.1:65535" }, { { "10.0.0.1", 65535, WAY_PLAIN } },
	    NULL },
	{ { PLAIN "::ffff:10.0.0.1" }, { { "10.0.0.1", 9, WAY_PLAIN } },
	    NULL },
	/* A wrong word is logged, and the others count. */
	{ { PLAIN "10.0.0.1 nonsense" }, { { "10.0.0.1", 9, WAY_PLAIN },
		{ "10.0.0.2", 9, WAY_PROTECT } },
	    "MPSHIM_PLAIN: expected ADDRESS[/LEN][:PORT], found \"nonsense\"" },
	{ { PEER "nonsense" }, { { "10.0.0.1", 9, WAY_PROTECT } },
	    "MPSHIM_PEER: expected ADDRESS[/LEN][:PORT], found \"nonsense\"" },
#define REFUSED(rule) { { PLAIN rule }, { { "10.0.0.1", 9, WAY_PROTECT },   \
	{ "2001:db8::1", 9, WAY_PROTECT } }, "found \"" rule "\"" }
	REFUSED("10.0.0.1/33"),
	REFUSED("10.0.0.1/"),
	REFUSED("10.0.0.1/-1"),
	REFUSED("10.0.0.1/+8"),
	REFUSED("10.0.0.1/8/8"),
	REFUSED("10.0.0.1/255.0.0.0"),
	REFUSED("10.0.0.1/99999999999999999999"),
	REFUSED("10.0.0.1:0"),
	REFUSED("10.0.0.1:"),
	REFUSED("10.0.0.1:65536"),
	REFUSED("10.0.0.1:9x"),
	REFUSED("10.0.0.1:9/8"),
	REFUSED("10.0.0"),
	REFUSED("10.0.0.256"),
	REFUSED("/8"),
	REFUSED(":9"),
	REFUSED("2001:db8::/129"),
	REFUSED("[2001:db8::1"),
	REFUSED("[2001:db8::1]9"),
	REFUSED("[2001:db8::1]:"),
	REFUSED("[2001:db8::1]:0"),
	REFUSED("[]:9"),
	REFUSED("2001:db8::1%lo"),
	REFUSED("localhost"),
	/* Keys: the agent tells whether they are there. */
	{ { "MPSHIM_KEY=no-such-key", "HOME=/nowhere" },
	    { { "192.0.2.1", 9, WAY_PROTECT } }, NULL },
};

/* Tries a row in a process of its own, since conf_load() runs once in each:
 * which address went another way, from 1 on; or 0. */
static int
in_child(const struct conf_row *r, char *said, size_t size)
{
	int fd = memfd_create("stderr", 0), status, i;
	char *envp[8] = { NULL };
	struct mp_addr a;
	ssize_t n;
	pid_t pid;

	for (i = 0; i < 4 && r->env[i] != NULL; i++)
		envp[i] = (char *)(uintptr_t)r->env[i];
	pid = fork();
	if (pid == 0) {
		dup2(fd, 2);
		conf_load(envp);
		for (i = 0; i < COUNT(r->to) && r->to[i].ip != NULL; i++) {
			a = addr_of(r->to[i].ip, r->to[i].port);
			if (dest_policy_known(&a).way != r->to[i].way)
				_exit(1 + i);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	n = pread(fd, said, size - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(fd);
	return WEXITSTATUS(status);
}

START_TEST(row)
{
	const struct conf_row *r = &rows[_i];
	char said[4096], *end;
	int wrong = in_child(r, said, sizeof(said));

	ck_assert_msg(wrong == 0, "%s %s: %s goes another way", r->env[0],
	    r->env[1], r->to[wrong - 1].ip);
	if (r->says == NULL) {
		ck_assert_str_eq(said, "");
		return;
	}
	ck_assert_msg(strncmp(said, "mpshim: ", 8) == 0, "%s", said);
	ck_assert_msg(strstr(said, r->says) != NULL, "%s", said);
	end = strchr(said, '\n');
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end, "\n");
}
END_TEST

/* --- Long lists ----------------------------------------------------------- */

START_TEST(many_rules)
{
	static char list[8192];
	struct conf_row r = { .env = { KEY, list },
		.to = { { "10.0.0.0", 9, WAY_PLAIN },
		    { "10.0.0.63", 9, WAY_PLAIN },
		    { "10.0.0.64", 9, WAY_PROTECT } } };
	char said[4096];
	int i, n;

	n = snprintf(list, sizeof(list), "MPSHIM_PLAIN=");
	for (i = 0; i < RULES_MAX; i++)
		n += snprintf(list + n, sizeof(list) - (size_t)n,
		    "10.0.0.%d\n", i);
	ck_assert_int_eq(in_child(&r, said, sizeof(said)), 0);
	ck_assert_str_eq(said, "");
	snprintf(list + n, sizeof(list) - (size_t)n, "10.0.0.64 10.0.0.65");
	ck_assert_int_eq(in_child(&r, said, sizeof(said)), 0);
	ck_assert_str_eq(said, "mpshim: MPSHIM_PLAIN: too many entries\n");
}
END_TEST

/* A word longer than any buffer. */
START_TEST(long_word)
{
	static char list[20000];
	struct conf_row r = { .env = { KEY, list },
		.to = { { "10.0.0.1", 9, WAY_PROTECT } } };
	char said[8192];

	memset(list, '1', sizeof(list) - 1);
	memcpy(list, "MPSHIM_PLAIN=", 13);
	ck_assert_int_eq(in_child(&r, said, sizeof(said)), 0);
	ck_assert_int_eq(strncmp(said, "mpshim: MPSHIM_PLAIN: e", 23), 0);
	ck_assert_uint_lt(strlen(said), 600);
	ck_assert_str_eq(strchr(said, '\n'), "\n");
}
END_TEST

/* --- struct conf ---------------------------------------------------------- */

static const struct conf *
load(const char *a, const char *b, const char *c)
{
	char *envp[] = { (char *)(uintptr_t)a, (char *)(uintptr_t)b,
		(char *)(uintptr_t)c, NULL };

	conf_load(envp);
	return conf_get();
}

START_TEST(keys)
{
	const struct conf *c;

	c = load("MPSHIM_KEY=/k/one mine  /k/two", "HOME=/home/me", NULL);
	ck_assert(c->active);
	ck_assert_str_eq(c->keys, "/home/me/.config/mpshim/\n/etc/mpshim/\n"
	    "/k/one\nmine\n/k/two\n");
	conf_refuse();
	ck_assert_str_eq(c->keys, "");
	ck_assert(c->active);
}
END_TEST

/* Without a home only the system's. */
START_TEST(keys_of_system)
{
	const struct conf *c = load("MPSHIM_KEY=*", NULL, NULL);

	ck_assert(c->active);
	ck_assert_str_eq(c->keys, "/etc/mpshim/\n*\n");
}
END_TEST

START_TEST(too_many_keys)
{
	static char list[3 * IPC_KEYS] = "MPSHIM_KEY=";
	const struct conf *c;
	size_t n = strlen(list);

	/* The room for keys ends within a name. */
	while (n + 16 < sizeof(list))
		n += (size_t)snprintf(list + n, sizeof(list) - n, "/k/%06zu ",
		    n);
	ck_assert_int_eq(dup2(memfd_create("said", 0), 2), 2);
	c = load(list, NULL, NULL);
	n = strlen(c->keys);
	ck_assert_uint_lt(n, IPC_KEYS);
	ck_assert_uint_gt(n, IPC_KEYS - 16);
	ck_assert_uint_eq((n - strlen("/etc/mpshim/\n")) % 10, 0);
	ck_assert_int_eq(c->keys[n - 1], '\n');
}
END_TEST

START_TEST(switches)
{
	static const struct {
		const char *value;
		bool on;
	} values[] = { { "1", true }, { "yes", true }, { "0", false },
		{ "", false }, { NULL, false } };
	struct mp_addr stranger = addr_of("192.0.2.1", 9),
		loop = addr_of("127.0.0.1", 9), dns = addr_of("192.0.2.1", 53);
	char env[64] = "X=";
	const struct conf *c;
	int which = _i % 2, i = _i / 2;

	if (values[i].value != NULL)
		snprintf(env, sizeof(env), "%s=%s", which ? "MPSHIM_PREFER" :
			"MPSHIM_ACCEPT_PLAIN", values[i].value);
	c = load(KEY, env, NULL);
	ck_assert(
	    (c->set.rules.rest == REST_PREFER) == (values[i].on && which));
	ck_assert(c->set.rules.accept_plain == (values[i].on && !which));
	ck_assert(dest_policy_known(&stranger).plain_from == values[i].on);
	ck_assert(dest_policy_known(&loop).plain_from &&
	    dest_policy_known(&dns).plain_from);
}
END_TEST

/* A name that is too long is left out. */
START_TEST(interfaces)
{
	static char list[600] = "MPSHIM_INTERFACE=eth0 ";
	const struct conf *c;

	memset(list + strlen(list), 'x', sizeof(list) - strlen(list) - 1);
	c = load(KEY, list, "MPSHIM_NO_INTERFACE=wlan0 wlan1");
	ck_assert_str_eq(c->set.interfaces, "eth0");
	ck_assert_str_eq(c->set.no_interfaces, "wlan0 wlan1");
	ck_assert_str_ne(c->program, "");
}
END_TEST

Suite *
suite_conf(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");

	tcase_add_loop_test(t, row, 0, COUNT(rows));
	tcase_add_test(t, many_rules);
	tcase_add_test(t, long_word);
	tcase_add_test(t, keys);
	tcase_add_test(t, keys_of_system);
	tcase_add_test(t, too_many_keys);
	tcase_add_loop_test(t, switches, 0, 10);
	tcase_add_test(t, interfaces);
	suite_add_tcase(s, t);
	return s;
}
