/* SPDX-License-Identifier: ISC */
/* Requests to the agent, and its answers. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/connect_agent.h"
#include "suites.h"

START_TEST(one_agent)
{
	pid_t first;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	first = worker_of(LAB_A);
	ck_assert_int_gt(first, 0);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(worker_of(LAB_A), first);
}
END_TEST

/* Programs that start at the same time start one agent. */
START_TEST(many_starts)
{
	pid_t first = 0;
	int i, status;

	lab_fresh();
	lab_enter(LAB_A);
	for (i = 0; i < 20; i++)
		if (fork() == 0)
			_exit(lab_agent() != 0 || worker_of(LAB_A) == 0);
	for (i = 0; i < 20; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	for (i = 0; i < 20; i++) {
		if (i == 0)
			first = worker_of(LAB_A);
		ck_assert_int_eq(worker_of(LAB_A), first);
	}
}
END_TEST

START_TEST(find)
{
	struct player p;
	uint64_t id;
	int status;
	pid_t pid;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_open(&p, LAB_A, 5102, lab_key(LAB_A)), 0);
	id = p.map.arena->id;
	pid = fork();
	if (pid == 0)
		_exit(player_find(&p) != 0 || p.map.arena->id != id ||
		    p.slot != 0);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	p.cookie++;
	ck_assert_int_eq(player_ask(&p, player_question(IPC_FIND), NULL, 0,
	    NULL), -ENOENT);
}
END_TEST

/* --- May a socket join the port? ---------------------------------------- */

enum { ANY, X, Y };

static struct mp_addr
local(int which, int family)
{
	struct mp_addr a = { .port = 0 };

	if (family == AF_INET) {
		a.ip[10] = a.ip[11] = 0xff;
		if (which != ANY) {
			a.ip[12] = 10;
			a.ip[15] = (uint8_t)which;
		}
	} else if (which != ANY) {
		a.ip[0] = 0x20;
		a.ip[15] = (uint8_t)which;
	}
	return a;
}

static const struct {
	int family, at;
	bool v6only, reuseaddr, reuseport;
	int with_family, with_at;
	bool with_v6only, with_reuseaddr, with_reuseport;
	int error;
} rules[] = {
	/* the same address */
	{ AF_INET, ANY, 0, 0, 0, AF_INET, ANY, 0, 0, 0, -EADDRINUSE },
	{ AF_INET, X, 0, 0, 0, AF_INET, X, 0, 0, 0, -EADDRINUSE },
	{ AF_INET, X, 0, 0, 0, AF_INET, ANY, 0, 0, 0, -EADDRINUSE },
	{ AF_INET, ANY, 0, 0, 0, AF_INET, X, 0, 0, 0, -EADDRINUSE },
	/* both must ask for reuse */
	{ AF_INET, ANY, 0, 1, 0, AF_INET, ANY, 0, 1, 0, 0 },
	{ AF_INET, ANY, 0, 1, 0, AF_INET, ANY, 0, 0, 0, -EADDRINUSE },
	{ AF_INET, ANY, 0, 0, 1, AF_INET, ANY, 0, 0, 1, 0 },
	{ AF_INET, ANY, 0, 0, 1, AF_INET, ANY, 0, 1, 0, -EADDRINUSE },
	/* different addresses */
	{ AF_INET, X, 0, 0, 0, AF_INET, Y, 0, 0, 0, 0 },
	{ AF_INET6, X, 0, 0, 0, AF_INET6, Y, 0, 0, 0, 0 },
	{ AF_INET, X, 0, 0, 0, AF_INET6, X, 0, 0, 0, 0 },
	/* families */
	{ AF_INET, ANY, 0, 0, 0, AF_INET6, ANY, 1, 0, 0, 0 },
	{ AF_INET6, ANY, 1, 0, 0, AF_INET, ANY, 0, 0, 0, 0 },
	{ AF_INET, ANY, 0, 0, 0, AF_INET6, ANY, 0, 0, 0, -EADDRINUSE },
	{ AF_INET6, ANY, 0, 0, 0, AF_INET, X, 0, 0, 0, -EADDRINUSE },
	{ AF_INET6, X, 0, 0, 0, AF_INET, ANY, 0, 0, 0, 0 },
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

static int
ask_rule(struct player *p, uint16_t port, int i)
{
	struct ipc_request *ask = player_question(IPC_MAY_BIND);

	ask->port = port;
	ask->family = (uint8_t)rules[i].with_family;
	ask->local = local(rules[i].with_at, rules[i].with_family);
	ask->v6only = rules[i].with_v6only;
	ask->reuseaddr = rules[i].with_reuseaddr;
	ask->reuseport = rules[i].with_reuseport;
	return player_ask(p, ask, NULL, 0, NULL);
}

START_TEST(may_join)
{
	struct slot *is;
	struct player p;
	int i;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_open(&p, LAB_A, 5103, lab_key(LAB_A)), 0);
	is = &p.map.arena->slot[p.slot];
	for (i = RULES - 1; i >= 0; i--) {
		arena_lock(p.map.arena);
		is->family = (uint8_t)rules[i].family;
		is->local = local(rules[i].at, rules[i].family);
		is->v6only = rules[i].v6only;
		is->reuseaddr = rules[i].reuseaddr;
		is->reuseport = rules[i].reuseport;
		is->gen++;
		arena_unlock(p.map.arena);
		ck_assert_msg(ask_rule(&p, 5103, i) == rules[i].error,
		    "row %d: %d", i, p.answer.error);
	}
	ck_assert_int_eq(ask_rule(&p, 5104, 0), -ENOENT);
	player_close(&p); /* a closed socket forbids nothing */
	ck_assert_int_eq(ask_rule(&p, 5103, 0), -ENOENT);
}
END_TEST

