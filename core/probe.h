/* SPDX-License-Identifier: ISC */
/*
 * When the next probe of a flow goes (PROTOCOL.md 4, the table of probe times),
 * and the padded probes that prove which sizes it carries.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct session;

enum probe_limit {
	PROBE_IDLE = 15 * 1000 * 1000,	/* us without a datagram: idle */
	PROBE_LONG_IDLE = 120 * 1000 * 1000, /* idle for long */
	PROBE_DATA_GAP = 50 * 1000,	/* us between probes for a data wait */
	PROBE_DATA_FOR = 1000 * 1000,	/* us of silence with that gap */
	PROBE_QUICK = 125 * 1000, /* us between probes after a lost one */
	PROBE_AGAIN = 100 * 1000, /* us until a challenge is repeated */
	PROBE_SLOW = 250 * 1000, /* us between datagrams that save probes */
	PROBE_JOIN_SOONER = 60 * 1000, /* us that a probe is sooner, or ... */
	PROBE_JOIN_LATER = 140 * 1000, /* ... later, to save an answer */
	PROBE_RUNGS = 5,
	PROBE_SAME = 7, /* no rung: a proof of the proven size itself */
	PROBE_SAME_SIZE = 1 << PROBE_SAME,
	PROBE_SIZE_TRIES = 3,
	PROBE_BIG_GAP = 1000 * 1000, /* us from such a proof to one because of
				      * a single big datagram */
	PROBE_BIG_CHECK = 5 * 1000 * 1000, /* us between proofs in use */
	/* us until a size that failed is tried again (RFC 8899) */
	PROBE_SIZE_AGAIN = 600 * 1000 * 1000,
};

bool probe_idle(const struct session *, uint64_t now);
/* When the flow's next probe is due, perhaps in the past; MP_NEVER. */
uint64_t probe_due(const struct mp *, const struct session *,
    const struct flow *, uint64_t now);

/* The same of a flow that never answered: INIT to its address keeps to it, too,
 * where that has not answered by another flow. */
uint64_t probe_first_due(const struct mp *, const struct session *,
    const struct flow *);

/* A datagram is to be answered: does the next probe go in the answer's place?  It
 * carries all that an answer does. */
bool probe_joins(const struct session *, const struct flow *, uint64_t now);

/* The UDP payload of rung i on an interface of that MTU (0: unknown); 0: there
 * is no such rung. */
uint16_t probe_rung(const struct flow *, uint16_t mtu, int i);
/* The largest UDP payload that the flow has not failed to carry. */
uint16_t probe_ceiling(const struct flow *, uint16_t mtu);
/* Begins a search for a size that carries `want', unless one runs or failed
 * lately. */
void probe_size_want(struct flow *, uint16_t mtu, uint16_t want, uint64_t now);
/* Ends or repeats a try whose time is over.  Returns when to call again; 0:
 * padded probes are to be sent now; MP_NEVER. */
uint64_t probe_size_due(struct flow *, uint16_t mtu, uint64_t now);
/* The padded probe of rung i was answered. */
void probe_size_proven(struct flow *, uint16_t mtu, int i, uint64_t now);
/* An answer to a probe ended a wait in which big datagrams went out. */
void probe_size_suspect(struct flow *, uint64_t now);
/* The kernel refused a datagram of that size: what was proven at or above it is
 * searched anew. */
void probe_size_refused(struct flow *, size_t size);
/* Big datagrams go out on the flow: its size is proven anew every 5 s, since
 * answers to small ones hide that big ones are lost. */
void probe_size_used(struct flow *, uint64_t now);

#endif
