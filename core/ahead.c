/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Where many sessions take turns, most of what a datagram costs is waiting for
 * memory: the bucket of a hash table names the session, which lies elsewhere
 * and names the flow, which lies elsewhere again, and each of these takes some
 * 250 ns where 100000 sessions are alive.  One datagram alone cannot avoid
 * that: it knows the next address only when the one before is there.  But who
 * has several datagrams at hand can ask for all of their buckets, then for all
 * of their sessions, then for all of their flows, and waits three times in all
 * instead of three times for each.
 *
 * Nothing is changed, and nothing that is found here is relied on: the
 * datagram's own call looks everything up again.  So an entry that is out of
 * date or wrong costs a prefetch.  Of a chain in a bucket only the first entry
 * is looked at, which is the right one most of the time.
 *
 * The caller's lock is held, since others write what is read here.
 */
#include <stddef.h>

#include "addr.h"
#include "flow.h"
#include "mp.h"
#include "pool.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* The session whose key a bucket names first; NULL: none. */
static struct session *
ahead_of_sid(const struct mp *m, const uint32_t *head)
{
	uint32_t ref = STATE_ONCE(*head) - 1;

	return ref < m->limits.sessions * 2 ? state_session(m, ref / 2) : NULL;
}

void
mp_ahead_send(const struct mp *m, uint32_t slot, const struct mp_addr *dst,
    unsigned n)
{
	const uint32_t *head[MP_AHEAD];
	struct session *s[MP_AHEAD];
	unsigned i;

	n = n < MP_AHEAD ? n : MP_AHEAD;
	for (i = 0; i < n; i++) {
		head[i] = table_addr_head(m, slot, &dst[i]);
		__builtin_prefetch(head[i]);
	}
	for (i = 0; i < n; i++) {
		s[i] = state_session(m, STATE_ONCE(*head[i]) - 1);
		if (s[i] != NULL)
			table_fetch(m, s[i]);
	}
	for (i = 0; i < n; i++) {
		if (s[i] == NULL)
			continue;
		flow_fetch(state_flow(m, s[i], STATE_ONCE(s[i]->current)));
		pool_fetch(m, s[i]);
	}
}

void
mp_ahead_recv(const struct mp *m, const struct mp_ahead *next, unsigned n)
{
	const uint32_t *head[MP_AHEAD];
	struct session *s[MP_AHEAD];
	struct wire_ad ad[MP_AHEAD];
	struct flow *f;
	unsigned i;

	n = n < MP_AHEAD ? n : MP_AHEAD;
	for (i = 0; i < n; i++) {
		head[i] = NULL;
		if (!wire_get_ad(next[i].packet, next[i].len, &ad[i]))
			continue;
		head[i] = table_sid_head(m, ad[i].sid);
		__builtin_prefetch(head[i]);
	}
	for (i = 0; i < n; i++) {
		s[i] = head[i] != NULL ? ahead_of_sid(m, head[i]) : NULL;
		if (s[i] != NULL)
			table_fetch(m, s[i]);
	}
	for (i = 0; i < n; i++) {
		f = s[i] != NULL ? state_flow(m, s[i], ad[i].flow) : NULL;
		if (f == NULL)
			continue;
		flow_fetch(f);
		flow_fetch_seen(state_replay(m, f), ad[i].control, ad[i].seq);
	}
}
