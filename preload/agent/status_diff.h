/* SPDX-License-Identifier: ISC */
/* What happened between two lists of rows (status.h), as events. */
#ifndef STATUS_DIFF_H
#define STATUS_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/ipc.h"

/* Of one flow there is a sample so often at most. */
enum { STATUS_DIFF_SAMPLE_US = 100 * 1000 };

struct status_diff {
	/* Takes an event; `at' is set, `wall' is not. */
	void (*say)(void *arg, const struct ipc_row *);
	void *arg;
	uint64_t at;   /* when what is gone was found to be gone */
	bool counters; /* tell of them, too */
	bool more;     /* set: a sample waits for its time */
};

/* The order of rows of one port, or of the host: as of qsort(3). */
int status_diff_order(const void *, const void *);
/*
 * Says what is new in `now', what is gone from `old', and what became of the
 * rest.  Both are in order.  What is not told yet stays in `now' as it was in
 * `old', to be found again.
 */
void status_diff_find(struct status_diff *, const struct ipc_row *old,
    size_t nold,
    struct ipc_row *now, size_t nnow);

#endif
