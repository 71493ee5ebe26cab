/* SPDX-License-Identifier: ISC */
#include "bind_rule.h"

#include <sys/socket.h>

#include "shared/net.h"

/* What a socket holds of its port. */
struct claim {
	struct mp_addr local;
	bool v4, v6; /* the families that it can receive */
	bool any;
};

/* An IPv6 socket at :: receives IPv4 as well, unless it refuses to; one at an
 * address only what comes there. */
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
overlap(const struct claim *a, const struct claim *b)
{
	if (!(a->v4 && b->v4) && !(a->v6 && b->v6))
		return false;
	return a->any || b->any || net_equal(&a->local, &b->local);
}

bool
bind_rule_allows(const struct slot *is, const struct ipc_request *ask)
{
	struct claim old = bind_rule_claim(&is->local, is->family, is->v6only);
	struct claim new = bind_rule_claim(&ask->local, ask->family,
	    ask->v6only != 0);

	return !overlap(&old, &new) ||
	    (is->reuseaddr && ask->reuseaddr != 0) ||
	    (is->reuseport && ask->reuseport != 0);
}
