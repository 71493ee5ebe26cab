/* SPDX-License-Identifier: ISC */
#include "rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "mp.h"
#include "shared/ipc.h"

enum {
	ROWS_MAX = 1 << 20,  /* more than any agent sends */
	ROWS_RANK_BITS = 28, /* of the agent's ranks */
};

static int
rows_add(struct rows *rows, const struct ipc_row *row)
{
	struct ipc_row *grown;
	size_t room;

	if (rows->n == rows->room) {
		room = rows->room == 0 ? 64 : rows->room * 2;
		if (room > ROWS_MAX)
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

/* Reads all rows: 0, or a negative errno. */
static int
rows_receive(struct rows *rows, int fd)
{
	char why[ASK_TEXT];
	struct ipc_row row;
	int n;

	do {
		n = ask_await_row(fd, &row, why);
		if (n == 0)
			return -ECONNRESET; /* end of file before the END row */
		if (n < 0)
			return n;
		if (row.kind == IPC_ROW_END)
			return 0;
		n = rows_add(rows, &row);
	} while (n == 0);
	return n;
}

/* --- Order ---------------------------------------------------------------- */

/* The rows of a port are sorted by kind, the sum before the sessions; a session
 * and its flows stay together. */
static uint32_t
rows_group(const struct ipc_row *r)
{
	if (r->kind == IPC_ROW_SUM)
		return 2 * IPC_ROW_SLOT + 1;
	return 2 * (r->kind == IPC_ROW_FLOW ? IPC_ROW_SESSION : r->kind);
}

static int
rows_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
rows_compare_order(const void *left, const void *right)
{
	const struct ipc_row *a = left, *b = right;
	int c = rows_compare(a->port, b->port);

	if (c == 0)
		c = rows_compare(rows_group(a), rows_group(b));
	if (c == 0 && a->kind == IPC_ROW_SLOT)
		return rows_compare(a->u.slot_row.slot, b->u.slot_row.slot);
	if (c == 0 && a->kind == IPC_ROW_COUNTER)
		return strncmp(a->u.counter_row.name, b->u.counter_row.name,
		    sizeof(a->u.counter_row.name));
	if (c == 0)
		c = rows_compare(a->rank, b->rank);
	if (c == 0)
		c = rows_compare(a->session, b->session);
	if (c == 0)
		c = rows_compare(a->kind, b->kind);
	return c != 0 ? c : rows_compare(a->flow, b->flow);
}

/* Where the agent was not asked for an order: the sessions that are up come first,
 * then those that may be soon.  Flows stand behind their session. */
static void
rows_rank_living(struct rows *rows)
{
	static const uint32_t ranks[] = { [MP_S_UP] = 0, [MP_S_CONNECTING] = 1,
		[MP_S_DOWN] = 2, [MP_S_CLOSING] = 3, [MP_S_CLOSED] = 4,
		[MP_S_FREE] = 4 };
	uint32_t state, before = 0; /* all living ones */
	size_t i;

	for (i = 0; i < rows->n; i++) {
		state = rows->row[i].u.session_row.info.state;
		if (rows->row[i].kind == IPC_ROW_SESSION)
			before = (state <= MP_S_CLOSED ? ranks[state] : 4) <<
			    ROWS_RANK_BITS;
		if (rows->row[i].kind == IPC_ROW_SESSION ||
		    rows->row[i].kind == IPC_ROW_FLOW)
			rows->row[i].rank |= before;
	}
	if (rows->n > 0)
		qsort(rows->row, rows->n, sizeof(*rows->row),
		    rows_compare_order);
}

/* Keeps the ports of which the process has a socket. */
static void
rows_keep_process(struct rows *rows, uint32_t pid)
{
	size_t i, end, kept = 0;
	bool wanted;

	for (i = 0; i < rows->n; i = end) {
		wanted = false;
		for (end = i; end < rows->n &&
		    rows->row[end].port == rows->row[i].port; end++)
			if (rows->row[end].kind == IPC_ROW_SLOT &&
			    rows->row[end].u.slot_row.record.pid == pid)
				wanted = true;
		if (!wanted)
			continue;
		memmove(rows->row + kept, rows->row + i,
		    (end - i) * sizeof(*rows->row));
		kept += end - i;
	}
	rows->n = kept;
}

int
rows_get(struct rows *rows, uint32_t pid, const struct ipc_view *view)
{
	int fd, error;

	rows->n = 0;
	error = fd = ask_open(IPC_STATUS, 0, view);
	if (fd >= 0) {
		error = rows_receive(rows, fd);
		close(fd);
	}
	/* The agent may have ended with its last program meanwhile. */
	if (ask_is_absent(error))
		rows->n = 0;
	else if (error != 0)
		return error;
	if (rows->n > 0)
		qsort(rows->row, rows->n, sizeof(*rows->row),
		    rows_compare_order);
	if (view == NULL || view->sort == IPC_SORT_NONE)
		rows_rank_living(rows);
	if (pid != 0)
		rows_keep_process(rows, pid);
	return 0;
}

void
rows_free(struct rows *rows)
{
	free(rows->row);
	*rows = (struct rows) { 0 };
}
