/* SPDX-License-Identifier: ISC */
/*
 * Handshakes that this end begins: when and where INIT goes (PROTOCOL.md 2).
 *
 * Scheduled here, by initiator_due(): the rounds of INIT, and when a RESP is
 * taken that waits for the primary pair's (initiator_reply.h).
 */
#ifndef INITIATOR_H
#define INITIATOR_H

#include <stdbool.h>
#include <stdint.h>

struct mp;
struct mp_keyring;
struct mp_out;
struct session;

enum initiator_limit {
	INITIATOR_ROUNDS = 3, /* to all pairs; then to one at a time */
	INITIATOR_RECALLS = 8, /* the same after CLOSE */
	INITIATOR_EACH = 1000 * 1000, /* us in which each pair has one turn */
	INITIATOR_GAP = 100 * 1000,	  /* us between two turns, at least */
	INITIATOR_SLOW = 2 * 1000 * 1000, /* us, for an idle program */
	INITIATOR_PACE = 1000 * 1000, /* us from one handshake to the next; it
				       * doubles ... */
	INITIATOR_PACE_MAX = 10 * 1000 * 1000, /* ... up to this, ... */
	INITIATOR_QUIET = 4, /* ... until there was none for 4 of them */
	/* A responder asks for the association in this many rounds, then begins
	 * another one, and in turn for us each: */
	INITIATOR_TURNS = 2,
	INITIATOR_FIRST_TURN = 4000 * 1000,
	INITIATOR_TURN = 1500 * 1000,
	INITIATOR_CROWD = 500 * 1000, /* us, up to twice, until a free record
				       * is looked for again */
};

/* When the next INIT of a session goes; MP_NEVER. */
uint64_t initiator_due(const struct mp *, const struct session *);
/* Writes the next INIT that is due to `buf': 1, or 0 when there is none. */
int initiator_poll(struct mp *, const struct mp_keyring *, struct session *,
    uint64_t now, struct mp_out *, uint8_t *buf);
/* A packet of the peer's came under the present keys, with its program's data or
 * not: it does more than answer INIT. */
void initiator_heard(struct session *, bool data, uint64_t now);
#endif
