/* SPDX-License-Identifier: ISC */
/*
 * Which socket of a port gets which packet: the program of its group, and the
 * slot that new sessions get.
 */
#ifndef STEERING_H
#define STEERING_H

#include <stdbool.h>
#include <stdint.h>

struct mp_path;
struct port;

/* Reads what programs changed in their slots' records; where that matters, the
 * group is to be steered (steering_due).  [lock] */
void steering_read_records(struct port *);
/* A session of the port has other keys: its packets begin with another sid.
 * [lock] */
void steering_note_keys(struct port *);
/* The session of a stranger that came by this path goes to the socket that the
 * kernel would have given the stranger's datagram.  [lock] */
void steering_accept(struct port *, const struct mp_path *);
/* The slot of the socket that takes strangers; -1: every socket is connected,
 * or there is none. */
int steering_stranger(const struct port *);
/*
 * Attaches the group's program for the slots as they are now, and tells the
 * engine which slot new sessions get.  INTERNAL_LOCATE goes to the index
 * `probed'; PORT_UNKNOWN: nobody sends one.  Without the lock nothing is done
 * but that the group stays to be steered.
 */
void steering_attach(struct port *, uint8_t probed);
/* Is the index of every socket known? */
bool steering_knows_indices(const struct port *);

#endif
