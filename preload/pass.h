/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that came to one socket of a port and are for another.
 *
 * A server that connects its listening socket and binds another one has, in
 * between, none that takes strangers, and the first one has in its queue what
 * others sent.  Their datagrams go on to the next socket; while there is none,
 * the agent keeps them.
 */
#ifndef PASS_H
#define PASS_H

#include "fetch.h"

/* The payload of `in' goes to another slot, or to its own once more. */
void pass_to(struct in *, uint32_t slot, const struct mp_addr *from,
    const uint8_t *payload, size_t len);
/* The payload is of a peer that the socket was not connected to: it goes to
 * whose it will be.  False: nobody's. */
bool pass_on(struct in *);

#endif
