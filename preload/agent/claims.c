/* SPDX-License-Identifier: ISC */
#include "claims.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "port.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/sockfilter.h"

/* What is known of a slot when plaintext is steered. */
struct claims_row {
	struct sockfilter_claim is;
	unsigned rank; /* as the kernel prefers it */
	bool reuseport;
	uint64_t opened;
};

/* Which plaintext the kernel would give to the socket of a slot, and how much
 * it would prefer it: see compute_score() of Linux's net/ipv4/udp.c.  Sockets
 * at an address come before those at the wildcard.  [lock] */
static struct claims_row
claims_of(const struct port *p, int i)
{
	const struct slot is = p->map.arena->slot[i];
	bool v4 = is.family == AF_INET, any = net_is_any(&is.local);
	struct claims_row c = { .is = { .index = p->slot[i].group,
		.v4 = v4 || (any ? !port_read_bool(&is.v6only) :
		    net_is_v4(&is.local)),
		.v6 = !v4 && (any || !net_is_v4(&is.local)),
		.at = !any, .from = p->slot[i].connected,
		.local = is.local, .peer = is.peer },
		.reuseport = port_read_bool(&is.reuseport),
		.opened = p->slot[i].opened };

	c.rank = (any ? 0 : 8) + (c.is.from ? 4 : 0) + (v4 ? 1 : 0);
	if (c.is.from) {
		c.is.v4 &= net_is_v4(&is.peer);
		c.is.v6 &= !net_is_v4(&is.peer);
	}
	return c;
}

/* Does the kernel prefer the one to the other?  Of equal ones the newest. */
static bool
claims_before(const struct claims_row *a, const struct claims_row *b)
{
	return a->rank != b->rank ? a->rank > b->rank : a->opened > b->opened;
}

/* qsort(3) calls sysinfo(2), which the sandbox forbids. */
static void
claims_sort(struct claims_row *all, size_t n)
{
	struct claims_row row;
	size_t i, k;

	for (i = 1; i < n; i++) {
		row = all[i];
		for (k = i; k > 0 && claims_before(&row, &all[k - 1]); k--)
			all[k] = all[k - 1];
		all[k] = row;
	}
}

/* Do two sockets share what fits both, as workers do by SO_REUSEPORT? */
static bool
claims_shares(const struct claims_row *a, const struct claims_row *b)
{
	return a->reuseport && b->reuseport && a->rank == b->rank &&
	    !a->is.from && a->is.v4 == b->is.v4 && a->is.v6 == b->is.v6 &&
	    (!a->is.at || memcmp(a->is.local.ip, b->is.local.ip, 16) == 0);
}

size_t
claims_plan(const struct port *p,
    struct sockfilter_claim claim[MP_SLOTS_MAX])
{
	struct claims_row all[MP_SLOTS_MAX];
	size_t n = 0, k, first = 0;
	int i;

	for (i = 0; i < MP_SLOTS_MAX; i++)
		if (p->slot[i].used)
			all[n++] = claims_of(p, i);
	claims_sort(all, n);
	for (k = 0; k < n; k++) {
		claim[k] = all[k].is;
		if (k > 0 && claims_shares(&all[first], &all[k]))
			claim[first].share++;
		else
			first = k;
	}
	return n;
}
