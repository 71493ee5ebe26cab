/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * An endpoint has so many records of sessions and flows; whoever holds a key may
 * ask for as many as he likes.  So what each peer holds is counted, by the id of
 * its key, and when records are all taken, the peer that holds most gives back.
 *
 * A share is what one peer holds: two lists of its sessions, those that are busy
 * and those that are idle (the association without keys: MP_S_DOWN,
 * MP_S_CLOSED), each with the oldest first.  A hash table finds it by key id.
 * It exists as long as the peer has a session.
 *
 * Its weight is its flow records and 4 for each session, and lists of shares by
 * the logarithm of their weight find one that holds most, within a factor of 2,
 * at once.  Idle sessions of all peers are in one more list.
 *
 * share_victim() says which session gives way to a new one of some peer:
 * - Where a peer holds at least twice what the newcomer holds then, its idle
 *   sessions go first, the oldest first, then its busy ones: of the first LOOKS
 *   in its list the one without data for longest.
 * - Else the oldest idle session of all, if its peer holds as much as the
 *   newcomer at least.
 * - Else one of the newcomer's own: idle, or connecting with nothing staged.
 * So a peer that opens all it can pushes out its own sessions in the end, and
 * another one always gets its share.  Nothing here walks over all sessions.
 *
 * The line of a peer may also say how many sessions it has at most (`most').  The
 * keyring, which knows it, is the agent's alone; so it is kept in the share from
 * the peer's first handshake on, for the children that any process begins.  At
 * its limit a peer's new session takes the place of one that it does not use
 * (share_unused()), or is refused.
 *
 * Invariants: a session with `share' is in one list of that share, and, if it is
 * `idle', in the list of all idle ones.  Other processes may have written
 * anything, so each index is checked, and no loop is longer than LOOKS.
 *
 * The caller's lock is held.
 */
#include "share.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "mp.h"
#include "state.h"

enum {
	SHARE_SESSION = 4, /* what a session weighs, in flow records */
	SHARE_LOOKS = 64, /* steps of a walk */
	SHARE_EACH = 8,	/* flow records of a session that are always its due */
};

/* A session that works hears of its peer each 25 s (PROTOCOL.md, probes). */
#define SHARE_UNHEARD (UINT64_C(60) * SEC)

static struct share *
share_at(const struct mp *m, uint32_t i)
{
	return i < m->limits.sessions ? &m->shares[i] : NULL;
}

static struct share *
share_of(const struct mp *m, const struct session *s)
{
	return share_at(m, STATE_ONCE(s->share) - 1);
}

static uint32_t *
share_head(const struct mp *m, uint64_t key_id)
{
	uint8_t name[8];

	put64(name, key_id);
	return &m->share_heads[crypto_short(name, 8, m->sh->hash_key) &
	    (m->buckets - 1)];
}

/* --- Lists of sessions ---------------------------------------------------- */

/* The links of a session in its peer's list, or in that of all idle ones. */
static struct neighbours *
share_links(struct session *s, bool all)
{
	return all ? &s->idles : &s->peers;
}

static void
share_put(struct mp *m, struct session *s, bool all, uint32_t *first,
    uint32_t *last, bool front)
{
	struct neighbours *l = share_links(s, all);
	uint32_t me = state_index(m, s) + 1;
	struct session *other = state_session(m, (front ? *first : *last) - 1);

	l->before = l->after = 0;
	if (other == NULL) {
		*first = *last = me;
	} else if (front) {
		l->after = *first;
		share_links(other, all)->before = me;
		*first = me;
	} else {
		l->before = *last;
		share_links(other, all)->after = me;
		*last = me;
	}
}

static void
share_remove(struct mp *m, struct session *s, bool all, uint32_t *first,
    uint32_t *last)
{
	struct neighbours *l = share_links(s, all);
	struct session *before = state_session(m, l->before - 1);
	struct session *after = state_session(m, l->after - 1);

	if (before != NULL)
		share_links(before, all)->after = l->after;
	else
		*first = l->after;
	if (after != NULL)
		share_links(after, all)->before = l->before;
	else
		*last = l->before;
	l->before = l->after = 0;
}

/* --- Shares by weight ----------------------------------------------------- */

static uint32_t
share_weight(const struct share *p)
{
	return p == NULL ? 0 : p->sessions * SHARE_SESSION + p->flows;
}

static unsigned
share_list(const struct share *p)
{
	uint32_t weight = share_weight(p);
	unsigned log = 31U - (unsigned)__builtin_clz(weight | 1);

	return log < STATE_WEIGHTS ? log : STATE_WEIGHTS - 1;
}

static void
share_weight_remove(struct mp *m, struct share *p, unsigned list)
{
	struct share *before = share_at(m, p->before - 1);
	struct share *after = share_at(m, p->after - 1);

	if (before != NULL)
		before->after = p->after;
	else
		m->sh->weight[list] = p->after;
	if (after != NULL)
		after->before = p->before;
	p->before = p->after = 0;
}

static void
share_weight_put(struct mp *m, struct share *p, unsigned list)
{
	struct share *after = share_at(m, m->sh->weight[list] - 1);
	uint32_t me = (uint32_t)(p - m->shares) + 1;

	p->before = 0;
	p->after = m->sh->weight[list];
	if (after != NULL)
		after->before = me;
	m->sh->weight[list] = me;
}

/* It holds more or less than when it was in that list. */
static void
share_weighed(struct mp *m, struct share *p, unsigned was)
{
	unsigned is = share_list(p);

	if (is == was)
		return;
	share_weight_remove(m, p, was);
	share_weight_put(m, p, is);
}

/* One that holds most. */
static struct share *
share_heaviest(const struct mp *m)
{
	struct share *p = NULL;
	unsigned list = STATE_WEIGHTS;

	while (p == NULL && list-- > 0)
		p = share_at(m, m->sh->weight[list] - 1);
	return p;
}

/* --- Shares --------------------------------------------------------------- */

static struct share *
share_find(const struct mp *m, uint64_t key_id)
{
	struct share *p = share_at(m, *share_head(m, key_id) - 1);
	uint32_t n;

	for (n = 0; p != NULL && n < m->limits.sessions; n++) {
		if (p->key_id == key_id)
			return p;
		p = share_at(m, p->next - 1);
	}
	return NULL;
}

static struct share *
share_new(struct mp *m, uint64_t key_id)
{
	struct share *p = share_at(m, m->sh->share_free - 1);
	uint32_t *head = share_head(m, key_id);

	if (p != NULL)
		m->sh->share_free = p->next;
	else if ((p = share_at(m, m->sh->share_used)) != NULL)
		m->sh->share_used++;
	else
		return NULL;
	memset(p, 0, sizeof(*p));
	p->key_id = key_id;
	p->next = *head;
	*head = (uint32_t)(p - m->shares) + 1;
	share_weight_put(m, p, share_list(p));
	return p;
}

static void
share_free(struct mp *m, struct share *p)
{
	uint32_t *at = share_head(m, p->key_id), n;
	uint32_t me = (uint32_t)(p - m->shares) + 1;

	share_weight_remove(m, p, share_list(p));
	for (n = 0; *at != 0 && n < m->limits.sessions; n++) {
		if (*at == me) {
			*at = p->next;
			break;
		}
		if (share_at(m, *at - 1) == NULL)
			break;
		at = &m->shares[*at - 1].next;
	}
	p->next = m->sh->share_free;
	m->sh->share_free = me;
}

static uint32_t
share_records(const struct mp *m, const struct session *s)
{
	uint32_t id, n = 0;

	for (id = 0; id < state_nflows(s); id++)
		n += state_flow_index(m, s, id) != STATE_NO_INDEX;
	return n;
}

void
share_join(struct mp *m, struct session *s)
{
	struct share *p = share_find(m, s->key_id);
	unsigned was;

	if (p == NULL)
		p = share_new(m, s->key_id);
	s->share = p == NULL ? 0 : (uint32_t)(p - m->shares) + 1;
	if (p == NULL)
		return;
	was = share_list(p);
	p->sessions++;
	p->flows += share_records(m, s);
	share_weighed(m, p, was);
	share_put(m, s, false, &p->list[s->idle].first, &p->list[s->idle].last,
	    false);
}

void
share_leave(struct mp *m, struct session *s)
{
	struct share *p = share_of(m, s);
	uint32_t flows = share_records(m, s);
	unsigned was;

	if (p == NULL)
		return;
	was = share_list(p);
	share_remove(m, s, false, &p->list[s->idle].first,
	    &p->list[s->idle].last);
	s->share = 0;
	p->sessions -= p->sessions > 0;
	p->flows -= flows < p->flows ? flows : p->flows;
	share_weighed(m, p, was);
	if (p->sessions == 0)
		share_free(m, p);
}

void
share_set_key(struct mp *m, struct session *s, uint64_t key_id)
{
	if (s->key_id == key_id)
		return;
	share_leave(m, s);
	s->key_id = key_id;
	share_join(m, s);
}

void
share_idle(struct mp *m, struct session *s, bool first)
{
	struct share *p = share_of(m, s);

	share_busy(m, s);
	if (p == NULL)
		return;
	share_remove(m, s, false, &p->list[0].first, &p->list[0].last);
	s->idle = true;
	share_put(m, s, false, &p->list[1].first, &p->list[1].last, first);
	share_put(m, s, true, &m->sh->idle_first, &m->sh->idle_last, first);
}

void
share_busy(struct mp *m, struct session *s)
{
	struct share *p = share_of(m, s);

	if (!s->idle)
		return;
	share_remove(m, s, true, &m->sh->idle_first, &m->sh->idle_last);
	if (p != NULL)
		share_remove(m, s, false, &p->list[1].first, &p->list[1].last);
	s->idle = false;
	if (p != NULL)
		share_put(m, s, false, &p->list[0].first, &p->list[0].last,
		    false);
}

void
share_flow_new(struct mp *m, const struct session *s)
{
	struct share *p = share_of(m, s);
	unsigned was;

	if (p == NULL)
		return;
	was = share_list(p);
	p->flows++;
	share_weighed(m, p, was);
}

bool
share_flow_ok(const struct mp *m, const struct session *s)
{
	uint32_t live = m->sh->flows_live, most = m->limits.flows;
	const struct share *p = share_of(m, s);

	if (p == NULL || state_nflows(s) < SHARE_EACH || live < most / 2)
		return true;
	return p->flows < (most - (live < most ? live : most)) / 2;
}

/* --- Who gives way -------------------------------------------------------- */

static bool
share_has_flows(const struct session *s)
{
	return state_nflows(s) > 0;
}

/* The first of a list of idle sessions; with flow records, where those are
 * wanted. */
static struct session *
share_oldest_idle(const struct mp *m, uint32_t first, bool all, bool flows)
{
	struct session *s = state_session(m, first - 1);
	int n;

	for (n = 0; s != NULL && n < SHARE_LOOKS; n++) {
		if (s->idle && (!flows || share_has_flows(s)))
			return s;
		s = state_session(m, share_links(s, all)->after - 1);
	}
	return NULL;
}

/* Of a peer's first busy sessions the one without data for longest; one that is
 * up only if `up'. */
static struct session *
share_least_busy(const struct mp *m, const struct share *p, bool up, bool flows)
{
	struct session *s = state_session(m, p->list[0].first - 1);
	struct session *least = NULL;
	int n;

	for (n = 0; s != NULL && n < SHARE_LOOKS; n++) {
		if ((least == NULL || s->last_data < least->last_data) &&
		    (flows ? up && share_has_flows(s) : up ||
			(s->state == MP_S_CONNECTING && s->staged.n == 0)))
			least = s;
		s = state_session(m, s->peers.after - 1);
	}
	return least;
}

struct session *
share_victim(struct mp *m, uint64_t key_id, bool flows)
{
	struct share *own = share_find(m, key_id);
	struct share *most = share_heaviest(m);
	uint32_t will = share_weight(own) + SHARE_SESSION;
	struct session *s = NULL;

	if (most != NULL && most != own && share_weight(most) >= 2 * will) {
		s = share_oldest_idle(m, most->list[1].first, false, flows);
		if (s == NULL)
			s = share_least_busy(m, most, true, flows);
	}
	if (s == NULL) {
		s = share_oldest_idle(m, m->sh->idle_first, true, flows);
		if (s != NULL && share_of(m, s) != own &&
		    share_weight(share_of(m, s)) + SHARE_SESSION < will)
			s = NULL;
	}
	if (s == NULL && own != NULL) {
		s = share_oldest_idle(m, own->list[1].first, false, flows);
		if (s == NULL)
			s = share_least_busy(m, own, false, flows);
	}
	return s;
}

/* --- What a peer's line allows --------------------------------------------- */

void
share_set_most(struct mp *m, uint64_t key_id, uint32_t most)
{
	struct share *p = share_find(m, key_id);

	if (p != NULL)
		p->most = most;
}

uint32_t
share_most(const struct mp *m, uint64_t key_id)
{
	const struct share *p = share_find(m, key_id);

	return p != NULL ? p->most : 0;
}

bool
share_full(const struct mp *m, uint64_t key_id, uint32_t most)
{
	const struct share *p = most != 0 ? share_find(m, key_id) : NULL;

	return p != NULL && p->sessions >= most;
}

struct session *
share_unused(const struct mp *m, uint64_t key_id, uint64_t now)
{
	const struct share *p = share_find(m, key_id);
	struct session *s;
	int n;

	if (p == NULL)
		return NULL;
	s = share_oldest_idle(m, p->list[1].first, false, false);
	if (s != NULL)
		return s;
	s = state_session(m, p->list[0].first - 1);
	for (n = 0; s != NULL && n < SHARE_LOOKS; n++) {
		if (!s->initiator && now > s->last_in + SHARE_UNHEARD)
			return s;
		s = state_session(m, s->peers.after - 1);
	}
	return NULL;
}

void
share_refused(struct mp *m, uint64_t key_id)
{
	state_count(m, MP_C_drop_share);
	m->sh->hog = key_id;
}
