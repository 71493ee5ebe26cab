/* SPDX-License-Identifier: ISC */
/*
 * When the agent died, keeper and worker: a new one gets a copy of the arena.
 *
 * The memory lives on in the processes that map it, but nobody has a descriptor
 * of it any more.  So the first process that notices copies it into a new file,
 * marks the old one as moved, starts an agent and hands the copy over; the
 * others find the mark and ask for the new one.
 */
#ifndef RECOVER_H
#define RECOVER_H

#include "fdtab.h"

/* Is the agent late by over a second?  Then looks whether there is one, and
 * starts one, at most once a second. */
void recover_agent(int fd, struct sock *);
/* The arena moved: maps the new one in its place. */
void recover_follow(int fd, struct sock *);

#endif
