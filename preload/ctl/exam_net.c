/* SPDX-License-Identifier: ISC */
/* mpctl doctor: interfaces, addresses, routes, and settings of the kernel. */
#include <stdio.h>
#include <string.h>

#include "exam.h"
#include "host.h"
#include "tunnel.h"
#include "twin.h"
#include "policy/settings.h"
#include "shared/ipc.h"
#include "shared/net.h"

enum { STRICT = 1 }; /* value of rp_filter: RFC 3704, section 2.2 */

/* --- Tunnels ------------------------------------------------------------- */

/* The tunnel that a program under mpshim carries is no path for it: the library
 * leaves it out in the program that makes it, but others would try it, and so
 * does the program if another process made it. */
static void
exam_check_tunnels(struct exam *x, const struct check *c)
{
	char program[TUNNEL_PROGRAM];
	size_t i;

	for (i = 0; i < x->host.nlinks; i++) {
		struct host_link *l = &x->host.link[i];

		if (l->excluded || !tunnel_holder(l->name, program))
			continue;
		l->tunnel = true;
		exam_found(x, c, l->name, program, NULL);
	}
}

/* --- Routes -------------------------------------------------------------- */

/* With a strict rp_filter the kernel drops a packet that arrives on another
 * interface than the route to its source leads to.  So an uplink that is not on
 * that route receives nothing.  Of the two settings, all and the interface's,
 * the larger one counts. */
static void
exam_check_rp_filter(struct exam *x, const struct check *c)
{
	struct host *h = &x->host;
	const struct mp_addr *to = &h->target[HOST_V4];
	long all = host_number("/proc/sys/net/ipv4/conf/all/rp_filter"), own;
	char from[64], target[64];
	size_t i;
	int oif;

	for (i = 0; i < h->naddrs; i++) {
		const struct host_addr *a = &h->addr[i];

		if (host_family(&a->is) != HOST_V4 ||
		    a->state != HOST_USABLE || !host_is_uplink(a->link) ||
		    !a->link->routed[HOST_V4])
			continue;
		own = host_number("/proc/sys/net/ipv4/conf/%s/rp_filter",
		    a->link->name);
		oif = host_route(h, &a->is, to);
		if ((own > all ? own : all) == STRICT && oif > 0 &&
		    (uint32_t)oif != a->link->ifindex)
			exam_found(x, c, a->link->name,
			    host_text(&a->is, from), host_text(to, target));
	}
}

static void
exam_check_routes(struct exam *x, const struct check *c)
{
	struct host *h = &x->host;
	struct host_link *l;
	char target[64];
	size_t i;
	int f;

	for (i = 0; i < h->nlinks; i++) {
		l = &h->link[i];
		if (!host_is_uplink(l) || l->tunnel || host_leads_on(h, l))
			continue;
		f = l->usable[HOST_V4] ? HOST_V4 : HOST_V6;
		exam_found(x, c, l->name, x->peer != NULL ?
		    host_text(&h->target[f], target) : "the Internet",
		    l->ethernet ? "via GATEWAY " : "");
	}
}

/* Of an address of IPv6 that is not the one that the kernel prefers, packets go
 * by the default route of the lowest metric (doc/design.md, K5): once for each
 * link, since the route that mends it is for a whole prefix. */
static void
exam_check_ipv6_routes(struct exam *x, const struct check *c)
{
	struct host *h = &x->host;
	const struct host_link *told = NULL;
	struct mp_addr gateway;
	char from[64], prefix[80], via[64], way[112];
	uint32_t by;
	size_t i;

	for (i = 0; i < h->naddrs; i++) {
		const struct host_addr *a = &h->addr[i];

		if (host_family(&a->is) != HOST_V6 || a->link == told ||
		    a->state != HOST_USABLE || !host_is_uplink(a->link) ||
		    (by = host_leaves_by(h, a)) == a->link->ifindex)
			continue;
		if (!host_gateway(h, a->link, HOST_V6, &gateway))
			continue; /* it is no uplink for IPv6 */
		told = a->link;
		snprintf(prefix, sizeof(prefix), "%s/%u",
		    host_text(&a->is, from), a->len);
		snprintf(way, sizeof(way), "%s%s%sdev %s",
		    net_is_any(&gateway) ? "" : "via ",
		    net_is_any(&gateway) ? "" : host_text(&gateway, via),
		    net_is_any(&gateway) ? "" : " ", a->link->name);
		exam_found(x, c, prefix, host_link_name(h, by), way);
	}
}

