/* SPDX-License-Identifier: ISC */
/* What a socket wants of the kernel: which plaintext may come in. */
#ifndef WANT_H
#define WANT_H

#include "fdtab.h"

/* Lets the kernel drop what this socket does not want. */
void want_filter(int fd, struct sock *);
/* Who may have sent what came at this time, of CLOCK_BOOTTIME: the peer of a
 * connection, or NULL.  The kernel looks when a datagram comes, not when it is
 * taken. */
const struct mp_addr *want_peer(const struct sock *, uint64_t arrival);
/* May this plaintext be given to the program?  Asked again in the program's
 * call, since it may have come before the filter did. */
bool want_plain(const struct sock *, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival);

/* A name server is asked in plaintext: its answer may come in. */
void want_answer(int fd, struct sock *, const struct mp_addr *);

#endif
