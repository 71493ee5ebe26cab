/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that came to one socket of a port and are for another.
 *
 * A server that connects its listening socket and binds another one has, in
 * between, none that takes strangers, and the first one has in its queue what
 * others sent.  Their datagrams go on to the next socket; while there is none,
 * the agent keeps them.
 */
#ifndef RX_REQUEUE_H
#define RX_REQUEUE_H

#include "rx_packet.h"

/* The payload of `in' goes to another slot, or to its own once more. */
void rx_requeue_to(struct rx *, uint32_t slot, const struct mp_addr *from,
    const uint8_t *payload, size_t len);
/* The payload is of a peer that the socket was not connected to: it goes to
 * whose it will be.  False: nobody's. */
bool rx_requeue(struct rx *);

#endif
