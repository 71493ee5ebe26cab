/* SPDX-License-Identifier: ISC */
/* The BPF programs that let the kernel sort a port's packets: the steering of
 * its group (sockfilter_group.c), and the socket filter of each data socket
 * (sockfilter.c). */
#ifndef SOCKFILTER_H
#define SOCKFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "mp.h"

/* Which plaintext a socket of a group gets. */
struct sockfilter_claim {
	uint8_t index;
	uint8_t share; /* so many claims after this one are the same, and a
			* packet goes to one of them by a hash of its sender */
	bool v4, v6;   /* of these families; of one only if `at' or `from' */
	bool at;       /* what was sent to `local' only */
	bool from;     /* what came from `peer' only */
	struct mp_addr local, peer;
};

enum {
	SOCKFILTER_OTHERS = 128, /* sids */
	SOCKFILTER_LATE = 16,
};

/* Which socket of a port's reuseport group gets a packet. */
struct sockfilter_steering {
	uint8_t prefix; /* mp_sid_prefix() */
	uint8_t token[ARENA_TOKEN];
	uint8_t control; /* the agent's index */
	/* Plaintext goes to the first claim that it fits, else to `plain'. */
	const struct sockfilter_claim *claim;
	size_t nclaims;
	uint8_t plain;
	uint8_t slot[MP_SLOTS_MAX]; /* index of each slot; 255: none */
	/* What data of a connected socket's peer begins with, whichever slot
	 * that names; 0: none. */
	uint32_t sid[MP_SLOTS_MAX][2];
	/* What data begins with that names a connected socket's slot, and is
	 * not of its peer: to the agent.  A sid that is not known yet, as of a
	 * session that the socket itself has just begun, is its peer's. */
	uint32_t other[SOCKFILTER_OTHERS];
	size_t nothers;
	/* What packets begin with that are under way to sockets which had the
	 * port before, C bit apart: to the agent, which drops them.  At a data
	 * socket they would count as lost. */
	uint32_t late[SOCKFILTER_LATE];
	size_t nlate;
	/* Where there are more of `other': to the sockets of these slots (bits)
	 * goes only what is known to be their peers'. */
	uint32_t only;
	uint8_t probed; /* the index that INTERNAL_LOCATE goes to */
};
/* Attaches it to the group of `fd' unless it is attached: 0, or a negative
 * errno.  *mark tells what was attached last; 0: something else. */
int sockfilter_steer(int fd, const struct sockfilter_steering *,
    uint64_t *mark);

/* Steers all packets to the group's first socket, until the agent attaches the
 * steering.  `fd' is of that group, or will be its first socket: then this
 * comes before its bind, with SO_REUSEPORT on. */
int sockfilter_steer_first(int fd);

/* Peers whose plaintext is let in. */
struct sockfilter_prefix {
	struct mp_addr addr; /* port 0: any */
	uint8_t len;	     /* bits of the IPv6 form, 0..128 */
	bool drop;	     /* rather: it is dropped */
};

struct sock_filter;

/* What the socket filter of one data socket lets in. */
struct sockfilter_rules {
	uint8_t prefix; /* mp_sid_prefix(); 0: not known yet */
	uint8_t token[ARENA_TOKEN];
	bool v4, v6;	    /* the families that the program sees */
	bool local_only;    /* plaintext must have been sent to `local' */
	struct mp_addr local;
	/* Plaintext: */
	bool dns;	    /* from port 53 */
	bool multicast;	    /* to multicast groups */
	bool broadcast;	    /* to broadcast addresses */
	bool here;	    /* that this host sent to itself */
	const struct sockfilter_prefix *peers; /* the first that fits decides */
	size_t npeers;
	bool all_plain;	    /* all other */
	/* The program's own filter: plaintext has to pass both. */
	const struct sock_filter *then;
	size_t nthen;
};
/* Attaches it to the socket, with a mark as above: 0, or a negative errno
 * (-E2BIG: too many). */
int sockfilter_attach(int fd, const struct sockfilter_rules *,
    uint64_t *mark);

#endif
