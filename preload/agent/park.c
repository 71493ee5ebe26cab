/* SPDX-License-Identifier: ISC */
#include "park.h"

#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "net.h"
#include "output.h"

enum {
	PARKED = 512, /* at most of a port, the oldest go */
	PARKED_BYTES = 1 << 20,
	STAY_US = 2000000,
};

struct parked {
	STAILQ_ENTRY(parked) entry;
	struct mp_addr from;
	uint64_t since;
	size_t len;
	uint8_t payload[];
};

static void
drop_first(struct port *p)
{
	struct parked *d = STAILQ_FIRST(&p->park);

	STAILQ_REMOVE_HEAD(&p->park, entry);
	p->parked--;
	p->parked_bytes -= d->len;
	free(d);
}

/* Which socket can have it now: the one that is connected to its peer, or that
 * takes strangers and has its session; -1: none.  [lock] */
static int
taker(struct port *p, const struct mp_addr *from)
{
	const struct slot *is = p->map.arena->slot;
	int i, stranger = group_stranger(p);

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && (p->slot[i].connected ?
			net_equal(&is[i].peer, from) : i == stranger) &&
		    mp_session_find(&p->map.mp, (uint32_t)i, from) != MP_NONE)
			return i;
	return -1;
}

/* The first that a socket can have, and which: -1, none.  [lock] */
static int
choose(struct port *p, struct mp_addr *from)
{
	struct parked *d;
	int slot = -1;

	group_look(p);
	STAILQ_FOREACH(d, &p->park, entry) {
		*from = d->from;
		slot = taker(p, from);
		if (slot >= 0)
			break;
	}
	return slot;
}

/* All that a peer sent, in the order in which it came. */
static void
give(struct port *p, uint32_t slot, const struct mp_addr *from)
{
	struct parked *d, *next;
	struct inner inner = { .kind = INNER_DATA, .slot = slot,
		.from = *from };

	for (d = STAILQ_FIRST(&p->park); d != NULL; d = next) {
		next = STAILQ_NEXT(d, entry);
		if (!net_equal(&d->from, from))
			continue;
		output_inner(p, &inner, d->payload, d->len);
		STAILQ_REMOVE(&p->park, d, parked, entry);
		p->parked--;
		p->parked_bytes -= d->len;
		free(d);
	}
}

void
park_give(struct port *p)
{
	struct mp_addr from;
	uint64_t now = arena_now();
	bool strange;
	int slot;

	while (p->parked > 0 && now - STAILQ_FIRST(&p->park)->since > STAY_US)
		drop_first(p);
	while (p->parked > 0) {
		if (!port_lock(p))
			return;
		slot = choose(p, &from);
		port_unlock(p);
		if (slot < 0)
			return;
		strange = !p->slot[slot].connected;
		if (strange && p->slot[slot].gave_at + PARK_PAUSE_US > now)
			return;
		if (strange)
			p->slot[slot].gave_at = now;
		give(p, (uint32_t)slot, &from);
	}
}

void
park_put(struct port *p, const struct inner *inner, const void *payload,
    size_t len)
{
	struct parked *d = calloc(1, sizeof(*d) + len);

	if (d == NULL)
		return;
	while (p->parked > 0 && (p->parked == PARKED ||
	    p->parked_bytes + len > PARKED_BYTES))
		drop_first(p);
	d->from = inner->from;
	d->since = arena_now();
	d->len = len;
	memcpy(d->payload, payload, len);
	STAILQ_INSERT_TAIL(&p->park, d, entry);
	p->parked++;
	p->parked_bytes += len;
	park_give(p);
}

void
park_free(struct port *p)
{
	while (p->parked > 0)
		drop_first(p);
}
