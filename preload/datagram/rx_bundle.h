/* SPDX-License-Identifier: ISC */
/* The kernel's queue of a socket, whose packets may lie there in bundles
 * (UDP_GRO): rx_bundle.c. */
#ifndef RX_BUNDLE_H
#define RX_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"
#include "process/reentry.h"
#include "rx_packet.h"

struct sock;

/* What a process keeps of the bundle that lies first in the queue, so that it
 * looks at it once. */
struct rx_bundle {
	struct rx head;	   /* as it was found */
	/* Its packets base .. base + region.n - 1 are opened; those before
	 * `ready' are committed. */
	unsigned base, ready;
	struct mp_rx_bundle region;
	uint8_t packets[REENTRY_PACKET];
	uint8_t opened[REENTRY_PACKET]; /* packet i at i * head.each */
};

/* As rx_packet() or, if `again', rx_packet_again(): the next packet, alone or of
 * a bundle.  One that is `queued' then is nobody's yet: see rx_bundle_owns(). */
int rx_bundle_next(struct rx *, int flags, bool again);
/* Is the packet, if it is `queued', still the next one?  Else another thread or
 * process has it.  [lock] */
bool rx_bundle_owns(const struct rx *);
/* The caller has it, and all before packet `to' of its bundle.  [lock] */
void rx_bundle_advance(struct rx *, unsigned to);
/* Both in one, for n packets from this one on: RX_GIVE; RX_DROP, another one has
 * them; or a negative errno. */
int rx_bundle_claim(struct rx *, unsigned n);
/* Are bundles on? */
bool rx_bundle_is_on(const struct sock *);
/* Opens packets of the bundle from this one on, into the cache.  False: this
 * one is to be opened by itself.  */
bool rx_bundle_open(struct rx *);
/* Gives the cache back; the payload may lie in it until then. */
void rx_bundle_done(struct rx *);
/* The program was given a datagram: switches bundles on if many come. */
void rx_bundle_pace(struct rx *);
/* Switches them off soon: the program waits in ways that know single datagrams
 * only. */
void rx_bundle_leave(struct sock *);

#endif
