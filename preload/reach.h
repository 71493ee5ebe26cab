/* SPDX-License-Identifier: ISC */
/*
 * Whom an address reaches, by the kernel's routes: what goes to one of our own
 * never leaves this host, and what goes to all on a link has no one peer.
 * Neither is protected.
 */
#ifndef REACH_H
#define REACH_H

#include <stdbool.h>

#include "mp.h"

enum reach {
	REACH_UNKNOWN, /* not asked yet */
	REACH_PEER,    /* another host, or nobody */
	REACH_OURS,    /* this host */
	REACH_ALL,     /* everybody on a link: a directed broadcast */
};

/* What is known about the address; asks nobody. */
enum reach reach_known(const struct mp_addr *);
/* The same; asks the kernel once, by other sockets.  Leaves errno alone. */
enum reach reach_ask(const struct mp_addr *);
/* It is another host, which has a session. */
void reach_met(const struct mp_addr *);

#endif
