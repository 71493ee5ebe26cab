/* SPDX-License-Identifier: ISC */
/* The way of a datagram out: plain, or through the engine. */
#ifndef TX_H
#define TX_H

#include <sys/socket.h>

struct sock;

/* As sendmsg(2) on this socket: bytes, or a negative errno. */
ssize_t tx_message(int fd, struct sock *, const struct msghdr *, int flags);

/* UDP_CORK was turned off: sends what was collected. */
void tx_uncork(int fd, struct sock *);

#endif
