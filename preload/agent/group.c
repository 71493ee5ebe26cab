/* SPDX-License-Identifier: ISC */
/*
 * The index of a socket in its group cannot be read from the kernel.  So for
 * each index the program of the group is attached such that INTERNAL_LOCATE
 * goes there, and one is sent.  The filters of data sockets drop it, and the
 * kernel counts that among the socket's drops, which are listed (K16 of
 * doc/design.md, socket_scan.h); no program notices.  The index for which no
 * count grows is the control socket's.  What the program is told of its drops
 * (SO_RXQ_OVFL) is without these (`located').  On a busy host a probe may come
 * late, and count for the next index; so all are asked up and down, and both must
 * agree.  Where that fails it is tried again a little later.
 */
#include "group.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mp.h"
#include "agent.h"
#include "journal.h"
#include "port.h"
#include "port_send.h"
#include "socket_scan.h"
#include "steering.h"
#include "shared/arena.h"
#include "shared/internal.h"

enum {
	TRIES = 8,
	LOOKS = 3, LOOK_MS = 1, /* for one probe's drop, and between them */
	AGAIN_US = 200000, /* until they are tried again */
	NO_SLOT = -1, /* no count grew */
	UNCLEAR = -2, /* several grew, or by more than the probe */
};

/* The slot whose drops grew by one since `before'. */
static int
group_find_drop(struct port *p, const struct socket_scan_port *before)
{
	struct socket_scan_port after = { .port = p };
	int i, slot = NO_SLOT;

	if (!socket_scan_read(p->agent->scan, &after, 1))
		return UNCLEAR;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((before->found & after.found & UINT32_C(1) << i) == 0 ||
		    after.drops[i] == before->drops[i])
			continue;
		if (slot != NO_SLOT || after.drops[i] != before->drops[i] + 1)
			return UNCLEAR;
		slot = i;
	}
	return slot;
}

/* The slot that gets a probe.  Where the host is busy the kernel's own thread
 * may carry it, a little later. */
static int
group_probe(struct port *p)
{
	struct socket_scan_port before = { .port = p };
	struct internal probe = { .kind = INTERNAL_LOCATE };
	int slot = NO_SLOT, i;

	if (!socket_scan_read(p->agent->scan, &before, 1))
		return UNCLEAR;
	port_send_internal(p, &probe, NULL, 0);
	for (i = 0; i < LOOKS && slot == NO_SLOT; i++) {
		if (i > 0)
			(void)poll(NULL, 0, LOOK_MS);
		slot = group_find_drop(p, &before);
	}
	return slot;
}

/* What probing each index once found. */
struct group_found {
	uint8_t index[MP_SLOTS_MAX], control;
	uint32_t slots;
};

/* Probes each index once, from the last one on if `down': false, not every
 * index has its socket. */
static bool
group_probe_all(struct port *p, struct group_found *f, bool down)
{
	unsigned k, i;
	int slot;

	memset(f, 0, sizeof(*f));
	f->control = PORT_UNKNOWN;
	for (i = 0; i <= p->nslots; i++) {
		k = down ? p->nslots - i : i;
		steering_attach(p, (uint8_t)k);
		slot = group_probe(p);
		if (slot == UNCLEAR || (slot == NO_SLOT &&
		    f->control != PORT_UNKNOWN))
			return false;
		if (slot == NO_SLOT) {
			f->control = (uint8_t)k;
			continue;
		}
		if (f->slots >> slot & 1)
			return false;
		arena_own_drop(&p->map, (uint32_t)slot, 1);
		f->slots |= UINT32_C(1) << slot;
		f->index[slot] = (uint8_t)k;
	}
	return f->control != PORT_UNKNOWN;
}

/* Both ways, which must agree: a probe that came too late for its own look
 * counts for the next index. */
static bool
group_learn(struct port *p)
{
	struct group_found up, down;
	int i;

	if (!group_probe_all(p, &up, false) ||
	    !group_probe_all(p, &down, true) ||
	    memcmp(&up, &down, sizeof(up)) != 0)
		return false;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (up.slots >> i & 1)
			p->slot[i].group = up.index[i];
	p->group = up.control;
	return true;
}

/* Fills in the indices of all sockets of the port; false: they cannot be told
 * apart, for instance because a flood of packets overflows the sockets. */
static bool
group_locate(struct port *p)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (group_learn(p))
			return true;
	p->locate_at = arena_now() + AGAIN_US;
	port_due(p); /* which sets the alarm for that */
	journal("port %u: the indices of its sockets are unknown", p->number);
	return false;
}

void
group_steer(struct port *p)
{
	p->locate_at = 0;
	steering_attach(p, PORT_UNKNOWN);
	if (!steering_knows_indices(p) && group_locate(p))
		steering_attach(p, PORT_UNKNOWN);
}

bool
group_is_due(const struct port *p, uint64_t now)
{
	return p->steering_due || (p->locate_at != 0 && now >= p->locate_at);
}
