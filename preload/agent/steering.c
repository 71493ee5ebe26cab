/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * All sockets of a port, the agent's control socket among them, form one group
 * (SO_REUSEPORT); a BPF program that is attached to it chooses for each packet
 * the socket, by its index in the group.  sockfilter.c writes that program;
 * this module decides what the program does:
 *	control packet, handshake	the control socket
 *	data of a session		the socket of the slot in its sid
 *	what is late (late.h)		the control socket
 *	internal datagram		by its slot, or the control socket
 *	plaintext			the socket that the kernel would give it
 * A slot whose index is unknown gets PORT_UNKNOWN, which no group reaches, and
 * the kernel chooses by hash.  No datagram is lost by that: a socket that gets
 * data of another slot passes it on as an internal datagram (control.c,
 * datagram/rx_requeue.c).  group.c learns unknown indices.
 *
 * A stranger is a peer without a session.  Strangers go to the newest socket
 * that is not connected, else to the newest.  With several sockets the control packet that
 * opens a session says by its path which of them fits it best
 * (steering_accept, scored like compute_score() of Linux's net/ipv4/udp.c).
 *
 * A connected socket has to get its peer's datagrams alone, but until its
 * connect(2) it may have taken strangers, whose sessions carry its slot.  Those
 * move to the slot that takes strangers now (mp_slot_move); until their peers
 * have keys with a sid of that slot, the program sends to the agent what is
 * data of the connected slot and has not its peer's sid (`only', `sid').
 * Or another socket of the port had its peer's session, which it takes
 * (sibling.h): until the peer has keys with a sid of its slot, the program
 * sends it what has the old sid.
 *
 * Invariants
 *	own_slot.group, port.group	what the agent believes; slots.c keeps
 *					them
 *	slot.group of the arena		a copy, for the next worker; never read
 *					but by slots_recover()
 *	steering_due			set whenever a record or a key changed
 *					what was attached; steering_attach()
 *					clears it, pump_port() goes by it
 * Records are shared memory that programs write: each is read once, under the
 * lock, and its truth values by port_read_bool().
 *
 * Lock: [lock] functions want the arena's; the program is attached without it.
 * It must never send, scan or pump: group.c and pump.c lie above.
 * Source: K11 and K12 of doc/design.md.
 */
#include "steering.h"

#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "agent.h"
#include "claims.h"
#include "late.h"
#include "port.h"
#include "journal.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/sibling.h"
#include "shared/sockfilter.h"

/* The newest socket that is not connected, else the newest; -1: there is
 * none. */
static int
steering_newest(const struct port *p)
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
	int slot = steering_newest(p);

	return slot >= 0 && !p->slot[slot].connected ? slot : -1;
}

/* [lock] */
static void
steering_read_record(struct port *p, int i)
{
	struct own_slot *s = &p->slot[i];
	const struct slot *is = &p->map.arena->slot[i];

	if (!s->used || s->gen == is->gen)
		return;
	s->gen = is->gen;
	/* Of several sockets the addresses say what is whose. */
	if (s->connected != port_read_bool(&is->connected) || p->nslots > 1) {
		s->connected = port_read_bool(&is->connected);
		p->steering_due = true;
	}
}

void
steering_read_records(struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		steering_read_record(p, i);
}

/* Is it the session of a connected socket with its peer?  [lock] */
static bool
steering_is_own(const struct port *p, const struct mp_session_info *info)
{
	return info->slot < MP_SLOTS_MAX && p->slot[info->slot].connected &&
	    net_equal(&info->shown, &p->map.arena->slot[info->slot].peer);
}

static void
steering_plan_other(struct sockfilter_steering *g, uint32_t slot, uint32_t sid)
{
	if (g->nothers < SOCKFILTER_OTHERS)
		g->other[g->nothers++] = sid;
	else
		g->only |= UINT32_C(1) << slot;
}

/* A connected socket gets its peer's packets, whichever slot their sid names.
 * Packets of other peers would make it readable, with nothing for its program
 * to read: those whose sids name its slot go to the agent.  Where they are too
 * many to be listed only its peer's packets go to the socket; the first ones of a
 * session that it has just begun by way of the agent then, which the next ones may
 * pass.  [lock] */
static void
steering_plan_connected(const struct port *p, struct sockfilter_steering *g)
{
	struct mp_session_info info;
	uint32_t i, k, slot, end = mp_session_end(&p->map.mp);

	for (i = 0; i < end; i++) {
		if (mp_session_get(&p->map.mp, i, &info) != 0)
			continue;
		for (k = 0; k < 2; k++) {
			slot = info.sid[k] >> 19 & 31;
			if (info.sid[k] == 0)
				continue;
			if (steering_is_own(p, &info))
				g->sid[info.slot][k] = info.sid[k];
			else if (p->slot[slot].connected)
				steering_plan_other(g, slot, info.sid[k]);
		}
	}
}

static bool
steering_any_connected(const struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].connected)
			return true;
	return false;
}

void
steering_note_keys(struct port *p)
{
	p->steering_due |= steering_any_connected(p);
}

/* What the program shall do.  [lock] */
static void
steering_plan(struct port *p, struct sockfilter_steering *g, int stranger)
{
	int i;

	g->prefix = mp_sid_prefix(&p->map.mp);
	memcpy(g->token, p->map.arena->token, sizeof(g->token));
	g->nlate = late_find(p->agent, p->number, arena_now(), g->late,
	    SOCKFILTER_LATE);
	g->control = p->group;
	g->plain = p->slot[stranger].group;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		g->slot[i] = p->slot[i].used ? p->slot[i].group : 255;
		if (p->slot[i].used) /* for another worker to find */
			p->map.arena->slot[i].group = p->slot[i].group;
	}
	if (steering_any_connected(p))
		steering_plan_connected(p, g);
}

/* Sessions of connected sockets with peers that they are not connected to move
 * to the socket that takes strangers.  [lock] */
static void
steering_move_strangers(struct port *p, uint32_t stranger)
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

/* Connected sockets get the sessions with their peers that were made for
 * another one since.  [lock] */
static void
steering_take(struct port *p)
{
	uint32_t i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].connected)
			sibling_take(&p->map, i);
}

bool
steering_knows_indices(const struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].group == PORT_UNKNOWN)
			return false;
	return p->group != PORT_UNKNOWN;
}

void
steering_attach(struct port *p, uint8_t probed)
{
	struct sockfilter_claim claim[MP_SLOTS_MAX];
	struct sockfilter_steering g = { .probed = probed, .claim = claim };
	int error = 0, stranger;

	if (!port_lock(p)) {
		p->steering_due = true;
		return;
	}
	steering_read_records(p);
	p->steering_due = false;
	stranger = steering_newest(p);
	if (stranger >= 0) {
		steering_take(p);
		steering_plan(p, &g, stranger);
		g.nclaims = claims_plan(p, claim);
		error = mp_slot_accept(&p->map.mp, (uint32_t)stranger);
		steering_move_strangers(p, (uint32_t)stranger);
	}
	port_unlock(p);
	if (stranger < 0)
		return;
	if (error == 0)
		error = sockfilter_steer(p->control, &g, &p->steered);
	if (error != 0)
		journal("port %u: steering: %s", p->number,
		    strerror(-error));
}

/* --- Strangers ------------------------------------------------------------ */

enum { STEERING_OWN = 9 }; /* above every other score */

/*
 * How well a socket fits a stranger that came by this path, as the kernel
 * would score it; 0: not at all.  Best fits the one that is connected to that
 * very address: its peer is back.  Any other connected one fits least, but it
 * fits: a server that connects a socket binds the next one at once, and a
 * stranger that comes in between is moved to that one.
 */
static unsigned
steering_fitness(const struct slot *is, const struct mp_path *path)
{
	bool v4 = net_is_v4(&path->remote), any = net_is_any(&is->local);
	unsigned score = 2;

	if (is->cookie == 0 ||
	    (is->family == AF_INET ? !v4 : v4 && port_read_bool(&is->v6only)))
		return 0;
	if (port_read_bool(&is->connected))
		return net_equal(&is->peer, &path->remote) ? STEERING_OWN : 1;
	if (!any && memcmp(is->local.ip, path->local.ip, 16) != 0)
		return 0;
	if (is->family == AF_INET)
		score += 1;
	return any ? score : score + 2;
}

/* Processes that share a port by SO_REUSEPORT share strangers by a hash of
 * their addresses, as the kernel does. */
static uint32_t
steering_spread(const struct mp_addr *a)
{
	uint32_t h = a->port;
	size_t i;

	for (i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 16777619;
	return h ^ h >> 16;
}

void
steering_accept(struct port *p, const struct mp_path *path)
{
	unsigned fits[MP_SLOTS_MAX], most = 0, n = 0, turn;
	uint32_t i, best = MP_NONE;
	bool workers = true;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		const struct slot is = p->map.arena->slot[i];

		fits[i] = p->slot[i].used ? steering_fitness(&is, path) : 0;
		if (fits[i] > most) {
			most = fits[i];
			n = 0;
		}
		n += most > 0 && fits[i] == most;
	}
	turn = n > 0 ? steering_spread(&path->remote) % n + 1 : 0;
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
