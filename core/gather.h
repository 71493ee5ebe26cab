/* SPDX-License-Identifier: ISC */
/* Datagrams of a program in a hurry, which wait for company: since when, and
 * for how long. */
#ifndef GATHER_H
#define GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "mp.h"

struct session;

/* us, where nothing else is said; gather.c has the reasons. */
enum gather_limit {
	GATHER_GAP = 20,    /* between datagrams of a program in a hurry */
	GATHER_BURST = 160, /* so far ahead of that pace a program may be, */
	GATHER_AHEAD = 320, /* ... and so far ahead it counts at most */
	GATHER_OWN = 60,    /* that one waits while the program sends others */
	GATHER_MOST = MP_GATHER_US, /* ... and when the program does not */
	GATHER_FEW = 4,	    /* datagrams, fewer of which were not worth it */
	GATHER_FULL = 1000, /* that the kernel may have no room */
	GATHER_LEASE = 20 * 1000, /* that a thread has to send what it took */
};

/* The program sends a datagram: is it in a hurry? */
bool gather_hurry(struct session *, uint64_t now);
/* It is not, whatever it did until now. */
void gather_calm(struct session *);

/* Datagrams of the session begin to wait; false: too many sessions' do. */
bool gather_start(struct mp *, struct session *, uint64_t now);
/* They wait until then, or (gather_end()) no longer. */
void gather_wait(struct mp *, struct session *, uint64_t until);
void gather_end(struct mp *, struct session *);
/* Are they to be left to the program's thread now? */
bool gather_holds(const struct session *, uint64_t now);
/* Hands over to the agent what has waited as long as it may. */
void gather_expire(struct mp *, uint64_t now);
/* When that has something to do; MP_NEVER. */
uint64_t gather_due(const struct mp *);

#endif
