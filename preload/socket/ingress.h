/* SPDX-License-Identifier: ISC */
/* Which plaintext, and which datagrams of sessions, the program gets. */
#ifndef INGRESS_H
#define INGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "ingress_rule.h"

/* Attaches the socket filter, by which the kernel drops what this socket may
 * not get: 0, or a negative errno. */
int ingress_filter(int fd, struct sock *);
/* The same if it is to be another one than this process attached last; only
 * while no other process can have attached one since. */
int ingress_filter_again(int fd, struct sock *);
/* The socket can have no session any more: SOCK_REFUSED, and what only sessions
 * have does not come in, as the program would get it as it is. */
void ingress_refuse(int fd, struct sock *);
/*
 * May the program get this datagram of a session?  The kernel decides when a
 * packet arrives (`arrival', CLOCK_BOOTTIME), not when it is read.  But a
 * datagram of a client waits for the port's next socket if the socket that it
 * arrived at has been connected to another peer since: the kernel would mix the
 * two peers, or drop it.
 */
enum ingress ingress_session(struct sock *, const struct mp_addr *from,
    uint64_t arrival);
/* May the program get this plaintext?  Asked when it is read, since it may have
 * arrived before the filter was attached. */
bool ingress_plain(const struct sock *, const struct mp_addr *from,
    const struct mp_addr *to, uint64_t arrival);

/* The program asks a name server in plaintext: its answer may come in. */
void ingress_answer(int fd, struct sock *, const struct mp_addr *);

#endif
