/* SPDX-License-Identifier: ISC */
/*
 * Which socket of a port gets what: the steering of its reuseport group, and
 * where strangers go.
 */
#ifndef STEERING_H
#define STEERING_H

#include <stdint.h>

#include "port.h"

/* [lock] Has a record changed?  Then notes it for steering_update(). */
void steering_note(struct port *);
/* [lock] A stranger who came by this path shall get the socket that the kernel
 * would have given a datagram of his. */
void steering_expect(struct port *, const struct mp_path *);
/* The slot of the socket that takes strangers, or -1: there is none. */
int steering_stranger(const struct port *);
/* A session has other keys: its packets may have to be steered anew. */
void steering_rekeyed(struct port *);
/* Steers the group as the slots are now, and tells the engine where new
 * sessions go. */
void steering_update(struct port *);
/* The same, with INTERNAL_LOCATE going to this index of the group. */
void steering_probe(struct port *, uint8_t probed);

#endif
