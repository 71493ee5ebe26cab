/* SPDX-License-Identifier: ISC */
#include "group_index.h"

#include "agent.h"
#include "steering.h"
#include "journal.h"
#include "pump.h"

enum {
	TRIES = 8,
	NOBODY = -1,
	UNCLEAR = -2,
};

/* The slot whose drops grew by one probe. */
static int
who_dropped(struct port *p)
{
	struct internal probe = { .kind = INTERNAL_LOCATE };
	uint64_t before[MP_SLOTS_MAX];
	int i, who = NOBODY;

	if (!socket_scan_all(p->agent))
		return UNCLEAR;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		before[i] = p->slot[i].drops;
	port_send_internal(p, &probe, NULL, 0);
	if (!socket_scan_all(p->agent))
		return UNCLEAR;
	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (!p->slot[i].used || p->slot[i].drops == before[i])
			continue;
		if (who != NOBODY || p->slot[i].drops != before[i] + 1)
			return UNCLEAR;
		who = i;
	}
	return who;
}

/* One round over all indices. */
static bool
group_index_ask_all(struct port *p)
{
	uint8_t index[MP_SLOTS_MAX], control = PORT_UNKNOWN;
	uint32_t found = 0;
	unsigned k;
	int i, who;

	for (k = 0; k <= p->nslots; k++) {
		steering_probe(p, (uint8_t)k);
		who = who_dropped(p);
		if (who == UNCLEAR || (who == NOBODY &&
		    control != PORT_UNKNOWN))
			return false;
		if (who == NOBODY) {
			control = (uint8_t)k;
			continue;
		}
		if (found >> who & 1)
			return false;
		found |= UINT32_C(1) << who;
		index[who] = (uint8_t)k;
	}
	if (control == PORT_UNKNOWN)
		return false;
	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (found >> i & 1)
			p->slot[i].group = index[i];
	p->group = control;
	return true;
}

bool
group_index_find(struct port *p)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (group_index_ask_all(p))
			return true;
	journal("port %u: who has which index cannot be told", p->number);
	return false;
}
