/* SPDX-License-Identifier: ISC */
/* The way of a datagram out: plain, or through the engine. */
#ifndef TX_H
#define TX_H

#include <sys/socket.h>

struct sock;

/* As sendmsg(2) on this socket: bytes, or a negative errno. */
ssize_t tx_message(int fd, struct sock *, const struct msghdr *, int flags);

/* As sendmmsg(2) of n messages: how many were sent, with their msg_len; or the
 * negative errno of the first one. */
int tx_messages(int fd, struct sock *, struct mmsghdr *, unsigned n,
    int flags);

/* UDP_CORK was turned off: sends what was collected. */
void tx_uncork(int fd, struct sock *);

#endif
