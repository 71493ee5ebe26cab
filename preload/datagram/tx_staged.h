/* SPDX-License-Identifier: ISC */
/* Datagrams that cannot go out yet, or not before others. */
#ifndef TX_STAGED_H
#define TX_STAGED_H

#include <stdint.h>

struct tx;

/* Stages the datagram, and sends all that is staged of the peer's session if
 * that is up: 0, or the negative errno that the kernel's send would give. */
int tx_staged_put(struct tx *, uint64_t now);
/* Sends all that is staged of the peer's session, one by one: how many. */
int tx_staged_send_all(const struct tx *);

#endif
