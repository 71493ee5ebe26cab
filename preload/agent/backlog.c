/* SPDX-License-Identifier: ISC */
#include "backlog.h"

#include <stdlib.h>
#include <string.h>

#include "steering.h"
#include "shared/net.h"
#include "pump.h"

enum {
	BACKLOG_MAX = 512, /* at most of a port, the oldest go */
	BACKLOG_BYTES = 1 << 20,
	STAY_US = 2000000,
};

struct backlog_item {
	STAILQ_ENTRY(backlog_item) entry;
	struct mp_addr from;
	uint64_t since;
	size_t len;
	uint8_t payload[];
};

static void
drop_first(struct port *p)
{
	struct backlog_item *d = STAILQ_FIRST(&p->backlog);

	STAILQ_REMOVE_HEAD(&p->backlog, entry);
	p->backlog_n--;
	p->backlog_bytes -= d->len;
	free(d);
}

/* Which socket can have it now: the one that is connected to its peer, or that
 * takes strangers and has its session; -1: none.  [lock] */
static int
taker(struct port *p, const struct mp_addr *from)
{
	const struct slot *is = p->map.arena->slot;
	int i, stranger = steering_stranger(p);

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
	struct backlog_item *d;
	int slot = -1;

	steering_note(p);
	STAILQ_FOREACH(d, &p->backlog, entry) {
		*from = d->from;
		slot = taker(p, from);
		if (slot >= 0)
			break;
	}
	return slot;
}

/* All that a peer sent, in the order in which it came. */
static void
backlog_deliver(struct port *p, uint32_t slot, const struct mp_addr *from)
{
	struct backlog_item *d, *next;
	struct internal inner = { .kind = INTERNAL_DATA, .slot = slot,
		.from = *from };

	for (d = STAILQ_FIRST(&p->backlog); d != NULL; d = next) {
		next = STAILQ_NEXT(d, entry);
		if (!net_equal(&d->from, from))
			continue;
		port_send_internal(p, &inner, d->payload, d->len);
		STAILQ_REMOVE(&p->backlog, d, backlog_item, entry);
		p->backlog_n--;
		p->backlog_bytes -= d->len;
		free(d);
	}
}

void
backlog_give(struct port *p)
{
	struct mp_addr from;
	uint64_t now = arena_now();
	bool strange;
	int slot;

	while (p->backlog_n > 0 && now - STAILQ_FIRST(&p->backlog)->since >
	    STAY_US)
		drop_first(p);
	while (p->backlog_n > 0) {
		if (!port_lock(p))
			return;
		slot = choose(p, &from);
		port_unlock(p);
		if (slot < 0)
			return;
		strange = !p->slot[slot].connected;
		if (strange && p->slot[slot].gave_at + BACKLOG_PAUSE_US > now)
			return;
		if (strange)
			p->slot[slot].gave_at = now;
		backlog_deliver(p, (uint32_t)slot, &from);
	}
}

void
backlog_put(struct port *p, const struct internal *inner, const void *payload,
    size_t len)
{
	struct backlog_item *d = calloc(1, sizeof(*d) + len);

	if (d == NULL)
		return;
	while (p->backlog_n > 0 && (p->backlog_n == BACKLOG_MAX ||
	    p->backlog_bytes + len > BACKLOG_BYTES))
		drop_first(p);
	d->from = inner->from;
	d->since = arena_now();
	d->len = len;
	memcpy(d->payload, payload, len);
	STAILQ_INSERT_TAIL(&p->backlog, d, entry);
	p->backlog_n++;
	p->backlog_bytes += len;
	backlog_give(p);
}

void
backlog_free(struct port *p)
{
	while (p->backlog_n > 0)
		drop_first(p);
}
