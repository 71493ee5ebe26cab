/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of others: INIT, who may have an answer, and the packet that
 * confirms one (PROTOCOL.md 2, 6).
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "session.h"
#include "shake.h"

enum answer_limit { ANSWER_MAX = 4 /* to one INIT and source */ };

/* A first packet came under the key of a handshake that we answered: its
 * session, or NULL when it is refused. */
struct session *answer_confirm(struct mp *, struct shake *, uint64_t now,
    const struct mp_rx *);

#endif
