/* SPDX-License-Identifier: ISC */
/* The sockets of a port: which slot each has, and its index in the group. */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ipc_request;
struct port;

/* After each of these that changes a slot, the caller steers the group. */

/* Gives a socket a slot: its number, or a negative errno.  `raced': the scan
 * just before found other sockets gone. */
int slots_add(struct port *, const struct ipc_request *, pid_t, bool raced);
/* The sockets of these slots (bits) no longer exist. */
void slots_drop(struct port *, uint32_t gone);
/* Ends parting slots: those that have delivered, or all when time is up. */
void slots_part(struct port *);
/* The slot of a socket, or -1. */
int slots_find(const struct port *, uint64_t cookie);
/* Reads the slots' records of an arena that has served already; `control_new':
 * its control socket was closed, and this port's was bound last.  0, or
 * -EINVAL: no slot is in use, or -EAGAIN: the lock is not available. */
int slots_recover(struct port *, bool control_new);

#endif
