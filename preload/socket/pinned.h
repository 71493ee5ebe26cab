/* SPDX-License-Identifier: ISC */
/*
 * The sockets that a thread uses in calls that may block.  A thread cancelled
 * within one, and a handler that leaves one by siglongjmp(3), never come back
 * to let go of it: then it is let go of when the thread ends, or at its next
 * call.
 */
#ifndef PINNED_H
#define PINNED_H

#include "fdtab.h"

/* The caller has hold of this socket until pinned_end(), which gets what this
 * returned. */
int pinned_begin(struct sock *);
void pinned_end(int place);

#endif
