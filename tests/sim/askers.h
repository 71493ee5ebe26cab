/* SPDX-License-Identifier: ISC */
/*
 * askers: a program that makes a socket for each question, as a proxy or a
 * resolver does, on a computer whose agent gives each new socket a ticket of
 * its peer.  A socket ends with its answer, or after ASKERS_WAIT.
 */
#ifndef SIM_ASKERS_H
#define SIM_ASKERS_H

#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "mp.h"

struct run;

enum askers_bound {
	ASKERS_PORT = 10000,	    /* of the first socket */
	ASKERS_WAIT = 5000000,	    /* us for an answer */
	ASKERS_LOOK = 20000,	    /* us between the agent's looks */
	ASKERS_PART = 3000000,	    /* us that what waits outlives a socket */
	ASKERS_GONE = 6000000,	    /* us until nothing is left of one */
};

struct asker {
	struct askers *all;
	struct host host;
	uint64_t sent_at, answered_at; /* world time; 0: not */
	uint32_t heard;		       /* answers */
	bool asked_there, parting, secret;
};

struct askers {
	struct run *run;
	struct host *client, *server;
	struct mp_addr peer;
	struct asker **asker;
	size_t n, room;
	uint64_t every_us, stop;
	struct mp_parent parent;
	bool has_parent;
	struct asker *parent_of; /* whose session it is of */
	uint32_t parent_session;
	uint64_t lost, twice, slowest_us;
};

/* From now on one more question each every_us until a world time, of hosts "c"
 * and "s", to the server's first address. */
struct askers *askers_run(struct run *, uint64_t every_us, uint64_t stop);
/* Counts what became of them. */
void askers_tally(struct askers *);
void askers_free(struct askers *);

#endif
