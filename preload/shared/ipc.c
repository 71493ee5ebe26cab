/* SPDX-License-Identifier: ISC */
#include "ipc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "connect_agent.h"
#include "real.h"

/* Control messages with room for the descriptors, aligned. */
union ipc_pass {
	struct cmsghdr head;
	char room[CMSG_SPACE(IPC_PASS * sizeof(int))];
};

int
ipc_send(int fd, const void *data, size_t len, const int *pass, int n)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union ipc_pass control;
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

/* Takes the descriptors that came, and closes those that nobody wanted. */
static void
take_passed(struct msghdr *msg, int got[IPC_PASS])
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
	union ipc_pass control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;
	int i;

	for (i = 0; i < IPC_PASS; i++)
		got[i] = -1;
	do
		n = real_recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_passed(&msg, got);
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
	const struct connect_agent_abstract *side;
	int fd = connect_agent(&side), error;

	if (fd < 0)
		return fd;
	if (side != NULL)
		memcpy(ask.token, side->token, sizeof(ask.token));
	error = ipc_send(fd, &ask, IPC_SHORT, NULL, 0);
	real_close(fd);
	return error;
}

/* Waits until there is something to read: 0, or -ETIMEDOUT. */
static int
ipc_await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t until = arena_now() + IPC_WAIT_MS * 1000, now;

	while ((now = arena_now()) < until)
		if (poll(&p, 1, (int)((until - now) / 1000) + 1) > 0)
			return 0;
	return -ETIMEDOUT;
}

/* Sends a question; by the abstract socket with what is to be shown there. */
static int
put_question(int fd, struct ipc_request *ask, const int *pass, int n, int show,
    const struct connect_agent_abstract *side)
{
	int all[IPC_PASS] = { -1, -1 }, i;

	for (i = 0; i < n; i++)
		all[i] = pass[i];
	memset(ask->token, 0, sizeof(ask->token));
	if (side != NULL) {
		memcpy(ask->token, side->token, sizeof(ask->token));
		if (show >= 0 && n < IPC_PASS)
			all[n++] = show;
	}
	return ipc_send(fd, ask, sizeof(*ask), all, n);
}

int
ipc_call(struct ipc_request *ask, const int *pass, int n, int show,
    struct ipc_answer *answer, int *got)
{
	int fd, error, came[IPC_PASS] = { -1, -1 };
	const struct connect_agent_abstract *side;
	uid_t uid = (uid_t)-1;

	*got = -1;
	fd = connect_agent(&side);
	if (fd < 0)
		return fd;
	error = put_question(fd, ask, pass, n, show, side);
	if (error == 0)
		error = ipc_await(fd);
	if (error == 0)
		error = ipc_recv(fd, answer, sizeof(*answer), came);
	if (side == NULL)
		uid = connect_agent_user(fd);
	real_close(fd);
	if (came[1] >= 0)
		real_close(came[1]);
	if (error == (int)sizeof(*answer) && answer->version == IPC_VERSION) {
		answer->text[IPC_TEXT - 1] = '\0';
		if (side == NULL)
			connect_agent_learn(answer, uid);
		*got = came[0];
		return 0;
	}
	if (came[0] >= 0)
		real_close(came[0]);
	return error < 0 ? error : -EPROTO;
}
