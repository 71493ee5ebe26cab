/* SPDX-License-Identifier: ISC */
/* preload/shared/connect_agent.c and ipc.c: where the agent is, and the
 * messages to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/connect_agent.h"
#include "shared/ipc.h"
#include "suites.h"

static char top[] = "/tmp/check_ipc.XXXXXX", dir[64];

static void
setup(void)
{
	strcpy(top + strlen(top) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/run", top);
	ck_assert_int_eq(setenv("MPSHIM_RUNTIME_DIR", dir, 1), 0);
}

static void
teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

/* --- The directory -------------------------------------------------------- */

static const struct mode_row {
	mode_t mode;
	int error;
} modes[] = {
	{ 0700, 0 },
	{ 0500, 0 },
	{ 0710, -EPERM },
	{ 0701, -EPERM },
	{ 0750, -EPERM },
	{ 0755, -EPERM },
	{ 0770, -EPERM },
	{ 0777, -EPERM },
	{ 01777, -EPERM },
	{ 0720, -EPERM },
	{ 0704, -EPERM },
};

START_TEST(mode)
{
	const struct mode_row *r = &modes[_i];
	char path[IPC_PATH];

	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(chmod(dir, r->mode), 0);
	ck_assert_int_eq(connect_agent_directory(path, 0), r->error);
	ck_assert_int_eq(connect_agent_path(path, 0), r->error);
	ck_assert_int_eq(connect_agent_path(path, 1), r->error);
	if (r->error != 0)
		ck_assert_int_eq(connect_agent_open(), r->error);
}
END_TEST

START_TEST(made_on_demand)
{
	char path[IPC_PATH], again[IPC_PATH];
	struct stat st;

	ck_assert_int_eq(connect_agent_path(path, 0), -ENOENT);
	ck_assert_int_eq(connect_agent_open(), -ENOENT);
	ck_assert_int_eq(access(dir, F_OK), -1);
	umask(0);
	ck_assert_int_eq(connect_agent_path(path, 1), 0);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(strncmp(path, dir, strlen(dir)), 0);
	ck_assert_int_eq(strncmp(path + strlen(dir), "/agent.", 7), 0);
	ck_assert_int_eq(connect_agent_path(again, 1), 0);
	ck_assert_str_eq(path, again);
}
END_TEST

START_TEST(no_directory)
{
	char path[IPC_PATH];
	int fd;

	ck_assert_int_eq(symlink(top, dir), 0); /* a link to one of ours */
	ck_assert_int_eq(connect_agent_directory(path, 1), -ENOTDIR);
	ck_assert_int_eq(unlink(dir), 0);
	fd = open(dir, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(connect_agent_directory(path, 1), -ENOTDIR);
	ck_assert_int_eq(connect_agent_open(), -ENOTDIR);
	setenv("MPSHIM_RUNTIME_DIR", "/proc/nowhere/run", 1);
	ck_assert_int_eq(connect_agent_directory(path, 1), -ENOENT);
}
END_TEST

START_TEST(another_owner)
{
	char path[IPC_PATH];

	if (geteuid() != 0)
		return; /* no right to make one */
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(chown(dir, 65534, 65534), 0);
	ck_assert_int_eq(connect_agent_directory(path, 1), -EPERM);
	ck_assert_int_eq(connect_agent_open(), -EPERM);
}
END_TEST

START_TEST(too_long)
{
	char path[IPC_PATH], name[IPC_PATH + 16];

	memset(name, 'x', sizeof(name));
	memcpy(name, "/tmp/", 5);
	name[IPC_PATH - 1] = '\0';
	setenv("MPSHIM_RUNTIME_DIR", name, 1);
	ck_assert_int_lt(connect_agent_path(path, 0), 0);
	name[IPC_PATH - 1] = 'x';
	name[IPC_PATH + 1] = '\0';
	setenv("MPSHIM_RUNTIME_DIR", name, 1);
	ck_assert_int_eq(connect_agent_path(path, 0), -ENAMETOOLONG);
	/* Short enough for a directory's path, too long for a Unix socket's. */
	memset(name, 'x', sizeof(name));
	snprintf(name, sizeof(name), "%s/%090d", top, 0);
	setenv("MPSHIM_RUNTIME_DIR", name, 1);
	ck_assert_int_eq(connect_agent_directory(path, 1), 0);
	ck_assert_int_eq(connect_agent_path(path, 1), -ENAMETOOLONG);
}
END_TEST

/* Which variable of the environment counts. */
static const struct env_row {
	const char *runtime, *xdg, *want;
} envs[] = {
	{ "/tmp/a", "/tmp/b", "/tmp/a" },
	{ NULL, "/tmp/b", "/tmp/b/mpshim" },
	{ "", "/tmp/b", "/tmp/b/mpshim" },
	{ "relative", "/tmp/b", "/tmp/b/mpshim" },
	{ NULL, "relative", NULL },
	{ NULL, "", NULL },
	{ NULL, NULL, NULL },
};

START_TEST(environment)
{
	const struct env_row *r = &envs[_i];
	char path[IPC_PATH], want[64], runtime[64], xdg[64];
	char *envp[3], **e = envp;

	if (r->runtime != NULL) {
		snprintf(runtime, sizeof(runtime), "MPSHIM_RUNTIME_DIR=%s",
		    r->runtime);
		*e++ = runtime;
	}
	if (r->xdg != NULL) {
		snprintf(xdg, sizeof(xdg), "XDG_RUNTIME_DIR=%s", r->xdg);
		*e++ = xdg;
	}
	*e = NULL;
	snprintf(want, sizeof(want), geteuid() == 0 ? "/run/mpshim" :
		"/tmp/mpshim-%u", (unsigned)geteuid());
	connect_agent_setup(envp);
	setenv("MPSHIM_RUNTIME_DIR", "/tmp/later", 1); /* no effect any more */
	(void)connect_agent_directory(path, 0);
	ck_assert_str_eq(path, r->want != NULL ? r->want : want);
}
END_TEST

/* --- Messages ------------------------------------------------------------- */

static int pair[2];

static void
setup_pair(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair), 0);
}

