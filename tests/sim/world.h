/* SPDX-License-Identifier: ISC */
/*
 * world: virtual time, what happens in it, and chance.
 *
 * Events of one time run in the order in which they were made, so a run is
 * told by its seed alone.  Time is microseconds.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "rng.h"

#define MS(n) ((uint64_t)(n) * 1000)
#define SEC(n) ((uint64_t)((n) * 1000000.0))

struct event {
	uint64_t at, order;
	void (*run)(void *arg, uint64_t n);
	void *arg;
	uint64_t n;
};

struct world {
	uint64_t now;
	uint64_t made; /* events, ever */
	struct event *heap;
	size_t len, size;
	struct dice rng;
};

void world_init(struct world *, uint64_t seed);
void world_free(struct world *);
/* Has run(arg, n) called at a time; at once, but later, if that has passed. */
void world_at(struct world *, uint64_t at, void (*run)(void *, uint64_t),
    void *arg, uint64_t n);
/* Runs all that happens up to `until', and leaves the clock there. */
void world_run(struct world *, uint64_t until);

/* malloc and realloc to zeros that end the run when there is no memory. */
void *sim_alloc(size_t);
/* Room for one more of `n' items of `item' bytes. */
void *sim_grow(void *, size_t n, size_t *size, size_t item);

#endif
