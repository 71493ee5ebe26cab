/* SPDX-License-Identifier: ISC */
/*
 * What is known of peers, for the next socket that talks to one of them
 * (core/mp.h, Children): the agent's parents.
 */
#ifndef PARENT_H
#define PARENT_H

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "mp.h"

struct agent;
struct port;

enum parent_bound {
	PARENT_MAX = 64, /* of an agent; the one used longest ago goes */
	PARENT_TICKETS = 4, /* that a new socket gets: of the peers that were
			     * last used */
	PARENT_LOOK_US = 20000, /* between two looks at a port's sessions */
	PARENT_FOR_US = 5000000, /* for so long after an INIT */
	PARENT_LEARN_US = 1000000, /* between two looks at what a parent's own
				    * session knows of its peer */
};

struct parent {
	TAILQ_ENTRY(parent) entry;
	struct mp_parent of;
	uint8_t local[16]; /* as its socket was bound */
	uint16_t port; /* of its session */
	uint32_t session;
};

TAILQ_HEAD(parent_list, parent);

/* Looks which sessions of a port are new, or know more, if the port has shaken
 * hands lately. [lock] */
void parent_look(struct port *, uint64_t now);
/* The sessions of a port's slots end: what they know is kept. [lock] */
void parent_keep(struct port *, uint64_t now);
/* A socket was opened: gives its port what its first datagram to a known peer
 * needs, to this one or, if its port is 0, to one of those used last.  False:
 * nothing is known. */
bool parent_give(struct port *, const struct mp_addr *local,
    const struct mp_addr *peer);
/* Wipes those of keys that no keyring has any more. */
void parent_revoke(struct agent *);
/* Wipes them all. */
void parent_end(struct agent *);

#endif
