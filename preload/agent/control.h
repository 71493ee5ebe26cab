/* SPDX-License-Identifier: ISC */
/*
 * Control packets of a port, as they come in.
 *
 * The lock is taken twice for a batch (to look up, to take in), never across a
 * system call or the opening of packets.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "port.h"

/* The control socket has something. */
void control_ready(struct watch *, uint32_t events);
/* Takes in what came to a socket of the port, and answers it; false: the lock
 * is not to be had. */
bool control_take(struct port *, int fd);
/* While the lock cannot be had, packets wait in the kernel. */
void control_pause(struct port *);
void control_resume(struct port *);

#endif
