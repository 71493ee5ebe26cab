/* SPDX-License-Identifier: ISC */
/*
 * What the kernel says of UDP sockets when it is asked by sock_diag(7), in the
 * agent's network namespace: those of one port without a look at all others of
 * the host, or in a time that hardly grows with them (K63 of doc/design.md).
 */
#ifndef SOCKET_DIAG_H
#define SOCKET_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct socket_diag {
	int fd; /* -1: the kernel has no sock_diag */
	uint32_t asked;
};

struct socket_diag_found {
	unsigned port;
	uint64_t cookie;
	uint32_t drops; /* packets that the kernel dropped there */
};

/* 0, or a negative errno. */
int socket_diag_open(struct socket_diag *);
/*
 * Calls a function for each socket of a port (0: of all).  The kernel walks all
 * sockets of the host, which takes it some 40 ns for each, and may skip one when
 * another is closed meanwhile.  False: it does not tell, or not all.
 */
bool socket_diag_list(struct socket_diag *, unsigned port,
    void (*)(void *, const struct socket_diag_found *), void *);
/*
 * The cookie of the socket that would get a packet to that address by that
 * device (0: any); of a group, one that depends on `turn'.  0: there is none,
 * or the kernel does not tell.  It takes 2 us, whatever else the host has.
 */
uint64_t socket_diag_one(struct socket_diag *, enum mp_family,
    const struct mp_addr *, uint32_t device, unsigned turn);

#endif
