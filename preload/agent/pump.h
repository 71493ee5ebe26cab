/* SPDX-License-Identifier: ISC */
/* All that the agent sends for a port: what the engine has due, and answers. */
#ifndef PUMP_H
#define PUMP_H

#include "shared/internal.h"
#include "port.h"

/*
 * Tells the engine what is new, sends all that is due, and sets the port's
 * alarm to what comes next.  Bounded: what remains comes at the loop's next
 * turn.
 */
void pump_port(struct port *);
/* Sends one packet of the engine: 0, or the negative errno to be told to it. */
int port_send_packet(struct port *, const struct mp_out *,
    const uint8_t *packet);
/* Sends a datagram or an error to the socket of a slot. */
void port_send_internal(struct port *, const struct internal *,
    const void *payload,
    size_t len);

#endif
