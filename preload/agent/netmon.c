/* SPDX-License-Identifier: ISC */
#include "netmon.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "journal.h"
#include "rtnl.h"
#include "shared/arena.h"
#include "shared/net.h"

enum {
	QUIET_US = 50000, /* between two bursts of route changes */
	TRIES = 5,	  /* readings of lists that change meanwhile */
	STEPS = 4,	  /* tunnels within tunnels that are followed */
};

/* --- The lists ---------------------------------------------------------- */

struct link *
netmon_link(const struct netmon *nm, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < nm->nlinks; i++)
		if (nm->link[i].ifindex == ifindex)
			return &nm->link[i];
	return NULL;
}

static void
netmon_add_event(struct netmon *nm, uint32_t ifindex)
{
	unsigned i;

	for (i = 0; i < nm->nevents; i++)
		if (nm->event[i] == ifindex || nm->event[i] == MP_NONE)
			return;
	if (nm->nevents == NETMON_EVENTS) { /* too many: all of them */
		nm->event[0] = MP_NONE;
		nm->nevents = 1;
	} else
		nm->event[nm->nevents++] = ifindex;
}

static void
netmon_set_link(struct netmon *nm, const struct link *new)
{
	struct link *l = netmon_link(nm, new->ifindex);

	if (l == NULL) {
		l = reallocarray(nm->link, nm->nlinks + 1, sizeof(*l));
		if (l == NULL)
			return;
		nm->link = l;
		l = &nm->link[nm->nlinks++];
	} else if (l->up == new->up && l->mtu == new->mtu &&
	    l->bridge == new->bridge && l->lower == new->lower &&
	    memcmp(&l->outer, &new->outer, sizeof(l->outer)) == 0 &&
	    strcmp(l->name, new->name) == 0)
		return;
	*l = *new;
	nm->changed = true;
	netmon_add_event(nm, new->ifindex);
}

static void
netmon_remove_link(struct netmon *nm, uint32_t ifindex)
{
	struct link *l = netmon_link(nm, ifindex);

	if (l == NULL)
		return;
	*l = nm->link[--nm->nlinks];
	nm->changed = true;
}

static struct address *
netmon_find_address(const struct netmon *nm, const struct address *a)
{
	size_t i;

	for (i = 0; i < nm->naddresses; i++)
		if (nm->address[i].ifindex == a->ifindex &&
		    memcmp(nm->address[i].ip, a->ip, 16) == 0)
			return &nm->address[i];
	return NULL;
}

static void
netmon_set_address(struct netmon *nm, const struct address *new, bool usable)
{
	struct address *a = netmon_find_address(nm, new);

	if ((a != NULL) == usable)
		return;
	nm->changed = true;
	if (!usable) { /* the order of the others stays */
		nm->naddresses--;
		memmove(a, a + 1, (size_t)(nm->address + nm->naddresses - a) *
		    sizeof(*a));
		return;
	}
	a = reallocarray(nm->address, nm->naddresses + 1, sizeof(*a));
	if (a == NULL)
		return;
	nm->address = a;
	nm->address[nm->naddresses++] = *new;
}

/* --- The kernel's messages ---------------------------------------------- */

static void
netmon_take_link(struct netmon *nm, const struct rtnl_link *new)
{
	const struct link *before = netmon_link(nm, new->ifindex);
	struct link l = { .ifindex = new->ifindex };

	if (new->gone) {
		netmon_remove_link(nm, new->ifindex);
		return;
	}
	if (before != NULL)
		l = *before; /* some messages have a part only */
	l.up = new->up;
	l.nowhere = new->loopback || new->dummy;
	l.bridge |= new->bridge;
	if (new->lower != 0)
		l.lower = new->lower;
	if (new->lower == 0 && !net_is_any(&new->outer))
		l.outer = new->outer;
	if (new->mtu != 0)
		l.mtu = new->mtu;
	if (new->name[0] != '\0')
		memcpy(l.name, new->name, sizeof(l.name));
	netmon_set_link(nm, &l);
}

static void
netmon_take_address(struct netmon *nm, const struct rtnl_address *new)
{
	struct address a = { .ifindex = new->ifindex };
	bool usable;

	if (net_is_loopback(&new->addr) || net_is_link_local(&new->addr) ||
	    net_is_any(&new->addr) || net_is_multicast(&new->addr))
		return;
	memcpy(a.ip, new->addr.ip, sizeof(a.ip));
	usable = !new->gone &&
	    (new->flags & (IFA_F_DADFAILED | IFA_F_DEPRECATED)) == 0 &&
	    ((new->flags & IFA_F_TENTATIVE) == 0 ||
		(new->flags & IFA_F_OPTIMISTIC) != 0);
	netmon_set_address(nm, &a, usable);
}

/* Notes the interfaces that a new or removed route leads to; MP_NONE, all of
 * them, where the message names none. */
static void
netmon_take_route(struct netmon *nm, const struct rtnl_route *r)
{
	size_t i;

	if (r->cloned || r->type == RTN_LOCAL || r->type == RTN_BROADCAST ||
	    r->type == RTN_MULTICAST || r->type == RTN_ANYCAST)
		return;
	if (r->nhops == 0 || r->nhops == RTNL_HOPS)
		netmon_add_event(nm, MP_NONE);
	for (i = 0; i < r->nhops; i++)
		netmon_add_event(nm, r->hop[i]);
}

