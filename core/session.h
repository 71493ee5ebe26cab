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
	SESSION_LEFT = 250 * 1000, /* us that a datagram is staged for a peer
				    * that sent CLOSE */
	SESSION_PAUSE = 2 * 1000 * 1000,    /* us between sends: a pause */
	SESSION_REKEY = 120 * 1000 * 1000,
	SESSION_KEY_LIFE = 180 * 1000 * 1000,
	SESSION_TAKEOVER = 3 * 1000 * 1000, /* us of silence after which a
					     * newcomer may take the address
					     * over (PROTOCOL.md 6) */
	SESSION_LINGER = 60 * 1000 * 1000, /* us of receiving after a CLOSE */
	SESSION_TRIES = 2, /* probes of an address that waits() waits for */
	SESSION_FLOWS = 8, /* free flow records for a new session */
};

/* May the peer have one more session, of `most' (0: any number)?  It is so also
 * where it takes the place of one that the peer does not use, which is freed.
 * Else that is counted. */
bool session_allowed(struct mp *, uint64_t key_id, uint32_t most, uint64_t now);
/* Makes a session whose peer the program knows by `shown', in state
 * MP_S_CONNECTING.  It may push out one that is not up.  NULL: the table is
 * full. */
struct session *session_new(struct mp *, uint64_t now, uint32_t slot,
    const struct mp_addr *shown, uint64_t key_id, const uint8_t assoc[8],
    bool initiator);
void session_free(struct mp *, struct session *);

/* Ends the handshake of ours that is under way, or wanted. */
void session_drop_handshake(struct mp *, struct session *);
/* Uses new keys from now on; those that they replace still receive.
 * `max_flows': what the peer takes, 0: not told. */
void session_install(struct mp *, struct session *, uint64_t now,
    const struct keys *, uint16_t max_flows);
/* Rekeys at once if the sid in use names another slot than the session's, for
 * the kernel gives packets with that sid to the other slot's socket. */
void session_resteer(struct mp *, struct session *, uint64_t now);
/* Keeps keys that the peer may still send under, though ours are newer. */
void session_install_former(struct mp *, struct session *, uint64_t now,
    const struct keys *);
/* Wipes the keys; the association stays. */
void session_down(struct mp *, struct session *);
/* The peer sent CLOSE.  What it sent before may still be on its way, or unread
 * by the program, so the keys receive for SESSION_LINGER.  The association goes
 * on at the initiator and ends at the responder. */
void session_closed(struct mp *, struct session *, uint64_t now);
/* Did a peer at that address, as the program knows it, send CLOSE lately? */
bool session_has_left(const struct mp *, const struct mp_addr *, uint64_t now);
/* Has it to outlive its socket: since its peer was not heard yet, and what was sent
 * may have to go again; or as it is the first that can learn the peer's addresses,
 * and which of them answer, for those that follow? */
bool session_waits(const struct mp *, const struct session *);
/* Wipes keys whose time is over; and when the next one's is, or MP_NEVER. */
void session_expire_keys(struct mp *, struct session *, uint64_t now);
uint64_t session_keys_end(const struct session *);
/* Begins a handshake outside of the live session, on all pairs. */
void session_ask(struct mp *, struct session *, uint64_t now);
/* Looks for the peer as for a new one. */
void session_connect(struct mp *, struct session *, uint64_t now);

/* A responder, whose peer did not know the association, began another one: it is
 * the initiator from now on. */
void session_turn(struct mp *, struct session *, const uint8_t assoc[8]);

#endif
