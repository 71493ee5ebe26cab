/* SPDX-License-Identifier: ISC */
/* The address by which the responder's program knows a peer (PROTOCOL.md 6). */
#ifndef PEER_ADDR_H
#define PEER_ADDR_H

#include <stdint.h>

struct handshake;
struct mp;
struct mp_rx;
struct session;

/* Makes the session of a handshake that a packet confirmed, under the address
 * that plain UDP would have shown.  An older session at that address may end.
 * NULL: there is no room; the handshake is freed. */
struct session *peer_addr_new(struct mp *, struct handshake *, uint64_t now,
    const struct mp_rx *);

#endif
