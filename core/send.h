/* SPDX-License-Identifier: ISC */
/* Datagrams out, and what control packets share with them. */
#ifndef SEND_H
#define SEND_H

#include "session.h"

/* Fills in where a packet of a flow (or of none) goes. */
void send_out(const struct mp *, const struct session *, const struct flow *,
    const struct mp_path *, struct mp_out *);
/*
 * Seals a control packet of a flow into `buf'.  Its body, `len' bytes, lies
 * behind the head and the fields of the message already; a probe's is zeroed.
 * Returns its length, 0 when there is no key.
 */
size_t send_control(struct mp *, struct session *, struct flow *,
    uint64_t now, struct wire_msg *, size_t len, struct mp_out *,
    uint8_t *buf);
/* Does that error of a send mean that the path is dead?  The others are the
 * program's business, or pass. */
bool send_path_error(int error);
/* The next held datagram of a session that is up, sealed: its length or 0. */
size_t send_held(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);
/* The next held datagram of a session that waited long enough for a peer, as it
 * is: 1, or 0. */
int send_plain(struct mp *, struct session *, struct mp_out *, uint8_t *buf,
    size_t size);

#endif
