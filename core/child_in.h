/* SPDX-License-Identifier: ISC */
/* Responder: CHILD that arrives, and the session that it makes (PROTOCOL.md 2,
 * Children). */
#ifndef CHILD_IN_H
#define CHILD_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct flow;
struct handshake;
struct session;
struct wire_child;

/* Fills in the keys of a CHILD; false: no session of ours is its parent. */
bool child_in_begin(struct mp *, struct mp_rx *, const struct wire_child *);
/* The session of a CHILD, which may be new; NULL: it is dropped, and counted.
 * */
struct session *child_in_owner(struct mp *, uint64_t now, struct mp_rx *,
    bool opened, bool *fresh);
/* The first packet of a new session came by that flow. */
void child_in_first(struct mp *, struct session *, struct flow *, uint64_t now,
    const struct mp_rx *);
/* Does the association of a peer's handshake belong to a child? */
bool child_in_exists(const struct mp *, const struct handshake *);
/* A peer's INIT takes the place of a child that we do not have: its number is
 * used. */
void child_in_replaced(struct mp *, uint64_t key_id, uint32_t parent,
    const uint8_t assoc[8]);

#endif
