/* SPDX-License-Identifier: ISC */
/*
 * References to the sockets that a thread uses in calls that may block.  A
 * thread that is cancelled within such a call, or leaves it by siglongjmp(3),
 * does not release its reference; this module does, at the thread's next call
 * or end.
 */
#ifndef PINNED_H
#define PINNED_H

struct sock;

/* Records the caller's reference until pinned_end(), which gets the returned
 * place.  The caller still releases it itself. */
int pinned_begin(struct sock *);
void pinned_end(int place);

#endif
