/* SPDX-License-Identifier: ISC */
/*
 * rtnetlink(7): sockets, lists, and the one decoder of the kernel's messages
 * about interfaces, addresses and routes.
 */
#ifndef RTNL_H
#define RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mp.h"

struct nlmsghdr;

enum {
	RTNL_MESSAGE = 32768, /* bytes; the kernel cuts its lists so */
	RTNL_HOPS = 64,	      /* next hops of a route that are read */
};

/* A network interface. */
struct rtnl_link {
	uint32_t ifindex;
	uint32_t mtu;	     /* bytes; 0: the message does not say */
	char name[IFNAMSIZ]; /* "": the message does not say */
	bool gone;	     /* RTM_DELLINK */
	bool enabled;	     /* set up; whether or not it has a carrier */
	bool up;	     /* and has a carrier */
	bool loopback, dummy, bridge;
	bool ethernet;	     /* a route over it needs a gateway */
};

struct rtnl_address {
	struct mp_addr addr; /* without a port */
	uint32_t ifindex;
	uint32_t flags;	     /* IFA_F_... */
	unsigned prefix_len; /* bits */
	bool gone;	     /* RTM_DELADDR */
};

struct rtnl_route {
	int family;	     /* AF_INET or AF_INET6 */
	struct mp_addr dst;
	unsigned dst_len;    /* bits of dst that count: 0 to 32, or to 128 */
	unsigned table;	     /* RT_TABLE_... */
	unsigned type;	     /* RTN_... */
	struct mp_addr source; /* that the kernel would choose; or :: */
	struct mp_addr gateway; /* or :: */
	bool cloned;	     /* an entry of the kernel's cache */
	bool gone;	     /* RTM_DELROUTE */
	uint32_t hop[RTNL_HOPS]; /* interfaces that it leads to */
	size_t nhops;
};

/* A socket that hears these groups: a descriptor, or a negative errno. */
int rtnl_open(int flags, uint32_t groups);
/* Receives a datagram of the kernel into memory that lasts until the next call:
 * bytes, or a negative errno. */
ssize_t rtnl_hear(int fd, int flags, const struct nlmsghdr **);
/* Asks for a list of this type and hands each message of it to take(): 0, or a
 * negative errno (-EAGAIN: the list changed meanwhile, ask again). */
int rtnl_list(int fd, uint16_t type,
    void (*take)(void *arg, const struct nlmsghdr *), void *arg);

/* Each decodes one message; false: the message is of another kind, or
 * damaged. */
bool rtnl_read_link(const struct nlmsghdr *, struct rtnl_link *);
bool rtnl_read_address(const struct nlmsghdr *, struct rtnl_address *);
bool rtnl_read_route(const struct nlmsghdr *, struct rtnl_route *);

/* The route that the kernel takes from one address to another of the same
 * family: 0, or a negative errno (-ENETUNREACH: there is none). */
int rtnl_find_route(int fd, const struct mp_addr *from,
    const struct mp_addr *to, struct rtnl_route *);

/* The same to an address by an interface, from whatever address. */
int rtnl_find_route_by(int fd, uint32_t ifindex, const struct mp_addr *to,
    struct rtnl_route *);

/*
 * The interface that UDP packets of an IPv6 path leave by, from this local port
 * (0: any). Where it is another than the path's, *any_source says that :: as
 * source would make them leave by the path's, with the path's source all the
 * same. any_source NULL: that is not possible.  The path's interface, where the
 * kernel gives no answer.
 */
uint32_t rtnl_leaves_by(int fd, const struct mp_path *, uint16_t port,
    bool *any_source);

#endif