START_TEST(bad_questions)
{
	struct ipc_request *ask = player_question(IPC_OPEN);
	struct player p;
	int pass[1];

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_ask(&p, ask, NULL, 0, NULL), -EINVAL);
	ask->port = 5105;
	ask->cookie = 1;
	ck_assert_int_eq(player_ask(&p, ask, NULL, 0, NULL), -ESTALE);
	pass[0] = 0; /* not a socket */
	ck_assert_int_eq(player_ask(&p, ask, pass, 1, NULL), -EBADF);
	pass[0] = socket(AF_INET6, SOCK_DGRAM, 0); /* not of that port */
	ck_assert_int_eq(player_ask(&p, ask, pass, 1, NULL), -EBADF);
	ask->kind = 99;
	ck_assert_int_eq(player_ask(&p, ask, NULL, 0, NULL), -EINVAL);
	ask->version = 99;
	ck_assert_int_eq(player_ask(&p, ask, NULL, 0, NULL), -EPROTO);
	ck_assert_ptr_nonnull(strstr(p.answer.text, "version"));
	ck_assert_int_gt(worker_of(LAB_A), 0);
}
END_TEST

/* --- Status ------------------------------------------------------------- */

START_TEST(status)
{
	struct mp_addr to = lab_addr(LAB_B, 1, 4106);
	int fd, n, got[IPC_PASS], rows[IPC_ROW_END + 1] = { 0 };
	struct player a, b;
	struct ipc_row row;

	start_both();
	ck_assert_int_eq(player_open(&b, LAB_B, 4106, lab_key(LAB_B)), 0);
	ck_assert_int_eq(player_open(&a, LAB_A, 5106, lab_key(LAB_A)), 0);
	ping(&a, &b, &to, 1000);
	fd = connect_agent_open();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ipc_send(fd, player_question(IPC_STATUS),
	    sizeof(struct ipc_request), NULL, 0), 0);
	while ((n = ipc_recv(fd, &row, sizeof(row), got)) > 0) {
		ck_assert_int_eq(n, sizeof(row));
		ck_assert_uint_le(row.kind, IPC_ROW_END);
		rows[row.kind]++;
		if (row.kind == IPC_ROW_SESSION) {
			ck_assert_str_eq(row.u.session_row.key, "home");
			ck_assert_int_eq(row.u.session_row.info.state, MP_S_UP);
		}
		if (row.kind == IPC_ROW_FLOW)
			ck_assert_int_eq(row.u.flow_row.interface[0], 'l');
	}
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(rows[IPC_ROW_PORT], 1);
	ck_assert_int_eq(rows[IPC_ROW_SLOT], 1);
	ck_assert_int_eq(rows[IPC_ROW_SESSION], 1);
	ck_assert_int_ge(rows[IPC_ROW_FLOW], 2);
	ck_assert_int_eq(rows[IPC_ROW_COUNTER], MP_C_MAX);
	ck_assert_int_eq(rows[IPC_ROW_END], 1);
	close(fd);
}
END_TEST

/* An agent of a user other than root. */
START_TEST(ordinary_user)
{
	struct player p;
	char path[160];

	lab_fresh();
	snprintf(path, sizeof(path), "chown -R 12345 %s", lab_directory());
	ck_assert_int_eq(system(path), 0);
	lab_enter(LAB_A);
	ck_assert_int_eq(setresgid(12345, 12345, 12345), 0);
	ck_assert_int_eq(setresuid(12345, 12345, 12345), 0);
	ck_assert_int_eq(lab_agent(), 0);
	ck_assert_int_eq(player_open(&p, LAB_A, 5107, lab_key(LAB_A)), 0);
	player_close(&p);
	ck_assert_int_eq(player_ask(&p, player_question(IPC_CLOSING), NULL, 0,
	    NULL), 0);
	ck_assert(lab_port_free(5107));
}
END_TEST

/* The buffers of an agent's socket are 8 MiB, whatever the system lets others
 * have: the keeper is root's.  (The kernel counts twice.) */
START_TEST(buffers)
{
	static const int options[] = { SO_RCVBUF, SO_SNDBUF };
	struct player p;
	int control = -1, n, i;
	socklen_t len;

	lab_fresh();
	lab_enter(LAB_A);
	ck_assert_int_eq(lab_agent(), 0);
	player_keep_control(&control);
	ck_assert_int_eq(player_open(&p, LAB_A, 5108, lab_key(LAB_A)), 0);
	player_sleep(200); /* the keeper is told, and does not answer */
	for (i = 0; i < 2; i++) {
		len = sizeof(n);
		ck_assert_int_eq(getsockopt(control, SOL_SOCKET, options[i],
		    &n, &len), 0);
		ck_assert_int_eq(n, 16 << 20);
	}
	player_close(&p);
	close(control);
}
END_TEST

TCase *
case_serve(void)
{
	TCase *t = tcase_create("serve");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, one_agent);
	tcase_add_test(t, many_starts);
	tcase_add_test(t, find);
	tcase_add_test(t, may_join);
	tcase_add_test(t, bad_questions);
	tcase_add_test(t, status);
	tcase_add_test(t, ordinary_user);
	tcase_add_test(t, buffers);
	return t;
}
