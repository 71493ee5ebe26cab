/* SPDX-License-Identifier: ISC */
/* A datagram out: plain, or through the engine. */
#ifndef OUT_H
#define OUT_H

#include <sys/socket.h>

#include "fdtab.h"

/* As sendmsg(2) on this socket: bytes, or a negative errno. */
ssize_t out_message(int fd, struct sock *, const struct msghdr *, int flags);

/* UDP_CORK is off: what was collected goes out. */
void out_uncork(int fd, struct sock *);

#endif
