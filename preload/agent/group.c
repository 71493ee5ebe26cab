/* SPDX-License-Identifier: ISC */
/*
 * The index of a socket in its group cannot be read from the kernel.  So for
 * each index the program of the group is attached such that INTERNAL_LOCATE
 * goes there, and one is sent.  The filters of data sockets drop it, and the
 * kernel counts that among the socket's drops, which are listed (K16 of
 * doc/design.md, socket_scan.h); no program notices.  The index for which no
 * count grows is the control socket's.  What the program is told of its drops
 * (SO_RXQ_OVFL) is without these (`located').
 */
#include "group.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	AGAIN_US = 200000, /* until they are tried again */
	NO_SLOT = -1, /* no count grew */
	UNCLEAR = -2, /* several grew, or by more than the probe */
};

/* The slot whose drops grew by one probe. */
static int
group_probe(struct port *p)
{
	struct socket_scan_port before = { .port = p }, after = { .port = p };
	struct internal probe = { .kind = INTERNAL_LOCATE };
	int i, slot = NO_SLOT;

	if (!socket_scan_read(p->agent->scan, &before, 1))
		return UNCLEAR;
	port_send_internal(p, &probe, NULL, 0);
	if (!socket_scan_read(p->agent->scan, &after, 1))
		return UNCLEAR;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if ((before.found & after.found & UINT32_C(1) << i) == 0 ||
		    after.drops[i] == before.drops[i])
			continue;
		if (slot != NO_SLOT || after.drops[i] != before.drops[i] + 1)
			return UNCLEAR;
		slot = i;
	}
	return slot;
}

/* Probes each index once: false, not every index has its socket. */
static bool
group_probe_all(struct port *p)
{
	uint8_t index[MP_SLOTS_MAX], control = PORT_UNKNOWN;
	uint32_t found = 0;
	unsigned k;
	int i, slot;

	for (k = 0; k <= p->nslots; k++) {
		steering_attach(p, (uint8_t)k);
		slot = group_probe(p);
		if (slot == UNCLEAR || (slot == NO_SLOT &&
		    control != PORT_UNKNOWN))
			return false;
		if (slot == NO_SLOT) {
			control = (uint8_t)k;
			continue;
		}
		if (found >> slot & 1)
			return false;
		arena_own_drop(&p->map, (uint32_t)slot);
		found |= UINT32_C(1) << slot;
		index[slot] = (uint8_t)k;
	}
	if (control == PORT_UNKNOWN)
		return false;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (found >> i & 1)
			p->slot[i].group = index[i];
	p->group = control;
	return true;
}

/* Fills in the indices of all sockets of the port; false: they cannot be told
 * apart, for instance because a flood of packets overflows the sockets. */
static bool
group_locate(struct port *p)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (group_probe_all(p))
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
