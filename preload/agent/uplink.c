/* SPDX-License-Identifier: ISC */
#include "uplink.h"

#include <stdint.h>
#include <string.h>

#include "mp.h"
#include "agent.h"
#include "netmon.h"
#include "port.h"
#include "rtnl.h"
#include "shared/arena.h"
#include "shared/net.h"

enum {
	BATCH = 16, /* flows taken under one lock */
	ROUNDS = 8, /* batches of one run; each flow takes 2 questions */
};

/* Does the kernel choose among interfaces?  Not for a socket that is bound to
 * one. */
static bool
uplink_is_choice(const struct port *p)
{
	return p->device == 0 && p->kernel != MP_INET &&
	    netmon_has_two_ipv6(p->agent->netmon);
}

/* By which interface packets of the path leave, and whether with :: as source:
 * where the socket is bound to an address, :: means that address. */
static uint32_t
uplink_find(const struct port *p, const struct mp_path *path, bool *any_source)
{
	return rtnl_leaves_by(p->agent->netmon->dump, path, p->number,
	    net_is_any(&p->bound) ? any_source : NULL);
}

bool
uplink_ask(struct port *p, bool *more)
{
	static struct mp_route route[BATCH];
	uint32_t by[BATCH];
	bool any[BATCH], choice = uplink_is_choice(p);
	uint64_t now;
	int round, i, n = BATCH;

	for (round = 0; round < ROUNDS && n == BATCH; round++) {
		for (n = 0; n < BATCH && mp_route_wanted(&p->map.mp, &route[n]);
		     n++) {
			by[n] = route[n].path.ifindex;
			any[n] = false;
		}
		if (n == 0)
			break;
		if (choice) {
			port_unlock(p);
			for (i = 0; i < n; i++)
				by[i] = uplink_find(p, &route[i].path, &any[i]);
			if (!port_lock(p))
				return false;
		}
		now = arena_now();
		for (i = 0; i < n; i++)
			mp_route_set(&p->map.mp, now, &route[i], by[i], any[i]);
	}
	*more = n == BATCH;
	return true;
}

void
uplink_aim(const struct port *p, struct mp_path *path)
{
	struct mp_addr local = path->local;

	if (uplink_is_choice(p) && path->ifindex != 0 && !net_is_v4(&local) &&
	    !net_is_link_local(&local))
		(void)uplink_find(p, path, &path->any_source);
}
