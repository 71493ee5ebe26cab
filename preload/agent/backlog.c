/* SPDX-License-Identifier: ISC */
#include "backlog.h"

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "agent.h"
#include "port.h"
#include "port_send.h"
#include "socket_scan.h"
#include "steering.h"
#include "shared/arena.h"
#include "shared/internal.h"
#include "shared/net.h"

enum {
	BACKLOG_MAX = 512, /* datagrams of one port */
	BACKLOG_BYTES = 1 << 20, /* of their payloads */
	STAY_US = 2000000, /* then a datagram is dropped */
};

struct backlog_item {
	STAILQ_ENTRY(backlog_item) entry;
	struct mp_addr from;
	uint64_t since;
	int16_t tos, ttl; /* as in struct internal */
	struct mp_copy copy;
	bool astray; /* its socket may be closed: waits for a scan */
	size_t len;
	uint8_t payload[];
};

static void
backlog_drop_first(struct port *p)
{
	struct backlog_item *d = STAILQ_FIRST(&p->backlog);

	STAILQ_REMOVE_HEAD(&p->backlog, entry);
	p->backlog_n--;
	p->backlog_bytes -= d->len;
	free(d);
}

/* The slot whose socket can have a datagram now: it has the peer's session and
 * is connected to the peer, or takes strangers; of one that went astray, it has
 * the session still when closed sockets are known.  -1: none.  [lock] */
static int
backlog_find_slot(struct port *p, const struct backlog_item *d)
{
	const struct slot *is = p->map.arena->slot;
	int i, stranger = steering_stranger(p);

	if (d->astray && p->agent->scan->began <= d->since)
		return -1;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used && (d->astray || (p->slot[i].connected ?
			net_equal(&is[i].peer, &d->from) : i == stranger)) &&
		    mp_session_find(&p->map.mp, (uint32_t)i, &d->from) !=
		    MP_NONE)
			return i;
	return -1;
}

/* The slot of the oldest datagram that a socket can have, and its peer; -1:
 * none.  [lock] */
static int
backlog_choose(struct port *p, struct mp_addr *from)
{
	struct backlog_item *d;
	int slot = -1;

	steering_read_records(p);
	STAILQ_FOREACH(d, &p->backlog, entry) {
		*from = d->from;
		slot = backlog_find_slot(p, d);
		if (slot >= 0)
			break;
	}
	return slot;
}

/* Gives all datagrams of a peer, in the order of their arrival. */
static void
backlog_deliver(struct port *p, uint32_t slot, const struct mp_addr *from)
{
	struct backlog_item *d, *next;
	struct internal in = { .kind = INTERNAL_LAST, .slot = slot,
		.from = *from };

	for (d = STAILQ_FIRST(&p->backlog); d != NULL; d = next) {
		next = STAILQ_NEXT(d, entry);
		if (!net_equal(&d->from, from))
			continue;
		in.tos = d->tos;
		in.ttl = d->ttl;
		in.copy = d->copy;
		port_send_internal(p, &in, d->payload, d->len);
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
	bool stranger;
	int slot;

	while (p->backlog_n > 0 && now - STAILQ_FIRST(&p->backlog)->since >
	    STAY_US)
		backlog_drop_first(p);
	while (p->backlog_n > 0) {
		if (!port_lock(p))
			return;
		slot = backlog_choose(p, &from);
		port_unlock(p);
		if (slot < 0)
			return;
		stranger = !p->slot[slot].connected;
		if (stranger && p->slot[slot].gave_at + BACKLOG_PAUSE_US > now)
			return;
		if (stranger)
			p->slot[slot].gave_at = now;
		backlog_deliver(p, (uint32_t)slot, &from);
	}
}

void
backlog_put(struct port *p, const struct internal *in, const void *payload,
    size_t len)
{
	struct backlog_item *d = calloc(1, sizeof(*d) + len);

	if (d == NULL)
		return;
	while (p->backlog_n > 0 && (p->backlog_n == BACKLOG_MAX ||
	    p->backlog_bytes + len > BACKLOG_BYTES))
		backlog_drop_first(p);
	d->from = in->from;
	d->tos = in->tos;
	d->ttl = in->ttl;
	d->copy = in->copy;
	d->since = arena_now();
	d->astray = in->kind == INTERNAL_ASTRAY;
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
		backlog_drop_first(p);
}
