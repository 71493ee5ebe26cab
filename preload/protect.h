/* SPDX-License-Identifier: ISC */
/* A datagram through the engine. */
#ifndef PROTECT_H
#define PROTECT_H

#include <sys/socket.h>

#include "fdtab.h"

/*
 * Sends a message of a joined socket to this address, protected: bytes, or a
 * negative errno.  *held: it waits for a session.
 */
ssize_t protect(int fd, struct sock *, const struct mp_addr *to,
    const struct msghdr *, int flags, bool *held);

#endif
