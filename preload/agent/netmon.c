/* SPDX-License-Identifier: ISC */
#include "netmon.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.h"
#include "events.h"
#include "journal.h"
#include "local_addr.h"
#include "shared/net.h"
#include "pump.h"
#include "rtnl.h"

enum {
	QUIET_US = 50000, /* between two bursts of route changes */
	TRIES = 5,	  /* to read lists that change as we read */
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
add_event(struct netmon *nm, uint32_t ifindex)
{
	const unsigned most = sizeof(nm->event) / sizeof(nm->event[0]);
	unsigned i;

	for (i = 0; i < nm->nevents; i++)
		if (nm->event[i] == ifindex || nm->event[i] == MP_NONE)
			return;
	if (nm->nevents == most) { /* many: all of them */
		nm->event[0] = MP_NONE;
		nm->nevents = 1;
	} else
		nm->event[nm->nevents++] = ifindex;
}

static void
set_link(struct netmon *nm, const struct link *new)
{
	struct link *l = netmon_link(nm, new->ifindex);

	if (l == NULL) {
		l = reallocarray(nm->link, nm->nlinks + 1, sizeof(*l));
		if (l == NULL)
			return;
		nm->link = l;
		l = &nm->link[nm->nlinks++];
	} else if (l->up == new->up && l->mtu == new->mtu &&
	    strcmp(l->name, new->name) == 0)
		return;
	*l = *new;
	nm->changed = true;
	add_event(nm, new->ifindex);
}

static void
remove_link(struct netmon *nm, uint32_t ifindex)
{
	struct link *l = netmon_link(nm, ifindex);

	if (l == NULL)
		return;
	*l = nm->link[--nm->nlinks];
	nm->changed = true;
}

static struct address *
find_address(const struct netmon *nm, const struct address *a)
{
	size_t i;

	for (i = 0; i < nm->naddresses; i++)
		if (nm->address[i].ifindex == a->ifindex &&
		    memcmp(nm->address[i].ip, a->ip, 16) == 0)
			return &nm->address[i];
	return NULL;
}

static void
set_address(struct netmon *nm, const struct address *new, bool usable)
{
	struct address *a = find_address(nm, new);

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
on_link(struct netmon *nm, const struct rtnl_link *new)
{
	const struct link *before = netmon_link(nm, new->ifindex);
	struct link l = { .ifindex = new->ifindex };

	if (new->gone) {
		remove_link(nm, new->ifindex);
		return;
	}
	if (before != NULL)
		l = *before; /* some messages tell a part only */
	l.up = new->up;
	l.nowhere = new->loopback || new->dummy;
	if (new->mtu != 0)
		l.mtu = new->mtu;
	if (new->name[0] != '\0')
		memcpy(l.name, new->name, sizeof(l.name));
	set_link(nm, &l);
}

static void
on_address(struct netmon *nm, const struct rtnl_address *new)
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
	set_address(nm, &a, usable);
}

/* Notes the interfaces that a new or removed route leads to; MP_NONE, all of
 * them, where the message names none. */
static void
on_route(struct netmon *nm, const struct rtnl_route *r)
{
	size_t i;

	if (r->cloned || r->type == RTN_LOCAL || r->type == RTN_BROADCAST ||
	    r->type == RTN_MULTICAST || r->type == RTN_ANYCAST)
		return;
	if (r->nhops == 0 || r->nhops == RTNL_HOPS)
		add_event(nm, MP_NONE);
	for (i = 0; i < r->nhops; i++)
		add_event(nm, r->hop[i]);
}

static void
netmon_take_in(void *arg, const struct nlmsghdr *h)
{
	struct netmon *nm = arg;
	struct rtnl_link link;
	struct rtnl_address address;
	struct rtnl_route route;

	if (rtnl_read_link(h, &link))
		on_link(nm, &link);
	else if (rtnl_read_address(h, &address))
		on_address(nm, &address);
	else if (rtnl_read_route(h, &route))
		on_route(nm, &route);
}

/* Reads both lists anew. */
static int
netmon_read_all(struct netmon *nm)
{
	int error = -EAGAIN, i;

	for (i = 0; i < TRIES && error == -EAGAIN; i++) {
		nm->nlinks = nm->naddresses = 0;
		error = rtnl_list(nm->dump, RTM_GETLINK, netmon_take_in, nm);
		if (error == 0)
			error = rtnl_list(nm->dump, RTM_GETADDR, netmon_take_in,
			    nm);
	}
	nm->changed = true;
	add_event(nm, MP_NONE);
	return error;
}

const char *
netmon_name(const struct netmon *nm, uint32_t ifindex)
{
	const struct link *l = netmon_link(nm, ifindex);

	return l != NULL ? l->name : "";
}

/* --- Events ------------------------------------------------------------- */

static void
add_port_event(struct port *p, uint32_t ifindex)
{
	unsigned i;

	for (i = 0; i < p->nevents; i++)
		if (p->event[i] == ifindex || p->event[i] == MP_NONE)
			return;
	if (p->nevents == PORT_EVENTS) {
		p->event[0] = MP_NONE;
		p->nevents = 1;
	} else
		p->event[p->nevents++] = ifindex;
}

/* Tells all ports what changed.  Lists at once; that an interface or a route
 * changed also, but not all the time. */
static void
tell_all(struct agent *a, uint64_t now)
{
	struct netmon *nm = &a->netmon;
	bool events = nm->nevents > 0 && now >= nm->quiet_until;
	struct port *p;
	unsigned i;

	if (nm->nevents > 0 && !events)
		alarm_by(&a->loop, &nm->soon, nm->quiet_until);
	if (!nm->changed && !events)
		return;
	if (nm->changed)
		events_touch_net(a);
	LIST_FOREACH(p, &a->ports, entry) {
		if (nm->changed)
			local_addr_tell(nm, p);
		for (i = 0; events && i < nm->nevents; i++)
			add_port_event(p, nm->event[i]);
		if (events) /* the addresses that lie on no interface */
			add_port_event(p, 0);
		if (p->locals_new || events)
			pump_port(p);
	}
	nm->changed = false;
	if (events) {
		nm->nevents = 0;
		nm->quiet_until = now + QUIET_US;
	}
}

static void
on_soon(struct alarm *alarm, uint64_t now)
{
	tell_all(OWNER(alarm, struct agent, netmon.soon), now);
}

static void
on_event(struct watch *w, uint32_t events)
{
	struct agent *a = OWNER(w, struct agent, netmon.watch);
	const struct nlmsghdr *h;
	unsigned left;
	ssize_t n;
	int error;

	(void)events;
	while ((n = rtnl_hear(w->fd, MSG_DONTWAIT, &h)) > 0)
		for (left = NLMSG_ALIGN((unsigned)n); NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left))
			netmon_take_in(&a->netmon, h);
	if (n == -ENOBUFS) { /* some were lost */
		error = netmon_read_all(&a->netmon);
		journal("rtnetlink lost events; lists read anew: %s",
		    strerror(-error));
		events_error(a, 0, "rtnetlink lost events");
	}
	tell_all(a, arena_now());
}

int
netmon_init(struct agent *a)
{
	struct netmon *nm = &a->netmon;
	int error, fd;

	fd = rtnl_open(SOCK_NONBLOCK, RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
	    RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	if (fd < 0)
		return fd;
	nm->dump = rtnl_open(0, 0);
	if (nm->dump < 0)
		return nm->dump;
	error = watch_begin(&a->loop, &nm->watch, fd, EPOLLIN, on_event);
	if (error == 0)
		error = alarm_begin(&a->loop, &nm->soon, on_soon);
	return error != 0 ? error : netmon_read_all(nm);
}
