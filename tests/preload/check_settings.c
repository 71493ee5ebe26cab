/* SPDX-License-Identifier: ISC */
/* preload/policy/settings.c: which of variables, user's and system's file
 * counts. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/settings.h"
#include "suites.h"

static char said[8192];

static void
hear(const char *line)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n",
	    line);
}

/* Writes a file with that text and mode 0600. */
static int
file_of(const char *text, char path[64])
{
	int fd = memfd_create("config", 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, 0600), 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void
load(struct settings *s, const char *const env[4], const char *user,
    const char *system)
{
	char *envp[5] = { NULL }, path[64];
	int i, fd;

	memset(s, 0, sizeof(*s));
	said[0] = '\0';
	for (i = 0; i < 4 && env[i] != NULL; i++)
		envp[i] = (char *)(uintptr_t)env[i];
	settings_environ(s, envp, hear);
	if (user != NULL) {
		fd = file_of(user, path);
		ck_assert_int_eq(settings_file(s, path, FROM_USER, hear), 1);
		close(fd);
	}
	if (system != NULL) {
		fd = file_of(system, path);
		ck_assert_int_eq(settings_file(s, path, FROM_SYSTEM, hear), 1);
		close(fd);
	}
}

#define PLAIN WAY_PLAIN
#define PROTECT WAY_PROTECT
#define REFUSE WAY_REFUSE

static const struct settings_row {
	const char *env[4];
	const char *user, *system;
	struct {
		const char *ip;
		enum rules_way way;
		bool in; /* may plaintext come in? */
	} to[4];
	enum rules_rest rest;
	const char *keys;
} rows[] = {
	/* The first rule that fits, within a file and across files. */
	{ { NULL }, "plain 10.0.0.1\nrefuse 10.0.0.0/8\nkey a b",
	    "plain 10.0.0.2\nprotect 11.0.0.1\nkey c\ndefault plain",
	    { { "10.0.0.1", PLAIN, true }, { "10.0.0.2", REFUSE, false },
		{ "11.0.0.1", PROTECT, false }, { "12.0.0.1", PLAIN, true } },
	    REST_PLAIN, "a b" },
	{ { NULL }, "default require", "default plain\nkey c",
	    { { "10.0.0.1", PROTECT, false } }, REST_REQUIRE, "c" },
	/* Variables come first. */
	{ { "MPSHIM_PREFER=0", "MPSHIM_KEY=x", "MPSHIM_PLAIN=10.0.0.1" },
	    "default prefer\nrefuse 10.0.0.1\nkey a", NULL,
	    { { "10.0.0.1", PLAIN, true }, { "10.0.0.2", PROTECT, false } },
	    REST_REQUIRE, "x" },
	{ { "MPSHIM_KEY=" }, "key a", "key b", { { "10.0.0.1", PROTECT,
	    false } }, REST_REQUIRE, "" },
	/* With MPSHIM_PEER rules of files do not count. */
	{ { "MPSHIM_PEER=10.0.0.1" },
	    "refuse 10.0.0.0/8\nprotect 11.0.0.1\nkey a\ndefault require",
	    NULL, { { "10.0.0.1", PROTECT, false },
		{ "10.0.0.2", PLAIN, true }, { "11.0.0.1", PLAIN, true } },
	    REST_PLAIN, "a" },
	/* A rule besides default prefer. */
	{ { NULL }, "default plain\nprotect 10.0.0.0/8", NULL,
	    { { "10.0.0.2", PROTECT, false }, { "fe80::1", PLAIN, true } },
	    REST_PLAIN, "" },
	{ { NULL }, "default prefer\nprotect 10.0.0.0/8", NULL,
	    { { "10.0.0.2", PROTECT, false }, { "11.0.0.1", PROTECT, true },
		{ "fe80::1", REFUSE, true } }, REST_PREFER, "" },
	/* accept-plain: from all peers but those that are refused. */
	{ { NULL }, "accept-plain yes\nprotect 10.0.0.0/8\nrefuse 11.0.0.0/8",
	    NULL, { { "10.0.0.1", PROTECT, true },
		{ "11.0.0.1", REFUSE, false }, { "12.0.0.1", PROTECT, true } },
	    REST_REQUIRE, "" },
	{ { "MPSHIM_ACCEPT_PLAIN=0" }, "accept-plain yes", NULL,
	    { { "12.0.0.1", PROTECT, false } }, REST_REQUIRE, "" },
};

START_TEST(row)
{
	const struct settings_row *r = &rows[_i];
	struct sockfilter_prefix filter[RULES_MAX];
	struct rules_policy policy;
	struct settings s;
	struct mp_addr a;
	bool rest;
	int i;

	load(&s, r->env, r->user, r->system);
	ck_assert_str_eq(said, "");
	ck_assert_int_eq((int)s.rules.rest, (int)r->rest);
	ck_assert_str_eq(s.keys, r->keys);
	for (i = 0; i < 4 && r->to[i].ip != NULL; i++) {
		a = addr_of(r->to[i].ip, 9);
		policy = rules_apply(&s.rules, &a);
		ck_assert_msg(policy.way == r->to[i].way, "%s", r->to[i].ip);
		ck_assert_msg(policy.plain_from == r->to[i].in, "%s in",
		    r->to[i].ip);
	}
	ck_assert_uint_eq(rules_filter(&s.rules, filter, &rest), s.rules.n);
	for (i = 0; i < (int)s.rules.n; i++)
		ck_assert(filter[i].drop == !(s.rules.rule[i].way == PLAIN ||
		    (s.rules.rule[i].way == PROTECT &&
			s.rules.accept_plain)));
	ck_assert(rest == (s.rules.accept_plain || r->rest != REST_REQUIRE));
}
END_TEST

START_TEST(others)
{
	static const char user[] = "interface a b\nsessions 7\nmemory 64K\n"
	    "resend-age 250ms\nspin 50\nserver-id 63\nbundles no",
	    system[] = "interface c\nno-interface d\nsessions 8\n"
		       "tell-private yes";
	struct settings s;

	load(&s, (const char *const[4]) { "MPSHIM_MEMORY=128K" }, user,
	    system);
	ck_assert_str_eq(s.interfaces, "a b");
	ck_assert_str_eq(s.no_interfaces, "d");
	ck_assert_uint_eq(s.sessions, 7);
	ck_assert_uint_eq(s.memory, 128 << 10);
	ck_assert(s.tell_private);
	ck_assert_uint_eq(s.resend_us, 250 * 1000);
	ck_assert_uint_eq(s.spin_us, 50);
	ck_assert_uint_eq(s.server, 63);
	ck_assert(s.no_bundles);
	ck_assert_int_eq((int)s.of[SET_SESSIONS].from, FROM_USER);
	ck_assert_uint_eq(s.of[SET_SESSIONS].line, 2);
	ck_assert_int_eq((int)s.of[SET_MEMORY].from, FROM_VARIABLE);
}
END_TEST

/* A wrong file clears all settings, so nothing is plain by mistake. */
START_TEST(wrong)
{
	char path[64], env[80], *envp[] = { env, NULL };
	struct settings s;
	int fd = file_of("default plain\nkey a\nplain nobody\n", path);

	memset(&s, 0, sizeof(s));
	said[0] = '\0';
	snprintf(env, sizeof(env), "MPSHIM_CONFIG=%s", path);
	ck_assert(!settings_files(&s, envp, hear));
	ck_assert_ptr_nonnull(strstr(said, ":3: expected ADDRESS[/LEN][:PORT] "
	    "after plain, found \"nobody\"\n"));
	ck_assert_int_eq((int)s.rules.rest, REST_REQUIRE);
	ck_assert_uint_eq(s.rules.n, 0);
	ck_assert_str_eq(s.keys, "");
	ck_assert_int_eq(fchmod(fd, 0620), 0);
	said[0] = '\0';
	ck_assert(!settings_files(&s, envp, hear));
	ck_assert_ptr_nonnull(strstr(said, "is writable by others"));
	close(fd);
	said[0] = '\0';
	ck_assert(!settings_files(&s, envp, hear));
	ck_assert_ptr_nonnull(strstr(said, "No such file"));
	ck_assert(settings_files(&s, (char *[]) { "MPSHIM_CONFIG=none",
	    NULL }, hear));
}
END_TEST

Suite *
suite_settings(void)
{
	Suite *s = suite_create("settings");
	TCase *t = tcase_create("settings");

	tcase_add_loop_test(t, row, 0, COUNT(rows));
	tcase_add_test(t, others);
	tcase_add_test(t, wrong);
	suite_add_tcase(s, t);
	return s;
}
