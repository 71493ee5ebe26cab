/* SPDX-License-Identifier: ISC */
/* Datagrams out, and what control packets share with them. */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"

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
 * behind frame, head and the fields of the message already; a probe's is zeroed.
 * Returns its length, 0 when there is no key.
 */
size_t send_control(struct mp *, struct session *, struct flow *,
    uint64_t now, struct wire_msg *, size_t len, struct mp_out *,
    uint8_t *buf);
/* Bytes in front of each control packet of the session now (child.h). */
size_t send_frame(struct session *);
/* Writes the packet of one part (of the message: flags, part and name) of a
 * datagram in a pool; returns its length, 0: it cannot go out. */
size_t send_part(struct mp *, struct session *, struct flow *, uint64_t now,
    struct wire_msg *, enum pool_kind, const struct record *, struct mp_out *,
    uint8_t *buf, size_t size);
/* Does this error of sending mean a dead path?  Others are reported to the
 * program, or pass. */
bool send_path_error(int error);
/* Fills in a packet of a flow that carries a datagram (no flags), a COPY of the
 * packet that the message names, or a part.  A first part that names none gets
 * its own name. */
void send_fill(struct mp *, struct session *, struct flow *, uint64_t now,
    struct wire_msg *, struct mp_tx *);
/* The packets of a datagram on its flow, and on another where that is in
 * doubt: how many, MP_TX_MAX at most. */
int send_fill_all(struct mp *, struct session *, struct flow *, uint64_t now,
    size_t len, struct mp_tx *tx);
/* The program sends: the flow for a datagram that needs `need' bytes of UDP
 * payload; NULL: none. */
struct flow *send_choose(struct mp *, struct session *, uint64_t now,
    size_t need);
/* A datagram went alone; some went in a bundle: what offload.c wants for it. */
void send_single(struct mp *, struct session *, struct flow *, uint64_t now);
void send_count_bundles(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* How many more packets of datagrams the flow can carry under its key. */
uint64_t send_numbers_left(const struct flow *);
/* A datagram's own packets failed to go out with that error; `copied': its COPY
 * went.  What mp_send_commit() returns. */
int send_failed(struct mp *, struct session *, struct flow *, uint64_t now,
    int error, size_t len, bool copied);
/* The datagram went out on that flow, and as a COPY on another or on none: it
 * is counted, an answer is waited for, and it is kept for a resend, which
 * begins where it should have gone twice and did not.  Returns
 * its record, which a payload of NULL is still to be written to; or NULL. */
struct record *send_done(struct mp *, struct session *, struct flow *,
    uint64_t now, const struct mp_tx *, const void *payload, size_t len,
    struct flow *copy);

#endif
