/* SPDX-License-Identifier: ISC */
/*
 * How far datagrams to an address go, by the kernel's routes.  To one of this
 * host's own addresses they never leave the host; to a broadcast address they
 * have no single peer.  Neither can be protected.
 *
 * Each call asks the kernel, with sockets of its own; nothing is sent and
 * nothing is remembered (dest_policy.c does that).  errno is left alone.
 */
#ifndef DEST_SCOPE_H
#define DEST_SCOPE_H

#include <stdbool.h>

struct mp_addr;

enum dest_scope {
	DEST_SCOPE_UNKNOWN, /* not asked, or no answer */
	DEST_SCOPE_PEER,    /* another host, or no route */
	DEST_SCOPE_OURS,    /* this host */
	DEST_SCOPE_ALL,     /* all hosts of a link: a directed broadcast */
};

/* Do the program's seccomp filters allow the system calls that asking takes? */
bool dest_scope_may_ask(void);
/* UNKNOWN where it may not ask or there is no socket to ask with. */
enum dest_scope dest_scope_ask(const struct mp_addr *);
/* Is this a broadcast address?  False where it may not ask. */
bool dest_scope_is_broadcast(const struct mp_addr *);

#endif
