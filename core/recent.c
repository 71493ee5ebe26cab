/* SPDX-License-Identifier: ISC */
#include "recent.h"

#include "flow.h"
#include "mp.h"
#include "pool.h"
#include "state.h"
#include "wire.h"

enum { RECENT_LOOKS = 32 }; /* records that one search looks at */

bool
recent_arrived(const struct session *s, const struct flow *f, uint64_t at)
{
	if (at <= s->unheard_at)
		return false;
	/* What went to where the peer was before it moved is proven by nothing
	 * that it answered from elsewhere.  The clock of timestamps has coarse
	 * steps. */
	return f != NULL && at > f->moved_at && flow_arrived(f, at + 2 * WIRE_TS_US);
}

bool
recent_stale(const struct mp *m, const struct record *r, uint64_t now)
{
	uint32_t most = STATE_ONCE(m->sh->resend_us);

	return now > r->sent_at + (most < RECENT_MOST ? most : RECENT_MOST);
}

unsigned
recent_vias(const struct record *r)
{
	return r->vias <= POOL_VIA ? r->vias : POOL_VIA;
}

/* Has it arrived by a flow?  Where the peer may have moved, answers tell of
 * another place than the flow's. */
static bool
settled_by(const struct mp *m, const struct session *s, unsigned flow,
    uint64_t at)
{
	const struct flow *f = state_flow(m, s, flow);

	return f != NULL && f->alt_at == MP_NEVER && recent_arrived(s, f, at);
}

/* It arrived, or is too old to be sent again whatever comes. */
static bool
settled(const struct mp *m, const struct session *s, const struct record *r,
    uint64_t now)
{
	unsigned i;

	if (recent_stale(m, r, now) ||
	    state_flow(m, s, r->flow) == NULL ||
	    settled_by(m, s, r->flow, r->sent_at))
		return true;
	for (i = 0; i < recent_vias(r); i++)
		if (settled_by(m, s, r->via[i], r->sent_at + r->copied_us))
			return true;
	return false;
}

void
recent_trim(struct mp *m, struct session *s, uint64_t now, unsigned most)
{
	const struct record *r;

	for (; most > 0 && (r = pool_first(m, POOL_RECENT, s)) != NULL &&
	     settled(m, s, r, now); most--)
		pool_drop(m, POOL_RECENT, s);
}

uint64_t
recent_after(struct mp *m, struct session *s, const struct flow *f,
    uint64_t at)
{
	const struct record *r;
	unsigned looks = RECENT_LOOKS;

	for (r = pool_first(m, POOL_RECENT, s); r != NULL && looks > 0;
	     r = pool_next(m, POOL_RECENT, r), looks--)
		if (r->flow == f->id && r->sent_at > at)
			return r->sent_at;
	return MP_NEVER;
}
