/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A session that shook hands has a secret, of which later sessions with the
 * same peer can be made without a round trip.  This module takes the secrets
 * out of the ports' arenas (mp_parent_take()) and is the one place that counts
 * the children of each: so no number is used twice, whichever port or process
 * uses it, and no program sees another one's secret.
 *
 *	parent_look	after an INIT of ours: looks at each pump, PARENT_LOOK_US
 *			apart, until it has found the session that came of it;
 *			then each PARENT_LEARN_US which paths that knows, since a
 *			new socket may need them when none works
 *	parent_keep	before slots are closed: the flows that a session knew
 *			last, also of one that was a child itself
 *	parent_give	a socket was opened: a ticket of the peer that it talks
 *			to, or where that is not known yet tickets of the peers
 *			used last; with the key that the port would take
 *			for it, and of sockets bound alike, for the source that plain UDP takes depends on
 *			that
 *
 * There is one parent for each peer and key.  One whose time is over (170 s
 * after its handshake) stays until another takes its place; its tickets begin no
 * session, but tell the peer's addresses to the INIT of one.  If its session still lives, what that knows is copied into each
 * ticket.
 *
 * Nothing of this outlives the worker: the next one has no secrets, and sockets
 * shake hands until sessions made new keys.
 *
 * Lock: [lock] functions want the port's arena's; parent_give() takes it, and
 * that of the parent's port, one after the other.
 * Source: core/PROTOCOL.md 2, Children.
 */
#include "parent.h"

#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "keyring.h"
#include "port.h"
#include "shared/arena.h"
#include "shared/net.h"

static struct parent *
parent_find(struct agent *a, const struct mp_addr *peer, uint64_t key_id)
{
	struct parent *x;

	TAILQ_FOREACH(x, &a->parents, entry)
		if (x->of.peer.key_id == key_id &&
		    net_equal(&x->of.peer.addr, peer))
			return x;
	return NULL;
}

static void
parent_drop(struct agent *a, struct parent *x)
{
	TAILQ_REMOVE(&a->parents, x, entry);
	a->nparents--;
	mp_parent_wipe(&x->of);
	free(x);
}

/* One more, which takes the place of the same peer's; the last used is the
 * first. */
static void
parent_add(struct port *p, const struct mp_parent *of, uint32_t session,
    const struct mp_addr *local)
{
	struct agent *a = p->agent;
	struct parent *x = parent_find(a, &of->peer.addr, of->peer.key_id);

	if (x == NULL && a->nparents >= PARENT_MAX)
		parent_drop(a, TAILQ_LAST(&a->parents, parent_list));
	if (x != NULL) {
		TAILQ_REMOVE(&a->parents, x, entry);
		a->nparents--;
	} else if ((x = calloc(1, sizeof(*x))) == NULL) {
		return;
	}
	TAILQ_INSERT_HEAD(&a->parents, x, entry);
	a->nparents++;
	x->of = *of;
	x->port = p->number;
	x->session = session;
	memcpy(x->local, local->ip, sizeof(x->local));
}

/* Takes what a session knows: true, if its secret was taken.  [lock] */
static bool
parent_take(struct port *p, uint64_t now, uint32_t session)
{
	struct mp_session_info info;
	struct mp_addr local;
	struct mp_parent of;
	struct parent *x;
	bool taken = false;

	if (mp_session_get(&p->map.mp, session, &info) != 0 ||
	    info.slot >= MP_SLOTS_MAX)
		return false;
	local = p->map.arena->slot[info.slot].local;
	x = parent_find(p->agent, &info.shown, info.key_id);
	if (info.parent && mp_parent_take(&p->map.mp, now, session, &of,
	    x != NULL ? &x->of : NULL) == 0) {
		parent_add(p, &of, session, &local);
		mp_parent_wipe(&of);
		taken = true;
	} else if (x != NULL) {
		mp_parent_learn(&p->map.mp, now, session, &x->of);
		TAILQ_REMOVE(&p->agent->parents, x, entry);
		TAILQ_INSERT_HEAD(&p->agent->parents, x, entry);
	}
	return taken;
}

void
parent_keep(struct port *p, uint64_t now)
{
	uint32_t i = mp_peer_next(&p->map.mp, 0);

	for (; i != MP_NONE; i = mp_peer_next(&p->map.mp, i + 1))
		(void)parent_take(p, now, i);
}

void
parent_look(struct port *p, uint64_t now)
{
	uint64_t sent = mp_counter_get(&p->map.mp, MP_C_handshake_out);
	uint32_t i;
	bool taken = false, new;

	if (sent != p->inits) {
		p->inits = sent;
		p->parent_until = now + PARENT_FOR_US;
		p->parent_at = 0;
	}
	new = now < p->parent_until;
	if (now < p->parent_at || (!new && !p->has_parent))
		return;
	p->parent_at = now + (new ? PARENT_LOOK_US : PARENT_LEARN_US);
	for (i = mp_peer_next(&p->map.mp, 0); i != MP_NONE;
	     i = mp_peer_next(&p->map.mp, i + 1))
		taken |= parent_take(p, now, i);
	if (!taken)
		return;
	p->parent_until = 0;
	p->has_parent = true;
}

/* Brings a parent up to date, if its session lives. */
static void
parent_refresh(struct agent *a, struct parent *x)
{
	struct port *p = a->port[x->port];

	if (p == NULL || !port_lock(p))
		return;
	mp_parent_learn(&p->map.mp, arena_now(), x->session, &x->of);
	port_unlock(p);
}

/* May a socket of the port that is bound so have tickets of it? */
static bool
parent_fits(const struct port *p, const struct mp_addr *local,
    const struct parent *x)
{
	return mp_keyring_choose(p->keyring->keys, &x->of.peer.addr) ==
	    x->of.peer.key_id &&
	    memcmp(local->ip, x->local, sizeof(x->local)) == 0;
}

bool
parent_give(struct port *p, const struct mp_addr *local,
    const struct mp_addr *peer)
{
	struct mp_ticket t[PARENT_TICKETS];
	uint64_t now = arena_now();
	struct parent *x;
	bool valid = false;
	int n = 0, i;

	TAILQ_FOREACH(x, &p->agent->parents, entry) {
		if (n == PARENT_TICKETS)
			break;
		if (!parent_fits(p, local, x) || (peer->port != 0 &&
		    !net_equal(peer, &x->of.peer.addr)))
			continue;
		parent_refresh(p->agent, x);
		valid |= mp_parent_ticket(&x->of, now, &t[n++]) == 0;
	}
	if (n == 0 || !port_lock(p))
		return false;
	for (i = n - 1; i >= 0; i--)
		mp_ticket_put(&p->map.mp, &t[i]);
	port_unlock(p);
	for (i = 0; i < n; i++)
		mp_ticket_wipe(&t[i]);
	return valid;
}

static bool
parent_has_key(const struct agent *a, const struct parent *x)
{
	const struct keyring *r;

	LIST_FOREACH(r, &a->rings, entry)
		if (keyring_name(r, x->of.peer.key_id)[0] != '\0')
			return true;
	return false;
}

void
parent_revoke(struct agent *a)
{
	struct parent *x, *next;

	TAILQ_FOREACH_SAFE(x, &a->parents, entry, next)
		if (!parent_has_key(a, x))
			parent_drop(a, x);
}

void
parent_end(struct agent *a)
{
	struct parent *x;

	while ((x = TAILQ_FIRST(&a->parents)) != NULL)
		parent_drop(a, x);
}
