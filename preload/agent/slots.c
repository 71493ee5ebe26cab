/* SPDX-License-Identifier: ISC */
#include "slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.h"
#include "journal.h"
#include "locate.h"
#include "net.h"
#include "output.h"
#include "park.h"
#include "steer.h"

int
slots_find(const struct port *p, uint64_t cookie)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].cookie == cookie)
			return i;
	return -1;
}

enum { PART_US = 3000000 }; /* how long a slot outlives its socket */

/* A truth value that a stranger wrote. */
static bool
truth(const bool *b)
{
	return *(const volatile uint8_t *)b != 0;
}

/* --- Steering ------------------------------------------------------------- */

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
slots_stranger(const struct port *p)
{
	int slot = stranger_slot(p);

	return slot >= 0 && !p->slot[slot].connected ? slot : -1;
}

/* [lock] */
static void
look_one(struct port *p, int i)
{
	struct own_slot *s = &p->slot[i];
	const struct slot *is = &p->map.arena->slot[i];

	if (!s->used || s->gen == is->gen)
		return;
	s->gen = is->gen;
	if (s->connected != truth(&is->connected)) {
		s->connected = !s->connected;
		p->connects_new = true;
	}
}

void
slots_look(struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		look_one(p, i);
}

/* Others' packets would make the socket of a connected slot readable for
 * nothing: if it has any, only its peer's go there.  [lock] */
static void
keep_apart(const struct port *p, struct steer_group *g)
{
	struct mp_session_info info;
	uint32_t i, k, slot, others = 0;

	for (i = 0; i < p->map.mp.limits.sessions; i++) {
		if (mp_session_info(&p->map.mp, i, &info) != 0)
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
slots_rekeyed(struct port *p)
{
	p->connects_new |= any_connected(p);
}

/* What the kernel shall do.  [lock] */
static void
plan(struct port *p, struct steer_group *g, int stranger)
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
slots_steer(struct port *p)
{
	slots_steer_probe(p, PORT_UNKNOWN);
	if (!all_known(p) && locate_group(p))
		slots_steer_probe(p, PORT_UNKNOWN);
	park_give(p);
}

void
slots_steer_probe(struct port *p, uint8_t probed)
{
	struct steer_group g = { .probed = probed };
	int error = 0, stranger;

	if (!port_lock(p)) {
		p->connects_new = true; /* again, when it can be had */
		return;
	}
	slots_look(p);
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
		error = steer_group(p->control, &g);
	if (error != 0)
		journal("port %u: steering: %s", p->number,
		    strerror(-error));
}

/* --- Strangers ------------------------------------------------------------- */

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
	    (is->family == AF_INET ? !v4 : v4 && truth(&is->v6only)))
		return 0;
	if (truth(&is->connected))
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
slots_expect(struct port *p, const struct mp_path *path)
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
		workers &= truth(&p->map.arena->slot[i].reuseport);
		if (best == MP_NONE || (workers ? turn > 0 :
		    p->slot[i].opened > p->slot[best].opened))
			best = i;
		if (turn > 0)
			turn--;
	}
	if (best != MP_NONE && mp_slot_accept(&p->map.mp, best) != 0)
		journal("port %u: slot %u is not open", p->number, best);
}

/* --- Coming --------------------------------------------------------------- */

static int
free_slot(const struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (!p->slot[i].used && (p->parting >> i & 1) == 0)
			return i;
	return -EMFILE;
}

/* A name for people: nothing that could harm a terminal. */
static void
copy_name(char to[ARENA_NAME], const char from[ARENA_NAME])
{
	size_t i;

	memset(to, 0, ARENA_NAME);
	for (i = 0; i < ARENA_NAME - 1 && from[i] != '\0'; i++)
		to[i] = from[i] > ' ' && from[i] < 0x7f ? from[i] : '?';
}

