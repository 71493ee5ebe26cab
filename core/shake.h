/* SPDX-License-Identifier: ISC */
/*
 * Handshakes: INIT, RESP and COOKIE, who may have one and how often
 * (PROTOCOL.md 2).  Nothing live changes before a handshake is confirmed by
 * a packet under its key.
 *
 * All that this module schedules:
 *	rounds of INIT of our own	shake_due()
 *	the end of half-open ones	shake_sweep()
 */
#ifndef SHAKE_H
#define SHAKE_H

#include "load.h"
#include "session.h"

enum shake_limit {
	SHAKE_LIFE = 5 * 1000 * 1000, /* us: half-open; ephemeral key of ours */
	SHAKE_ROUNDS = 3,	      /* to all pairs; then one at a time */
	SHAKE_SLOW = 2 * 1000 * 1000,
	SHAKE_ANSWERS = 4, /* to one INIT and source */
};

/* The key of that id, or the first for 0; NULL. */
const struct mp_key *shake_key(const struct mp_keyring *, uint64_t id);

/* Our own: when its next INIT goes; MP_NEVER. */
uint64_t shake_due(const struct mp *, const struct session *);
/* Sends it: 1 with a packet, else 0. */
int shake_poll(struct mp *, const struct mp_keyring *, struct session *,
    uint64_t now, struct mp_out *, uint8_t *buf);

/* A first packet came under the key of a handshake that we answered: its
 * session, or NULL when it is refused. */
struct session *shake_confirm(struct mp *, struct shake *, uint64_t now,
    const struct mp_rx *);

/* Frees what is too old. */
void shake_sweep(struct mp *, uint64_t now);

#endif
