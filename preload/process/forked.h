/* SPDX-License-Identifier: ISC */
/* Notices that this process is the child of a fork, however it was made
 * (forked.c). */
#ifndef FORKED_H
#define FORKED_H

/* From now on `run' is called once in each child. */
void forked_setup(void (*run)(void));
/* Runs it now in a child that was not noticed yet. */
void forked_check(void);
/* Forks between the process that was started and this one.  A caller that finds
 * another number than before was interrupted by a signal handler that forked,
 * and this is the child. */
unsigned forked_times(void);

#endif