/* Reports links with an address that carry nothing: those that are switched off,
 * or those that have no carrier. */
static void
exam_check_dead_links(struct exam *x, const struct check *c, bool enabled)
{
	struct host_link *l;
	size_t i;

	for (i = 0; i < x->host.nlinks; i++) {
		l = &x->host.link[i];
		if (!l->up && l->enabled == enabled && !l->inside &&
		    !l->excluded && (l->usable[HOST_V4] || l->usable[HOST_V6]))
			exam_found(x, c, l->name, NULL, NULL);
	}
}

static void
exam_check_down_links(struct exam *x, const struct check *c)
{
	exam_check_dead_links(x, c, false);
}

static void
exam_check_carriers(struct exam *x, const struct check *c)
{
	exam_check_dead_links(x, c, true);
}

/* Does a finding so far explain why an uplink is missing? */
static bool
exam_path_is_explained(const struct exam *x)
{
	size_t i;

	for (i = 0; i < x->nfound; i++)
		if (x->found[i].check->weight == EXAM_SECOND)
			return true;
	return false;
}

static void
exam_check_one_uplink(struct exam *x, const struct check *c)
{
	size_t i;

	if (host_uplinks(&x->host) != 1 || exam_path_is_explained(x))
		return;
	for (i = 0; i < x->host.nlinks; i++)
		if (host_leads_on(&x->host, &x->host.link[i]))
			exam_found(x, c, x->host.link[i].name, NULL, NULL);
}

static void
exam_check_no_uplink(struct exam *x, const struct check *c)
{
	if (host_uplinks(&x->host) == 0 && !exam_path_is_explained(x))
		exam_found(x, c, NULL, NULL, NULL);
}

/* The settings name an interface that does not exist: it may be misspelt. */
static void
exam_check_interface_names(struct exam *x, const struct check *c)
{
	char list[IPC_NAMES], *word, *rest;
	bool there;
	size_t i;

	memcpy(list, x->settings.interfaces, sizeof(list));
	for (word = strtok_r(list, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest)) {
		there = false;
		for (i = 0; i < x->host.nlinks; i++)
			there |= strcmp(x->host.link[i].name, word) == 0;
		if (!there)
			exam_found(x, c, word, NULL, NULL);
	}
}

/* --- Addresses ----------------------------------------------------------- */

/* Reports the addresses in this state, which are not used.  Other than a
 * duplicate, one does no harm if the interface has another of its family. */
static void
exam_check_state(struct exam *x, const struct check *c, enum host_state state)
{
	const struct host_addr *a;
	char text[64], len[16];
	size_t i;

	for (i = 0; i < x->host.naddrs; i++) {
		a = &x->host.addr[i];
		if (a->state != state || a->link->inside || a->link->excluded ||
		    (state != HOST_DUPLICATE &&
			a->link->usable[host_family(&a->is)]))
			continue;
		snprintf(len, sizeof(len), "%u", a->len);
		exam_found(x, c, host_text(&a->is, text), a->link->name, len);
	}
}

static void
exam_check_duplicate(struct exam *x, const struct check *c)
{
	exam_check_state(x, c, HOST_DUPLICATE);
}

/* IPv4 addresses that another host on the link has, too. */
static void
exam_check_twins(struct exam *x, const struct check *c)
{
	const struct host_addr *a;
	char text[64], ours[80], other[TWIN_TEXT];
	size_t i;

	for (i = 0; i < x->host.naddrs; i++) {
		a = &x->host.addr[i];
		if (a->state != HOST_USABLE || !host_is_uplink(a->link) ||
		    !a->link->ethernet || host_family(&a->is) != HOST_V4 ||
		    !twin_found(a->link->ifindex, &a->is, other))
			continue;
		snprintf(ours, sizeof(ours), "%s/%u", host_text(&a->is, text),
		    a->len);
		exam_found(x, c, ours, a->link->name, other);
	}
}

static void
exam_check_tentative(struct exam *x, const struct check *c)
{
	exam_check_state(x, c, HOST_TENTATIVE);
}

static void
exam_check_deprecated(struct exam *x, const struct check *c)
{
	exam_check_state(x, c, HOST_DEPRECATED);
}

