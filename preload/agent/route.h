/* SPDX-License-Identifier: ISC */
/*
 * Is there a route along a path?
 *
 * Where an IPv4 packet is told its interface and no route leads there through
 * it, Linux takes the peer for a neighbour: it sends the packet nowhere and
 * says nothing.  (IPv6 says so.)  So the kernel is asked, and its answers are
 * kept until a route, an address or a link changes.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>

#include "mp.h"

struct agent;

enum { ROUTE_KEPT = 1024 };

struct route_answer {
	uint8_t local[4], remote[4];
	uint32_t ifindex;
	uint32_t when; /* routes.changes + 1; 0: nothing here */
	bool leads;
};

struct routes {
	uint32_t changes; /* counts them */
	struct route_answer kept[ROUTE_KEPT];
};

/* Does it lead there?  True where we cannot know. */
bool route_leads(struct agent *, const struct mp_path *);
/* Something changed. */
void route_changed(struct agent *);

#endif
