/* SPDX-License-Identifier: ISC */
/* The abstract socket: programs that gave up their rights, and strangers. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suites.h"

enum { NOBODY = 65534, FLOOD = 200 };

static struct player a;

/* Connects to the abstract socket that player `a' was told of: a descriptor. */
static int
connect_abstract(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(a.answer.abstract);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert(len > 0);
	memcpy(sun.sun_path + 1, a.answer.abstract, len);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, (socklen_t)
	    (offsetof(struct sockaddr_un, sun_path) + 1 + len)), 0);
	return fd;
}

/* Sends a request there, with a socket or -1: the answer's error, or -EPIPE:
 * there is none. */
static int
ask_abstract(const struct ipc_request *ask, int show)
{
	struct ipc_answer answer;
	int fd = connect_abstract(), got[IPC_PASS], n;

	n = ipc_send(fd, ask, sizeof(*ask), &show, show >= 0);
	if (n == 0)
		n = ipc_recv(fd, &answer, sizeof(answer), got);
	close(fd);
	if (n != (int)sizeof(answer))
		return -EPIPE;
	if (got[0] >= 0)
		close(got[0]);
	return answer.error;
}

/* A request about a's socket, with the token for its keys. */
static struct ipc_request *
question(enum ipc_kind kind)
{
	struct ipc_request *ask = player_question(kind);

	ask->cookie = a.cookie;
	snprintf(ask->keys, sizeof(ask->keys), "%s", lab_key(LAB_A));
	memcpy(ask->token, a.answer.token, sizeof(ask->token));
	return ask;
}

static void
begin(uint16_t port)
{
	start_both();
	ck_assert_int_eq(player_open(&a, LAB_A, port, lab_key(LAB_A)), 0);
}

/* Runs it as a user that cannot use the directory; it must return true. */
static void
as_nobody(bool (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(2);
		_exit(run() ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* A socket bound to a free port (*at), or besides `fd' to its port. */
static int
bound(int fd, struct sockaddr_in6 *at)
{
	int other = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
	socklen_t len = sizeof(*at);

	if (fd >= 0)
		setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(other, (struct sockaddr *)at, sizeof(*at)) != 0 ||
	    getsockname(other, (struct sockaddr *)at, &len) != 0)
		return -1;
	setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	return other;
}

static bool
opens(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6 };
	struct ipc_request *ask = question(IPC_OPEN);
	struct ipc_answer answer;
	socklen_t len = sizeof(ask->cookie);
	int fd = bound(-1, &at), control = bound(fd, &at), got;

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ask->cookie, &len) != 0)
		return false;
	ask->port = ntohs(at.sin6_port);
	return ipc_call(ask, &control, 1, -1, &answer, &got) == 0 &&
	    answer.error == -EACCES &&
	    ipc_call(ask, &control, 1, fd, &answer, &got) == 0 &&
	    answer.error == 0 && got >= 0;
}

/* A program with the token opens a port. */
START_TEST(opened)
{
	begin(5500);
	as_nobody(opens);
}
END_TEST

static bool
token_wanted(void)
{
	struct ipc_request *ask = question(IPC_HELLO);

	ask->token[7] ^= 1;
	return ask_abstract(ask, -1) == -EPIPE &&
	    ask_abstract(question(IPC_HELLO), -1) == 0;
}

/* Without the token there is no answer. */
START_TEST(token)
{
	begin(5502);
	as_nobody(token_wanted);
}
END_TEST

static bool
other_keys(void)
{
	struct ipc_request *ask = question(IPC_HELLO);

	ask->keys[0]++;
	return ask_abstract(ask, -1) == -EPIPE;
}

/* The token is for the keys that it was given for, and for no others. */
START_TEST(keys)
{
	begin(5503);
	as_nobody(other_keys);
}
END_TEST

static bool
finds_what_it_shows(void)
{
	struct ipc_request *ask = question(IPC_FIND);
	int other = socket(AF_INET6, SOCK_DGRAM, 0);

	return ask_abstract(ask, -1) == -EACCES &&
	    ask_abstract(ask, other) == -EACCES &&
	    ask_abstract(ask, STDERR_FILENO) == -EACCES &&
	    ask_abstract(ask, a.fd) == 0;
}

/* The token gives no access to sockets of other programs. */
START_TEST(shown)
{
	begin(5504);
	as_nobody(finds_what_it_shows);
}
END_TEST

static bool
joins_no_port(void)
{
	struct ipc_request *ask = question(IPC_OPEN);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	socklen_t len = sizeof(ask->cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ask->cookie, &len) != 0)
		return false;
	ask->port = 5505;
	return ask_abstract(ask, fd) == -EACCES;
}

/* Nor does it to their ports. */
START_TEST(joined)
{
	begin(5505);
	as_nobody(joins_no_port);
}
END_TEST

static bool
no_status(void)
{
	int fd = connect_abstract(), got[IPC_PASS];
	struct ipc_row row;

	return ipc_send(fd, question(IPC_STATUS), sizeof(struct ipc_request),
	    NULL, 0) == 0 &&
	    ipc_recv(fd, &row, sizeof(row), got) != (int)sizeof(row) &&
	    ask_abstract(question(IPC_ADOPT), -1) == -EACCES;
}

START_TEST(status)
{
	begin(5506);
	as_nobody(no_status);
}
END_TEST

static bool
answered(void)
{
	return ask_abstract(question(IPC_HELLO), -1) == 0;
}

/* The next worker has the same name and tokens. */
START_TEST(worker_died)
{
	pid_t worker;

	begin(5507);
	worker = worker_of(LAB_A);
	kill(worker, SIGKILL);
	ck_assert_int_gt(await_worker(LAB_A, worker, 2000), 0);
	as_nobody(answered);
}
END_TEST

static bool
through_a_crowd(void)
{
	int fd[FLOOD], i;

	for (i = 0; i < FLOOD; i++)
		fd[i] = connect_abstract();
	for (i = 0; i < FLOOD; i += 7)
		(void)ipc_send(fd[i], "nonsense", 8, NULL, 0);
	return answered();
}

/* Silent clients, however many, keep out neither a program with the token nor
 * clients of the directory's socket. */
START_TEST(crowd)
{
	begin(5508);
	as_nobody(through_a_crowd);
	ck_assert_int_eq(player_ask(&a, question(IPC_HELLO), NULL, 0, NULL),
	    0);
}
END_TEST

/* Connects and closes for a second. */
static bool
knocks(void)
{
	uint64_t until = player_ms() + 1000;
	unsigned n = 0;
	int fd;

	for (; player_ms() < until; n++) {
		fd = connect_abstract();
		if (fd >= 0)
			close(fd);
	}
	return n > 100;
}

/* A user who only knocks costs the worker little, and keeps nobody waiting. */
START_TEST(knocking)
{
	pid_t worker;
	long before;

	begin(5509);
	worker = worker_of(LAB_A);
	before = cpu_of(worker);
	as_nobody(knocks);
	ck_assert_int_eq(worker_of(LAB_A), worker);
	ck_assert_int_le(cpu_of(worker) - before, 200);
}
END_TEST

TCase *
case_abstract(void)
{
	TCase *t = tcase_create("abstract");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, opened);
	tcase_add_test(t, token);
	tcase_add_test(t, keys);
	tcase_add_test(t, shown);
	tcase_add_test(t, joined);
	tcase_add_test(t, status);
	tcase_add_test(t, worker_died);
	tcase_add_test(t, crowd);
	tcase_add_test(t, knocking);
	return t;
}
