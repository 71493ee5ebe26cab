/* SPDX-License-Identifier: ISC */
/*
 * How long a datagram to a protected peer may be, as a path's MTU, and what a
 * program is told that sends a longer one: EMSGSIZE, and an entry in its error
 * queue.
 */
#ifndef PMTU_H
#define PMTU_H

#include <sys/socket.h>

#include "cmsg.h"
#include "socket/fdtab.h"

/* The largest datagram that is known to reach the peer in one piece, with the
 * headers that the program thinks of; the engine finds out whether more does. */
int pmtu_of(int fd, struct sock *, const struct mp_addr *peer);
/* One to this peer was too long: says so in the error queue, where the program
 * listens to it. */
void pmtu_exceeded(int fd, struct sock *, const struct mp_addr *peer);
/* Of what the kernel gave out of the error queue of a joined socket: is it the
 * program's?  Then it is written for it, and whom it was sent to.  Else it is
 * about packets of ours. */
bool pmtu_read_error(const struct sock *, struct msghdr *, struct mp_addr *to,
    struct cmsg_room *);
/* Is this error, of a send or a receive, about packets of ours? */
bool pmtu_is_own_error(struct sock *, int error);
/* The queue is empty: errors of our own packets go there no longer. */
void pmtu_errors_end(int fd, struct sock *);

#endif
