/* SPDX-License-Identifier: ISC */
/*
 * Notices that this process was forked off another, also by what runs no
 * handler of pthread_atfork(3): _Fork(3), fork(2) and clone(2) by syscall(3).
 * A child of vfork(2) shares its parent's memory and is not noticed.
 */
#ifndef FORKED_H
#define FORKED_H

/* From now on `run' is called, once, in each child. */
void forked_setup(void (*run)(void));
/* In a child that was not noticed yet: runs it now. */
void forked_check(void);
/* How many such children lie between the process that was started and this one:
 * whoever finds another number than before was interrupted by a handler that
 * forked, and is in the child. */
unsigned forked_times(void);

#endif