static void
netmon_take(void *arg, const struct nlmsghdr *h)
{
	struct netmon *nm = arg;
	struct rtnl_link link;
	struct rtnl_address address;
	struct rtnl_route route;

	if (rtnl_read_link(h, &link))
		netmon_take_link(nm, &link);
	else if (rtnl_read_address(h, &address))
		netmon_take_address(nm, &address);
	else if (rtnl_read_route(h, &route))
		netmon_take_route(nm, &route);
}

/* Asks by which interfaces tunnels leave that are bound to none. */
static void
netmon_ask_lower(struct netmon *nm)
{
	struct rtnl_route r;
	struct link *l;
	uint32_t by;
	size_t i;

	for (i = 0; i < nm->nlinks; i++) {
		l = &nm->link[i];
		if (net_is_any(&l->outer))
			continue;
		by = rtnl_find_route(nm->dump, NULL, &l->outer, &r) == 0 &&
		    r.nhops > 0 && r.hop[0] != l->ifindex ? r.hop[0] : 0;
		nm->changed |= by != l->lower;
		l->lower = by;
	}
}

uint32_t
netmon_lowest(const struct netmon *nm, const struct link *l)
{
	uint32_t lowest = 0;
	int steps;

	for (steps = 0; steps < STEPS && l != NULL && l->lower != 0; steps++) {
		lowest = l->lower;
		l = netmon_link(nm, lowest);
	}
	return lowest;
}

/* Reads both lists anew. */
static int
netmon_read_all(struct netmon *nm)
{
	int error = -EAGAIN, i;

	for (i = 0; i < TRIES && error == -EAGAIN; i++) {
		nm->nlinks = nm->naddresses = 0;
		error = rtnl_list(nm->dump, RTM_GETLINK, netmon_take, nm);
		if (error == 0)
			error = rtnl_list(nm->dump, RTM_GETADDR, netmon_take,
			    nm);
	}
	netmon_ask_lower(nm);
	nm->changed = true;
	netmon_add_event(nm, MP_NONE);
	return error;
}

bool
netmon_has_two_ipv6(const struct netmon *nm)
{
	const struct link *l;
	struct mp_addr ip = { .port = 0 };
	uint32_t first = 0;
	size_t i;

	for (i = 0; i < nm->naddresses; i++) {
		memcpy(ip.ip, nm->address[i].ip, sizeof(ip.ip));
		l = netmon_link(nm, nm->address[i].ifindex);
		if (net_is_v4(&ip) || l == NULL || l->nowhere)
			continue;
		if (first != 0 && l->ifindex != first)
			return true;
		first = l->ifindex;
	}
	return false;
}

const char *
netmon_name(const struct netmon *nm, uint32_t ifindex)
{
	const struct link *l = netmon_link(nm, ifindex);

	return l != NULL ? l->name : "";
}

/* --- Events ------------------------------------------------------------- */

/* Tells what changed: lists at once; that a link or route changed also, but
 * then not again for QUIET_US. */
static void
netmon_tell(struct netmon *nm, uint64_t now)
{
	bool due = nm->nevents > 0 && now >= nm->quiet_until;
	struct netmon_change change = { .lost = nm->lost, .event = nm->event };

	if (due || nm->changed)
		netmon_ask_lower(nm);
	change.lists = nm->changed;
	if (due)
		change.nevents = nm->nevents;
	else if (nm->nevents > 0)
		alarm_by(nm->loop, &nm->soon, nm->quiet_until);
	if (!change.lists && !change.lost && change.nevents == 0)
		return;
	nm->tell(nm, &change);
	nm->changed = nm->lost = false;
	if (change.nevents > 0) {
		nm->nevents = 0;
		nm->quiet_until = now + QUIET_US;
	}
}

static void
on_netmon_soon(struct alarm *alarm, uint64_t now)
{
	netmon_tell(OWNER(alarm, struct netmon, soon), now);
}

static void
on_netmon_message(struct watch *w, uint32_t events)
{
	struct netmon *nm = OWNER(w, struct netmon, watch);
	const struct nlmsghdr *h;
	unsigned left;
	ssize_t n;
	int error;

	(void)events;
	while ((n = rtnl_hear(w->fd, MSG_DONTWAIT, &h)) > 0)
		for (left = NLMSG_ALIGN((unsigned)n); NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left))
			netmon_take(nm, h);
	if (n == -ENOBUFS) {
		error = netmon_read_all(nm);
		journal("rtnetlink lost events; lists read anew: %s",
		    strerror(-error));
		nm->lost = true;
	}
	netmon_tell(nm, arena_now());
}

int
netmon_init(struct netmon *nm, struct loop *loop,
    void (*tell)(struct netmon *, const struct netmon_change *))
{
	int error, fd;

	nm->loop = loop;
	nm->tell = tell;
	fd = rtnl_open(SOCK_NONBLOCK, RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
	    RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	if (fd < 0)
		return fd;
	nm->dump = rtnl_open(0, 0);
	if (nm->dump < 0)
		return nm->dump;
	error = watch_begin(loop, &nm->watch, fd, EPOLLIN, on_netmon_message);
	if (error == 0)
		error = alarm_begin(loop, &nm->soon, on_netmon_soon);
	return error != 0 ? error : netmon_read_all(nm);
}
