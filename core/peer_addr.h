/* SPDX-License-Identifier: ISC */
/* The address by which the responder's program knows a peer (PROTOCOL.md 6). */
#ifndef PEER_ADDR_H
#define PEER_ADDR_H

#include <stdbool.h>
#include <stdint.h>

struct handshake;
struct mp;
struct mp_addr;
struct mp_rx;
struct session;

/* Can the slot's socket express the address? */
bool peer_addr_fits(const struct mp *, uint32_t slot, const struct mp_addr *);
/* Makes `shown' one under which a new session of the slot and key may be known,
 * whose packet came from `came': an older session at that address may end.
 * False: we are looking for that peer ourselves. */
bool peer_addr_settle(struct mp *, uint32_t slot, uint64_t key_id,
    uint64_t now, const struct mp_addr *came, struct mp_addr *shown);
/* Makes the session of a handshake that a packet confirmed, under the address
 * that plain UDP would have shown.  An older session at that address may end.
 * NULL: there is no room; the handshake is freed. */
struct session *peer_addr_new(struct mp *, struct handshake *, uint64_t now,
    const struct mp_rx *);

#endif
