/* SPDX-License-Identifier: ISC */
/* Attaching: a socket gets a slot in the arena of its port (attach.c). */
#ifndef ATTACH_H
#define ATTACH_H

#include "fdtab.h"

/* Attaches the socket if it is fresh; returns its state then. */
enum sock_state attach_socket(int fd, struct sock *);
/* A socket that another process attached, held; NULL: the agent does not know
 * it, or was too late to say so. */
struct sock *attach_find(int fd, bool *late);

/* Writes the socket's record for the processes that share it, and gives the
 * sessions to the sockets that have them now. */
void attach_tell(int fd, struct sock *);
/* Reads what they wrote.  Under the arena's lock. */
void attach_refresh(struct sock *);

/* The program set SO_REUSEADDR or SO_REUSEPORT: they count when another socket
 * is bound to the port, not when this one was. */
void attach_tell_reuse(struct sock *);

/* Lets the agent hear of a closed port at the socket's peer:
 * agent/refusal.h. */
void attach_refusal(int fd, struct sock *);
/* Was the peer's port closed?  True once for each refusal.  Under the arena's
 * lock. */
bool attach_refused(struct sock *);

#endif
