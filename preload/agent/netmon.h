/* SPDX-License-Identifier: ISC */
/* The host's addresses and links, and that its routes change: by rtnetlink(7),
 * since sends do not show that a carrier is lost (K25 of doc/design.md). */
#ifndef NETMON_H
#define NETMON_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "mp.h"

/* A network interface. */
struct link {
	uint32_t ifindex, mtu;
	bool up; /* and has a carrier */
	bool bridge;
	bool nowhere; /* carries addresses, but no packets to other hosts */
	uint32_t lower; /* the interface that carries this one; 0: none */
	struct mp_addr outer; /* a tunnel's other end, or ::, whose route tells
			       * `lower' */
	char name[IFNAMSIZ];
};

/* An address that may be used. */
struct address {
	uint8_t ip[16];
	uint32_t ifindex;
};

enum { NETMON_EVENTS = 8 }; /* changed interfaces that are kept, at most */

/* What changed since the last call of netmon.tell. */
struct netmon_change {
	bool lists; /* addresses or links */
	bool lost;  /* the kernel dropped messages; the lists were read anew */
	const uint32_t *event; /* interfaces whose link or routes changed;
				* MP_NONE: all */
	unsigned nevents;
};

struct netmon {
	struct loop *loop;
	void (*tell)(struct netmon *, const struct netmon_change *);
	int dump; /* the socket that asks for lists; `watch' hears of changes */
	struct watch watch;
	struct alarm soon;
	struct link *link;
	size_t nlinks;
	struct address *address;
	size_t naddresses;
	/* Not told yet: */
	bool changed, lost;
	uint32_t event[NETMON_EVENTS];
	unsigned nevents;
	uint64_t quiet_until; /* events are told no earlier */
};

/* Opens its sockets and reads the lists: 0, or a negative errno.  `tell' is
 * called from the loop. */
int netmon_init(struct netmon *, struct loop *,
    void (*tell)(struct netmon *, const struct netmon_change *));
/* The interface that an interface's packets leave by in the end, within
 * whatever they are put; 0: by itself, or not known. */
uint32_t netmon_lowest(const struct netmon *, const struct link *);
/* An interface, or NULL. */
struct link *netmon_link(const struct netmon *, uint32_t ifindex);
/* Have two interfaces addresses of IPv6 that packets to others come from? */
bool netmon_has_two_ipv6(const struct netmon *);
/* The name of an interface, or "". */
const char *netmon_name(const struct netmon *, uint32_t ifindex);

#endif
