/* SPDX-License-Identifier: ISC */
/* The error queue: a receive with MSG_ERRQUEUE. */
#ifndef RX_ERROR_H
#define RX_ERROR_H

#include <sys/socket.h>

struct sock;

/* Of an attached socket: bytes, or a negative errno.  What is about a packet of
 * the library is left out. */
ssize_t rx_error_take(int fd, struct sock *, struct msghdr *, int flags);
/* Rewrites an error of an IPv4 packet, which the dual-stack socket has as one
 * of IPv6, for a program with an AF_INET socket. */
void rx_error_translate(const struct sock *, struct msghdr *);

#endif
