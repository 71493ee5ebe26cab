/* SPDX-License-Identifier: ISC */
/* The keeper: the process that holds what a worker needs, and starts another
 * worker when one dies. */
#ifndef KEEPER_H
#define KEEPER_H

struct listener;

/*
 * Runs until nothing is left to serve, and does not return.  When the first
 * worker serves, one 0 byte is written to `ready'; if it cannot, the reason in
 * words, or nothing at all.  Then `ready' is closed.
 */
void keeper_run(struct listener *, int ready) __attribute__((noreturn));

#endif
