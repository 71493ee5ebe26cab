/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A slot is the place of one socket in its port: what the agent knows of it
 * (struct own_slot), a record that its program sees (struct slot of the arena),
 * and its number in the engine, which is part of each of its sessions' sids.
 *
 * States of a slot
 *	free	  may be given to a new socket
 *	used	  the socket exists, as far as the last scan could tell
 *	parting	  (bit of port.parting) the socket is gone, but datagrams of its
 *		  program wait for a session, or for the first answer to a
 *		  child, or the peer's addresses are awaited, which the next
 *		  socket needs; the record and the engine's slot stay until they
 *		  are there, PART_US at most.  A program that sends one datagram
 *		  and exits is served by this.  All other sessions of the slot
 *		  end at once, and no new ones begin in it, for nobody would
 *		  read what their peers send (mp_slot_part()).
 * slots_add: free to used.  slots_drop: used to parting or free.  slots_part:
 * parting to free.  Where another socket of the port takes packets to its
 * address, that one gets the sessions (sibling.h), also if it is bound later,
 * while the slot parts: a server that begins again at once.  A slot that becomes free is
 * closed in the engine, which tells the peers that are left (CLOSE); the pump
 * sends that, so the port is due.
 *
 * Indices.  The kernel numbers the sockets of a group by their order of
 * joining; the port's first socket is 0, the control socket 1.  A process that
 * binds holds connect_agent_lock(), so the agent learns of them in that order.
 * When a socket closes, the kernel moves the last one of the group to its index
 * (K11 of doc/design.md).  So after a scan that found one socket gone, all
 * indices are known.  Of several that closed between two scans the order is
 * unknown, and with it which of the last ones went where: such a socket has
 * PORT_UNKNOWN, until group.c has asked the kernel.  If sockets closed while
 * one was bound, all indices are unknown.
 *
 * Invariants
 *	known indices of one port differ, and lie in 0 ... nslots
 *	nslots is the number of used slots; the group has nslots + 1 sockets
 *	an index is PORT_UNKNOWN rather than wrong: wrong ones give a program
 *	the datagrams of another
 *
 * Lock: records and the engine are written under the arena's.  Where it is not
 * available slots_drop() still frees the agent's own slots; the record keeps
 * its old contents until the slot is used again.
 * It must never scan, send or pump: it does no system call but the lock's.
 */
#include "slots.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "agent.h"
#include "journal.h"
#include "late.h"
#include "parent.h"
#include "port.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/sibling.h"

enum { PART_US = 3000000 }; /* longest that a slot outlives its socket */

int
slots_find(const struct port *p, uint64_t cookie)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && p->slot[i].cookie == cookie)
			return i;
	return -1;
}

/* --- A new socket --------------------------------------------------------- */

static int
slots_find_free(const struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (!p->slot[i].used && (p->parting >> i & 1) == 0)
			return i;
	return -EMFILE;
}

/* Copies a program's name for display: without bytes that a terminal would take
 * for commands. */
static void
slots_copy_name(char to[ARENA_NAME], const char from[ARENA_NAME])
{
	size_t i;

	memset(to, 0, ARENA_NAME);
	for (i = 0; i < ARENA_NAME - 1 && from[i] != '\0'; i++)
		to[i] = from[i] > ' ' && from[i] < 0x7f ? from[i] : '?';
}

/* The families of the addresses that the program can be shown. */
static enum mp_family
slots_family(const struct ipc_request *ask)
{
	if (ask->family == AF_INET)
		return MP_INET;
	return ask->v6only != 0 ? MP_INET6 : MP_DUAL;
}

/* [lock] */
static int
slots_write_record(struct port *p, uint32_t slot, const struct ipc_request *ask,
    pid_t pid)
{
	struct slot *is = &p->map.arena->slot[slot];
	uint32_t gen = is->gen + 1;
	int error;

	error = mp_slot_open(&p->map.mp, slot, slots_family(ask));
	if (error != 0)
		return error;
	*is = (struct slot) { .cookie = ask->cookie, .inode = ask->inode,
		.gen = gen, .family = ask->family, .v6only = ask->v6only != 0,
		.reuseaddr = ask->reuseaddr != 0,
		.reuseport = ask->reuseport != 0,
		.connected = ask->connected != 0, .local = ask->local,
		.peer = ask->connected != 0 ? ask->peer :
		    (struct mp_addr) { .port = 0 },
		.group = p->slot[slot].group, .pid = (uint32_t)pid };
	slots_copy_name(is->program, ask->program);
	p->slot[slot].gen = gen;
	return 0;
}

/* Other sockets closed while the new one was bound.  Whether the kernel moved a
 * socket before or after that is unknown, and what was concluded of the group
 * since, without the new one, may be wrong. */
static void
slots_forget_indices(struct port *p)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		p->slot[i].group = PORT_UNKNOWN;
	p->group = PORT_UNKNOWN;
	p->steering_due = true; /* even if no slot can be given now */
}

/* The peers of sockets that are gone are those of another one of the port, as in
 * the kernel: their sessions go on there.  [lock] */
static void
slots_pass_on(struct port *p, uint32_t gone)
{
	uint32_t i;
	int heir;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((gone >> i & 1) == 0)
			continue;
		heir = sibling_heir(&p->map, i, gone | p->parting);
		if (heir >= 0)
			mp_slot_move(&p->map.mp, arena_now(), i,
			    (uint32_t)heir, NULL);
	}
}

