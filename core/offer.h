/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of our own: when and where INIT goes (PROTOCOL.md 2).
 *
 * All that is scheduled here, offer_due(): the rounds of INIT, and when a RESP
 * is taken that waits for the primary pair's (resp.h).
 */
#ifndef OFFER_H
#define OFFER_H

#include "session.h"
#include "shake.h"

enum offer_limit {
	OFFER_ROUNDS = 3, /* to all pairs; then one at a time */
	OFFER_EACH = 1000 * 1000, /* us in which each pair has its turn */
	OFFER_GAP = 100 * 1000,	  /* us between two turns at least */
	OFFER_SLOW = 2 * 1000 * 1000, /* us between them for an idle program */
	OFFER_CROWD = 10 * 1000 * 1000, /* us to wait for a free record */
};

/* When the session's next INIT goes; MP_NEVER. */
uint64_t offer_due(const struct mp *, const struct session *);
/* Sends it: 1 with a packet, else 0. */
int offer_poll(struct mp *, const struct mp_keyring *, struct session *,
    uint64_t now, struct mp_out *, uint8_t *buf);
#endif
