/* SPDX-License-Identifier: ISC */
/* A peer: an engine on another host that begins a session with a port. */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct port;

enum { PEER_PORT = 7000 };

struct peer {
	struct mp mp;
	struct mp_keyring keys;
	struct mp_addr at;
	uint32_t session; /* of the port's engine */
	void *block;
};

extern const uint8_t peer_secret[32];

/* Makes the peer on host HOST (2...) and lets it and the port exchange packets
 * until the session is up. */
void peer_meet(struct peer *, struct port *, int host);
/* The same exchange, for so many ms. */
void peer_exchange(struct peer *, struct port *, int ms);
/* Makes the packet of a datagram to the port: its length. */
size_t peer_seal(struct peer *, const struct port *, const char *text,
    uint8_t packet[256]);
/* The slot that its session has at the port. */
int peer_slot(const struct peer *, const struct port *);
void peer_free(struct peer *);

#endif