/* The addresses that the program can be shown. */
static enum mp_family
shown_family(const struct ipc_ask *ask)
{
	if (ask->family == AF_INET)
		return MP_INET;
	return ask->v6only != 0 ? MP_INET6 : MP_DUAL;
}

/* [lock] */
static int
write_record(struct port *p, uint32_t slot, const struct ipc_ask *ask,
    pid_t pid)
{
	struct slot *is = &p->map.arena->slot[slot];
	uint32_t gen = is->gen + 1;
	int error;

	error = mp_slot_open(&p->map.mp, slot, shown_family(ask));
	if (error != 0)
		return error;
	*is = (struct slot) { .cookie = ask->cookie, .inode = ask->inode,
		.gen = gen, .family = ask->family, .v6only = ask->v6only != 0,
		.reuseaddr = ask->reuseaddr != 0,
		.reuseport = ask->reuseport != 0, .local = ask->local,
		.group = p->slot[slot].group, .pid = (uint32_t)pid };
	copy_name(is->program, ask->program);
	p->slot[slot].gen = gen;
	return 0;
}

/* Others went as it came: before it was bound, or after? */
static void
confuse(struct port *p, uint32_t slot)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if ((p->moved >> i & 1) != 0)
			p->slot[i].group = PORT_UNKNOWN;
	p->slot[slot].group = PORT_UNKNOWN;
}

int
slots_add(struct port *p, const struct ipc_ask *ask, pid_t pid, bool raced)
{
	int error, slot = free_slot(p);
	struct own_slot *s;

	if (slot < 0)
		return slot;
	s = &p->slot[slot];
	*s = (struct own_slot) { .cookie = ask->cookie, .inode = ask->inode,
		.opened = ++p->opened,
		.group = (uint8_t)(p->nslots == 0 && p->group != 0 ? 0 :
		    p->nslots + 1) };
	if (raced)
		confuse(p, (uint32_t)slot);
	if (!port_lock(p))
		return -EAGAIN;
	error = write_record(p, (uint32_t)slot, ask, pid);
	port_unlock(p);
	if (error != 0)
		return error;
	s->used = true;
	p->nslots++;
	slots_steer(p);
	return slot;
}

/* --- Going ---------------------------------------------------------------- */

/*
 * Some of the group's `n' sockets are gone, so that `left' are left; the indices
 * `holes' are theirs as far as they are known.  Who stands below `left' stays;
 * each of the others fills a hole, and where there is one only, it is known
 * which.
 */
static uint8_t
moved(uint8_t at, unsigned n, unsigned left, uint64_t holes)
{
	uint64_t low = left < 64 ? holes & ((UINT64_C(1) << left) - 1) : holes;

	if (at < left || at >= n)
		return at;
	return (unsigned)__builtin_popcountll(holes) == n - left &&
	    __builtin_popcountll(low) == 1 ? (uint8_t)__builtin_ctzll(low) :
	    PORT_UNKNOWN;
}

/* [lock, where it was to be had] */
static void
clear_records(struct port *p, uint32_t gone)
{
	uint64_t now = arena_now();
	uint32_t i;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((gone >> i & 1) == 0)
			continue;
		mp_slot_close(&p->map.mp, now, i);
		p->map.arena->slot[i] = (struct slot) {
			.gen = p->map.arena->slot[i].gen + 1 };
	}
}

/* Of these slots, those that have something to send yet: a program that sends a
 * datagram and exits is gone before its peer has answered.  [lock] */
static uint32_t
undelivered(const struct port *p, uint32_t slots)
{
	struct mp_session_info info;
	uint32_t i, found = 0;

	for (i = 0; i < p->map.mp.limits.sessions; i++)
		if (mp_session_info(&p->map.mp, i, &info) == 0 &&
		    info.held > 0 && info.slot < MP_SLOTS_MAX)
			found |= slots & UINT32_C(1) << info.slot;
	return found;
}

