/* SPDX-License-Identifier: ISC */
/*
 * Internal datagrams: messages between the sockets of one port, through the
 * kernel's queues, so that a program's socket is readable exactly when there is
 * a datagram for it.
 *
 *	0         1      2   3      4            20        32
 *	| 0       | slot | 0 | kind | token 16   | nonce 12 | AEAD(body) + 16 |
 *
 * A socket of the port sends them to its own port at 127.109.112.1, or at the
 * one address that the port is bound to.  Where the port is bound to a device
 * nothing arrives over loopback: they go to the group ff01::1 of the device
 * (K48), so that each socket of the port gets them, and drops those of others.
 * No sid begins with 0 (PROTOCOL.md 1).
 * The low bit of `kind' is the C bit, which steers: 1 to the agent, 0 to the
 * socket of `slot'.  The socket filters check the token, so that no stranger
 * can make a socket readable; the AEAD hides the body from a capture of the
 * loopback interface.
 */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct arena;
struct net_self;

enum internal_kind {
	/* to the socket of `slot' */
	INTERNAL_DATA = 2,  /* a datagram for the program: from, then payload */
	INTERNAL_AGAIN = 8, /* as DATA: the program had it and put it back */
	INTERNAL_LAST = 10, /* as DATA: the agent kept it; another socket that
			     * gets it does not pass it on */
	INTERNAL_ERROR = 4, /* of a peer: from, then an errno in 4 bytes */
	INTERNAL_LOCATE = 6, /* each data socket's filter drops it, and the
			      * kernel counts the drop: so the agent learns
			      * which socket has an index of the group */
	/* ICMP errors, struct icmp_error (see datagram/icmp.c) */
	INTERNAL_ICMP = 12, /* about a packet of the port, as it came */
	INTERNAL_ICMP_TOLD = 14, /* about a datagram: the program is to get it */
	/* to the agent */
	INTERNAL_WAKE = 1,  /* the engine's deadline is before `wakeup_at' */
	INTERNAL_CLOSING = 3, /* a socket may be closed */
	INTERNAL_ICMP_JUDGE = 9, /* about a datagram: tell it if no path is left */
	INTERNAL_ASTRAY = 7, /* as DATA, which came to another slot's socket:
			      * its own may be closed */
	INTERNAL_BACKLOG = 5, /* as DATA, for the port's next socket, which is
			       * not bound yet */
};

enum internal_bound {
	INTERNAL_HEAD = 20,     /* bytes that the kernel's filters look at */
	INTERNAL_OVERHEAD = 93, /* bytes around the payload */
};

struct internal {
	enum internal_kind kind;
	uint32_t slot;
	struct mp_addr from; /* the peer as the program knows it; not of
			      * LOCATE, WAKE and CLOSING */
	int16_t tos, ttl;    /* with which the datagram arrived; of AGAIN, LAST,
			      * DATA, ASTRAY and BACKLOG; -1: unknown */
	uint32_t zone;	     /* of `from': net_zone() */
	struct mp_copy copy; /* of DATA, ASTRAY and LAST: who gives it to the
			      * program asks mp_recv_copy() */
	size_t off, len;     /* of the payload, within the opened packet */
	uint32_t stamps;     /* SO_TIMESTAMPING flags by which the kernel stamps
			      * and counts what is sent; the program's own are
			      * not for it */
};

/* Does the head look like one of this port's? */
bool internal_is(const struct arena *, const uint8_t *packet, size_t len);
/* Makes one in `out' of len + INTERNAL_OVERHEAD bytes; returns its length. */
size_t internal_make(struct arena *, const struct internal *,
    const void *payload, size_t len, uint8_t *out);
/* Opens one in place; false: it is forged. */
bool internal_open(const struct arena *, struct internal *, uint8_t *packet,
    size_t len);
/* The errno of an opened ERROR. */
int internal_error(const struct internal *, const uint8_t *packet);
/*
 * Sends one by the socket `fd' of the port: 0, or a negative errno.  Does not
 * block.  `buf' has room for len + INTERNAL_OVERHEAD bytes.
 */
int internal_send(struct arena *, int fd, const struct internal *,
    const void *payload, size_t len, uint8_t *buf);
/* The same of one that is made, and to an address that is known. */
int internal_send_made(const struct net_self *, struct arena *, int fd,
    const struct internal *, uint8_t *packet, size_t len);
/* The same to an address that is known. */
int internal_send_as(const struct net_self *, struct arena *, int fd,
    const struct internal *, const void *payload, size_t len, uint8_t *buf);

#endif
