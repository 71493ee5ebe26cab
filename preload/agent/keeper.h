/* SPDX-License-Identifier: ISC */
/*
 * The keeper: holds the descriptors of all ports and starts another worker when
 * one dies.  It reads no packet and no question of a program.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "listener.h"

/*
 * Serves until nothing is left.  `ready' is told once, by a single 0 byte, when
 * the first worker works; or gets a reason in words, or nothing at all.  It is
 * closed either way.  Does not return.
 */
void keeper_run(struct listener *, int ready) __attribute__((noreturn));

#endif
