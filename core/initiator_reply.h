/* SPDX-License-Identifier: ISC */
/* What comes back to an INIT of ours: RESP and COOKIE (PROTOCOL.md 2). */
#ifndef INITIATOR_REPLY_H
#define INITIATOR_REPLY_H

#include "session.h"
#include "handshake.h"

#define INITIATOR_REPLY_WAIT (200 * MS) /* that one waits for the primary pair's */

void initiator_reply_take(struct mp *, const struct mp_keyring *,
    const struct mp_rx *,
    const uint8_t *packet, const struct wire_shake *, uint64_t now);
/* One that has waited long enough is taken. */
void initiator_reply_settle(struct mp *, struct session *, uint64_t now);
void initiator_reply_cookie(struct mp *, const struct mp_keyring *,
    const struct mp_rx *, const uint8_t *packet, const struct wire_shake *,
    uint64_t now);

#endif
