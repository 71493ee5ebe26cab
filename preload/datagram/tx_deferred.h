/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that a signal handler sends while the thread that it interrupted
 * holds an arena's lock: kept until the lock is released, as if the signal had
 * come a moment later.
 */
#ifndef TX_DEFERRED_H
#define TX_DEFERRED_H

#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "tx_option.h"

struct tx_deferred {
	void (*send)(const struct tx_deferred *, const uint8_t *payload);
	int fd, flags;
	uint64_t cookie; /* of the socket */
	unsigned forks;	 /* forked_times() when it was deferred */
	struct mp_addr dst;
	struct tx_option ask;
	size_t len; /* bytes of the payload */
};

/* Copies it; its send() is called when this thread has released the lock.
 * Where there is no room the datagram is lost, as one is on the network. */
void tx_deferred_put(const struct tx_deferred *, const uint8_t *payload);

#endif
