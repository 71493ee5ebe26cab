/* SPDX-License-Identifier: ISC */
/*
 * The life of a session: made, given keys, taken down, freed (PROTOCOL.md 2).
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

struct keys;
struct mp;
struct mp_addr;
struct session;

enum session_limit {
	SESSION_SILENT = 180 * 1000 * 1000, /* us without a packet: keys go */
	SESSION_ANSWER = 10 * 1000 * 1000,  /* us until a peer is given up */
	SESSION_PAUSE = 2 * 1000 * 1000,    /* us between sends: a pause */
	SESSION_REKEY = 120 * 1000 * 1000,
	SESSION_KEY_LIFE = 180 * 1000 * 1000,
	SESSION_TAKEOVER = 3 * 1000 * 1000, /* us without a packet */
	SESSION_LINGER = 60 * 1000 * 1000, /* us to read what came before CLOSE */
	SESSION_FLOWS = 8, /* records that a new one should find free */
};

/* A session that shows `shown'; it may push out one that is not up.  NULL:
 * the table is full. */
struct session *session_new(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *shown, uint64_t key_id, const uint8_t assoc[8],
    bool initiator);
void session_free(struct mp *, struct session *);

/* A former key is wiped. */
void session_wipe_key(struct mp *, struct session *, int slot);
/* New keys are used from now on; what they replace still receives. */
void session_install(struct mp *, struct session *, uint64_t now,
    const struct keys *, uint16_t max_flows);
/* Keys by whose sid packets come to another socket than the session's are
 * renewed at once. */
void session_resteer(struct mp *, struct session *, uint64_t now);
/* Keys that the peer may still send under, older than those in use. */
void session_install_former(struct mp *, struct session *, uint64_t now,
    const struct keys *);
/* Keys go, the association stays. */
void session_down(struct mp *, struct session *);
/* The peer's socket is gone.  What it sent before may still be under way, or
 * unread by the program: the keys receive it for SESSION_LINGER.  The
 * initiator's association stays, the responder's is over. */
void session_closed(struct mp *, struct session *, uint64_t now);
/* Wipes keys whose time is over; when the next one's is, or MP_NEVER. */
void session_expire_keys(struct mp *, struct session *, uint64_t now);
uint64_t session_keys_end(const struct session *);
/* A handshake outside of the live session, on all pairs. */
void session_ask(struct mp *, struct session *, uint64_t now);
/* Looks for the peer, from the beginning. */
void session_connect(struct mp *, struct session *, uint64_t now);

#endif
