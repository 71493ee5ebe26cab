/* SPDX-License-Identifier: ISC */
#include "sibling.h"

#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "mp.h"
#include "net.h"

/* Can packets to one socket's address be the other's as well? */
static bool
sibling_is(const struct slot *a, const struct slot *b)
{
	return a != b && a->cookie != 0 && b->cookie != 0 &&
	    (net_is_any(&a->local) || net_is_any(&b->local) ||
	    memcmp(a->local.ip, b->local.ip, sizeof(a->local.ip)) == 0);
}

void
sibling_take(struct arena_map *map, uint32_t slot)
{
	const struct slot *is = map->arena->slot;
	const struct mp_addr peer = is[slot].peer;
	uint32_t i, others = mp_slots(&map->mp) & ~(UINT32_C(1) << slot);

	for (i = 0; others != 0 && i < MP_SLOTS_MAX; i++)
		if ((others >> i & 1) != 0 && sibling_is(&is[i], &is[slot]))
			mp_slot_take(&map->mp, arena_now(), i, slot, &peer);
}

int
sibling_heir(const struct arena_map *map, uint32_t slot, uint32_t gone)
{
	const struct slot *is = map->arena->slot;
	uint32_t open = mp_slots_accepting(&map->mp) & ~gone;
	int i;

	for (i = MP_SLOTS_MAX; i-- > 0;)
		if ((open >> i & 1) != 0 && !is[i].connected &&
		    sibling_is(&is[i], &is[slot]))
			return i;
	return -1;
}

uint32_t
sibling_sender(const struct arena_map *map, uint32_t slot,
    const struct mp_addr *peer)
{
	const struct slot *is = map->arena->slot;
	uint32_t i, others = mp_slots(&map->mp) & ~(UINT32_C(1) << slot);

	if (others == 0 || mp_session_find(&map->mp, slot, peer) != MP_NONE)
		return slot;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if ((others >> i & 1) != 0 && sibling_is(&is[i], &is[slot]) &&
		    mp_session_find(&map->mp, i, peer) != MP_NONE)
			return i;
	return slot;
}
