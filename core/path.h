/* SPDX-License-Identifier: ISC */
/*
 * The flows of a session: which pairs of addresses exist, and what happens to
 * them when the host's addresses and links change (PROTOCOL.md 3).
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct mp_path;
struct session;

/* The record of a flow id; made if need be, without a pair (gone).  NULL: no
 * room, or the id is out of range. */
struct flow *path_flow(struct mp *, struct session *, uint32_t id,
    uint64_t now);
/* Begins a pair on a flow's record. */
void path_begin(struct mp *, struct session *, struct flow *,
    const struct mp_path *, uint64_t now);
struct flow *path_find(const struct mp *, const struct session *,
    const struct mp_path *);
/* Has the host the path's local address, on a link that works? */
bool path_has_local(const struct mp *, const struct mp_path *);
/* The pair has answered a challenge. */
void path_validated(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* Initiator: begins a flow for each compatible pair that has none. */
void path_make_all(struct mp *, struct session *, uint64_t now);
/* The peer takes no flow ids from `first' on: ends those flows. path_move()
 * begins the pair of such a flow on id 0 (NULL: there is no flow 0). */
void path_end_from(struct mp *, struct session *, uint32_t first,
    uint64_t now);
/* The peer is another host now: ends the flows to the addresses that the former
 * one told, but for the pair on which this one answered. */
void path_end_told(struct mp *, struct session *, const struct mp_path *,
    uint64_t now);
struct flow *path_move(struct mp *, struct session *, const struct flow *,
    uint64_t now);
/* Asks whether the flow's peer is at another address, from which nothing has
 * come yet that counts (alt_left). */
void path_ask_alt(struct mp *, struct session *, struct flow *,
    const struct mp_path *, uint64_t now);
/* Initiator: has another flow that pair?  Then it is asked, if it is silent. */
bool path_known(struct mp *, struct session *, const struct flow *,
    const struct mp_path *, uint64_t now);
/* A flow is silent: where its peer was before, and the address that the program
 * used, are asked again. */
void path_ask_former(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* A flow is silent, though packets come by it: at the responder its packets go
 * by the link that the kernel chooses from now on; or no longer. */
void path_any_link(const struct session *, struct flow *, uint64_t now);
/* Adapts the flows to the host's addresses after a change. */
void path_locals(struct mp *, struct session *, uint64_t now);
/* Probes at once: all flows (MP_NONE), or those of one interface. */
void path_probe_now(struct mp *, struct session *, uint64_t now,
    uint32_t ifindex);
/* Sends the INIT that is under way, if any, on every pair again. */
void path_retry_handshake(struct mp *, struct session *, uint64_t now);
/* Counts a send error that means a dead path; true: the flow has failed. */
bool path_send_failed(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* The MTU of the interface that a flow leaves by; 0: unknown. */
uint16_t path_mtu(const struct mp *, const struct flow *);

#endif
