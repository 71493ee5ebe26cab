/* SPDX-License-Identifier: ISC */
/* The address that the responder's program knows a peer by (PROTOCOL.md 6). */
#ifndef PEER_ADDR_H
#define PEER_ADDR_H

#include <stdint.h>

struct handshake;
struct mp;
struct mp_rx;
struct session;

/* A session for a handshake that a packet confirmed, under the address that
 * plain UDP would have shown; another session may lose it.  NULL: there is no
 * room, and the handshake is over. */
struct session *peer_addr_new(struct mp *, struct handshake *, uint64_t now,
    const struct mp_rx *);

#endif
