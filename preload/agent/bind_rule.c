/* SPDX-License-Identifier: ISC */
#include "bind_rule.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "mp.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/net.h"

/* Which packets to its port a socket receives. */
struct claim {
	struct mp_addr local;
	bool v4, v6; /* of these families */
	bool any; /* to any address */
};

/* An IPv6 socket at :: receives IPv4 as well, unless IPV6_V6ONLY is set; at
 * another address it receives only packets to that. */
static struct claim
bind_rule_claim(const struct mp_addr *local, uint8_t family, bool v6only)
{
	struct claim c = { .local = *local, .any = net_is_any(local) };

	c.local.port = 0;
	if (family == AF_INET)
		c.v4 = true;
	else if (c.any) {
		c.v6 = true;
		c.v4 = !v6only;
	} else if (net_is_v4(local))
		c.v4 = true;
	else
		c.v6 = true;
	return c;
}

static bool
bind_rule_overlap(const struct claim *a, const struct claim *b)
{
	if (!(a->v4 && b->v4) && !(a->v6 && b->v6))
		return false;
	return a->any || b->any || net_equal(&a->local, &b->local);
}

/* See udp_lib_lport_inuse() of Linux's net/ipv4/udp.c. */
enum bind_rule
bind_rule_of(const struct slot *is, uint32_t device, const struct ipc_request *ask)
{
	struct claim old = bind_rule_claim(&is->local, is->family, is->v6only);
	struct claim new = bind_rule_claim(&ask->local, ask->family,
	    ask->v6only != 0);

	if ((is->reuseaddr && ask->reuseaddr != 0) ||
	    (device != 0 && ask->device != 0 && device != ask->device) ||
	    !bind_rule_overlap(&old, &new))
		return BIND_RULE_APART;
	return is->reuseport && ask->reuseport != 0 ? BIND_RULE_SHARED :
	    BIND_RULE_REFUSED;
}
