/* SPDX-License-Identifier: ISC */
/* The way of a datagram in: from the kernel's queue to the program. */
#ifndef RX_H
#define RX_H

#include <sys/socket.h>

struct sock;

/* As recvmsg(2) on this socket: bytes, or a negative errno.  -ENOTSOCK: the
 * descriptor is no socket any more. */
ssize_t rx_message(int fd, struct sock *, struct msghdr *, int flags);
/* After connect(2): datagrams of others that are in the queue go on to the
 * port's next socket, so that they do not make this one readable. */
void rx_drain_others(int fd, struct sock *);
/* The length of the next datagram, for FIONREAD; 0: there is none. */
int rx_next_length(int fd, struct sock *);

#endif
