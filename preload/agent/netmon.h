/* SPDX-License-Identifier: ISC */
/*
 * The host's addresses and links, as rtnetlink tells of them, and what changes
 * in the routes.
 */
#ifndef NETMON_H
#define NETMON_H

#include <net/if.h>
#include <stdbool.h>

#include "loop.h"
#include "mp.h"

struct agent;

/* A network interface. */
struct link {
	uint32_t ifindex, mtu;
	bool up; /* and has a carrier */
	bool nowhere; /* carries addresses, but no packets to others */
	char name[IFNAMSIZ];
};

/* An address that may be used. */
struct address {
	uint8_t ip[16];
	uint32_t ifindex;
};

struct netmon {
	int dump; /* a socket that asks; `watch' hears */
	struct watch watch;
	struct alarm soon;
	struct link *link;
	size_t nlinks;
	struct address *address;
	size_t naddresses;
	bool changed; /* a list, since the ports were told */
	/* Interfaces that changed since. */
	uint32_t event[8];
	unsigned nevents;
	uint64_t quiet_until; /* the next burst of events waits so long */
};

/* Opens its sockets and reads the lists: 0, or a negative errno. */
int netmon_init(struct agent *);
/* An interface, or NULL. */
struct link *netmon_link(const struct netmon *, uint32_t ifindex);
/* The name of an interface, or "". */
const char *netmon_name(const struct netmon *, uint32_t ifindex);

#endif
