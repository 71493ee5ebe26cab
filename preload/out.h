/* SPDX-License-Identifier: ISC */
/* A datagram out: plain, or through the engine. */
#ifndef OUT_H
#define OUT_H

#include <sys/socket.h>

#include "fdtab.h"

/* As sendmsg(2) on this socket: bytes, or a negative errno. */
ssize_t out_message(int fd, struct sock *, const struct msghdr *, int flags);

/* The agent shall look at the engine; the caller saw under the lock that its
 * deadline is nearer than the agent thinks (out_late). */
bool out_late(struct sock *);
void out_wake(int fd, struct sock *);

#endif
