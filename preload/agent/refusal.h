/* SPDX-License-Identifier: ISC */
/*
 * A port that is closed at the peer: who connected his socket shall hear of it,
 * as the kernel would tell him.
 *
 * It is said in ICMP, which the kernel gives to one of a port's sockets, by
 * hash.  So the program makes another socket, an ear: bound to the address that
 * the kernel would send from, and connected to the peer.  What is said about
 * packets between the two comes there.  So does what the peer sends; it is
 * taken as if it had come to the control socket.  An ear goes as soon as the
 * session has keys, before anything is sent with them: of a session that was up
 * ICMP says nothing that we believe.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdint.h>

#include "port.h"

/* The slot's ear is this socket, which is ours from now on even where this
 * fails: 0, or a negative errno. */
int refusal_open(struct port *, uint32_t slot, int fd);
/* Those that are of no use any more; bits.  [lock] */
uint32_t refusal_idle(const struct port *);
/* Takes what came to these, and closes them. */
void refusal_close(struct port *, uint32_t slots);
/* Closes all, for a port that goes. */
void refusal_close_all(struct port *);

#endif
