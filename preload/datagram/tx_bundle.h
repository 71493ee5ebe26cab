/* SPDX-License-Identifier: ISC */
/* Several datagrams to one peer, in one send: tx_bundle.c. */
#ifndef TX_BUNDLE_H
#define TX_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_bundle;
struct tx;

/* Datagrams that have the peer and the options of one struct tx: each of `len'
 * bytes, the last one of `last', at most as many. */
struct tx_run {
	const uint8_t *payload; /* of the first one */
	size_t stride;		/* from one to the next, bytes */
	size_t len, last;
	unsigned n;
};

/* How many datagrams of that length go into one send, and their packets into
 * the thread's buffer: 1 at least. */
unsigned tx_bundle_most(size_t len);
/* Sends as many as go together, from the first one on, and `most' of them,
 * without time stamps: how many that were; 0: the first one is to go by itself,
 * which tells why; or its negative errno. */
int tx_bundle_send(struct tx *, const struct tx_run *, unsigned most);
/* Seals the packets of a bundle that was begun for the run's first ones, which
 * are tx_bundle_most() at most, and gives them to the kernel at once: 0, or the negative errno with which none
 * went.  *refused: the kernel does not send bundles there, so they are to go
 * one by one. */
int tx_bundle_give(struct tx *, const struct mp_bundle *, const struct tx_run *,
    bool *refused);
/* What the engine is told of that. */
int tx_bundle_error(int error, bool refused);

#endif
