/* SPDX-License-Identifier: ISC */
/* The way of a datagram through the engine. */
#ifndef TX_SEALED_H
#define TX_SEALED_H

#include <stdbool.h>
#include <sys/socket.h>

struct mp_addr;
struct sock;

/* Messages of one sendmmsg(2) behind a message, which are like that but for
 * their buffers: tx_many_alike(). */
struct tx_more {
	const struct mmsghdr *msgs;
	unsigned n, sent;
};

/*
 * Sends a message of an attached socket to this address, protected: bytes, or a
 * negative errno.  Of more messages like it as many are sent as go, in their
 * order; `more' may be NULL.  *plain: nothing was sent, since no peer answers
 * there and --prefer is set; the caller sends it plain.
 */
ssize_t tx_sealed(int fd, struct sock *, const struct mp_addr *to,
    const struct msghdr *, int flags, struct tx_more *more, bool *plain);

#endif
