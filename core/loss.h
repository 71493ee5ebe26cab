/* SPDX-License-Identifier: ISC */
/*
 * Loss of a flow, counted at the receiver (PROTOCOL.md 5).
 *
 * All packets of a flow under one key are numbered, and each probe says how
 * many of those before it were datagrams.  So its receiver knows how many
 * packets of either kind were sent before the probe, and has counted how many
 * arrived:
 *
 *	control	what the agent, which reads in order, has not read before the
 *		probe is missing;
 *	data	what the program has not read before a datagram sent after the
 *		probe is missing: until then the program may just be slow.
 *
 * Of those the ones that our own socket had no room for do not count
 * (overflow.h).
 *
 * The number of missing packets goes back in probes (COUNT) when it changes.
 * It is cumulative: the next report makes up for a lost one, and a packet that
 * arrives late counts as lost no more.  A COPY counts on the flow that carried
 * it, not on the one that it names.
 */
#ifndef LOSS_H
#define LOSS_H

#include "state.h"

enum loss_limit {
	LOSS_HEAVY = 30, /* 1/1000: surely above this datagrams go twice ... */
	LOSS_LIGHT = 20, /* ... and below this no longer, ... */
	LOSS_SURE = 64,	 /* ... measured on so many packets at least */
	LOSS_LEAST = 3,	 /* packets lost before loss can be heavy */
	LOSS_BACK = -64, /* least value of loss.lost: so many late packets
			  * count in advance */
	LOSS_MOST = 1024, /* packets that count: over this, half of them and of
			   * their loss are forgotten */
	LOSS_TELL = 32,	 /* packets after which the peer is told anyway */
	LOSS_REPEAT = 3, /* times that it is told of a change */
	LOSS_HOLD = 3, /* probes that come while one waits for a datagram behind
			* it: fewer than offload.h remembers */
	LOSS_EARLY = 512, /* numbers above a probe's that are looked at */
};

#define LOSS_FORGET (60 * SEC) /* after so long half is forgotten, too */
#define LOSS_LEAVE (4 * SEC)   /* of heavy loss: the flow is left */
#define LOSS_VOID (5 * SEC)    /* after a failure: loss does not count */

/* Begins anew: loss_forget() for another path, loss_new_key() for another key,
 * under which packets are numbered anew. */
void loss_forget(struct flow *);
void loss_new_key(struct flow *);
/* The flow failed: what is lost now does not count, until LOSS_VOID after
 * loss_mended(), when it answers again. */
void loss_void(struct flow *);
void loss_mended(struct flow *, uint64_t now);
/* It answers so soon that it had not failed: loss counts as before. */
void loss_was_loss(struct flow *);

/* A packet under the present key arrived on the flow for the first time. */
void loss_came(struct flow *, bool control, uint64_t seq, uint64_t now);
/* That packet was a probe in order: takes what it says of those before it. */
void loss_probe(struct flow *, const struct replay *, uint64_t seq,
    const struct wire_msg *, uint64_t now);
/* A packet of ours has a number and yet does not count: it could not be sent,
 * or may be too long for the path.  And such a padded one of the peer's
 * arrived: it does not count either. */
void loss_skip(struct flow *);
void loss_uncount(struct flow *);
/* Datagrams found missing since loss_excuse() was called last.  So many of them,
 * at most, were dropped at our socket (overflow.h), and are no loss: how many. */
uint16_t loss_found(const struct flow *);
uint16_t loss_excuse(struct flow *, uint16_t most, uint64_t now);
/* What to tell the peer, in a message that is a probe. */
void loss_report(struct flow *, struct wire_msg *);
/* The peer tells that of our first `sent' packets so many are missing. */
void loss_told(struct flow *, uint16_t sent, uint16_t missing, uint64_t now);

/* Packets of ours so far that count, modulo 2^32. */
uint32_t loss_sent(const struct flow *);

/* Loss of what we send, 1/1000. */
uint32_t loss_permille(const struct flow *);
/* Is so much lost, in either direction, that one missing answer says little? */
bool loss_is_some(const struct flow *);
/* Is so much of what we send lost that datagrams are to go twice? */
bool loss_is_heavy(const struct flow *);
/* Has loss been heavy for LOSS_LEAVE, in either direction?  And when will it
 * have been; MP_NEVER. */
bool loss_is_lasting(const struct flow *, uint64_t now);
uint64_t loss_lasting_at(const struct flow *);

#endif
