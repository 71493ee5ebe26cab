/* SPDX-License-Identifier: ISC */
/* Datagrams that wait for their session: mp_hold(), and how they leave. */
#ifndef EARLY_H
#define EARLY_H

#include "session.h"

/* The next of a session that is up, sealed: its length or 0. */
size_t early_send(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);
/* The next of one that waited long enough for a peer, as it is: 1, or 0. */
int early_send_plain(struct mp *, struct session *, struct mp_out *,
    uint8_t *buf, size_t size);

#endif
