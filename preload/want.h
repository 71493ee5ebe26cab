/* SPDX-License-Identifier: ISC */
/* What a socket wants of the kernel: which plaintext may come in. */
#ifndef WANT_H
#define WANT_H

#include "fdtab.h"

/* Lets the kernel drop what this socket does not want: 0, or a negative errno. */
int want_filter(int fd, struct sock *);
/*
 * May the program have what this peer of a session sent?  The kernel looks when
 * a datagram comes, of CLOCK_BOOTTIME, and not when it is taken.  But what a
 * client sent waits for the port's next socket, where that which it came to is
 * connected to another by now: the kernel would mix them, or drop it.
 */
enum want { WANT, WANT_NOT, WANT_NEXT };
enum want want_session(struct sock *, const struct mp_addr *from,
    uint64_t arrival);
/* May this plaintext be given to the program?  Asked again in the program's
 * call, since it may have come before the filter did. */
bool want_plain(const struct sock *, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival);

/* A name server is asked in plaintext: its answer may come in. */
void want_answer(int fd, struct sock *, const struct mp_addr *);

#endif
