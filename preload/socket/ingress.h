/* SPDX-License-Identifier: ISC */
/* What a socket wants of the kernel: which plaintext may come in. */
#ifndef INGRESS_H
#define INGRESS_H

#include "fdtab.h"

/* Lets the kernel drop what this socket does not want: 0, or a negative errno. */
int ingress_filter(int fd, struct sock *);
/*
 * May the program have what this peer of a session sent?  The kernel looks when
 * a datagram comes, of CLOCK_BOOTTIME, and not when it is taken.  But what a
 * client sent waits for the port's next socket, where that which it came to is
 * connected to another by now: the kernel would mix them, or drop it.
 */
enum ingress { INGRESS_TAKE, INGRESS_DROP, INGRESS_NEXT };
enum ingress ingress_session(struct sock *, const struct mp_addr *from,
    uint64_t arrival);
/* May this plaintext be given to the program?  Asked again in the program's
 * call, since it may have come before the filter did. */
bool ingress_plain(const struct sock *, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival);

/* A name server is asked in plaintext: its answer may come in. */
void ingress_answer(int fd, struct sock *, const struct mp_addr *);

#endif
