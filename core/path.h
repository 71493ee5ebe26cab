/* SPDX-License-Identifier: ISC */
/*
 * The flows of a session: which pairs of addresses exist, and what becomes of
 * them when the host's addresses and links change (PROTOCOL.md 3).
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stdint.h>

struct flow;
struct mp;
struct mp_path;
struct session;

/* The record of a flow id, made if need be: without a pair, gone.  NULL: no
 * room, or id out of range. */
struct flow *path_flow(struct mp *, struct session *, uint32_t id,
    uint64_t now);
/* The pair begins on a flow; and the flow of a pair, or NULL. */
void path_begin(struct mp *, struct session *, struct flow *,
    const struct mp_path *, uint64_t now);
struct flow *path_find(const struct mp *, const struct session *,
    const struct mp_path *);
/* The pair answered a challenge. */
void path_validated(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* Initiator: makes flows of all compatible pairs that have none. */
void path_make_all(struct mp *, struct session *, uint64_t now);
/* The peer takes no flow ids from `first' on; and a flow of such an id, moved
 * to one that it takes (NULL: there is none). */
void path_end_from(struct mp *, struct session *, uint32_t first,
    uint64_t now);
struct flow *path_move(struct mp *, struct session *, const struct flow *,
    uint64_t now);
/* The host's addresses changed. */
void path_locals(struct mp *, struct session *, uint64_t now);
/* All flows are probed at once; or those of an interface (not MP_NONE). */
void path_probe_now(struct mp *, struct session *, uint64_t now,
    uint32_t ifindex);
/* The INIT that is under way, if any, goes out on every pair again. */
void path_retry_handshake(struct mp *, struct session *, uint64_t now);
/* A send error that means a dead path: true when the flow has failed. */
bool path_send_failed(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* The MTU of the interface that a flow leaves by; 0: unknown. */
uint16_t path_mtu(const struct mp *, const struct flow *);

#endif
