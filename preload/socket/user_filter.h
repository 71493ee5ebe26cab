/* SPDX-License-Identifier: ISC */
/*
 * The program's own socket filter (SO_ATTACH_FILTER).
 *
 * Its place in the kernel's socket is taken by ours, which it is appended to:
 * so plaintext passes both.  What came in a session is looked at when it is
 * taken, as the program would have seen it.  What the kernel thinks of a filter
 * another socket tells, which it is attached to first.
 *
 * The copy is one for each socket, and is never given back.
 */
#ifndef USER_FILTER_H
#define USER_FILTER_H

#include <stdbool.h>

#include "fdtab.h"
#include "shared/net.h"

/* Is this option of SOL_SOCKET one of a filter, where ours is in its place? */
bool user_filter_is(const struct sock *, int option);
/* As setsockopt(2) and getsockopt(2): 0, or a negative errno. */
int user_filter_set(int fd, struct sock *, int option, const void *, socklen_t);
int user_filter_get(int fd, const struct sock *, void *, socklen_t *);
/* The kernel serves the socket alone from now on. */
void user_filter_leave(int fd, struct sock *);

/* Does it let this datagram of a session in?  It may cut its end off. */
bool user_filter_takes(const struct sock *, const struct mp_addr *from,
    const struct net_info *, const uint8_t *payload, size_t *len);

#endif
