/* SPDX-License-Identifier: ISC */
/*
 * Whom an address reaches, by the kernel's routes: what goes to one of our own
 * never leaves this host, and what goes to all on a link has no one peer.
 * Neither is protected.
 */
#ifndef DEST_SCOPE_H
#define DEST_SCOPE_H

#include <stdbool.h>

#include "mp.h"

enum dest_scope {
	DEST_SCOPE_UNKNOWN, /* not asked yet */
	DEST_SCOPE_PEER,    /* another host, or nobody */
	DEST_SCOPE_OURS,    /* this host */
	DEST_SCOPE_ALL,     /* everybody on a link: a directed broadcast */
};

/* What is known about the address; asks nobody. */
enum dest_scope dest_scope_known(const struct mp_addr *);
/* The same; asks the kernel once, by other sockets.  Leaves errno alone. */
enum dest_scope dest_scope_of(const struct mp_addr *);
/* It is another host, which has a session. */
void dest_scope_note(const struct mp_addr *);

#endif
