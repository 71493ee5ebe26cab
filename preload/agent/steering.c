/* SPDX-License-Identifier: ISC */
#include "steering.h"

#include <string.h>
#include <sys/socket.h>

#include "agent.h"
#include "journal.h"
#include "group_index.h"
#include "shared/net.h"
#include "backlog.h"
#include "shared/sockfilter.h"

/* Where strangers go: the newest socket that is not connected, else the newest;
 * -1: there is none. */
static int
stranger_slot(const struct port *p)
{
	int i, best = -1;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		const struct own_slot *s = &p->slot[i];
		const struct own_slot *b = best < 0 ? NULL : &p->slot[best];

		if (!s->used)
			continue;
		if (b == NULL || (b->connected && !s->connected) ||
		    (b->connected == s->connected && s->opened > b->opened))
			best = i;
	}
	return best;
}

int
steering_stranger(const struct port *p)
{
	int slot = stranger_slot(p);

	return slot >= 0 && !p->slot[slot].connected ? slot : -1;
}

/* [lock] */
static void
steering_look_one(struct port *p, int i)
{
	struct own_slot *s = &p->slot[i];
	const struct slot *is = &p->map.arena->slot[i];

	if (!s->used || s->gen == is->gen)
		return;
	s->gen = is->gen;
	if (s->connected != port_read_bool(&is->connected)) {
		s->connected = !s->connected;
		p->connects_new = true;
	}
}

void
steering_note(struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		steering_look_one(p, i);
}

/* Others' packets would make the socket of a connected slot readable for
 * nothing: if it has any, only its peer's go there.  [lock] */
static void
keep_apart(const struct port *p, struct sockfilter_steering *g)
{
	struct mp_session_info info;
	uint32_t i, k, slot, others = 0;

	for (i = 0; i < p->map.mp.limits.sessions; i++) {
		if (mp_session_get(&p->map.mp, i, &info) != 0)
			continue;
		for (k = 0; k < 2; k++) {
			slot = info.sid[k] >> 19 & 31;
			if (info.sid[k] == 0 || !p->slot[slot].connected)
				continue;
			if (info.slot == slot && net_equal(&info.shown,
			    &p->map.arena->slot[slot].peer))
				g->sid[slot][k] = info.sid[k];
			else
				others |= UINT32_C(1) << slot;
		}
	}
	g->only = others;
}

static bool
any_connected(const struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].connected)
			return true;
	return false;
}

void
steering_rekeyed(struct port *p)
{
	p->connects_new |= any_connected(p);
}

/* What the kernel shall do.  [lock] */
static void
plan(struct port *p, struct sockfilter_steering *g, int stranger)
{
	int i;

	g->prefix = mp_sid_prefix(&p->map.mp);
	memcpy(g->token, p->map.arena->token, sizeof(g->token));
	g->control = p->group;
	g->plain = p->slot[stranger].group;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		g->slot[i] = p->slot[i].used ? p->slot[i].group : 255;
		if (p->slot[i].used) /* for another worker to find */
			p->map.arena->slot[i].group = p->slot[i].group;
	}
	if (any_connected(p))
		keep_apart(p, g);
}

/* Peers of connected sockets that they are not connected to come to the one
 * that takes strangers.  [lock] */
static void
part_company(struct port *p, uint32_t stranger)
{
	const struct slot to = p->map.arena->slot[stranger];
	uint32_t i;

	if (p->slot[stranger].connected)
		return;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		const struct slot is = p->map.arena->slot[i];

		if (p->slot[i].used && p->slot[i].connected &&
		    (net_is_any(&to.local) || memcmp(to.local.ip, is.local.ip,
			sizeof(to.local.ip)) == 0))
			mp_slot_move(&p->map.mp, arena_now(), i, stranger,
			    &is.peer);
	}
}

static bool
all_known(const struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].group == PORT_UNKNOWN)
			return false;
	return p->group != PORT_UNKNOWN;
}

void
steering_update(struct port *p)
{
	steering_probe(p, PORT_UNKNOWN);
	if (!all_known(p) && group_index_find(p))
		steering_probe(p, PORT_UNKNOWN);
	backlog_give(p);
}

void
steering_probe(struct port *p, uint8_t probed)
{
	struct sockfilter_steering g = { .probed = probed };
	int error = 0, stranger;

	if (!port_lock(p)) {
		p->connects_new = true; /* again, when it can be had */
		return;
	}
	steering_note(p);
	p->connects_new = false;
	stranger = stranger_slot(p);
	if (stranger >= 0) {
		plan(p, &g, stranger);
		error = mp_slot_accept(&p->map.mp, (uint32_t)stranger);
		part_company(p, (uint32_t)stranger);
	}
	port_unlock(p);
	if (stranger < 0)
		return;
	if (error == 0)
		error = sockfilter_steer(p->control, &g);
	if (error != 0)
		journal("port %u: steering: %s", p->number,
		    strerror(-error));
}

/* --- Strangers ------------------------------------------------------------ */

/*
 * How well a socket fits who came by this path, as the kernel would score it;
 * 0: not at all.  One that is connected may have what it will lose to the next
 * socket: who comes before that is bound shall not go elsewhere.
 */
static unsigned
fitness(const struct slot *is, const struct mp_path *path)
{
	bool v4 = net_is_v4(&path->remote), any = net_is_any(&is->local);
	unsigned score = 2;

	if (is->cookie == 0 ||
	    (is->family == AF_INET ? !v4 : v4 && port_read_bool(&is->v6only)))
		return 0;
	if (port_read_bool(&is->connected))
		return 1;
	if (!any && memcmp(is->local.ip, path->local.ip, 16) != 0)
		return 0;
	if (is->family == AF_INET)
		score += 1;
	return any ? score : score + 2;
}

/* Workers on one port share strangers by their addresses. */
static uint32_t
spread(const struct mp_addr *a)
{
	uint32_t h = a->port;
	size_t i;

	for (i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 16777619;
	return h ^ h >> 16;
}

void
steering_expect(struct port *p, const struct mp_path *path)
{
	unsigned fits[MP_SLOTS_MAX], most = 0, n = 0, turn;
	uint32_t i, best = MP_NONE;
	bool workers = true;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		const struct slot is = p->map.arena->slot[i];

		fits[i] = p->slot[i].used ? fitness(&is, path) : 0;
		if (fits[i] > most) {
			most = fits[i];
			n = 0;
		}
		n += most > 0 && fits[i] == most;
	}
	turn = n > 0 ? spread(&path->remote) % n + 1 : 0;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (most == 0 || fits[i] != most)
			continue;
		workers &= port_read_bool(&p->map.arena->slot[i].reuseport);
		if (best == MP_NONE || (workers ? turn > 0 :
		    p->slot[i].opened > p->slot[best].opened))
			best = i;
		if (turn > 0)
			turn--;
	}
	if (best != MP_NONE && mp_slot_accept(&p->map.mp, best) != 0)
		journal("port %u: slot %u is not open", p->number, best);
}
