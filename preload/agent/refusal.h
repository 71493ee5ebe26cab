/* SPDX-License-Identifier: ISC */
/*
 * Hears that a peer's port is closed, for a connected socket: the program shall
 * get the ECONNREFUSED that the kernel would give it.
 *
 * The peer's host says so by ICMP port unreachable, which the kernel gives to
 * one of the port's sockets, chosen by hash.  So the program makes another
 * socket for it, bound to the address that the kernel would send from and
 * connected to the peer: the kernel gives it what is said about packets
 * between these two (K21, K26 of doc/design.md).  It also gets what the peer
 * sends, which is taken in as if the control socket had received it.  The
 * socket is closed as soon as the session has keys, before anything is sent
 * under them: of a session that was up, ICMP, which anybody can forge, is not
 * believed.  So there is none for a session that begins with a ticket.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdint.h>

struct port;

/* Makes `fd' the refusal socket of a slot; the port owns it from now on, even
 * where this fails: 0, or a negative errno. */
int refusal_open(struct port *, uint32_t slot, int fd);
/* The slots (bits) whose refusal sockets are of no more use.  [lock] */
uint32_t refusal_idle(const struct port *);
/* Takes in what these received, and closes them. */
void refusal_close(struct port *, uint32_t slots);
/* Closes all, of a port that is being closed. */
void refusal_close_all(struct port *);

#endif
