/* SPDX-License-Identifier: ISC */
/*
 * What makes one flow better than another: one table row for each policy.  The
 * only one is the paper's (3.3): lowest SRTT + idle_time, with the damping of
 * PROTOCOL.md 5.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct session;

struct policy_row {
	const char *name;
	/* of a usable flow; the lowest is the best */
	uint64_t (*cost)(const struct flow *);
};

const struct policy_row *policy_get(void);

/* Which flows policy_best() looks at. */
struct policy_ask {
	uint64_t now;
	size_t need;		/* UDP payload to be carried, bytes */
	const struct flow *not;	/* not this one ... */
	uint64_t but;		/* nor those, by state_bit() */
	const struct flow *apart; /* none that shares the links of both ends
				   * with this one; best one that shares
				   * neither */
	bool no_doubt;		/* none in doubt */
};

/*
 * What speaks for a flow since the last search began (session.silence_at).
 * Those of a better rank come first whatever they cost.  Which links flows
 * share counts only until one has answered: it is what we know beforehand.
 */
enum policy_rank {
	POLICY_ANSWERED,   /* it answered what was sent since */
	POLICY_PEER,	   /* a COPY or SELECT of the peer's came by it since */
	POLICY_APART,	   /* it shares nothing with one that fell silent */
	POLICY_PEERS_LINK, /* it shares the peer's address or link */
	POLICY_OUR_LINK,   /* ours; or it once fell silent together with it */
};

enum policy_rank policy_rank_of(const struct mp *, const struct session *,
    const struct flow *, uint64_t now);
/* Has it lost so much for so long that a slower flow is better? */
bool policy_loses(const struct flow *, uint64_t now);
/* Why a flow that works is to be left for another; MP_WHY_none: it is not. */
enum mp_reason policy_leave(const struct mp *, const struct session *,
    const struct flow *cur, const struct flow *other, uint64_t now);
/* Has the flow, or the peer by it, shown since the search began that it works
 * (POLICY_ANSWERED, POLICY_PEER)? */
bool policy_proven(const struct session *, const struct flow *, uint64_t now);

/* The best usable flow that fits, or NULL. */
struct flow *policy_best(const struct mp *, const struct session *,
    const struct policy_ask *);

/* The same; where none fits, the best of any size. */
struct flow *policy_best_fit(const struct mp *, const struct session *,
    struct policy_ask);

#endif