/* The indices that those had who are gone. */
static uint64_t
close_own(struct port *p, uint32_t gone)
{
	uint64_t holes = 0;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((gone >> i & 1) == 0 || !p->slot[i].used)
			continue;
		if (p->slot[i].group <= MP_SLOTS_MAX)
			holes |= UINT64_C(1) << p->slot[i].group;
		p->slot[i].used = false;
		p->nslots--;
	}
	return holes;
}

/* The index of 0 to n that is not taken. */
static uint8_t
missing_index(uint64_t taken, unsigned n)
{
	unsigned i;

	for (i = 0; i <= n; i++)
		if ((taken >> i & 1) == 0)
			break;
	return (uint8_t)i;
}

/* Who alone is unknown has the index that nobody has. */
static void
deduce(struct port *p)
{
	uint8_t *unknown = NULL, *at;
	uint64_t taken = 0;
	unsigned n = 0;
	int i;

	for (i = -1; i < MP_SLOTS_MAX; i++) {
		at = i < 0 ? &p->group : &p->slot[i].group;
		if (i >= 0 && !p->slot[i].used)
			continue;
		if (*at <= MP_SLOTS_MAX)
			taken |= UINT64_C(1) << *at;
		else if (n++ == 0)
			unknown = at;
	}
	if (n == 1)
		*unknown = missing_index(taken, p->nslots);
}

/* There were `n' sockets in the group. */
static void
renumber(struct port *p, unsigned n, unsigned left, uint64_t holes)
{
	uint8_t at;
	int i;

	p->moved = 0;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		at = p->slot[i].group;
		p->slot[i].group = moved(at, n, left, holes);
		if (p->slot[i].used && p->slot[i].group != at)
			p->moved |= UINT32_C(1) << i;
	}
	p->group = moved(p->group, n, left, holes);
	deduce(p);
}

void
slots_drop(struct port *p, uint32_t gone)
{
	unsigned n = p->nslots + 1;
	uint64_t holes = close_own(p, gone);

	journal("port %u: sockets of slots %#x are gone", p->number, gone);
	renumber(p, n, p->nslots + 1, holes);
	if (port_lock(p)) {
		p->parting |= undelivered(p, gone);
		clear_records(p, gone & ~p->parting);
		port_unlock(p);
	}
	p->part_by = arena_now() + PART_US;
	slots_steer(p);
	output_send(p); /* CLOSE to the peers */
}

void
slots_part(struct port *p)
{
	uint32_t done;

	if (p->parting == 0 || !port_lock(p))
		return;
	done = p->parting;
	if (arena_now() < p->part_by)
		done &= ~undelivered(p, p->parting);
	clear_records(p, done);
	p->parting &= ~done;
	port_unlock(p);
	output_send(p);
}

/* --- After a worker or an agent died -------------------------------------- */

/* [lock] */
static uint64_t
read_records(struct port *p)
{
	uint64_t taken = 0;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		const struct slot is = p->map.arena->slot[i];

		if (is.cookie == 0)
			continue;
		p->slot[i] = (struct own_slot) { .used = true,
			.cookie = is.cookie, .inode = is.inode, .gen = is.gen,
			.connected = truth(&is.connected), .opened = ++p->opened,
			.group = is.group <= MP_SLOTS_MAX ? is.group :
			    PORT_UNKNOWN };
		if (is.group <= MP_SLOTS_MAX)
			taken |= UINT64_C(1) << is.group;
		p->nslots++;
	}
	return taken;
}

int
slots_recover(struct port *p, bool control_new)
{
	uint64_t taken;
	uint8_t at;

	if (!port_lock(p))
		return -EAGAIN;
	taken = read_records(p);
	port_unlock(p);
	if (p->nslots == 0)
		return -EINVAL;
	p->group = missing_index(taken, p->nslots); /* the one left over */
	if (control_new) {
		at = p->group;
		p->group = PORT_UNKNOWN;
		renumber(p, p->nslots + 1, p->nslots, UINT64_C(1) << at);
		p->group = (uint8_t)p->nslots;
	}
	slots_steer(p);
	return 0;
}
