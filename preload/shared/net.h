/* SPDX-License-Identifier: ISC */
/* Addresses and control messages: from the kernel's forms to the engine's and
 * back. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "mp.h"

enum {
	NET_CONTROL = 352, /* room for a packet's control messages, bytes */
	NET_LOOPBACK = 1,  /* ifindex of lo in each network namespace */
};

bool net_is_v4(const struct mp_addr *);	       /* ::ffff:0:0/96 */
bool net_is_any(const struct mp_addr *);       /* 0.0.0.0 or :: */
bool net_is_loopback(const struct mp_addr *);  /* 127/8 or ::1 */
bool net_is_multicast(const struct mp_addr *); /* 224/4 or ff00::/8 */
bool net_is_link_local(const struct mp_addr *); /* fe80::/10 */
/* Does it say nothing without an interface?  Those of a link, or of one
 * interface, also groups. */
bool net_is_zoned(const struct mp_addr *);
bool net_equal(const struct mp_addr *, const struct mp_addr *);

/* FNV-1a, but never 0. */
uint64_t net_hash(const void *, size_t len);

/* From a socket address; false: neither IPv4 nor IPv6, or too short. */
bool net_get(struct mp_addr *, const struct sockaddr *, socklen_t);
/*
 * To a socket address of this family, as the kernel would write it into
 * `name' of `size' bytes (cut short where that is too small).  Returns its
 * full length.  IPv4 in AF_INET6 is written ::ffff:a.b.c.d; IPv6 in AF_INET
 * cannot be and gives 0.
 */
socklen_t net_put(const struct mp_addr *, int family, struct sockaddr *name,
    socklen_t size);

/*
 * The zone of an address, which the engine's has not: the interface of one that
 * says nothing without (net_is_zoned()), of others 0.  Read from a socket
 * address; and written to one of `size' bytes, if it is such an address.
 */
uint32_t net_zone(const struct sockaddr *, socklen_t);
void net_put_zone(struct sockaddr *, socklen_t size, uint32_t zone);

/* Where a socket of a port sends internal datagrams to its own port. */
struct net_self {
	uint32_t device;  /* interface that the socket is bound to; or 0 */
	struct mp_addr at; /* on loopback, or the one address it is bound to */
	int family;	  /* the kernel socket's; 0: nothing is known */
};

/* What the kernel tells about a packet that arrived. */
struct net_info {
	struct mp_addr local; /* the address it was sent to; port 0 */
	uint32_t ifindex;
	uint64_t arrival; /* CLOCK_BOOTTIME us; MP_NEVER: unknown */
	int tos;	  /* TOS or traffic class; -1: unknown */
	int ttl;	  /* TTL or hop limit; -1: unknown */
	uint8_t spec[4];  /* ipi_spec_dst of IP_PKTINFO, or zeros */
	uint32_t segment; /* of a bundle: bytes of each datagram but the last;
			   * 0: it is none (UDP_GRO) */
	uint32_t drops;	  /* at the socket, until it came: SO_RXQ_OVFL; or 0 */
	bool marked, ranked; /* `mark', `priority' are told: SO_RCVMARK,
			      * SO_RCVPRIORITY */
	uint32_t mark, priority;
	int stamped;	  /* cmsg_type of `stamping'; 0: there is none */
	struct timespec stamp, stamping[3]; /* as SO_TIMESTAMPNS and
					     * SO_TIMESTAMPING give them */
};
/* Reads a received message's control messages. */
void net_info_read(const struct msghdr *, struct net_info *);

/*
 * Fills msg_name and msg_control of `msg' (whose buffers have room for a
 * sockaddr_in6 and NET_CONTROL bytes) so that a socket of this kernel family
 * sends along the path.
 */
void net_aim(struct msghdr *msg, enum mp_family kernel, const struct mp_path *);

/* Appends a control message, unless that would exceed NET_CONTROL bytes. */
void net_add(struct msghdr *msg, int level, int type, const void *data,
    size_t len);

/* TOS and TTL of a packet of that IP version; -1: those of the socket.
 * NET_MINUS: the program itself gave -1, which is passed on, since kernels
 * differ about it. */
enum { NET_MINUS = -2 };
void net_add_tos(struct msghdr *, bool v4, int tos, int ttl);

/* The source address, with port 0, that the kernel's routes give towards this
 * destination; false: none. */
bool net_source(enum mp_family kernel, const struct mp_addr *to,
    struct mp_addr *local);

/* The MTU of the route there, bytes; 0: unknown. */
int net_mtu(enum mp_family kernel, const struct mp_addr *to);

/* Switches on what net_info_read() reads for the engine: PKTINFO,
 * timestamps. */
void net_options(int fd, enum mp_family kernel);

/* The interface that a socket is bound to (SO_BINDTODEVICE), or 0. */
uint32_t net_device(int fd);

/* Is an AF_INET6 socket closed for IPv4? */
bool net_is_v6only(int fd);

/* Fills it in for this socket; false: the socket has no address. */
bool net_self_learn(int fd, struct net_self *);

/* "192.0.2.1:60001" or "[2001:db8::1]:60001". */
enum { NET_TEXT = 56 };
const char *net_text(const struct mp_addr *, char text[NET_TEXT]);

#endif