static void
teardown_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	    x.st_dev == y.st_dev;
}

/* With 0, 1 and 2 descriptors. */
START_TEST(with_descriptors)
{
	int pass[IPC_PASS] = { memfd_create("a", 0), memfd_create("b", 0) };
	int got[IPC_PASS] = { 77, 77 }, before, i;
	char text[16];

	before = fds_open();
	ck_assert_int_eq(ipc_send(pair[0], "request", 8, pass, _i), 0);
	ck_assert_int_eq(ipc_recv(pair[1], text, sizeof(text), got), 8);
	ck_assert_str_eq(text, "request");
	for (i = 0; i < IPC_PASS; i++) {
		if (i >= _i) {
			ck_assert_int_eq(got[i], -1);
			continue;
		}
		ck_assert(same_file(got[i], pass[i]));
		ck_assert(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		close(got[i]);
	}
	ck_assert_int_eq(fds_open(), before);
	close(pass[0]);
	close(pass[1]);
}
END_TEST

/* As a hostile program would send it. */
static void
send_raw(int n, int messages)
{
	union {
		struct cmsghdr head;
		char room[2 * CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (char *)"x", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control };
	size_t bytes = (size_t)n * sizeof(int);
	int fds[16], i;

	for (i = 0; i < 16; i++)
		fds[i] = pair[0];
	memset(&control, 0, sizeof(control));
	for (i = 0; i < messages; i++) {
		struct cmsghdr *c = (void *)(control.room +
		    (size_t)i * CMSG_SPACE(bytes));

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(c), fds, bytes);
	}
	msg.msg_controllen = (size_t)messages * CMSG_SPACE(bytes);
	ck_assert_int_eq(sendmsg(pair[0], &msg, 0), 1);
}

START_TEST(too_many_descriptors)
{
	static const struct {
		int n, messages;
	} rows[] = { { 4, 1 }, { 5, 1 }, { 6, 1 }, { 16, 1 }, { 2, 2 } };
	int got[IPC_PASS], before = fds_open(), n, i;
	char text[16];

	send_raw(rows[_i].n, rows[_i].messages);
	n = ipc_recv(pair[1], text, sizeof(text), got);
	for (i = 0; n > 0 && i < IPC_PASS; i++)
		if (got[i] >= 0)
			close(got[i]);
	ck_assert_int_eq(fds_open(), before);
	ck_assert_int_eq(n, -EMSGSIZE);
	/* The next message arrives as usual. */
	ck_assert_int_eq(ipc_send(pair[0], "y", 1, NULL, 0), 0);
	ck_assert_int_eq(ipc_recv(pair[1], text, sizeof(text), got), 1);
	ck_assert_int_eq(got[0], -1);
}
END_TEST

START_TEST(too_long_a_message)
{
	int pass = pair[0], got[IPC_PASS], before = fds_open();
	char text[8];

	ck_assert_int_eq(ipc_send(pair[0], "nine char", 9, &pass, 1), 0);
	ck_assert_int_eq(ipc_recv(pair[1], text, sizeof(text), got),
	    -EMSGSIZE);
	ck_assert_int_eq(fds_open(), before);
}
END_TEST

START_TEST(at_the_end)
{
	int got[IPC_PASS];
	char text[8];

	close(pair[0]);
	ck_assert_int_eq(ipc_recv(pair[1], text, sizeof(text), got), 0);
	ck_assert_int_eq(ipc_send(pair[1], "x", 1, NULL, 0), -EPIPE);
	ck_assert_int_eq(ipc_recv(-1, text, sizeof(text), got), -EBADF);
	ck_assert_int_eq(ipc_send(-1, "x", 1, NULL, 0), -EBADF);
	pair[0] = -1;
}
END_TEST

/* --- Questions ------------------------------------------------------------ */

enum reply { GOOD, ONE_FD, TWO_FDS, SHORT, LONG, OTHER_VERSION, HANG_UP,
	SILENCE, ONE_FD_SHORT };

static const struct ask_row {
	enum reply reply;
	int error;
	bool memory;
} asks[] = {
	{ GOOD, 0, false },
	{ ONE_FD, 0, true },
	{ TWO_FDS, 0, true },
	{ SHORT, -EPROTO, false },
	{ LONG, -EMSGSIZE, false },
	{ OTHER_VERSION, -EPROTO, false },
	{ HANG_UP, -ECONNRESET, false },
	{ ONE_FD_SHORT, -EPROTO, false },
	{ SILENCE, -ETIMEDOUT, false },
};

static int
listener(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[IPC_PATH];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect_agent_path(path, 1), 0);
	strcpy(sun.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* Starts an agent for one request, in a process of its own. */
static void
answer_one(int listening, enum reply how)
{
	struct {
		struct ipc_answer answer;
		char more[8];
	} a = { .answer = { .version = IPC_VERSION, .error = -7, .slot = 3 } };
	size_t len = sizeof(a.answer);
	struct ipc_request ask;
	int fd = accept(listening, NULL, NULL), got[IPC_PASS], n;
	int pass[IPC_PASS] = { memfd_create("m", 0), listening };

	n = ipc_recv(fd, &ask, sizeof(ask), got);
	if (n != (int)sizeof(ask) || ask.kind != IPC_FIND || got[0] < 0 ||
	    !same_file(got[0], STDIN_FILENO))
		_exit(1);
	memset(a.answer.text, 'x', sizeof(a.answer.text)); /* not terminated */
	if (how == SHORT || how == ONE_FD_SHORT)
		len--;
	if (how == LONG)
		len++;
	if (how == OTHER_VERSION)
		a.answer.version++;
	if (how == SILENCE)
		(void)recv(fd, &ask, 1, 0); /* until the client is gone */
	else if (how != HANG_UP)
		ipc_send(fd, &a, len, pass, how == TWO_FDS ? 2 :
			how == ONE_FD || how == ONE_FD_SHORT ? 1 : 0);
	_exit(0);
}

START_TEST(request)
{
	const struct ask_row *r = &asks[_i];
	struct ipc_request ask = { .version = IPC_VERSION, .kind = IPC_FIND };
	struct ipc_answer answer;
	int listening = listener(), before = fds_open(), got = 77, in = 0;
	uint64_t begun;
	pid_t pid;

	ck_assert_int_eq(ipc_call(&ask, &in, 1, -1, &answer, &got),
	    -ECONNREFUSED);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(listen(listening, 4), 0);
	pid = fork();
	if (pid == 0)
		answer_one(listening, r->reply);
	begun = arena_now();
	ck_assert_int_eq(ipc_call(&ask, &in, 1, -1, &answer, &got), r->error);
	ck_assert_uint_lt(arena_now() - begun, IPC_WAIT_MS * 2 * 1000);
	ck_assert((got >= 0) == r->memory);
	if (r->error == 0) {
		ck_assert_int_eq(answer.error, -7);
		ck_assert_uint_eq(answer.slot, 3);
		ck_assert_uint_eq(strlen(answer.text), IPC_TEXT - 1);
	}
	if (got >= 0)
		close(got);
	child_wait(pid);
	ck_assert_int_eq(fds_open(), before);
	close(listening);
}
END_TEST

/* A process of another user listens where the agent should. */
START_TEST(stranger_listens)
{
	int listening, before;
	pid_t pid;
	char c;
	int ready[2];

	if (geteuid() != 0)
		return; /* only root can be another user */
	listening = listener();
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (seteuid(65534) != 0 || listen(listening, 4) != 0 ||
		    write(ready[1], "!", 1) != 1)
			_exit(1);
		_exit(accept(listening, NULL, NULL) >= 0 ? 0 : 1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	before = fds_open();
	ck_assert_int_eq(connect_agent_open(), -EPERM);
	ck_assert_int_eq(fds_open(), before);
	child_wait(pid);
	close(listening);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

Suite *
suite_ipc(void)
{
	Suite *s = suite_create("ipc");
	TCase *t = tcase_create("directory");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, mode, 0, COUNT(modes));
	tcase_add_test(t, made_on_demand);
	tcase_add_test(t, no_directory);
	tcase_add_test(t, another_owner);
	tcase_add_test(t, too_long);
	tcase_add_loop_test(t, environment, 0, COUNT(envs));
	suite_add_tcase(s, t);

	t = tcase_create("messages");
	tcase_add_checked_fixture(t, setup_pair, teardown_pair);
	tcase_add_loop_test(t, with_descriptors, 0, IPC_PASS + 1);
	tcase_add_loop_test(t, too_many_descriptors, 0, 5);
	tcase_add_test(t, too_long_a_message);
	tcase_add_test(t, at_the_end);
	suite_add_tcase(s, t);

	t = tcase_create("requests");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, request, 0, COUNT(asks));
	tcase_add_test(t, stranger_listens);
	suite_add_tcase(s, t);
	return s;
}
