/* SPDX-License-Identifier: ISC */
/* The state and SRTT of each flow in the last two minutes, second by second. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_row;

enum { HISTORY_CELLS = 128 }; /* seconds */

/* The worst state of a flow within a second; NONE: not validated, or not
 * known. */
enum history_state { HISTORY_NONE, HISTORY_OK, HISTORY_DOUBT, HISTORY_FAILED };

struct history_cell {
	uint32_t srtt_us; /* the last one in this second; 0: none */
	uint8_t state;
	bool used;	  /* in use at the end of this second */
	bool taken;	  /* taken into use within this second */
};

/* One flow. */
struct trace {
	uint32_t port, session, gen, flow;
	uint64_t second; /* of the newest cell */
	struct history_cell cell[HISTORY_CELLS]; /* at second % HISTORY_CELLS */
};

struct history {
	struct trace *trace;
	size_t n, room;
};

/* Adds the flows among the rows as of `now' (us), and drops the traces of flows
 * that are missing for HISTORY_CELLS seconds.  Without memory a flow has no
 * history. */
void history_add(struct history *, const struct ipc_row *, size_t n,
    uint64_t now);
/* The cell of the row's flow `ago' seconds before `now'; HISTORY_NONE if
 * unknown. */
struct history_cell history_get(const struct history *, const struct ipc_row *,
    uint64_t now, unsigned ago);
void history_free(struct history *);

#endif
