/* SPDX-License-Identifier: ISC */
#include "policy.h"

#include <string.h>

#include "addr.h"
#include "flow.h"
#include "mp.h"
#include "rtt.h"
#include "state.h"
#include "loss.h"

enum {
	LEAVE_US = 2 * 1000, /* better by 2 ms and by 20 % */
	POLICY_LOSES = 200 * 1000, /* us that heavy loss adds to the cost */
	POLICY_ENTERS = 4 * 1000, /* us that the way through a fleet's balancer
				   * adds, and half of its own: so a server's
				   * own address is taken that costs no more
				   * than 1.2 times as much + 3.2 ms */
	POLICY_LATELY = 300 * 1000, /* us: silence that began so long before
				     * the search, or later, is its cause */
};

static uint64_t
lowest_cost(const struct flow *f)
{
	return rtt_cost(&f->rtt);
}

static bool
enough(uint64_t cur, uint64_t other)
{
	return other + LEAVE_US <= cur && other <= cur - cur / 5;
}

static const struct policy_row rows[] = {
	{ "lowest", lowest_cost },
};

const struct policy_row *
policy_get(void)
{
	return &rows[0];
}

/* Do packets of the flow leave by that interface, or arrive by it, or within a
 * tunnel that it carries?  Where these are two, the flow dies with either. */
static bool
needs_interface(const struct flow *f, uint32_t ifindex)
{
	return ifindex != 0 &&
	    (f->path.ifindex == ifindex || flow_leaves_by(f) == ifindex ||
		f->lower == ifindex);
}

static bool
share_ours(const struct flow *a, const struct flow *b)
{
	return memcmp(a->path.local.ip, b->path.local.ip, 16) == 0 ||
	    needs_interface(a, b->path.ifindex) ||
	    needs_interface(a, flow_leaves_by(b)) ||
	    needs_interface(a, b->lower) ||
	    (a->fate & state_bit(b->id)) != 0;
}

static bool
share_peers(const struct flow *a, const struct flow *b)
{
	return memcmp(a->path.remote.ip, b->path.remote.ip, 16) == 0 ||
	    (a->peer_link != 0 && a->peer_link == b->peer_link);
}

/* The responder does not probe: it knows a flow by the initiator's packets.  Is
 * the last one older than two probe intervals? */
static bool
policy_stale(const struct session *s, const struct flow *f, uint64_t now)
{
	return !s->initiator &&
	    now > f->ts_arrival + 2 * flow_interval(f) + RTT_PROBE_MIN / 5;
}

/* Did it fall silent in this search, or just before?  A flow that was dead long
 * before says nothing of those that share its link. */
static bool
fell_silent(const struct session *s, const struct flow *f, uint64_t now)
{
	uint64_t since = s->silence_at > POLICY_LATELY ?
	    s->silence_at - POLICY_LATELY : 0;

	return flow_in_doubt(f, now) &&
	    ((f->silent_since != MP_NEVER && f->silent_since >= since) ||
		(f->copy_seen != MP_NEVER && f->copy_seen >= since));
}

bool
policy_proven(const struct session *s, const struct flow *f, uint64_t now)
{
	return (flow_arrived(f, s->silence_at) && !policy_stale(s, f, now)) ||
	    (f->peer_at != 0 && f->peer_at >= s->silence_at);
}

enum policy_rank
policy_rank_of(const struct mp *m, const struct session *s, const struct flow *f,
    uint64_t now)
{
	enum policy_rank r = POLICY_APART;
	struct flow *silent;

	if (flow_arrived(f, s->silence_at) && !policy_stale(s, f, now))
		return POLICY_ANSWERED;
	if (f->peer_at != 0 && f->peer_at >= s->silence_at)
		return POLICY_PEER;
	STATE_FLOWS(m, s, silent, id) {
		if (silent == f || !fell_silent(s, silent, now))
			continue;
		if (share_ours(f, silent))
			return POLICY_OUR_LINK;
		if (share_peers(f, silent))
			r = POLICY_PEERS_LINK;
	}
	return r;
}

bool
policy_loses(const struct flow *f, uint64_t now)
{
	return loss_is_lasting(f, now);
}

/* How many links (ours, the peer's) it shares with ask->apart. */
static int
policy_shared(const struct flow *f, const struct policy_ask *ask)
{
	return ask->apart == NULL ? 0 : share_ours(f, ask->apart) +
	    share_peers(f, ask->apart);
}

/* The lower the better, whatever the flows cost. */
static int
rank(const struct mp *m, const struct session *s, const struct flow *f,
    const struct policy_ask *ask)
{
	return 32 * policy_shared(f, ask) +
	    4 * (int)policy_rank_of(m, s, f, ask->now) +
	    2 * policy_stale(s, f, ask->now);
}

/* Does it lead to the address that all servers of a fleet have in common?  That
 * is the one that the program used, unless this server says it is its own. */
static bool
policy_enters(const struct mp *m, const struct session *s,
    const struct flow *f)
{
	uint32_t i, n = STATE_ONCE(s->told_n);

	if (s->server == 0 || !s->initiator ||
	    !addr_equal(&f->path.remote, &s->shown))
		return false;
	for (i = 0; i < n && i < MP_TOLD_MAX; i++)
		if (addr_equal(state_told(m, s, i), &s->shown))
			return false;
	return true;
}

static uint64_t
cost_of(const struct mp *m, const struct session *s, const struct flow *f,
    uint64_t now)
{
	uint64_t cost = policy_get()->cost(f);

	if (policy_enters(m, s, f))
		cost += cost / 2 + POLICY_ENTERS;
	return cost + (policy_loses(f, now) ? POLICY_LOSES : 0);
}

enum mp_reason
policy_leave(const struct mp *m, const struct session *s,
    const struct flow *cur, const struct flow *other, uint64_t now)
{
	if (!enough(cost_of(m, s, cur, now), cost_of(m, s, other, now)))
		return MP_WHY_none;
	if (policy_loses(cur, now) && !policy_loses(other, now))
		return MP_WHY_lossy;
	return policy_enters(m, s, cur) && !policy_enters(m, s, other) ?
	    MP_WHY_own : MP_WHY_faster;
}

struct flow *
policy_best(const struct mp *m, const struct session *s,
    const struct policy_ask *ask)
{
	struct flow *f, *best = NULL;
	int r, best_rank = 0;

	STATE_FLOWS(m, s, f, id) {
		if (f == ask->not || (ask->but & state_bit(id)) != 0 ||
		    !flow_usable(f) || f->size < ask->need ||
		    policy_shared(f, ask) > 1 ||
		    (ask->no_doubt && (f->unproven ||
			flow_in_doubt(f, ask->now))))
			continue;
		r = rank(m, s, f, ask);
		if (best == NULL || r < best_rank || (r == best_rank &&
			cost_of(m, s, f, ask->now) <
			cost_of(m, s, best, ask->now))) {
			best = f;
			best_rank = r;
		}
	}
	return best;
}

struct flow *
policy_best_fit(const struct mp *m, const struct session *s,
    struct policy_ask ask)
{
	struct flow *f = policy_best(m, s, &ask);

	ask.need = 0;
	return f != NULL ? f : policy_best(m, s, &ask);
}
