/* SPDX-License-Identifier: ISC */
#include "park.h"

#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "slots.h"

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

/* Has the slot a session with this peer?  [lock] */
static bool
takes(struct port *p, uint32_t slot, const struct mp_addr *from)
{
	return mp_session_find(&p->map.mp, slot, from) != MP_NONE;
}

/* Those whose session went to the slot, in the order in which they came. */
static void
give(struct port *p, uint32_t slot, uint32_t theirs[], unsigned n)
{
	struct parked *d, *next;
	struct inner inner = { .kind = INNER_DATA, .slot = slot };
	unsigned i = 0;

	for (d = STAILQ_FIRST(&p->park); d != NULL && i < n; d = next, i++) {
		next = STAILQ_NEXT(d, entry);
		if ((theirs[i / 32] >> i % 32 & 1) == 0)
			continue;
		inner.from = d->from;
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
	uint32_t theirs[PARKED / 32] = { 0 };
	struct parked *d;
	unsigned n = 0;
	int slot;

	while (p->parked > 0 &&
	    arena_now() - STAILQ_FIRST(&p->park)->since > STAY_US)
		drop_first(p);
	slot = slots_stranger(p);
	if (p->parked == 0 || slot < 0 || !port_lock(p))
		return;
	STAILQ_FOREACH(d, &p->park, entry) {
		if (takes(p, (uint32_t)slot, &d->from))
			theirs[n / 32] |= UINT32_C(1) << n % 32;
		n++;
	}
	port_unlock(p);
	give(p, (uint32_t)slot, theirs, n);
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
