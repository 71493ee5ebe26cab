/* SPDX-License-Identifier: ISC */
/* The address that the responder's program knows a peer by (PROTOCOL.md 6). */
#ifndef SHOWN_H
#define SHOWN_H

#include "session.h"
#include "shake.h"

/* A session for a handshake that a packet confirmed, under the address that
 * plain UDP would have shown; another session may lose it.  NULL: there is no
 * room, and the handshake is over. */
struct session *shown_new(struct mp *, struct shake *, uint64_t now,
    const struct mp_rx *);

#endif
