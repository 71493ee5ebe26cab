/* SPDX-License-Identifier: ISC */
/*
 * How a socket comes to share its port with the agent: a control socket joins
 * the port and goes to the agent, which gives the arena back.
 */
#ifndef JOIN_H
#define JOIN_H

#include "fdtab.h"

/* Makes it share its port, if it does not: its state then. */
enum sock_state join_make(int fd, struct sock *);
/* The socket as the agent knows it, held; NULL: it does not. */
struct sock *join_find(int fd);

/* Tells the other processes, and learns what they told.  Under the lock. */
void join_publish(struct sock *);
void join_refresh(struct sock *);

/* The agent shall hear of a closed port at the peer: see agent/ear.h. */
void join_hear(int fd, struct sock *);
/* Is the port of its peer closed?  Said once.  Under the lock. */
bool join_refused(struct sock *);

#endif
