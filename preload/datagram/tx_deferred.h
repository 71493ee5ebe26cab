/* SPDX-License-Identifier: ISC */
/*
 * Datagrams of a signal handler that interrupted this thread while it held an
 * arena's lock: kept until that is free, as if the signal had come a moment
 * later.
 */
#ifndef TX_DEFERRED_H
#define TX_DEFERRED_H

#include "tx_option.h"

struct tx_deferred {
	void (*send)(const struct tx_deferred *, const uint8_t *payload);
	int fd, flags;
	uint64_t cookie; /* of the socket */
	unsigned forks;	 /* forked_times() */
	struct mp_addr dst;
	struct tx_option ask;
	size_t len;
};

/* Its send() is called when this thread has given the lock back.  Where there is
 * no place for it, it is lost as on the way. */
void tx_deferred_put(const struct tx_deferred *, const uint8_t *payload);

#endif
