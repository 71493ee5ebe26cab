/* SPDX-License-Identifier: ISC */
/*
 * Internal datagrams: what the agent and the processes of one port tell each
 * other through the kernel's own queues, so that a program's socket is readable
 * exactly when there is something for it.
 *
 *	0         1      2   3      4            20        32
 *	| 0       | slot | 0 | kind | token 16   | nonce 12 | AEAD(body) + 16 |
 *
 * They go from a socket of the port to 127.109.112.1 (or the one address that it
 * is bound to) and its own port.  A sid never begins with 0.  The low
 * bit of `kind' is the C bit: 1 goes to the agent, 0 to the socket of `slot'.
 * The kernel's filters check the token, so that nobody else can make a socket
 * readable; the AEAD keeps what is in them from those who watch loopback.
 */
#ifndef INNER_H
#define INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "net.h"

enum inner_kind {
	INNER_DATA = 2,	 /* a datagram for the program: from, then payload */
	INNER_AGAIN = 8, /* as DATA: the program's already, and put back */
	INNER_ERROR = 4, /* of a peer: from, then errno (4 bytes) */
	INNER_WAKE = 1,	 /* the engine's deadline is nearer than `armed' */
	INNER_LOOK = 3,	 /* a socket may be gone */
	INNER_PARK = 5,	 /* as DATA; its peer's next socket is not there yet */
	INNER_PROBE = 6, /* the filter of a data socket drops it, and so the
			  * kernel counts it there: which socket is it? */
};

enum inner_bound {
	INNER_HEAD = 20,     /* what the filters look at */
	INNER_OVERHEAD = 66, /* bytes around the payload */
};

struct inner {
	enum inner_kind kind;
	uint32_t slot;
	struct mp_addr from; /* of all with a body, as the program knows it */
	size_t off, len;     /* of the payload, within the opened packet */
};

/* Is this one of ours?  Looks at the head alone. */
bool inner_is(const struct arena *, const uint8_t *packet, size_t len);
/* Makes one in `out' of len + INNER_OVERHEAD bytes; returns its length. */
size_t inner_make(struct arena *, const struct inner *,
    const void *payload, size_t len, uint8_t *out);
/* Opens one in place; false: not what we made. */
bool inner_open(const struct arena *, struct inner *, uint8_t *packet,
    size_t len);
/* What an opened ERROR says: an errno. */
int inner_error(const struct inner *, const uint8_t *packet);
/*
 * Sends one by the socket `fd' of the port: 0, or a negative errno.  Does not
 * block.  `buf' has room for len + INNER_OVERHEAD bytes.
 */
int inner_send(struct arena *, int fd, const struct inner *,
    const void *payload, size_t len, uint8_t *buf);
/* The same, where the way there is known. */
int inner_send_as(const struct net_self *, struct arena *, int fd,
    const struct inner *, const void *payload, size_t len, uint8_t *buf);

#endif
