/* SPDX-License-Identifier: ISC */
/*
 * Which socket of a port gets what: the steering of its reuseport group, and
 * where strangers go.
 */
#ifndef GROUP_H
#define GROUP_H

#include <stdint.h>

#include "port.h"

/* [lock] Has a record changed?  Then notes it for group_steer(). */
void group_look(struct port *);
/* [lock] A stranger who came by this path shall get the socket that the kernel
 * would have given a datagram of his. */
void group_expect(struct port *, const struct mp_path *);
/* The slot of the socket that takes strangers, or -1: there is none. */
int group_stranger(const struct port *);
/* A session has other keys: its packets may have to be steered anew. */
void group_rekeyed(struct port *);
/* Steers the group as the slots are now, and tells the engine where new
 * sessions go. */
void group_steer(struct port *);
/* The same, with INNER_PROBE going to this index of the group. */
void group_steer_probe(struct port *, uint8_t probed);

#endif
