/* SPDX-License-Identifier: ISC */
/*
 * Sockets that share a port, at the same address or the wildcard, and whose a
 * peer's session is.  The kernel gives a peer's datagrams to the socket that is
 * connected to it, else to one that is not connected; so goes the session.  It
 * is the port's, whichever of them sends.
 *
 * Under the arena's lock, all of them.
 */
#ifndef SIBLING_H
#define SIBLING_H

#include <stdint.h>

struct arena_map;
struct mp_addr;

/* The socket of this slot is connected: the session with its peer, which another
 * slot may have, is its from now on. */
void sibling_take(struct arena_map *, uint32_t slot);
/* The slot that gets this slot's sessions when its socket is closed or
 * connected: one that is not connected, and none of `gone' (bits); -1: there is
 * none. */
int sibling_heir(const struct arena_map *, uint32_t slot, uint32_t gone);
/* The slot whose session a datagram of this slot to a peer goes by: its own,
 * also where there is no session. */
uint32_t sibling_sender(const struct arena_map *, uint32_t slot,
    const struct mp_addr *peer);

#endif
