/* SPDX-License-Identifier: ISC */
/* A datagram through the engine. */
#ifndef PROTECT_H
#define PROTECT_H

#include <sys/socket.h>

#include "fdtab.h"

/*
 * Sends a message of a joined socket to this address, protected: bytes, or a
 * negative errno.  *as_is: no peer answers there, and the program prefers that
 * it goes as it is, which is the caller's.
 */
ssize_t protect(int fd, struct sock *, const struct mp_addr *to,
    const struct msghdr *, int flags, bool *as_is);

#endif
