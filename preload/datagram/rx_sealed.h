/* SPDX-License-Identifier: ISC */
/* Opens packets of sessions that came to a socket. */
#ifndef RX_SEALED_H
#define RX_SEALED_H

#include <stdbool.h>

struct rx;

/* The packet that rx_bundle_next() found, and for a program with UDP_GRO those
 * behind it: RX_GIVE, RX_DROP, or a negative errno.  `peek': they stay in the
 * queue. */
int rx_sealed_open(struct rx *, bool peek);

#endif
