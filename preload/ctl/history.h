/* SPDX-License-Identifier: ISC */
/* What became of each flow in the last minutes, a cell for each second. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_row;

enum { HISTORY_CELLS = 128 };

/* The worst that a flow was in that second. */
enum history_state { HISTORY_NONE, HISTORY_OK, HISTORY_DOUBT, HISTORY_FAILED };

struct history_cell {
	uint32_t srtt_us; /* the last one; 0: none */
	uint8_t state;
	bool used;	  /* at its end */
	bool taken;	  /* into use in this second */
};

struct trace {
	uint32_t port, session, gen, flow;
	uint64_t second; /* of the last cell */
	struct history_cell cell[HISTORY_CELLS]; /* by second, in turn */
};

struct history {
	struct trace *trace;
	size_t n, room;
};

/* Adds the flows among the rows, as they are at `now'; forgets those that were
 * not seen for long.  Without memory some have no history. */
void history_add(struct history *, const struct ipc_row *, size_t n,
    uint64_t now);
/* A flow's cell of so many seconds ago; one of HISTORY_NONE where nothing is
 * known. */
struct history_cell history_get(const struct history *, const struct ipc_row *,
    uint64_t now, unsigned ago);
void history_free(struct history *);

#endif
