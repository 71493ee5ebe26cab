/* SPDX-License-Identifier: ISC */
/* Frees what closed sockets held: slots, and ports without a slot. */
#ifndef SOCKET_GC_H
#define SOCKET_GC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent;

/* Sets the alarms up: 0, or -ENOMEM. */
int socket_gc_init(struct agent *);
/* Scans the sockets of all ports and frees what is left of those that are
 * gone. */
void socket_gc_run(struct agent *);
/* The same for the ports of one number. */
void socket_gc_look(struct agent *, unsigned number);
/* The kernel says that the socket of this port and SO_COOKIE is gone. */
void socket_gc_ended(struct agent *, unsigned port, uint64_t cookie);
/* Runs when this process has ended: the peer of the Unix socket `client', or
 * (-1) the one with that pid.  `stay': the agent serves until then. */
void socket_gc_watch(struct agent *, int client, pid_t, bool stay);

#endif
