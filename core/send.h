/* SPDX-License-Identifier: ISC */
/* Datagrams out, and what control packets share with them. */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct mp_out;
struct mp_path;
struct mp_tx;
struct session;
struct wire_ad;
struct wire_msg;

/* us that INIT waits for mp_stage(), which says where plain UDP would leave
 * from. */
enum send_limit { SEND_SOURCE = 20 * 1000 };

/* Fills in the path of a packet of a flow (NULL: of none) and its socket. */
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
/* Does this error of sending mean a dead path?  Others are reported to the
 * program, or pass. */
bool send_path_error(int error);
/* Fills in a packet of a flow that carries a datagram, or (`copy') a COPY of
 * that packet. */
void send_fill(struct mp *, struct session *, struct flow *, uint64_t now,
    uint16_t flags, const struct wire_ad *copy, struct mp_tx *);
/* The datagram went out on that flow, and as a COPY on another or on none: it
 * is counted, an answer is waited for, and it is kept for a resend. */
void send_done(struct mp *, struct session *, struct flow *,
    const struct mp_tx *, const void *payload, size_t len,
    struct flow *copy);

#endif
