/* SPDX-License-Identifier: ISC */
/* Whether a flow's datagrams may go in bundles (offload.c). */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

enum offload_limit {
	OFFLOAD_FIRST = 2, /* datagrams in bundles at first ... */
	OFFLOAD_FEW = 256, /* ... and in the last of the tries, and of trials */
	OFFLOAD_LEAST = 3, /* lost more than of single ones: suspicious ... */
	OFFLOAD_SURE = 4,  /* ... if so many standard deviations ... */
	OFFLOAD_SHARE = 64, /* ... and one of so many bundled ones */
	OFFLOAD_LEAST_TRY = 2, /* the same, of those that are tried ... */
	OFFLOAD_LEAST_PHASE = 1, /* ... and of a phase of a trial, ... */
	OFFLOAD_SURE_PHASE = 2,	 /* ... both with so many of them */
	OFFLOAD_PROBES = 3,   /* intervals and ... */
	OFFLOAD_SINGLES = 32, /* ... packets of a phase of single ones, least */
	OFFLOAD_SCORE = 4, /* trials against bundles that find them at fault */
	OFFLOAD_SURE_ALL = 3, /* ... if all of them differ by so many */
	OFFLOAD_VOIDS = 4, /* trials in which the path lost others, too */
	OFFLOAD_KEEP = 4096, /* single packets that count: over this, half are
			      * forgotten */
	OFFLOAD_WRAP = 16384, /* packets after which counts (16 bits) want a
			       * probe */
	OFFLOAD_ACQUITTALS = 3,
	OFFLOAD_STRIKES = 6,
	OFFLOAD_MOST = 1 << 20, /* packets of an interval that says something */
};

#define OFFLOAD_GAP (20 * MS)	/* between probes, while trust is young ... */
#define OFFLOAD_GAP_OLD (100 * MS) /* ... and later */
#define OFFLOAD_OLD (10 * SEC)	/* after so long */
#define OFFLOAD_TOLERANT (1 * SEC) /* losses do not lead to CHECK after an
				    * acquittal; doubles OFFLOAD_ACQUITTALS
				    * times */
#define OFFLOAD_DOUBT (1 * SEC) /* trusted for so long, a late answer counts */
#define OFFLOAD_NEWS 150	/* ms: but not so soon after good news */
#define OFFLOAD_OFF (10 * SEC)	/* single ones after a failure; doubles, up to
				 * OFFLOAD_STRIKES times ... */
#define OFFLOAD_GOOD (600 * SEC) /* ... until they were trusted for so long */

/* Another path: nothing is known of it.  Another key: numbers begin anew. */
void offload_forget(struct offload *);
void offload_new_key(struct offload *);

/* How many of n datagrams may go in one bundle now: 1 to n. */
unsigned offload_room(struct offload *, uint64_t now, unsigned n);
/* Is it worth while to wait for others that could go with one? */
bool offload_may(const struct offload *, uint64_t now);
/* n of the next packets go in a bundle, or, negative, did not go. */
void offload_bundled(struct offload *, int n);
/* A datagram went alone, or failed to go. */
void offload_single(struct offload *);
void offload_single_failed(struct offload *, int error);
/* Is a probe due, so that the peer tells what is missing?  `sent': packets of
 * the flow so far. */
bool offload_wants_probe(const struct offload *, uint64_t now, uint32_t rtt_us,
    uint32_t sent);
/* A packet goes that tells the peer how many went before it. */
void offload_probed(struct offload *, uint64_t now, uint32_t rtt_us,
    uint32_t sent);
/*
 * The peer tells (COUNT) that of our first `sent' packets, modulo 2^16, so many
 * more are missing than it told before; `failure': of the path, which may have
 * lost them all.  True: bundles are at fault, and what is missing says nothing
 * of the path.
 */
bool offload_told(struct offload *, uint64_t now, uint16_t sent, int lost,
    bool failure);
/* A datagram's answer is late, and a probe's is there. */
void offload_doubted(struct offload *, uint64_t now);
/* The kernel refused a bundle with this error.  True: it may take the same
 * packets one by one. */
bool offload_refused(struct offload *, uint64_t now, int error);

#endif
