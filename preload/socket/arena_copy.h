/* SPDX-License-Identifier: ISC */
/* A copy of an arena's memory in a memory file of its own: see recover.c. */
#ifndef ARENA_COPY_H
#define ARENA_COPY_H

struct arena_map;

/*
 * Copies the arena: the descriptor of a sealed memory file, or a negative
 * errno.  Under the arena's lock, which is free in the copy.  The copy's
 * generator is stirred, so that the two do not make the same random numbers,
 * unless a seccomp filter forbids getrandom(2).
 */
int arena_copy_make(const struct arena_map *);

#endif
