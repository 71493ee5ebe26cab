/* SPDX-License-Identifier: ISC */
/* The difference of two states (lists of rows, status.h), as events. */
#ifndef STATUS_DIFF_H
#define STATUS_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/ipc.h"

enum { STATUS_DIFF_SAMPLE_US = 100 * 1000 }; /* between samples of one flow, at
					      * least */

struct status_diff {
	/* Takes an event; its `at' is set, its `wall' is not. */
	void (*say)(void *arg, const struct ipc_row *);
	void *arg;
	uint64_t at;   /* of the events of rows that are gone */
	bool counters; /* counters are compared, too */
	bool more;     /* set where a sample is to be told later */
};

/* The order of rows of one port, or of the host: as for qsort(3). */
int status_diff_order(const void *, const void *);
/*
 * Tells the events that lead from the state `old' to the state `now', both in
 * order.  What is to be told later keeps its old value in `now', so that the
 * next call finds it.
 */
void status_diff_find(struct status_diff *, const struct ipc_row *old,
    size_t nold, struct ipc_row *now, size_t nnow);

#endif
