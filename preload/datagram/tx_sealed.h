/* SPDX-License-Identifier: ISC */
/* A datagram through the engine. */
#ifndef TX_SEALED_H
#define TX_SEALED_H

#include <sys/socket.h>

#include "socket/fdtab.h"

/*
 * Sends a message of a joined socket to this address, protected: bytes, or a
 * negative errno.  *as_is: no peer answers there, and the program prefers that
 * it goes as it is, which is the caller's.
 */
ssize_t tx_sealed(int fd, struct sock *, const struct mp_addr *to,
    const struct msghdr *, int flags, bool *as_is);

#endif
