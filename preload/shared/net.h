/* SPDX-License-Identifier: ISC */
/* Addresses and control messages: the kernel's shapes and the engine's. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "mp.h"

enum { NET_CONTROL = 256 }; /* bytes of control messages that we want room for */

bool net_is_v4(const struct mp_addr *);	       /* ::ffff:0:0/96 */
bool net_is_any(const struct mp_addr *);       /* 0.0.0.0 or :: */
bool net_is_loopback(const struct mp_addr *);  /* 127/8 or ::1 */
bool net_is_multicast(const struct mp_addr *); /* 224/4 or ff00::/8 */
bool net_is_link_local(const struct mp_addr *); /* fe80::/10 */
bool net_equal(const struct mp_addr *, const struct mp_addr *);

/* Never 0. */
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

/* Where a socket of a port reaches the port itself. */
struct net_self {
	uint32_t device;  /* interface that it is bound to; or 0 */
	struct mp_addr at; /* loopback, or the one address it is bound to */
	int family;	  /* the kernel's; 0: nothing is known */
};

/* What came with a datagram. */
struct net_info {
	struct mp_addr local; /* that it was sent to; port 0 */
	uint32_t ifindex;
	uint64_t arrival; /* CLOCK_BOOTTIME us; MP_NEVER: unknown */
	int tos;	  /* TOS or traffic class; -1: unknown */
	int ttl;	  /* TTL or hop limit; -1: unknown */
	uint8_t spec[4];  /* ipi_spec_dst, where the kernel told it */
	int stamped;	  /* the type of `stamping'; 0: there is none */
	struct timespec stamp, stamping[3]; /* as SO_TIMESTAMPNS and
					     * SO_TIMESTAMPING give them */
};
void net_info_read(const struct msghdr *, struct net_info *);

/*
 * Fills msg_name and msg_control of `msg' (whose buffers have room for a
 * sockaddr_in6 and NET_CONTROL bytes) so that a socket of this kernel family
 * sends along the path.
 */
void net_aim(struct msghdr *msg, enum mp_family kernel, const struct mp_path *);

/* One more control message, where NET_CONTROL bytes have room for it. */
void net_add(struct msghdr *msg, int level, int type, const void *data,
    size_t len);

/* TOS and TTL of a packet to an address of that family; -1: as the socket has
 * them; NET_MINUS: the -1 that a program gave, of which kernels think one way or
 * another. */
enum { NET_MINUS = -2 };
void net_add_tos(struct msghdr *, bool v4, int tos, int ttl);

/* Which of our addresses would the kernel use towards this one?  Port 0; false:
 * none. */
bool net_source(enum mp_family kernel, const struct mp_addr *to,
    struct mp_addr *local);

/* The MTU of the way there, or 0. */
int net_mtu(enum mp_family kernel, const struct mp_addr *to);

/* The options that the engine wants of a socket: PKTINFO, timestamps. */
void net_options(int fd, enum mp_family kernel);

/* The interface that a socket is bound to (SO_BINDTODEVICE), or 0. */
uint32_t net_device(int fd);

/* Fills it in for this socket; false: it cannot be told. */
bool net_self_learn(int fd, struct net_self *);

/* "192.0.2.1:60001" or "[2001:db8::1]:60001". */
enum { NET_TEXT = 56 };
const char *net_text(const struct mp_addr *, char text[NET_TEXT]);

#endif
