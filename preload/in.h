/* SPDX-License-Identifier: ISC */
/* A datagram in: from the kernel's queue to the program. */
#ifndef IN_H
#define IN_H

#include <sys/socket.h>

#include "fdtab.h"

/* As recvmsg(2) on this socket: bytes, or a negative errno.  -ENOTSOCK: the
 * descriptor is no socket (any more). */
ssize_t in_message(int fd, struct sock *, struct msghdr *, int flags);
/* The socket was connected: what lies there of others goes on to the port's next
 * socket, so that this one is not readable for it. */
void in_part(int fd, struct sock *);
/* The length of the next datagram as FIONREAD gives it. */
int in_next(int fd, struct sock *);

#endif