/* Interfaces whose only addresses are link-local. */
static void
exam_check_link_local(struct exam *x, const struct check *c)
{
	const struct host_addr *a;
	char text[64];
	size_t i;

	for (i = 0; i < x->host.naddrs; i++) {
		a = &x->host.addr[i];
		if (a->state == HOST_LINK_LOCAL && a->link->up &&
		    !a->link->inside && !a->link->excluded &&
		    !a->link->usable[HOST_V4] && !a->link->usable[HOST_V6])
			exam_found(x, c, host_text(&a->is, text),
			    a->link->name, NULL);
	}
}

/* Private IPv4 (RFC 1918), shared by carriers (RFC 6598), unique local IPv6
 * (RFC 4193). */
static bool
exam_is_private(const struct mp_addr *a)
{
	const uint8_t *ip = a->ip + 12;

	if (!net_is_v4(a))
		return (a->ip[0] & 0xfe) == 0xfc;
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	    (ip[0] == 192 && ip[1] == 168) ||
	    (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

/* A private address is not announced to peers on global addresses.  That
 * matters on a host that has global ones as well: a host with private ones
 * alone sends first, and the peer sees its addresses from outside. */
static void
exam_check_private(struct exam *x, const struct check *c)
{
	const struct host_addr *a, *private = NULL;
	bool global = false;
	char text[64];
	size_t i;

	for (i = 0; i < x->host.naddrs; i++) {
		a = &x->host.addr[i];
		if (a->state != HOST_USABLE || !host_is_uplink(a->link))
			continue;
		if (host_family(&a->is) != HOST_V4)
			continue;
		if (exam_is_private(&a->is))
			private = a;
		else
			global = true;
	}
	if (private != NULL && global && !x->settings.tell_private)
		exam_found(x, c, host_text(&private->is, text),
		    private->link->name, NULL);
}

/* Addresses of bridges for containers, as 172.17.0.1 of Docker, which other
 * hosts have, too, so that no peer can reach this one by it. */
static void
exam_check_bridges(struct exam *x, const struct check *c)
{
	const struct host_addr *a;
	char text[64];
	size_t i;

	for (i = 0; i < x->host.naddrs; i++) {
		a = &x->host.addr[i];
		if (a->state == HOST_USABLE && a->link->inside &&
		    a->link->bridge && !a->link->excluded &&
		    host_family(&a->is) == HOST_V4)
			exam_found(x, c, a->link->name,
			    host_text(&a->is, text), NULL);
	}
}

static void
exam_check_own_address(struct exam *x, const struct check *c)
{
	char text[64];
	size_t i;

	for (i = 0; x->peer != NULL && i < x->host.naddrs; i++)
		if (memcmp(x->host.addr[i].is.ip, x->peer->ip, 16) == 0)
			exam_found(x, c, host_text(x->peer, text),
			    x->host.addr[i].link->name, NULL);
}

/* --- What the kernel lets through ---------------------------------------- */

static void
exam_check_ipv6(struct exam *x, const struct check *c)
{
	if (host_number("/proc/sys/net/ipv6/conf/all/disable_ipv6") == 1)
		exam_found(x, c, NULL, NULL, NULL);
}

static void
exam_check_ipv6_link(struct exam *x, const struct check *c)
{
	struct host_link *l;
	size_t i;

	if (host_number("/proc/sys/net/ipv6/conf/all/disable_ipv6") != 0)
		return;
	for (i = 0; i < x->host.nlinks; i++) {
		l = &x->host.link[i];
		if (l->up && !l->inside && !l->excluded && host_number(
		    "/proc/sys/net/ipv6/conf/%s/disable_ipv6", l->name) == 1)
			exam_found(x, c, l->name, NULL, NULL);
	}
}

static void
exam_check_conntrack(struct exam *x, const struct check *c)
{
	long n = host_number("/proc/sys/net/netfilter/nf_conntrack_count");
	long most = host_number("/proc/sys/net/netfilter/nf_conntrack_max");
	char is[32], limit[32], more[32];

	if (n < 0 || most <= 0 || n < most - most / 10)
		return;
	snprintf(is, sizeof(is), "%ld", n);
	snprintf(limit, sizeof(limit), "%ld", most);
	snprintf(more, sizeof(more), "%ld", most * 2);
	exam_found(x, c, is, limit, more);
}

static void
exam_check_mtu(struct exam *x, const struct check *c)
{
	char mtu[16];
	size_t i;

	for (i = 0; i < x->host.nlinks; i++)
		if (host_is_uplink(&x->host.link[i]) &&
		    x->host.link[i].mtu < 1280) {
			snprintf(mtu, sizeof(mtu), "%u", x->host.link[i].mtu);
			exam_found(x, c, x->host.link[i].name, mtu, NULL);
		}
}

const struct check exam_net[] = {
	{ "tunnel", exam_check_tunnels, EXAM_FAULT,
	    "%1 is the tunnel of %2, which runs under mpshim itself: datagrams "
	    "of programs here may go into it instead of by the links below",
	    "echo no-interface %1 >>~/.config/mpshim/config" },
	{ "rp-filter", exam_check_rp_filter, EXAM_FAULT,
	    "%1 hears nothing from %3: rp_filter is strict there, and the "
	    "route from %2 is by another interface",
	    "sysctl -w net.ipv4.conf.all.rp_filter=2" },
	{ "route", exam_check_routes, EXAM_SECOND,
	    "%1 has no route to %2, so that it is not used",
	    "ip route add default %3dev %1 metric 1000" },
	{ "ipv6-route", exam_check_ipv6_routes, EXAM_REMARK,
	    "IPv6 from %1 leaves by %2 instead of %3",
	    "ip -6 route add default from %1 %3" },
	{ "down", exam_check_down_links, EXAM_SECOND,
	    "%1 has an address, but is switched off", "ip link set %1 up" },
	{ "carrier", exam_check_carriers, EXAM_SECOND,
	    "%1 has an address, but no carrier: its cable is out, or its "
	    "Wi-Fi has joined no network", "ip link show %1" },
	{ "duplicate", exam_check_duplicate, EXAM_FAULT,
	    "%1 on %2 is used by another host, too (dadfailed)",
	    "ip addr del %1/%3 dev %2" },
	{ "twin", exam_check_twins, EXAM_FAULT,
	    "%1 on %2 is another host's, too: %3 answers for it (ARP)",
	    "ip addr del %1 dev %2" },
	{ "tentative", exam_check_tentative, EXAM_SECOND,
	    "%1 on %2 is not used yet: whether others have it is being found "
	    "out (tentative)", "ip addr show dev %2 tentative" },
	{ "deprecated", exam_check_deprecated, EXAM_SECOND,
	    "%1 on %2 is not used any more (deprecated)",
	    "ip addr change %1/%3 dev %2 preferred_lft forever" },
	{ "link-local", exam_check_link_local, EXAM_SECOND,
	    "%2 has no address but %1, which leads nowhere (link-local)",
	    "ip addr add ADDRESS/LEN dev %2" },
	{ "private", exam_check_private, EXAM_REMARK,
	    "%1 on %2 is private: peers on global addresses are not told of "
	    "it", "echo tell-private yes >>~/.config/mpshim/config" },
	{ "bridge", exam_check_bridges, EXAM_REMARK,
	    "%1 leads to nobody else, but its %2 is tried with each peer",
	    "echo no-interface %1 >>~/.config/mpshim/config" },
	{ "own-address", exam_check_own_address, EXAM_FAULT,
	    "%1 is an address of this host (%2): such are never used", NULL },
	{ "ipv6", exam_check_ipv6, EXAM_SECOND, "IPv6 is off",
	    "sysctl -w net.ipv6.conf.all.disable_ipv6=0" },
	{ "ipv6-link", exam_check_ipv6_link, EXAM_SECOND, "IPv6 is off on %1",
	    "sysctl -w net.ipv6.conf.%1.disable_ipv6=0" },
	{ "conntrack", exam_check_conntrack, EXAM_FAULT,
	    "the firewall has no room for new connections: %1 of %2 "
	    "(conntrack)",
	    "sysctl -w net.netfilter.nf_conntrack_max=%3" },
	{ "mtu", exam_check_mtu, EXAM_FAULT,
	    "%1 carries packets of %2 bytes only: 1280 are needed",
	    "ip link set %1 mtu 1280" },
	{ "interface", exam_check_interface_names, EXAM_SECOND,
	    "there is no interface %1, which is among those to be used",
	    "mpctl check-config" },
	{ "no-uplink", exam_check_no_uplink, EXAM_FAULT,
	    "no interface leads out", "ip -br addr" },
	{ "one-uplink", exam_check_one_uplink, EXAM_REMARK,
	    "there is no second path: only %1 leads out", NULL },
	{ .name = NULL },
};
