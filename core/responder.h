/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of others: INIT, who may have an answer, and the packet that
 * confirms one (PROTOCOL.md 2, 6).
 */
#ifndef RESPONDER_H
#define RESPONDER_H

#include <stdint.h>

struct handshake;
struct mp;
struct mp_rx;
struct session;

enum responder_limit { RESPONDER_SENDS = 4 /* to one INIT and source */ };

/* A first packet came under the key of a handshake that we answered: its
 * session, or NULL when it is refused. */
struct session *responder_confirm(struct mp *, struct handshake *, uint64_t now,
    const struct mp_rx *);

#endif
