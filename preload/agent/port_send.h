/* SPDX-License-Identifier: ISC */
/* Sends one packet by a port's control socket. */
#ifndef PORT_SEND_H
#define PORT_SEND_H

#include <stddef.h>
#include <stdint.h>

struct internal;
struct iovec;
struct mp_out;
struct port;

enum {
	PORT_SEND_MAX = 65536, /* bytes of one packet */
	PORT_SEND_MANY = 16,   /* packets of one call */
};

/* Sends a packet of the engine: 0, or the negative errno that the engine is to
 * be told.  A full buffer counts as sent: the packet is lost, as on a path. */
int port_send_packet(struct port *, const struct mp_out *,
    const uint8_t *packet);
/* Sends n packets, which go `together', by one call: 0; -EAGAIN, none has gone;
 * or another negative errno: none has, and each is to be sent by itself. */
int port_send_together(struct port *, const struct mp_out *first,
    struct iovec *packets, unsigned n);
/* Sends up to n packets, PORT_SEND_MANY at most, which may be fragmented alike, by
 * one call: how many have gone; the one behind them is to be sent by itself, and
 * says why it did not go. */
unsigned port_send_many(struct port *, const struct mp_out *const out[],
    struct iovec *packets, unsigned n);
/* Sends an internal datagram to the socket of a slot. */
void port_send_internal(struct port *, const struct internal *,
    const void *payload, size_t len);

#endif
