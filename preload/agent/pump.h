/* SPDX-License-Identifier: ISC */
/* All that the agent sends for a port of its own accord. */
#ifndef PUMP_H
#define PUMP_H

struct port;

/*
 * Tells the engine what is new, sends all that is due, and sets the port's
 * alarm to what comes next.  Bounded: the rest is sent at the loop's next turn.
 * Only serving.c calls this; others call port_due().
 */
void pump_port(struct port *);
/* The same when the port's alarm rings; does as little as it can while a
 * program gathers datagrams. */
void pump_ring(struct port *);

#endif
