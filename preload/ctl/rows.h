/* SPDX-License-Identifier: ISC */
/* The rows of the status, in order. */
#ifndef ROWS_H
#define ROWS_H

#include <stddef.h>
#include <stdint.h>

struct ipc_row;
struct ipc_view;

struct rows {
	struct ipc_row *row;
	size_t n, room;
};

/*
 * Reads the status; with `pid', only of those ports of which that process has a
 * socket; of each port the sessions of the view (NULL: the first IPC_MOST).
 * Sorted: each port, then its sockets, the sum of its sessions, these, each
 * before its flows, its counters.  No rows where no agent runs.  0, or a negative errno.
 */
int rows_get(struct rows *, uint32_t pid, const struct ipc_view *);
void rows_free(struct rows *);

#endif
