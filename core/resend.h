/* SPDX-License-Identifier: ISC */
/* COPYs of datagrams that a silent flow may have lost (PROTOCOL.md 5). */
#ifndef RESEND_H
#define RESEND_H

#include <stddef.h>
#include <stdint.h>

struct mp;
struct mp_out;
struct session;

/* Writes the next COPY of a session that is resending: 1, or 0 at the end. */
int resend_next(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);

#endif
