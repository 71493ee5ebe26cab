/* SPDX-License-Identifier: ISC */
/* What answers an INIT of ours: RESP and COOKIE; and CHILD: WELCOME
 * (PROTOCOL.md 2). */
#ifndef INITIATOR_REPLY_H
#define INITIATOR_REPLY_H

#include <stdint.h>

struct mp;
struct mp_keyring;
struct mp_rx;
struct session;
struct wire_handshake;

/* us that a RESP on another pair waits for the primary pair's (PROTOCOL.md
 * 6) */
enum initiator_reply_limit { INITIATOR_REPLY_WAIT = 200 * 1000 };

void initiator_reply_take(struct mp *, const struct mp_keyring *,
    const struct mp_rx *,
    const uint8_t *packet, const struct wire_handshake *, uint64_t now);
/* Takes a RESP that has waited long enough. */
void initiator_reply_settle(struct mp *, const struct mp_keyring *,
    struct session *, uint64_t now);
void initiator_reply_cookie(struct mp *, const struct mp_keyring *,
    const struct mp_rx *, const uint8_t *packet, const struct wire_handshake *,
    uint64_t now);
/* WELCOME, which came inside the session. */
void initiator_reply_welcome(struct mp *, const struct mp_rx *,
    const uint8_t *packet, const struct wire_handshake *, uint64_t now);

#endif
