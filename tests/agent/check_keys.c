/* SPDX-License-Identifier: ISC */
/* The agent's keys: files that are refused, searched, changed and followed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"
#include "suites.h"

/* A public key, with a slip of the pen in the second. */
#define PUBLIC "mp1AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMk"

/* Files that are refused, one at a time in a directory that is right else. */
static const struct {
	const char *name;
	const char *text; /* NULL: there is no file */
	mode_t mode;
	int error;
	const char *says;
} keys[] = {
	{ "identity", NULL, 0, -ENOENT, "/identity: No such file" },
	{ "identity", "x\n", 0644, -EACCES,
	    "/identity is readable by others: chmod 600 " },
	{ "identity", "x\n", 0640, -EACCES, "chmod 600" },
	{ "identity", "", 0600, -EINVAL, "/identity has no secret key" },
	{ "identity", "# none\n", 0600, -EINVAL, "has no secret key" },
	{ "identity", "secret 01\n", 0600, -EINVAL, "has no secret key" },
	{ "identity", PUBLIC "\n", 0600, -EINVAL, "has no secret key" },
	{ "peers", NULL, 0, -ENOENT, "/peers: No such file" },
	{ "peers", "x\n", 0666, -EACCES,
	    "/peers is writable by others: chmod go-w " },
	{ "peers", "x\n", 0620, -EACCES, "chmod go-w" },
	{ "peers", "# home\n", 0600, -ENOENT, "peers has no home" },
	{ "peers", "other " PUBLIC "\nhome\n", 0600, -EINVAL,
	    "/peers:2: expected a public key behind the name" },
	{ "peers", "home " PUBLIC "\n", 0600, -EINVAL,
	    "/peers:1: expected a public key of mpctl identity, found \"mp1A" },
	{ "peers", "home mpsecret1xyz\n", 0600, -EINVAL,
	    "/peers:1: expected a public key, found a secret one" },
	{ "home.psk", NULL, 0, -ENOENT, "/home.psk: No such file" },
	{ "home.psk", "0123\n", 0600, -EINVAL, "/home.psk has no psk" },
	{ "home.psk", "0123\n", 0604, -EACCES, "chmod 600" },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

/* The path of a file beside that of host A's peer. */
static const char *
key_file(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/a/%s", lab_directory(), name);
	return path;
}

START_TEST(refused_key)
{
	const char *path;
	struct player p;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	path = key_file(keys[_i].name);
	if (keys[_i].text != NULL)
		lab_write(path, keys[_i].mode, "%s", keys[_i].text);
	else
		ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(player_open(&p, LAB_A, 5100, lab_key(LAB_A)),
	    keys[_i].error);
	ck_assert_msg(strstr(p.answer.text, keys[_i].says) != NULL, "%s",
	    p.answer.text);
	player_close(&p);
	ck_assert(lab_port_free(5100));
}
END_TEST

START_TEST(linked_key)
{
	char away[128];
	struct player p;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	snprintf(away, sizeof(away), "%s/away", lab_directory());
	ck_assert_int_eq(rename(key_file("identity"), away), 0);
	ck_assert_int_eq(symlink(away, key_file("identity")), 0);
	ck_assert_int_eq(player_open(&p, LAB_A, 5101, lab_key(LAB_A)),
	    -ELOOP);
	ck_assert_ptr_nonnull(strstr(p.answer.text, "symbolic link"));
}
END_TEST

/* The names of a directory that is searched; all of its peers; none. */
START_TEST(searched_key)
{
	static const struct {
		const char *want;
		int error;
	} rows[] = { { "%s/none/\n%s/a/\nhome\n", 0 },
		{ "%s/none/\n%s/a/\n*\n", 0 }, { "%s/a/\n%s/b/\n*\n", 0 },
		{ "%s/none/\n%s/a/\nhme\n", -ENOENT },
		{ "%s/none/\n%s/gone/\n*\n", -ENOENT } };
	char want[256];
	struct player p;
	size_t i;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(want, sizeof(want), rows[i].want, lab_directory(),
		    lab_directory());
#pragma GCC diagnostic pop
		ck_assert_msg(player_open(&p, LAB_A, (uint16_t)(5120 + i),
		    want) == rows[i].error, "%s: %s", want, p.answer.text);
		player_close(&p);
	}
}
END_TEST

/* Keys that were read a moment ago serve another port, unless a file changed:
 * its mode (0), its name (1), its contents (2). */
