/* SPDX-License-Identifier: ISC */
/* A copy of an arena's memory in another memory file: see recover.c. */
#ifndef ARENA_COPY_H
#define ARENA_COPY_H

#include <stdbool.h>

struct arena_map;

/*
 * Copies the arena into the memory file `fd', which is as large and all holes:
 * 0, or a negative errno; -EIO: what there is cannot be told for sure, which is
 * no copy.  Under the arena's lock, which is free in the copy.  The copy's
 * generator is stirred, so that the two do not make the same random numbers,
 * unless a seccomp filter forbids getrandom(2).
 */
int arena_copy_into(const struct arena_map *, int fd);
/* Do seccomp filters allow all that this needs? */
bool arena_copy_allowed(void);

#endif
