/* SPDX-License-Identifier: ISC */
/* Datagrams that wait for their session: mp_stage(), and how they leave. */
#ifndef STAGED_H
#define STAGED_H

#include <stddef.h>
#include <stdint.h>

struct mp;
struct mp_out;
struct session;

/* Takes the oldest of a session that is up for the agent, and seals it: the
 * packet's length, or 0. */
size_t staged_send(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);
/* The same of a session without a peer, as plain UDP: 1, or 0. */
int staged_send_plain(struct mp *, struct session *, uint64_t now,
    struct mp_out *, uint8_t *buf, size_t size);
/* The agent sent what it took by that packet, or had that error. */
void staged_poll_sent(struct mp *, struct session *, uint64_t now,
    const struct mp_out *, int error);
/* Those that were taken count as sent. */
void staged_settle(struct mp *, struct session *, uint64_t now);
/* When the next one is due, or what was taken is to be settled; MP_NEVER. */
uint64_t staged_due(const struct session *, uint64_t now);

#endif
