/* SPDX-License-Identifier: ISC */
/* A datagram in: from the kernel's queue to the program. */
#ifndef RX_H
#define RX_H

#include <sys/socket.h>

#include "socket/fdtab.h"

/* As recvmsg(2) on this socket: bytes, or a negative errno.  -ENOTSOCK: the
 * descriptor is no socket (any more). */
ssize_t rx_message(int fd, struct sock *, struct msghdr *, int flags);
/* The socket was connected: what lies there of others goes on to the port's next
 * socket, so that this one is not readable for it. */
void rx_drain_others(int fd, struct sock *);
/* The length of the next datagram as FIONREAD gives it. */
int rx_next_length(int fd, struct sock *);

#endif
