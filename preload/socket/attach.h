/* SPDX-License-Identifier: ISC */
/*
 * How a socket comes to share its port with the agent: a control socket joins
 * the port and goes to the agent, which gives the arena back.
 */
#ifndef ATTACH_H
#define ATTACH_H

#include "fdtab.h"

/* Makes it share its port, if it does not: its state then. */
enum sock_state attach_socket(int fd, struct sock *);
/* The socket as the agent knows it, held; NULL: it does not. */
struct sock *attach_find(int fd);

/* Tells the other processes, and learns what they told.  Under the lock. */
void attach_publish(struct sock *);
void attach_refresh(struct sock *);

/* The agent shall hear of a closed port at the peer: see agent/ear.h. */
void attach_refusal(int fd, struct sock *);
/* Is the port of its peer closed?  Said once.  Under the lock. */
bool attach_refused(struct sock *);

#endif
