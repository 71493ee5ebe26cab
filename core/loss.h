/* SPDX-License-Identifier: ISC */
/*
 * Loss of a flow, counted and not guessed (PROTOCOL.md 5).
 *
 * All packets of a flow under one key are numbered, and each probe says how
 * many of those before it were datagrams.  So its receiver knows how many
 * packets of either kind were sent before the probe, and has counted how many
 * came:
 *
 *	control	all of them have been read by the agent, which reads in order;
 *	data	all of them have been read once one behind the probe is: until
 *		then the program may just be slow.
 *
 * What is missing goes back in probes (COUNT) as it changes: cumulative, so a
 * lost report is made up for by the next, and a packet that comes late takes
 * its loss back.  A COPY is none of the flow that it names.
 */
#ifndef LOSS_H
#define LOSS_H

#include "state.h"

enum loss_limit {
	LOSS_HEAVY = 30, /* 1/1000: datagrams go twice over this, for sure ... */
	LOSS_LIGHT = 20, /* ... and no longer under this */
	LOSS_SURE = 64,	 /* packets at least to say so */
	LOSS_LEAST = 3,	 /* packets lost, to say anything */
	LOSS_BACK = -64, /* packets that may come late */
	LOSS_MOST = 1024, /* packets that count: half of them are forgotten */
	LOSS_TELL = 32,	 /* packets after which the peer is told anyway */
	LOSS_REPEAT = 3, /* times that it is told of a change */
	LOSS_EARLY = 512, /* data read ahead of a probe, at most */
};

#define LOSS_FORGET (60 * SEC) /* half is forgotten then, too */
#define LOSS_LEAVE (4 * SEC)   /* of heavy loss: another path is better */
#define LOSS_VOID (5 * SEC)    /* after a failure, which is no loss */

/* The path is another; the key is another. */
void loss_forget(struct flow *);
void loss_new_key(struct flow *);
/* The flow failed: what that takes does not count, until a while after it
 * answers again. */
void loss_void(struct flow *);
void loss_mended(struct flow *, uint64_t now);

/* A packet came on the flow, under its key, for the first time. */
void loss_came(struct flow *, bool control, uint64_t seq, uint64_t now);
/* It was a probe in order, which tells what there was before it. */
void loss_probe(struct flow *, const struct replay *, uint64_t seq,
    const struct wire_msg *, uint64_t now);
/* A packet that has a number could not be sent, or may be too long for the
 * path: it does not count; nor does such a one that came. */
void loss_skip(struct flow *);
void loss_uncount(struct flow *);
/* What to tell the peer, in a message that is a probe. */
void loss_report(struct flow *, struct wire_msg *);
/* The peer tells that of our first `sent' packets so many are missing. */
void loss_told(struct flow *, uint16_t sent, uint16_t missing, uint64_t now);

/* Loss of what we send, 1/1000. */
uint32_t loss_permille(const struct flow *);
/* Is what we send lost so much that it is to go twice? */
bool loss_is_heavy(const struct flow *);
/* Has much been lost for seconds, either way?  And when will that be so. */
bool loss_is_lasting(const struct flow *, uint64_t now);
uint64_t loss_lasting_at(const struct flow *);

#endif
