/* SPDX-License-Identifier: ISC */
/* The host as mpctl doctor sees it: interfaces, addresses and routes. */
#ifndef HOST_H
#define HOST_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

enum host_bound { HOST_LINKS = 64, HOST_ADDRS = 256 };

enum { HOST_V4, HOST_V6, HOST_FAMILIES };

struct host_link {
	uint32_t ifindex, mtu;
	char name[IFNAMSIZ];
	bool enabled;	/* set up; whether or not it has a carrier */
	bool up;	/* and has a carrier */
	bool inside;	/* leads to no other host: loopback, dummy, docker0 */
	bool bridge;
	bool excluded;	/* by the settings */
	bool tunnel;	/* of a program under mpshim, as exam_net.c found */
	bool ethernet;	/* a route over it needs a gateway */
	/* By family: has a usable address; has a route to the target. */
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
	unsigned len; /* bits of its network's prefix */
	enum host_state state;
	struct host_link *link;
};

struct host {
	int fd; /* rtnetlink */
	struct host_link link[HOST_LINKS];
	size_t nlinks;
	struct host_addr addr[HOST_ADDRS];
	size_t naddrs;
	/* Where routes should lead: the peer, or an address that stands for the
	 * Internet. */
	struct mp_addr target[HOST_FAMILIES];
	/* A missing route counts: the peer is of the family, or some interface
	 * has a route to the target. */
	bool judged[HOST_FAMILIES];
};

/* Reads it all from the kernel: 0, or a negative errno.  `only' and `never' are
 * names of interfaces that the settings choose and exclude, blank separated.
 * `peer' may be NULL. */
int host_read(struct host *, const struct mp_addr *peer, const char *only,
    const char *never);
/* HOST_V4 or HOST_V6. */
int host_family(const struct mp_addr *);
/* Up, not inside, not excluded, and with a usable address of some family. */
bool host_is_uplink(const struct host_link *);
/* An uplink with a route to the target, or of a family of which routes cannot
 * be judged. */
bool host_leads_on(const struct host *, const struct host_link *);
/* How many links host_leads_on(). */
size_t host_uplinks(const struct host *);
/* The index of the interface over which the kernel sends from one address to
 * another, or a negative errno. */
int host_route(const struct host *, const struct mp_addr *from,
    const struct mp_addr *to);
/* The interface that IPv6 from a usable address to the target leaves by under
 * mpshim: the address's own, or another one. */
uint32_t host_leaves_by(const struct host *, const struct host_addr *);
/* The name of an interface, or "". */
const char *host_link_name(const struct host *, uint32_t ifindex);
/* The gateway of a link's route towards the family's target, :: where it needs
 * none; false: the link has no such route. */
bool host_gateway(const struct host *, const struct host_link *, int family,
    struct mp_addr *);
/* "192.0.2.1" or "2001:db8::1". */
const char *host_text(const struct mp_addr *, char text[64]);
/* The number in a file of /proc, or -1: there is no such file. */
long host_number(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
