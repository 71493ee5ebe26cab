/* SPDX-License-Identifier: ISC */
/*
 * A talk: one session of mpctl doctor with a peer, with its own engine and
 * socket, as a program under mpshim has.  Handshake, probes, then the session
 * is closed.
 */
#ifndef TALK_H
#define TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "mp.h"

struct exam;

struct talk {
	struct mp mp;
	struct mp_keyring keyring;
	void *block;
	enum mp_family family;
	int fd;
	uint64_t up_at; /* when the session came up, us; 0: not yet */
	bool done;     /* all pairs were probed for long enough */
	bool closed;   /* ICMP: no program has the port there */
	/* ICMP: a firewall prohibits it, on the host with this address. */
	bool prohibited;
	struct mp_addr prohibited_by;
};

/* Opens the socket and starts a handshake with t->keyring; false: not
 * possible. */
bool talk_begin(struct talk *, const struct exam *, uint64_t now);
/* Sends all packets that are due; until the session is up, notes each pair in
 * x, which may be NULL. */
void talk_send_due(struct talk *, struct exam *x);
/* Receives all packets that are queued. */
void talk_receive(struct talk *);
/* Sets up_at and done. */
void talk_update(struct talk *, const struct exam *, uint64_t now);
/* Notes the pairs of the session in x, with their round-trip times. */
void talk_note_pairs(const struct talk *, struct exam *);
void talk_end(struct talk *);

#endif
