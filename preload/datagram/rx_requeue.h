/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that arrived at one socket of a port and are for another, sent
 * there as internal datagrams.
 *
 * A server that connects its listening socket to a client and then binds a new
 * listening socket has, in between, no socket for other clients, whose
 * datagrams are in the first one's queue.  They go on to the new socket; until
 * it is there the agent keeps them (its backlog).
 */
#ifndef RX_REQUEUE_H
#define RX_REQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp_addr;
struct mp_copy;
struct rx;

/* Sends a payload to a slot: another one, or its own once more. */
void rx_requeue_to(struct rx *, uint32_t slot, const struct mp_addr *from,
    const uint8_t *payload, size_t len);
/* Sends the payload of `in', which is an internal datagram's for another slot,
 * to the agent's backlog. */
void rx_requeue_astray(struct rx *, uint32_t slot,
    const struct mp_copy *);
/* Sends the payload of `in', whose sender is not the socket's peer, to the
 * agent's backlog.  False: the socket was connected over 5 s ago, it is
 * dropped. */
bool rx_requeue(struct rx *);

#endif
