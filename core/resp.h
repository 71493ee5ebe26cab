/* SPDX-License-Identifier: ISC */
/* What comes back to an INIT of ours: RESP and COOKIE (PROTOCOL.md 2). */
#ifndef RESP_H
#define RESP_H

#include "session.h"
#include "shake.h"

#define RESP_PRIMARY (200 * MS) /* that one waits for the primary pair's */

void resp_take(struct mp *, const struct mp_keyring *, const struct mp_rx *,
    const uint8_t *packet, const struct wire_shake *, uint64_t now);
/* One that has waited long enough is taken. */
void resp_settle(struct mp *, struct session *, uint64_t now);
void resp_cookie(struct mp *, const struct mp_keyring *,
    const struct mp_rx *, const uint8_t *packet, const struct wire_shake *,
    uint64_t now);

#endif
