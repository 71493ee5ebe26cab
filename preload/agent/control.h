/* SPDX-License-Identifier: ISC */
/*
 * Receives control packets and internal datagrams of a port.
 *
 * The lock is taken twice for a batch (to look sessions up, to commit), and is
 * held neither in a system call nor while packets are opened.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct port;
struct watch;

/* The control socket is readable. */
void control_ready(struct watch *, uint32_t events);
/* Takes in what a socket of the port received, and answers handshakes; false:
 * the lock is not available.  The port is due then. */
bool control_take(struct port *, int fd);

#endif
