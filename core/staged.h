/* SPDX-License-Identifier: ISC */
/* Datagrams that wait for their session: mp_stage(), and how they leave. */
#ifndef STAGED_H
#define STAGED_H

#include <stddef.h>
#include <stdint.h>

struct mp;
struct mp_out;
struct session;

/* Seals the oldest of a session that is up: the packet's length, or 0. */
size_t staged_send(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);
/* Writes the oldest of a session without a peer, as plain UDP: 1, or 0. */
int staged_send_plain(struct mp *, struct session *, struct mp_out *,
    uint8_t *buf, size_t size);

#endif