int
slots_add(struct port *p, const struct ipc_request *ask, pid_t pid, bool raced)
{
	int error, slot = slots_find_free(p);
	struct own_slot *s;

	if (slot < 0)
		return slot;
	s = &p->slot[slot];
	*s = (struct own_slot) { .connected = ask->connected != 0,
		.cookie = ask->cookie, .inode = ask->inode,
		.opened = ++p->agent->opened,
		.group = (uint8_t)(p->nslots == 0 && p->group != 0 ? 0 :
		    p->nslots + 1) };
	if (raced)
		slots_forget_indices(p);
	if (!port_lock(p))
		return -EAGAIN;
	error = slots_write_record(p, (uint32_t)slot, ask, pid);
	if (error == 0) /* a program that begins again at once */
		slots_pass_on(p, p->parting);
	port_unlock(p);
	if (error != 0)
		return error;
	s->used = true;
	p->nslots++;
	return slot;
}

/* --- Sockets that are gone ------------------------------------------------ */

/*
 * Where the socket at index `at' is now.  Of the group's `n' sockets `left'
 * are left; `holes' are the indices of those that are gone, as far as they
 * were known.  A socket below `left' keeps its index; each of the others fills
 * a hole below `left', and if there is one such hole only, it is known which.
 */
static uint8_t
slots_moved_index(uint8_t at, unsigned n, unsigned left, uint64_t holes)
{
	uint64_t low = left < 64 ? holes & ((UINT64_C(1) << left) - 1) : holes;

	if (at < left || at >= n)
		return at;
	return (unsigned)__builtin_popcountll(holes) == n - left &&
	    __builtin_popcountll(low) == 1 ? (uint8_t)__builtin_ctzll(low) :
	    PORT_UNKNOWN;
}

/* Their sessions with nothing undelivered end.  [lock] */
static void
slots_begin_parting(struct port *p, uint32_t parting)
{
	uint64_t now = arena_now();
	uint32_t i;

	p->parting |= parting;
	if (parting != 0)
		parent_keep(p, now);
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if ((parting >> i & 1) != 0)
			mp_slot_part(&p->map.mp, now, i);
}

/* [lock] */
static void
slots_clear_records(struct port *p, uint32_t gone)
{
	uint64_t now = arena_now();
	uint32_t i;

	if (gone != 0)
		parent_keep(p, now);
	late_note(p, gone, now);
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((gone >> i & 1) == 0)
			continue;
		mp_slot_close(&p->map.mp, now, i);
		p->map.arena->slot[i] = (struct slot) {
			.gen = p->map.arena->slot[i].gen + 1 };
	}
}

/* Those of these slots that have datagrams which are staged, or may have to be
 * sent again once there was a handshake.  [lock] */
static uint32_t
slots_undelivered(const struct port *p, uint32_t slots)
{
	struct mp_session_info info;
	uint32_t i, found = 0, end = mp_session_end(&p->map.mp);

	for (i = 0; i < end; i++)
		if (mp_session_get(&p->map.mp, i, &info) == 0 &&
		    (info.staged > 0 || info.waits) && info.slot < MP_SLOTS_MAX)
			found |= slots & UINT32_C(1) << info.slot;
	return found;
}

/* Frees the agent's own part of these slots: the indices that their sockets
 * had. */
static uint64_t
slots_free_own(struct port *p, uint32_t gone)
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

/* The first index of 0 to n that is not taken. */
static uint8_t
slots_free_index(uint64_t taken, unsigned n)
{
	unsigned i;

	for (i = 0; i <= n; i++)
		if ((taken >> i & 1) == 0)
			break;
	return (uint8_t)i;
}

/* If exactly one socket's index is unknown, it is the one that is free. */
static void
slots_infer_index(struct port *p)
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
		*unknown = slots_free_index(taken, p->nslots);
}

/* Finds the new indices after sockets are gone: see slots_moved_index(). */
static void
slots_renumber(struct port *p, unsigned n, unsigned left, uint64_t holes)
{
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		p->slot[i].group = slots_moved_index(p->slot[i].group, n, left,
		    holes);
	p->group = slots_moved_index(p->group, n, left, holes);
	slots_infer_index(p);
}

void
slots_drop(struct port *p, uint32_t gone)
{
	unsigned n = p->nslots + 1;
	uint64_t holes = slots_free_own(p, gone);
	uint32_t parting;

	journal("port %u: sockets of slots %#x are gone", p->number, gone);
	slots_renumber(p, n, p->nslots + 1, holes);
	if (port_lock(p)) {
		slots_pass_on(p, gone);
		parting = slots_undelivered(p, gone);
		slots_begin_parting(p, parting);
		slots_clear_records(p, gone & ~parting);
		port_unlock(p);
	}
	p->part_by = arena_now() + PART_US;
	port_due(p);
}

void
slots_part(struct port *p)
{
	uint32_t done;

	if (p->parting == 0 || !port_lock(p))
		return;
	done = p->parting;
	if (arena_now() < p->part_by)
		done &= ~slots_undelivered(p, p->parting);
	slots_clear_records(p, done);
	p->parting &= ~done;
	port_unlock(p);
	port_due(p);
}

/* --- After a worker or the whole agent died ------------------------------- */

/* [lock] */
static uint64_t
slots_read_records(struct port *p)
{
	uint64_t taken = 0;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		const struct slot is = p->map.arena->slot[i];

		if (is.cookie == 0)
			continue;
		p->slot[i] = (struct own_slot) { .used = true,
			.cookie = is.cookie, .inode = is.inode, .gen = is.gen,
			.connected = port_read_bool(&is.connected),
			.opened = ++p->agent->opened,
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
	taken = slots_read_records(p);
	port_unlock(p);
	if (p->nslots == 0)
		return -EINVAL;
	p->group = slots_free_index(taken, p->nslots);
	if (control_new) {
		at = p->group;
		p->group = PORT_UNKNOWN;
		slots_renumber(p, p->nslots + 1, p->nslots, UINT64_C(1) << at);
		p->group = (uint8_t)p->nslots;
	}
	return 0;
}
