/* SPDX-License-Identifier: ISC */
/*
 * verbs: the operations of lists (list.h).
 *
 * To add one: a function in acts.c (or lies.c), and a row in verbs.c.
 */
#ifndef SIM_VERBS_H
#define SIM_VERBS_H

#include <stddef.h>
#include <stdint.h>

#include "list.h"

struct field;

/* A number is of low..high; shrinking brings it to `low'. */
struct verb_arg {
	char kind; /* 'h' host, 'l' link, 'n' number, 0: none */
	uint32_t low, high;
};

struct verb {
	const char *name;
	unsigned weight; /* how often it is drawn */
	void (*act)(struct field *, const uint32_t *arg);
	struct verb_arg arg[LIST_ARGS];
};

extern const struct verb verbs[];
extern const size_t verbs_n;

/* Each says in verbs.c what its arguments are. */
#define ACTS(X)                                                               \
	X(wait) X(send) X(cut) X(mend) X(loss) X(dup) X(reorder) X(delay)     \
	X(jitter) X(rate) X(eats) X(down) X(up) X(del) X(add) X(nat)          \
	X(balance) X(rekey) X(restart) X(stop) X(agent) X(torn) X(pause)      \
	X(slow) X(clock) X(stampless) X(revoke) X(permit) X(close) X(mtu)     \
	X(claim) X(replay) X(flip) X(divert) X(lie) X(heal)
#define X(name) void op_##name(struct field *, const uint32_t *);
ACTS(X)
#undef X

#endif
