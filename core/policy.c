/* SPDX-License-Identifier: ISC */
#include "policy.h"

#include <string.h>

#include "flow.h"
#include "mp.h"
#include "rtt.h"
#include "state.h"

enum { LEAVE_US = 2 * 1000 }; /* better by 2 ms and by 20 % */

static uint64_t
lowest_cost(const struct flow *f)
{
	return rtt_cost(&f->rtt);
}

static bool
lowest_leave(const struct flow *cur, const struct flow *other)
{
	uint64_t a = rtt_cost(&cur->rtt), b = rtt_cost(&other->rtt);

	return b + LEAVE_US <= a && b <= a - a / 5;
}

static const struct policy_row rows[] = {
	{ "lowest", lowest_cost, lowest_leave },
};

const struct policy_row *
policy_get(void)
{
	return &rows[0];
}

static bool
share_address(const struct flow *a, const struct flow *b)
{
	return memcmp(a->path.local.ip, b->path.local.ip, 16) == 0 ||
	    memcmp(a->path.remote.ip, b->path.remote.ip, 16) == 0;
}

/* The responder does not probe flows that it does not use: it knows them by
 * the initiator's probes, as long as those come. */
static bool
policy_stale(const struct session *s, const struct flow *f, uint64_t now)
{
	return !s->initiator &&
	    now > f->ts_arrival + 2 * rtt_interval(&f->rtt) + RTT_PROBE_MIN / 5;
}

/* Worse kinds of flow come after all better ones, whatever they cost. */
static int
rank(const struct session *s, const struct flow *f,
    const struct policy_ask *ask)
{
	return (ask->apart && ask->not != NULL && share_address(f, ask->not)) +
	    2 * policy_stale(s, f, ask->now);
}

struct flow *
policy_best(const struct mp *m, const struct session *s,
    const struct policy_ask *ask)
{
	struct flow *f, *best = NULL;
	int r, best_rank = 0;

	STATE_FLOWS(m, s, f, id) {
		if (f == ask->not || !flow_usable(f) || f->size < ask->need ||
		    (ask->no_doubt && (f->unproven ||
			flow_in_doubt(f, ask->now))))
			continue;
		r = rank(s, f, ask);
		if (best == NULL || r < best_rank || (r == best_rank &&
			rows[0].cost(f) < rows[0].cost(best))) {
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
