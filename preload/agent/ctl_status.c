/* SPDX-License-Identifier: ISC */
/* mpctl status: asks the agent, brings its rows in order. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ipc.h"

enum { STATUS_ROWS_MAX = 1 << 20 }; /* more than any agent has to tell */

struct rows {
	struct ipc_row *row;
	size_t n, room;
};

const char *
ctl_flow_state(const struct ipc_row *row)
{
	const struct mp_flow_info *f = &row->u.flow_row.is;

	if (f->failed)
		return "failed";
	if (f->in_use)
		return "in use";
	if (f->doubt)
		return "doubt";
	return f->validated ? "ok" : "untried";
}

const char *
ctl_session_state(const struct ipc_row *row)
{
	switch (row->u.session_row.is.state) {
	case MP_S_CONNECTING:
		return "connecting";
	case MP_S_UP:
		return "up";
	case MP_S_DOWN:
		return "down";
	case MP_S_CLOSING:
		return "closing";
	case MP_S_CLOSED:
	case MP_S_FREE:
		break;
	}
	return "free";
}

/* --- Asking --------------------------------------------------------------- */

/* Receives the next message: its length, 0 at the end, or a negative errno. */
static int
receive(int fd, void *data, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n, got[IPC_PASS];
	size_t i;

	n = poll(&p, 1, IPC_WAIT_MS);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	n = ipc_recv(fd, data, len, got);
	for (i = 0; i < IPC_PASS; i++)
		if (n >= 0 && got[i] >= 0)
			close(got[i]);
	return n;
}

static int
rows_add(struct rows *rows, const struct ipc_row *row)
{
	struct ipc_row *grown;
	size_t room;

	if (rows->n == rows->room) {
		room = rows->room == 0 ? 64 : rows->room * 2;
		if (room > STATUS_ROWS_MAX)
			return -E2BIG;
		grown = reallocarray(rows->row, room, sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		rows->row = grown;
		rows->room = room;
	}
	rows->row[rows->n++] = *row;
	return 0;
}

/* What comes is a row, or an answer that says why there are none. */
union message {
	struct ipc_row row;
	struct ipc_answer answer;
};

_Static_assert(sizeof(struct ipc_row) != sizeof(struct ipc_answer),
    "messages are told apart by their length");

/* Asks over `fd' and takes the rows: 0, or a negative errno. */
static int
rows_get(int fd, struct rows *rows)
{
	static struct ipc_ask ask; /* large, mostly zero */
	union message m = { .answer = { 0 } };
	int n;

	ask.version = IPC_VERSION;
	ask.kind = IPC_STATUS;
	n = ipc_send(fd, &ask, sizeof(ask), NULL, 0);
	while (n >= 0) {
		n = receive(fd, &m, sizeof(m));
		if (n == 0)
			return -ECONNRESET; /* the last row is an END */
		if (n < 0)
			break;
		if (n == sizeof(m.answer))
			return m.answer.error != 0 ? m.answer.error : -EPROTO;
		if (n != sizeof(m.row))
			return -EPROTO;
		if (m.row.kind == IPC_ROW_END)
			return 0;
		n = rows_add(rows, &m.row);
	}
	return n;
}

/* Is it so because the last program has just gone, and the agent with it? */
static bool
nobody(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED ||
	    error == -ECONNRESET || error == -EPIPE;
}

/* --- Order ---------------------------------------------------------------- */

/* Sessions and their flows are one group. */
static uint32_t
group(const struct ipc_row *r)
{
	return r->kind == IPC_ROW_FLOW ? IPC_ROW_SESSION : r->kind;
}

static int
compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
in_order(const void *left, const void *right)
{
	const struct ipc_row *a = left, *b = right;
	int c = compare(a->port, b->port);

	if (c == 0)
		c = compare(group(a), group(b));
	if (c == 0 && group(a) == IPC_ROW_SLOT)
		return compare(a->u.slot_row.slot, b->u.slot_row.slot);
	if (c == 0 && group(a) == IPC_ROW_COUNTER)
		return strncmp(a->u.counter_row.name, b->u.counter_row.name,
		    sizeof(a->u.counter_row.name));
	if (c == 0)
		c = compare(a->session, b->session);
	if (c == 0)
		c = compare(a->kind, b->kind);
	return c != 0 ? c : compare(a->flow, b->flow);
}

/* Keeps only the ports of which one socket is this process's. */
static void
rows_choose(struct rows *rows, uint32_t pid)
{
	size_t i, end, kept = 0;
	bool wanted;

	for (i = 0; i < rows->n; i = end) {
		wanted = false;
		for (end = i; end < rows->n &&
		    rows->row[end].port == rows->row[i].port; end++)
			if (rows->row[end].kind == IPC_ROW_SLOT &&
			    rows->row[end].u.slot_row.is.pid == pid)
				wanted = true;
		if (!wanted)
			continue;
		memmove(rows->row + kept, rows->row + i,
		    (end - i) * sizeof(*rows->row));
		kept += end - i;
	}
	rows->n = kept;
}

/* --- The command ---------------------------------------------------------- */

static int
show(struct rows *rows, bool json, uint32_t pid)
{
	if (rows->n > 0)
		qsort(rows->row, rows->n, sizeof(*rows->row), in_order);
	if (pid != 0)
		rows_choose(rows, pid);
	if (json)
		ctl_json(rows->row, rows->n);
	else if (rows->n > 0)
		ctl_text(rows->row, rows->n);
	else if (pid == 0)
		puts("no program is running under mpshim here");
	else {
		ctl_error("process %u does not run under mpshim here", pid);
		return CTL_FAILED;
	}
	return CTL_OK;
}

int
ctl_status(bool json, uint32_t pid)
{
	struct rows rows = { 0 };
	int fd, error, status = CTL_FAILED;

	error = fd = ipc_connect();
	if (fd >= 0) {
		error = rows_get(fd, &rows);
		close(fd);
	}
	if (nobody(error))
		rows.n = 0;
	if (error == 0 || nobody(error))
		status = show(&rows, json, pid);
	else if (error == -EPROTO)
		ctl_error("the agent is of another version; restart the "
		    "programs that run under it");
	else if (error == -EPERM)
		ctl_error("the runtime directory must be yours alone, mode "
		    "0700");
	else
		ctl_error("the agent does not answer: %s", strerror(-error));
	free(rows.row);
	return status;
}
