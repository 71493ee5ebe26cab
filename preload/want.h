/* SPDX-License-Identifier: ISC */
/* What a socket wants of the kernel: which plaintext may come in. */
#ifndef WANT_H
#define WANT_H

#include "fdtab.h"

/* Lets the kernel drop what this socket does not want. */
void want_filter(int fd, struct sock *);
/* May this plaintext be given to the program?  Asked again in the program's
 * call, since it may have come before the filter did. */
bool want_plain(const struct sock *, const struct mp_addr *from,
    const struct mp_addr *to);

/* A name server is asked in plaintext: its answer may come in. */
void want_answer(int fd, struct sock *, const struct mp_addr *);

#endif
