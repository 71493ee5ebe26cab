/* SPDX-License-Identifier: ISC */
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

/* The agent sends rows, or one answer that says why there are none. */
union ask_message {
	struct ipc_row row;
	struct ipc_answer answer;
};

_Static_assert(sizeof(struct ipc_row) != sizeof(struct ipc_answer),
    "messages are told apart by their length");
_Static_assert(ASK_TEXT == (int)IPC_TEXT, "the agent's message fits");

int
ask_open(uint32_t kind, uint32_t port, const struct ipc_view *view)
{
	static struct ipc_request ask; /* large, mostly zero */
	int fd, error;

	fd = connect_agent_open();
	if (fd < 0)
		return fd;
	ask.version = IPC_VERSION;
	ask.kind = kind;
	ask.port = port;
	if (view != NULL)
		ask.view = *view;
	error = ipc_send(fd, &ask, sizeof(ask), NULL, 0);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int
ask_read_row(int fd, struct ipc_row *row, char why[ASK_TEXT])
{
	union ask_message m;
	int n, got[IPC_PASS];
	size_t i;

	n = ipc_recv(fd, &m, sizeof(m), got);
	for (i = 0; i < IPC_PASS; i++)
		if (n >= 0 && got[i] >= 0)
			close(got[i]);
	if (n <= 0)
		return n;
	if (n == sizeof(m.row)) {
		*row = m.row;
		return 1;
	}
	if (n != sizeof(m.answer) || m.answer.error == 0)
		return -EPROTO;
	memcpy(why, m.answer.text, ASK_TEXT);
	why[ASK_TEXT - 1] = '\0';
	return m.answer.error;
}

int
ask_await_row(int fd, struct ipc_row *row, char why[ASK_TEXT])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = poll(&p, 1, IPC_WAIT_MS);

	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : ask_read_row(fd, row, why);
}

bool
ask_is_absent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED ||
	    error == -ECONNRESET || error == -EPIPE;
}

const char *
ask_error_text(int error)
{
	static char text[128];

	/* An agent of another version calls an unknown request invalid. */
	if (error == -EPROTO || error == -EINVAL)
		return "the agent is of another version; restart the "
		    "programs that run under it";
	if (error == -EPERM)
		return "the runtime directory must be yours alone, mode 0700";
	snprintf(text, sizeof(text), "the agent does not answer: %s",
	    strerror(-error));
	return text;
}

void
ask_say_error(int error, const char *why)
{
	if (error != -EPROTO && why != NULL && why[0] != '\0')
		say_line("the agent refuses: %s", why);
	else
		say_line("%s", ask_error_text(error));
}
