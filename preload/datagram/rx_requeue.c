/* SPDX-License-Identifier: ISC */
#include "rx_requeue.h"

#include "mp.h"
#include "process/reentry.h"
#include "rx_packet.h"
#include "shared/arena.h"
#include "shared/internal.h"
#include "socket/fdtab.h"
#include "socket/notify.h"

/* us after connect(2) in which others' datagrams are passed on */
enum { FRESH_US = 5000000 };

static void
rx_requeue_send(struct rx *in, struct internal *inner, const uint8_t *payload,
    size_t len)
{
	inner->tos = (int16_t)in->info.tos;
	inner->ttl = (int16_t)in->info.ttl;
	(void)notify_internal(in->fd, in->s, inner, payload, len,
	    in->buf->payload);
}

void
rx_requeue_to(struct rx *in, uint32_t slot, const struct mp_addr *from,
    const uint8_t *payload, size_t len)
{
	struct internal inner = { .kind = slot == in->s->slot ? INTERNAL_AGAIN :
		INTERNAL_DATA, .slot = slot, .from = *from, .zone = in->zone };

	rx_requeue_send(in, &inner, payload, len);
}

void
rx_requeue_astray(struct rx *in, uint32_t slot, const struct mp_copy *copy)
{
	struct internal inner = { .kind = INTERNAL_ASTRAY, .slot = slot,
		.from = in->from, .copy = *copy };

	rx_requeue_send(in, &inner, in->payload, in->len);
}

bool
rx_requeue(struct rx *in)
{
	struct internal inner = { .kind = INTERNAL_BACKLOG, .slot = in->s->slot,
		.from = in->from };
	const struct arena *a = in->s->map.arena;

	if (arena_now() - a->slot[in->s->slot].since > FRESH_US)
		return false;
	rx_requeue_send(in, &inner, in->payload, in->len);
	return true;
}
