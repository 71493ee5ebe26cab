/* SPDX-License-Identifier: ISC */
/*
 * When the next probe of a flow goes (PROTOCOL.md 4, the table of probe
 * times), and the padded probes that prove which sizes it carries.
 *
 * All that this module schedules:
 *	the next probe		probe_due()
 *	the next padded probes	probe_size_due()
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct session;

enum probe_limit {
	PROBE_IDLE = 15 * 1000 * 1000,	/* us without a datagram: idle */
	PROBE_DATA_GAP = 50 * 1000,	/* us between probes for a data wait */
	PROBE_DATA_FOR = 1000 * 1000,	/* us that a data wait asks so often */
	PROBE_QUICK = 125 * 1000, /* us between probes after a lost one */
	PROBE_AGAIN = 100 * 1000, /* us until a challenge is repeated */
	PROBE_RUNGS = 5,
	PROBE_SAME = 7, /* no rung: the proven size itself, anew */
	PROBE_SAME_SIZE = 1 << PROBE_SAME,
	PROBE_SIZE_TRIES = 3,
	PROBE_BIG_CHECK = 5 * 1000 * 1000, /* us between proofs in use */
	/* us until a size that failed is tried again (RFC 8899) */
	PROBE_SIZE_AGAIN = 600 * 1000 * 1000,
};

bool probe_idle(const struct session *, uint64_t now);
/* When the flow's next probe goes: may be in the past; MP_NEVER. */
uint64_t probe_due(const struct session *, const struct flow *, uint64_t now);

/* The sizes tried on a flow over an interface of that MTU (0: unknown):
 * UDP payload of rung i; 0 past the last. */
uint16_t probe_rung(const struct flow *, uint16_t mtu, int i);
/* The largest UDP payload that the flow may carry. */
uint16_t probe_ceiling(const struct flow *, uint16_t mtu);
/* Begins proving sizes up to what carries `want', if that is to be tried. */
void probe_size_want(struct flow *, uint16_t mtu, uint16_t want, uint64_t now);
/* Takes note of time: gives up or repeats a try.  Returns when to call again */
uint64_t probe_size_due(struct flow *, uint16_t mtu, uint64_t now);
/* Padded probe of rung i was answered. */
void probe_size_proven(struct flow *, uint16_t mtu, int i, uint64_t now);
/* An answer to a probe ended a wait in which big datagrams went. */
void probe_size_suspect(struct flow *, uint64_t now);
/* The kernel will not send one of that size in one piece: what passes, of what
 * was proven, is found out anew. */
void probe_size_refused(struct flow *, size_t size);
/* Big datagrams go out on the flow: its size is proven anew now and then, as
 * nothing says which datagrams were lost while small ones are answered. */
void probe_size_used(struct flow *, uint64_t now);

#endif
