/* SPDX-License-Identifier: ISC */
/*
 * The sockets of a port: which slot each has, and its index in the reuseport
 * group that the kernel's steering goes by.
 *
 * Indices follow the order of binding, the control socket's is 1 (0 is the
 * port's first socket).  When a socket closes, the kernel puts the group's last
 * into its place.  When several closed since we looked, it may be unknown which
 * went first, and so who is where: those get PORT_UNKNOWN until
 * group_index_find() has asked the kernel.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "port.h"

/* Gives a socket a slot: its number, or a negative errno.  `raced': others were
 * found to be gone just now. */
int slots_add(struct port *, const struct ipc_request *, pid_t, bool raced);
/* These sockets are gone; bits. */
void slots_drop(struct port *, uint32_t gone);
/* Ends slots that waited to deliver what their program had sent before it was
 * gone: those that have, or are late. */
void slots_part(struct port *);
/* The slot of a socket, or -1. */
int slots_find(const struct port *, uint64_t cookie);
/* Reads the slots' records of an arena that has served already; `control_new':
 * the control socket of then is gone, ours came last.  0, or -EINVAL. */
int slots_recover(struct port *, bool control_new);

#endif
