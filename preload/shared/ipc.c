/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Programs and mpctl ask the agent over a Unix socket (SOCK_SEQPACKET) that
 * lives for one request: connect, one struct ipc_request, one struct
 * ipc_answer, close.  A new socket takes one such request: IPC_OPEN brings all
 * that the agent needs for it.  IPC_STATUS and IPC_EVENTS get rows instead; IPC_WAKE gets
 * nothing.  Descriptors go along by SCM_RIGHTS.
 *
 * The agent's socket is RUNTIME/agent.COOKIE.  COOKIE is the network
 * namespace's SO_NETNS_COOKIE in hexadecimal.  RUNTIME is $MPSHIM_RUNTIME_DIR,
 * else $XDG_RUNTIME_DIR/mpshim, else /run/mpshim for root and /tmp/mpshim-UID
 * for others; it belongs to the user or to root and has mode 0700, or it is not
 * used.  A client also checks who listens (SO_PEERCRED).
 *
 * The abstract socket.  A process that has changed its user or root directory,
 * or that a seccomp filter keeps from the file system, cannot reach RUNTIME any
 * more.  So the agent also listens at an abstract address of its network
 * namespace, with a random name, where anybody can connect; and each answer
 * gives that name and a token: a hash, under a secret of the keeper's, of the
 * keys that the request named.  Both are kept in the memory of
 * processes alone: the child of a fork has them, a program that it executes
 * does not.  A client of the abstract socket
 * - shows the token, and is served under those keys only;
 * - shows the socket in question, as the last descriptor of its message: so a
 *   token is of no use with the sockets of others;
 * - may not ask IPC_STATUS, IPC_EVENTS, IPC_ADOPT or IPC_DRAIN;
 * - has an agent as long as it lives, since it could not start another.
 *
 * It trusts only an agent of the user that answered it at RUNTIME before
 * (connect_agent.c).
 *
 * Invariants: a message is one packet of exactly one struct (IPC_WAKE: its
 * first IPC_SHORT bytes), of version IPC_VERSION; others are refused.  Strings
 * of the other abstract are terminated before use.  Descriptors that arrive are
 * CLOEXEC, and each is taken or closed.
 *
 * A client waits for an answer for IPC_WAIT_MS at most: an agent that hangs
 * does not hang the program.  So none of this may be called under the arena's
 * lock, and it is no part of sending or receiving a datagram on an attached
 * socket, but for ipc_wake() where no internal datagram can be sent, and for
 * recovery after the agent died.
 *
 * Never: a key, or a byte of a datagram, in a message; only paths.
 *
 * Sources: unix(7), socket(7) (SO_PEERCRED); K29 and K38 of doc/design.md.
 */
#include "ipc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "connect_agent.h"
#include "real.h"

/* Control messages with room for the descriptors, aligned. */
union ipc_descriptors {
	struct cmsghdr head;
	char room[CMSG_SPACE(IPC_PASS * sizeof(int))];
};

int
ipc_send(int fd, const void *data, size_t len, const int *pass, int n)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union ipc_descriptors control;
	size_t bytes = (size_t)n * sizeof(int);
	ssize_t sent;

	if (n > 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), pass, bytes);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(bytes);
	}
	do
		sent = real_sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Takes the descriptors of a message, and closes those beyond IPC_PASS. */
static void
ipc_take_passed(struct msghdr *msg, int got[IPC_PASS])
{
	struct cmsghdr *c;
	size_t i, n;
	int fd, taken = 0;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(fd));
			if (taken < IPC_PASS)
				got[taken++] = fd;
			else
				real_close(fd);
		}
	}
}

int
ipc_recv(int fd, void *data, size_t len, int got[IPC_PASS])
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	union ipc_descriptors control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		/* not CMSG_SPACE(), which may have room for one more */
		.msg_control = &control, .msg_controllen =
		    CMSG_LEN(IPC_PASS * sizeof(int)) };
	ssize_t n;
	int i;

	for (i = 0; i < IPC_PASS; i++)
		got[i] = -1;
	do
		n = real_recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	ipc_take_passed(&msg, got);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return (int)n;
	for (i = 0; i < IPC_PASS; i++)
		if (got[i] >= 0)
			real_close(got[i]);
	return -EMSGSIZE;
}

int
ipc_peek(int fd, void *data, size_t len)
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = real_recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);

	return n < 0 ? -errno : (int)n;
}

int
ipc_wake(uint32_t port)
{
	struct {
		uint32_t version, kind;
		uint64_t cookie, inode;
		uint32_t port;
		uint8_t token[IPC_TOKEN];
	} ask = { .version = IPC_VERSION, .kind = IPC_WAKE, .port = port };
	const struct connect_agent_abstract *abstract;
	int fd = connect_agent_open_by(&abstract), error;

	if (fd < 0)
		return fd;
	if (abstract != NULL)
		memcpy(ask.token, abstract->token, sizeof(ask.token));
	error = ipc_send(fd, &ask, IPC_SHORT, NULL, 0);
	real_close(fd);
	return error;
}

/* Waits until there is something to read: 0, or -ETIMEDOUT. */
static int
ipc_await(int fd, unsigned ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t until = arena_now() + (uint64_t)ms * 1000, now;

	while ((now = arena_now()) < until)
		if (real_poll(&p, 1, (int)((until - now) / 1000) + 1) > 0)
			return 0;
	return -ETIMEDOUT;
}

/* Sends a request; by the abstract socket with the token and the socket to be
 * shown. */
static int
ipc_send_request(int fd, struct ipc_request *ask, const int *pass, int n,
    int show, const struct connect_agent_abstract *abstract)
{
	int all[IPC_PASS], i;

	for (i = 0; i < n; i++)
		all[i] = pass[i];
	memset(ask->token, 0, sizeof(ask->token));
	if (abstract != NULL) {
		memcpy(ask->token, abstract->token, sizeof(ask->token));
		if (show >= 0 && n < IPC_PASS)
			all[n++] = show;
	}
	return ipc_send(fd, ask, sizeof(*ask), all, n);
}

int
ipc_call(struct ipc_request *ask, const int *pass, int n, int show,
    struct ipc_answer *answer, int *got)
{
	return ipc_call_within(IPC_WAIT_MS, ask, pass, n, show, answer, got);
}

int
ipc_call_within(unsigned ms, struct ipc_request *ask, const int *pass, int n,
    int show, struct ipc_answer *answer, int *got)
{
	int fd, error, i, passed[IPC_PASS] = { -1, -1, -1 };
	const struct connect_agent_abstract *abstract;
	uid_t uid = (uid_t)-1;

	*got = -1;
	fd = connect_agent_open_by(&abstract);
	if (fd < 0)
		return fd;
	error = ipc_send_request(fd, ask, pass, n, show, abstract);
	if (error == 0)
		error = ipc_await(fd, ms);
	if (error == 0) {
		error = ipc_recv(fd, answer, sizeof(*answer), passed);
		error = error == 0 ? -ECONNRESET : error; /* it died */
	}
	if (abstract == NULL)
		uid = connect_agent_user(fd);
	real_close(fd);
	for (i = 1; i < IPC_PASS; i++)
		if (passed[i] >= 0)
			real_close(passed[i]);
	if (error == (int)sizeof(*answer) && answer->version == IPC_VERSION) {
		answer->text[IPC_TEXT - 1] = '\0';
		if (abstract == NULL)
			connect_agent_learn(answer, uid);
		*got = passed[0];
		return 0;
	}
	if (passed[0] >= 0)
		real_close(passed[0]);
	return error < 0 ? error : -EPROTO;
}
