/* SPDX-License-Identifier: ISC */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/rtnl.h"
#include "shared/net.h"

int
host_family(const struct mp_addr *a)
{
	return net_is_v4(a) ? HOST_V4 : HOST_V6;
}

const char *
host_text(const struct mp_addr *a, char text[64])
{
	bool v4 = net_is_v4(a);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, a->ip + (v4 ? 12 : 0), text,
	    64) == NULL)
		text[0] = '\0';
	return text;
}

long
host_number(const char *format, ...)
{
	char path[PATH_MAX], text[32], *end;
	va_list ap;
	ssize_t n;
	long value;
	int fd;

	va_start(ap, format);
	vsnprintf(path, sizeof(path), format, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	value = strtol(text, &end, 10);
	return end == text ? -1 : value;
}

/* --- Interfaces and addresses -------------------------------------------- */

static struct host_link *
host_find_link(struct host *h, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < h->nlinks; i++)
		if (h->link[i].ifindex == ifindex)
			return &h->link[i];
	return NULL;
}

static void
host_add_link(void *arg, const struct nlmsghdr *message)
{
	struct host *h = arg;
	struct host_link *l;
	struct rtnl_link is;

	if (!rtnl_read_link(message, &is) || is.gone ||
	    is.name[0] == '\0' || h->nlinks == HOST_LINKS)
		return;
	l = &h->link[h->nlinks++];
	l->ifindex = is.ifindex;
	l->enabled = is.enabled;
	l->up = is.up;
	l->inside = is.loopback || is.dummy;
	l->bridge = is.bridge;
	l->ethernet = is.ethernet;
	l->mtu = is.mtu;
	memcpy(l->name, is.name, sizeof(l->name));
}

static enum host_state
host_state_of(const struct mp_addr *is, uint32_t flags)
{
	if ((flags & IFA_F_DADFAILED) != 0)
		return HOST_DUPLICATE;
	if (net_is_link_local(is))
		return HOST_LINK_LOCAL;
	if ((flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0)
		return HOST_TENTATIVE;
	return (flags & IFA_F_DEPRECATED) != 0 ? HOST_DEPRECATED :
						 HOST_USABLE;
}

static void
host_add_address(void *arg, const struct nlmsghdr *message)
{
	struct host *h = arg;
	struct host_addr *to = &h->addr[h->naddrs];
	struct rtnl_address is;

	if (!rtnl_read_address(message, &is) || is.gone ||
	    h->naddrs == HOST_ADDRS || net_is_loopback(&is.addr))
		return;
	to->link = host_find_link(h, is.ifindex);
	if (to->link == NULL)
		return;
	to->is = is.addr;
	to->len = is.prefix_len;
	to->state = host_state_of(&is.addr, is.flags);
	if (to->state == HOST_USABLE)
		to->link->usable[host_family(&to->is)] = true;
	h->naddrs++;
}

/* --- Routes -------------------------------------------------------------- */

static bool
host_route_covers(const struct rtnl_route *r, const struct mp_addr *target)
{
	unsigned len = r->dst_len + (r->family == AF_INET ? 96 : 0);
	unsigned bytes = len / 8, bits = len % 8;

	return memcmp(r->dst.ip, target->ip, bytes) == 0 && (bits == 0 ||
	    ((r->dst.ip[bytes] ^ target->ip[bytes]) >> (8 - bits)) == 0);
}

/* Notes that a route over this interface leads to the family's target. */
static void
host_set_routed(struct host *h, uint32_t ifindex, int family)
{
	struct host_link *l = host_find_link(h, ifindex);

	if (l == NULL || l->inside)
		return;
	l->routed[family] = true;
	h->judged[family] = true;
}

static void
host_add_route(void *arg, const struct nlmsghdr *message)
{
	struct host *h = arg;
	struct rtnl_route r;
	size_t i;
	int family;

	if (!rtnl_read_route(message, &r) || r.gone || r.cloned ||
	    r.type != RTN_UNICAST || r.table != RT_TABLE_MAIN)
		return;
	family = r.family == AF_INET ? HOST_V4 : HOST_V6;
	if (host_route_covers(&r, &h->target[family]))
		for (i = 0; i < r.nhops; i++)
			host_set_routed(h, r.hop[i], family);
}

int
host_route(const struct host *h, const struct mp_addr *from,
    const struct mp_addr *to)
{
	struct rtnl_route r;
	int error = rtnl_find_route(h->fd, from, to, &r);

	if (error != 0)
		return error;
	return r.nhops > 0 ? (int)r.hop[0] : -ENETUNREACH;
}

uint32_t
host_leaves_by(const struct host *h, const struct host_addr *a)
{
	struct mp_path path = { .local = a->is,
		.remote = h->target[host_family(&a->is)],
		.ifindex = a->link->ifindex };
	bool any_source;

	return rtnl_leaves_by(h->fd, &path, 0, &any_source);
}

bool
host_gateway(const struct host *h, const struct host_link *l, int family,
    struct mp_addr *gateway)
{
	struct rtnl_route r;

	if (rtnl_find_route_by(h->fd, l->ifindex, &h->target[family], &r) != 0)
		return false;
	*gateway = r.gateway;
	return r.nhops > 0 && r.hop[0] == l->ifindex;
}

const char *
host_link_name(const struct host *h, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < h->nlinks; i++)
		if (h->link[i].ifindex == ifindex)
			return h->link[i].name;
	return "";
}

