/* SPDX-License-Identifier: ISC */
/* A datagram out: plain, or through the engine. */
#ifndef TX_H
#define TX_H

#include <sys/socket.h>

#include "socket/fdtab.h"

/* As sendmsg(2) on this socket: bytes, or a negative errno. */
ssize_t tx_message(int fd, struct sock *, const struct msghdr *, int flags);

/* UDP_CORK is off: what was collected goes out. */
void tx_uncork(int fd, struct sock *);

#endif
