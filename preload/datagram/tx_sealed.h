/* SPDX-License-Identifier: ISC */
/* The way of a datagram through the engine. */
#ifndef TX_SEALED_H
#define TX_SEALED_H

#include <stdbool.h>
#include <sys/socket.h>

struct mp_addr;
struct sock;

/*
 * Sends a message of an attached socket to this address, protected: bytes, or a
 * negative errno.  *plain: nothing was sent, since no peer answers there and
 * --prefer is set; the caller sends it plain.
 */
ssize_t tx_sealed(int fd, struct sock *, const struct mp_addr *to,
    const struct msghdr *, int flags, bool *plain);

#endif