START_TEST(key_changed)
{
	const char *key, *path;
	char other[160];
	struct player p, q;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	key = lab_key(LAB_A);
	path = key_file("peers");
	snprintf(other, sizeof(other), "%s.old", path);
	ck_assert_int_eq(player_open(&p, LAB_A, 5110, key), 0);
	ck_assert_int_eq(player_open(&q, LAB_A, 5111, key), 0);
	player_close(&q);
	if (_i == 0)
		ck_assert_int_eq(chmod(path, 0622), 0);
	else if (_i == 1)
		ck_assert_int_eq(rename(path, other), 0);
	else
		lab_write(path, 0600, "home not-a-key\n");
	ck_assert_int_lt(player_open(&q, LAB_A, 5112, key), 0);
	player_close(&q);
	player_close(&p);
}
END_TEST

/* Sessions of the host's programs that are up. */
static int
sessions_up(int host)
{
	int fd, n = 0, got[IPC_PASS];
	struct ipc_row row;

	lab_enter(host);
	fd = connect_agent_open();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ipc_send(fd, player_question(IPC_STATUS),
	    sizeof(struct ipc_request), NULL, 0), 0);
	while (ipc_recv(fd, &row, sizeof(row), got) > 0)
		n += row.kind == IPC_ROW_SESSION &&
		    row.u.session_row.info.state == MP_S_UP;
	close(fd);
	return n;
}

/* What becomes of host A's file of peers while it talks with B, by steps: a
 * text (%s is the right line), or a way. */
#define GONE "gone"
#define MOVED "moved here"
static const struct {
	const char *step[2];
	bool kept; /* the session goes on */
} follows[] = {
	{ { "# nobody\n" }, false },
	{ { "hom" }, false },
	{ { "other %s\n" }, true }, /* another name of the same key */
	{ { "%s\nwrong\n" }, true },
	{ { "# one more\n%s\n" }, true },
	{ { GONE }, false },
	{ { MOVED }, true },
	/* An editor at work, 100 ms between the steps. */
	{ { GONE, "%s\n" }, true },
	{ { "ho", "%s\n" }, true },
	{ { "", MOVED }, true },
};

static void
take_step(const char *step, const char *path, const char *line)
{
	char text[512], new[160];

	if (strcmp(step, GONE) == 0) {
		ck_assert_int_eq(unlink(path), 0);
		return;
	}
	snprintf(new, sizeof(new), "%s.new", path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), strcmp(step, MOVED) == 0 ? "%s\n" : step,
	    strncmp(step, "other", 5) == 0 ? line + strlen("home ") : line);
#pragma GCC diagnostic pop
	lab_write(strcmp(step, MOVED) == 0 ? new : path, 0600, "%s", text);
	if (strcmp(step, MOVED) == 0)
		ck_assert_int_eq(rename(new, path), 0);
}

/* A port follows its file of peers within a second. */
START_TEST(key_followed)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 4107);
	char all[512] = "", path[128], want[160], *line;
	struct player a, b;
	FILE *f;
	int i;

	start_both();
	snprintf(path, sizeof(path), "%s", key_file("peers"));
	snprintf(want, sizeof(want), "%s/a/*", lab_directory());
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(all, 1, sizeof(all) - 1, f), 0);
	fclose(f);
	line = strstr(all, "home ");
	ck_assert_ptr_nonnull(line);
	line[strcspn(line, "\n")] = '\0';
	ck_assert_int_eq(player_open(&b, LAB_B, 4107, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 5107, want), 0);
	ping(&a, &b, &to, 1000);
	ck_assert_int_eq(sessions_up(LAB_A), 1);
	for (i = 0; i < 2 && follows[_i].step[i] != NULL; i++) {
		if (i > 0)
			player_sleep(100);
		take_step(follows[_i].step[i], path, line);
	}
	for (i = 0; i < 10 && sessions_up(LAB_A) == 1; i++)
		player_sleep(follows[_i].kept ? 150 : 100);
	ck_assert_int_eq(sessions_up(LAB_A), follows[_i].kept);
	if (follows[_i].kept)
		ping(&a, &b, &to, 1000);
	player_close(&a);
	player_close(&b);
}
END_TEST

TCase *
case_keys(void)
{
	TCase *t = tcase_create("keys");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, refused_key, 0, KEYS);
	tcase_add_test(t, linked_key);
	tcase_add_test(t, searched_key);
	tcase_add_loop_test(t, key_changed, 0, 3);
	tcase_add_loop_test(t, key_followed, 0,
	    sizeof(follows) / sizeof(follows[0]));
	return t;
}
