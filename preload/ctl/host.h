/* SPDX-License-Identifier: ISC */
/* The host as mpctl doctor sees it: interfaces, addresses, which way leads
 * where. */
#ifndef HOST_H
#define HOST_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "mp.h"

enum host_bound { HOST_LINKS = 64, HOST_ADDRS = 256 };

enum { HOST_V4, HOST_V6, HOST_FAMILIES };

struct host_link {
	uint32_t ifindex, mtu;
	char name[IFNAMSIZ];
	bool up;	/* and has a carrier */
	bool inside;	/* leads to nobody else, as loopback or docker0 */
	bool bridge;
	bool excluded;	/* by what is asked for */
	bool ethernet;	/* where a route wants a gateway */
	/* By family: has an address that may be used; a route to the target. */
	bool usable[HOST_FAMILIES], routed[HOST_FAMILIES];
};

enum host_state {
	HOST_USABLE,
	HOST_LINK_LOCAL,
	HOST_TENTATIVE,
	HOST_DUPLICATE,
	HOST_DEPRECATED,
};

struct host_addr {
	struct mp_addr is;
	unsigned len; /* of its network */
	enum host_state state;
	struct host_link *link;
};

struct host {
	int fd; /* asks the kernel */
	struct host_link link[HOST_LINKS];
	size_t nlinks;
	struct host_addr addr[HOST_ADDRS];
	size_t naddrs;
	/* Where routes shall lead: the peer, or somewhere in the Internet. */
	struct mp_addr target[HOST_FAMILIES];
	/* Can be judged: the peer is of the family, or some route leads on. */
	bool judged[HOST_FAMILIES];
};

/* Looks: 0, or a negative errno.  `only', `never': names of interfaces, blank
 * separated.  `peer' may be NULL. */
int host_read(struct host *, const struct mp_addr *peer, const char *only,
    const char *never);
/* HOST_V4 or HOST_V6. */
int host_family(const struct mp_addr *);
/* Leads out: up, not excluded, with an address of the family. */
bool host_is_uplink(const struct host_link *);
/* May carry packets to the target, as far as can be told. */
bool host_leads_on(const struct host *, const struct host_link *);
/* How many do. */
size_t host_uplinks(const struct host *);
/* The interface by which the kernel sends from one address to another, or a
 * negative errno. */
int host_route(const struct host *, const struct mp_addr *from,
    const struct mp_addr *to);
/* "192.0.2.1" or "2001:db8::1". */
const char *host_text(const struct mp_addr *, char text[64]);
/* A number in a file of /proc, or -1: it is not there. */
long host_number(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
