/* SPDX-License-Identifier: ISC */
/*
 * One talk with a peer, as a program under mpshim would have it: an engine of
 * its own behind a socket of its own.  The session is closed again.
 */
#ifndef TALK_H
#define TALK_H

#include "exam.h"

struct talk {
	struct mp mp;
	struct mp_keyring keyring;
	void *block;
	enum mp_family family;
	int fd;
	uint64_t up_at; /* or 0 */
	bool done;     /* nothing more will come of it */
	bool closed;   /* ICMP: nobody has the port there */
};

/* Asks for a session, with the keys of t->keyring: false, it cannot be. */
bool talk_begin(struct talk *, const struct exam *, uint64_t now);
/* Sends what is due; each pair that is tried is noted where `x' is given. */
void talk_send_due(struct talk *, struct exam *x);
/* Takes what came. */
void talk_receive(struct talk *);
/* Is the session up; have all its pairs answered? */
void talk_update(struct talk *, const struct exam *, uint64_t now);
/* Notes the pairs of the session, and how long each takes. */
void talk_note_pairs(const struct talk *, struct exam *);
void talk_end(struct talk *);

#endif
