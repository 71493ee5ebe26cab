/* SPDX-License-Identifier: ISC */
/*
 * The life of a session: made, given keys, taken down, freed; and its flows:
 * which pairs of addresses exist (PROTOCOL.md 2, 3).
 */
#ifndef SESSION_H
#define SESSION_H

#include "choice.h"

enum session_limit {
	SESSION_SILENT = 180 * 1000 * 1000, /* us without a packet: keys go */
	SESSION_ANSWER = 10 * 1000 * 1000,  /* us until a peer is given up */
	SESSION_PAUSE = 2 * 1000 * 1000,    /* us between sends: a pause */
	SESSION_REKEY = 120 * 1000 * 1000,
	SESSION_KEY_LIFE = 180 * 1000 * 1000,
	SESSION_TAKEOVER = 3 * 1000 * 1000,
};

/* A session that shows `shown'; it may push out one without keys.  NULL:
 * the table is full. */
struct session *session_new(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *shown, uint64_t key_id, const uint8_t assoc[8],
    bool initiator);
void session_free(struct mp *, struct session *);
/* Changes the address that the program knows the peer by. */
void session_show(struct mp *, struct session *, const struct mp_addr *);

/* A former key is wiped. */
void session_wipe_key(struct mp *, struct session *, int slot);
/* New keys are used from now on; what they replace still receives. */
void session_install(struct mp *, struct session *, uint64_t now,
    const struct keys *, uint16_t max_flows);
/* Keys go, the association stays. */
void session_down(struct mp *, struct session *);
/* Initiator: looks for the peer, from the beginning. */
void session_connect(struct mp *, struct session *, uint64_t now);

/* The record of a flow id, made if need be: without a pair, gone.  NULL: no
 * room, or id out of range. */
struct flow *session_flow(struct mp *, struct session *, uint32_t id,
    uint64_t now);
/* The pair begins on a flow; and the flow of a pair, or NULL. */
void session_pair_begin(struct mp *, struct session *, struct flow *,
    const struct mp_path *, uint64_t now);
struct flow *session_find_pair(const struct mp *, const struct session *,
    const struct mp_path *);
/* The pair answered a challenge. */
void session_validated(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* Initiator: makes flows of all compatible pairs that have none. */
void session_pairs(struct mp *, struct session *, uint64_t now);
/* The host's addresses changed. */
void session_locals(struct mp *, struct session *, uint64_t now);
/* All flows are probed at once; or those of an interface (not MP_NONE). */
void session_urge(struct mp *, struct session *, uint64_t now,
    uint32_t ifindex);
/* The INIT that is under way, if any, goes out on every pair again. */
void session_rush(struct mp *, struct session *, uint64_t now);
/* A send error that means a dead path: true when the flow has failed. */
bool session_send_failed(struct mp *, struct session *, struct flow *,
    uint64_t now);
/* The MTU of the interface that a flow leaves by; 0: unknown. */
uint16_t session_mtu_of(const struct mp *, const struct flow *);

#endif
