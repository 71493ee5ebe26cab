/* SPDX-License-Identifier: ISC */
/* Datagrams that wait for their session: mp_stage(), and how they leave. */
#ifndef STAGED_H
#define STAGED_H

#include <stddef.h>
#include <stdint.h>

struct mp;
struct mp_out;
struct session;

/* The next of a session that is up, sealed: its length or 0. */
size_t staged_send(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);
/* The next of one that waited long enough for a peer, as it is: 1, or 0. */
int staged_send_plain(struct mp *, struct session *, struct mp_out *,
    uint8_t *buf, size_t size);

#endif