/* --- All of it ----------------------------------------------------------- */

static bool
host_list_has(const char *names, const char *name)
{
	size_t n, len = strlen(name);

	for (; *names != '\0'; names += n) {
		names += strspn(names, " ");
		n = strcspn(names, " ");
		if (n == len && memcmp(names, name, n) == 0)
			return true;
	}
	return false;
}

/* Without a peer, documentation addresses (RFC 5737, RFC 3849) stand for the
 * Internet: no local network has them. */
static void
host_set_targets(struct host *h, const struct mp_addr *peer)
{
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 198, 51, 100, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	memcpy(h->target[HOST_V4].ip, v4, sizeof(v4));
	memcpy(h->target[HOST_V6].ip, v6, sizeof(v6));
	if (peer != NULL) {
		h->target[host_family(peer)] = *peer;
		h->judged[host_family(peer)] = true;
	}
}

/* The dump of routes covers the main table.  For addresses that it leaves
 * without a route, the kernel is asked, so that rules and other tables
 * count. */
static void
host_find_routes(struct host *h)
{
	const struct host_addr *a;
	size_t i;
	int f, oif;

	for (i = 0; i < h->naddrs; i++) {
		a = &h->addr[i];
		f = host_family(&a->is);
		if (a->state != HOST_USABLE || a->link->routed[f])
			continue;
		oif = host_route(h, &a->is, &h->target[f]);
		if (oif > 0 && (uint32_t)oif == a->link->ifindex)
			host_set_routed(h, a->link->ifindex, f);
	}
}

/* Sets what depends on all lists. */
static void
host_finish_link(struct host_link *l, const char *only, const char *never)
{
	l->excluded = (only[0] != '\0' && !host_list_has(only, l->name)) ||
	    host_list_has(never, l->name);
	/* A bridge without a route to the target joins containers alone. */
	if (l->bridge && !l->routed[HOST_V4] && !l->routed[HOST_V6])
		l->inside = true;
}

int
host_read(struct host *h, const struct mp_addr *peer, const char *only,
    const char *never)
{
	static const struct {
		uint16_t type;
		void (*take)(void *, const struct nlmsghdr *);
	} lists[] = { { RTM_GETLINK, host_add_link },
		{ RTM_GETADDR, host_add_address },
		{ RTM_GETROUTE, host_add_route } };
	size_t i;
	int error = 0;

	memset(h, 0, sizeof(*h));
	host_set_targets(h, peer);
	h->fd = rtnl_open(0, 0);
	if (h->fd < 0)
		return h->fd;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]) && error == 0; i++)
		error = rtnl_list(h->fd, lists[i].type, lists[i].take, h);
	host_find_routes(h);
	for (i = 0; i < h->nlinks; i++)
		host_finish_link(&h->link[i], only, never);
	return error;
}

bool
host_is_uplink(const struct host_link *l)
{
	return l->up && !l->inside && !l->excluded &&
	    (l->usable[HOST_V4] || l->usable[HOST_V6]);
}

bool
host_leads_on(const struct host *h, const struct host_link *l)
{
	int f;

	if (!host_is_uplink(l))
		return false;
	for (f = 0; f < HOST_FAMILIES; f++)
		if (l->usable[f] && (l->routed[f] || !h->judged[f]))
			return true;
	return false;
}

size_t
host_uplinks(const struct host *h)
{
	size_t i, n = 0;

	for (i = 0; i < h->nlinks; i++)
		n += host_leads_on(h, &h->link[i]);
	return n;
}
