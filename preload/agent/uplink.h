/* SPDX-License-Identifier: ISC */
/*
 * By which interface a port's IPv6 packets leave.  With a source address the
 * kernel takes the interface of a control message for a wish (doc/design.md,
 * K5), so where two interfaces have addresses of IPv6 it is asked (K39).
 */
#ifndef UPLINK_H
#define UPLINK_H

#include <stdbool.h>

struct mp_path;
struct port;

/* Asks about the flows that the engine wants to know of.  The lock is held, and
 * is given up meanwhile; false: it is not available again.  *more: some are
 * left. */
bool uplink_ask(struct port *, bool *more);
/* The same for a packet of no flow, the answer to a handshake. */
void uplink_aim(const struct port *, struct mp_path *);

#endif
