/* SPDX-License-Identifier: ISC */
#include "late.h"

#include "mp.h"
#include "agent.h"
#include "port.h"
#include "shared/arena.h"

enum { C_BIT = 1 }; /* of a sid, set by its sender on control packets */

static void
late_put(struct late *l, uint16_t number, uint32_t sid, uint64_t until)
{
	l->at[l->next++ % LATE_SIDS] = (struct late_sid) { .until = until,
		.sid = sid & ~(uint32_t)C_BIT, .port = number };
}

void
late_note(struct port *p, uint32_t slots, uint64_t now)
{
	struct mp_session_info info;
	uint32_t i, k, end = mp_session_end(&p->map.mp);

	for (i = 0; i < end; i++) {
		if (mp_session_get(&p->map.mp, i, &info) != 0 ||
		    info.slot >= MP_SLOTS_MAX || (slots >> info.slot & 1) == 0)
			continue;
		for (k = 0; k < 2; k++)
			if (info.sid[k] != 0)
				late_put(&p->agent->late, p->number,
				    info.sid[k], now + LATE_US);
	}
}

size_t
late_find(const struct agent *a, uint16_t number, uint64_t now, uint32_t *sid,
    size_t room)
{
	const struct late_sid *at;
	unsigned i;
	size_t n = 0;

	for (i = 1; i <= LATE_SIDS && n < room; i++) {
		at = &a->late.at[(a->late.next - i) % LATE_SIDS];
		if (at->port == number && now < at->until)
			sid[n++] = at->sid;
	}
	return n;
}
