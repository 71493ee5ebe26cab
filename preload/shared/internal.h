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
#ifndef INTERNAL_H
#define INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "net.h"

enum internal_kind {
	INTERNAL_DATA = 2,	 /* a datagram for the program: from, then payload */
	INTERNAL_AGAIN = 8, /* as DATA: the program's already, and put back */
	INTERNAL_ERROR = 4, /* of a peer: from, then errno (4 bytes) */
	INTERNAL_WAKE = 1,	 /* the engine's deadline is nearer than `wakeup_at' */
	INTERNAL_CLOSING = 3,	 /* a socket may be gone */
	INTERNAL_BACKLOG = 5,	 /* as DATA; its peer's next socket is not there yet */
	INTERNAL_LOCATE = 6, /* the filter of a data socket drops it, and so the
			  * kernel counts it there: which socket is it? */
};

enum internal_bound {
	INTERNAL_HEAD = 20,     /* what the filters look at */
	INTERNAL_OVERHEAD = 66, /* bytes around the payload */
};

struct internal {
	enum internal_kind kind;
	uint32_t slot;
	struct mp_addr from; /* of all with a body, as the program knows it */
	size_t off, len;     /* of the payload, within the opened packet */
};

/* Is this one of ours?  Looks at the head alone. */
bool internal_is(const struct arena *, const uint8_t *packet, size_t len);
/* Makes one in `out' of len + INTERNAL_OVERHEAD bytes; returns its length. */
size_t internal_make(struct arena *, const struct internal *,
    const void *payload, size_t len, uint8_t *out);
/* Opens one in place; false: not what we made. */
bool internal_open(const struct arena *, struct internal *, uint8_t *packet,
    size_t len);
/* What an opened ERROR says: an errno. */
int internal_error(const struct internal *, const uint8_t *packet);
/*
 * Sends one by the socket `fd' of the port: 0, or a negative errno.  Does not
 * block.  `buf' has room for len + INTERNAL_OVERHEAD bytes.
 */
int internal_send(struct arena *, int fd, const struct internal *,
    const void *payload, size_t len, uint8_t *buf);
/* The same, where the way there is known. */
int internal_send_as(const struct net_self *, struct arena *, int fd,
    const struct internal *, const void *payload, size_t len, uint8_t *buf);

#endif
