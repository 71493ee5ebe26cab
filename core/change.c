/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * When an address, a link or a route of the host changes, each session has to
 * look at its flows.  With many sessions that would hold the lock for long, and
 * all their probes would leave at once.  So the change is noted, and a walk over
 * the sessions tells CHANGE_AT_ONCE of them: at once, and then each CHANGE_GAP in a
 * call of mp_poll() that finds nothing else due, so that the packets of some go
 * before others are told: 100,000 sessions in 3 s.  This is the one budget of
 * probes for all sessions together.  It needs no other: that a path is silent is
 * found by each session for itself, an idle one by a probe that was due anyway, and
 * one that is not idle at the pace of its own datagrams.
 *
 * A session that sends before the walk comes to it adapts to new addresses by
 * itself: it knows by `locals_gen' which list it has seen (state_locals_due()).
 *
 * There is one walk for addresses and one for each of up to STATE_LINKS links;
 * of more, one walk tells of all links.  A change that comes again while its
 * walk is under way begins anew.  A session that was made meanwhile knows the
 * present addresses, and is told once more at worst.
 *
 * The caller's lock is held.  Source: PROTOCOL.md 3.
 */
#include "change.h"

#include "mp.h"
#include "path.h"
#include "route.h"
#include "state.h"

enum {
	CHANGE_AT_ONCE = 64, /* sessions: less than 1 ms */
	CHANGE_GAP = 2 * MS, /* until the next ones, us */
};

static void
tell_locals(struct mp *m, struct session *s, uint64_t now)
{
	if ((s->state == MP_S_CONNECTING || s->state == MP_S_UP ||
		s->state == MP_S_DOWN) && state_locals_due(m, s))
		path_locals(m, s, now);
}

static void
tell_link(struct mp *m, struct session *s, uint64_t now, uint32_t ifindex)
{
	if (s->state == MP_S_CONNECTING || s->state == MP_S_UP)
		path_probe_now(m, s, now, ifindex);
	if (s->state != MP_S_FREE) /* any route may be another now */
		route_changed(m, s);
}

/* The next sessions of a walk. */
static void
change_walk(struct mp *m, struct change *c, bool locals, uint64_t now)
{
	uint32_t end = m->sh->session_used, i;

	end = end < m->limits.sessions ? end : m->limits.sessions;
	for (i = 0; i < CHANGE_AT_ONCE && c->at < end; i++) {
		if (locals)
			tell_locals(m, &m->sessions[c->at++], now);
		else
			tell_link(m, &m->sessions[c->at++], now, c->ifindex);
	}
	c->left = c->at < end;
	m->sh->changing |= c->left;
	m->sh->change_at = now + CHANGE_GAP;
}

void
change_locals(struct mp *m, uint64_t now)
{
	m->sh->locals_gen++;
	m->sh->locals_change.at = 0;
	change_walk(m, &m->sh->locals_change, true, now);
}

/* The walk of a link that is new, or begins anew. */
static struct change *
change_of_link(struct mp *m, uint32_t ifindex)
{
	struct change *c, *free = NULL;

	for (c = m->sh->link_change; c < m->sh->link_change + STATE_LINKS; c++)
		if (c->left && c->ifindex == ifindex)
			return c;
		else if (!c->left && free == NULL)
			free = c;
	if (free != NULL) {
		free->ifindex = ifindex;
		return free;
	}
	for (c = m->sh->link_change; c < m->sh->link_change + STATE_LINKS; c++)
		c->left = false;
	m->sh->link_change[0].ifindex = MP_NONE;
	return &m->sh->link_change[0];
}

void
change_link(struct mp *m, uint64_t now, uint32_t ifindex)
{
	struct change *c = change_of_link(m, ifindex);

	c->at = 0;
	change_walk(m, c, false, now);
}

bool
change_go_on(struct mp *m, uint64_t now)
{
	struct change *c;

	if (!m->sh->changing || now < m->sh->change_at)
		return false;
	m->sh->changing = false;
	if (m->sh->locals_change.left)
		change_walk(m, &m->sh->locals_change, true, now);
	for (c = m->sh->link_change; c < m->sh->link_change + STATE_LINKS; c++)
		if (c->left && !m->sh->changing)
			change_walk(m, c, false, now);
	for (c = m->sh->link_change; c < m->sh->link_change + STATE_LINKS; c++)
		m->sh->changing |= c->left;
	return true;
}
