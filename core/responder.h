/* SPDX-License-Identifier: ISC */
/*
 * Handshakes that the peer begins: which INIT is answered, and the packet that
 * confirms one (PROTOCOL.md 2, 6).
 */
#ifndef RESPONDER_H
#define RESPONDER_H

#include <stdint.h>

struct handshake;
struct mp;
struct mp_rx;
struct session;

enum responder_limit { RESPONDER_SENDS = 4 /* RESPs to one INIT and source */ };

/* The first packet under the keys of a handshake that we answered has opened.
 * Returns its session, or NULL: refused. */
struct session *responder_confirm(struct mp *, struct handshake *, uint64_t now,
    const struct mp_rx *);

#endif
