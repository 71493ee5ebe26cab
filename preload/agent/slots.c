/* SPDX-License-Identifier: ISC */
#include "slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "steering.h"
#include "journal.h"
#include "pump.h"

enum { PART_US = 3000000 }; /* how long a slot outlives its socket */

int
slots_find(const struct port *p, uint64_t cookie)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].cookie == cookie)
			return i;
	return -1;
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
shown_family(const struct ipc_request *ask)
{
	if (ask->family == AF_INET)
		return MP_INET;
	return ask->v6only != 0 ? MP_INET6 : MP_DUAL;
}

/* [lock] */
static int
write_record(struct port *p, uint32_t slot, const struct ipc_request *ask,
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
forget_index(struct port *p, uint32_t slot)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if ((p->moved >> i & 1) != 0)
			p->slot[i].group = PORT_UNKNOWN;
	p->slot[slot].group = PORT_UNKNOWN;
}

int
slots_add(struct port *p, const struct ipc_request *ask, pid_t pid, bool raced)
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
		forget_index(p, (uint32_t)slot);
	if (!port_lock(p))
		return -EAGAIN;
	error = write_record(p, (uint32_t)slot, ask, pid);
	port_unlock(p);
	if (error != 0)
		return error;
	s->used = true;
	p->nslots++;
	steering_update(p);
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
		if (mp_session_get(&p->map.mp, i, &info) == 0 &&
		    info.staged > 0 && info.slot < MP_SLOTS_MAX)
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
infer_index(struct port *p)
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
	infer_index(p);
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
	steering_update(p);
	pump_port(p); /* CLOSE to the peers */
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
	pump_port(p);
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
			.connected = port_read_bool(&is.connected), .opened =
			    ++p->opened,
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
	steering_update(p);
	return 0;
}
