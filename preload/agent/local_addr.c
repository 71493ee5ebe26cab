/* SPDX-License-Identifier: ISC */
#include "local_addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mp.h"
#include "netmon.h"
#include "port.h"
#include "shared/ipc.h"
#include "shared/net.h"

#define BLANKS " \t\n,"

/* Is the name one of these? */
static bool
local_addr_named(const char *names, const char *name)
{
	size_t len = strlen(name), n;

	for (;; names += n) {
		names += strspn(names, BLANKS);
		n = strcspn(names, BLANKS);
		if (n == 0)
			return false;
		if (n == len && memcmp(names, name, n) == 0)
			return true;
	}
}

static bool
local_addr_allowed(const struct port *p, const struct link *l)
{
	const struct ipc_request *how = &p->how;

	if (p->device != 0 && l->ifindex != p->device)
		return false;
	return (how->interfaces[strspn(how->interfaces, BLANKS)] == '\0' ||
		local_addr_named(how->interfaces, l->name)) &&
	    !local_addr_named(how->no_interfaces, l->name);
}

void
local_addr_exclude(struct port *p, const char *names)
{
	char *list = p->how.no_interfaces, name[IPC_NAMES];
	size_t n, len;

	for (;; names += n) {
		names += strspn(names, BLANKS);
		n = strcspn(names, BLANKS);
		len = strlen(list);
		if (n == 0 || len + n + 2 > sizeof(p->how.no_interfaces))
			return;
		memcpy(name, names, n);
		name[n] = '\0';
		if (!local_addr_named(list, name))
			snprintf(list + len, sizeof(p->how.no_interfaces) - len,
			    " %s", name);
	}
}

/* Can the port's sockets send from this address at all? */
static bool
local_addr_usable(const struct port *p, const uint8_t ip[16])
{
	struct mp_addr a = { .port = 0 };

	memcpy(a.ip, ip, sizeof(a.ip));
	if (p->only != MP_DUAL && (p->only == MP_INET) != net_is_v4(&a))
		return false;
	return net_is_any(&p->bound) ||
	    memcmp(p->bound.ip, ip, sizeof(a.ip)) == 0;
}

/* Adds the addresses whose link is up, or those whose link is not; those of
 * bridges, or of other interfaces. */
static size_t
local_addr_add(const struct netmon *nm, const struct port *p, bool up,
    bool bridge, struct mp_local *to, size_t n)
{
	const struct link *l;
	size_t i;

	for (i = 0; i < nm->naddresses && n < MP_LOCALS_GIVEN; i++) {
		l = netmon_link(nm, nm->address[i].ifindex);
		if (l == NULL || l->up != up || l->bridge != bridge ||
		    !local_addr_allowed(p, l) ||
		    !local_addr_usable(p, nm->address[i].ip))
			continue;
		memcpy(to[n].ip, nm->address[i].ip, 16);
		/* Packets from an address on loopback leave by any
		 * interface. */
		to[n].ifindex = l->nowhere ? 0 : l->ifindex;
		to[n].mtu = l->nowhere ? 0 : l->mtu;
		to[n].lower = l->nowhere ? 0 : netmon_lowest(nm, l);
		to[n].down = !up;
		n++;
	}
	return n;
}

void
local_addr_tell(const struct netmon *nm, struct port *p)
{
	struct mp_local locals[MP_LOCALS_GIVEN];
	size_t n;

	memset(locals, 0, sizeof(locals)); /* also between the fields */
	/* Should there be too many, those whose link is up come first, of these
	 * the bridges of containers and virtual machines last. */
	n = local_addr_add(nm, p, true, false, locals, 0);
	n = local_addr_add(nm, p, true, true, locals, n);
	n = local_addr_add(nm, p, false, false, locals, n);
	n = local_addr_add(nm, p, false, true, locals, n);
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): see above */
	if (n == p->nlocals && memcmp(locals, p->locals, sizeof(locals)) == 0)
		return;
	memcpy(p->locals, locals, sizeof(locals));
	p->nlocals = n;
	p->locals_new = true;
}
