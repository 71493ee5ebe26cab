/* SPDX-License-Identifier: ISC */
/* shrink: the smallest list that breaks the same rule. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include <stdint.h>

#include "list.h"

enum { VERDICT_TEXT = 256 };

/* What became of a list. */
struct verdict {
	char fault[VERDICT_TEXT]; /* "kind: what"; empty: none */
	uint64_t back_us;
};

/* Runs a list in a process of its own, which may die; `trace': prints what
 * happens. */
void verdict_of(const struct list *, struct verdict *, bool trace);
/* Shrinks a list with that fault; how many lists were run. */
unsigned shrink(struct list *, struct verdict *);

#endif
