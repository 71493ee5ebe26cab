/* SPDX-License-Identifier: ISC */
#include "netmon.h"

#include <errno.h>
#include <linux/if_addr.h>
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

/* Is it a dummy interface, which only carries addresses? */
static bool
netmon_is_dummy(struct rtattr *info)
{
	static const char dummy[] = "dummy";
	struct rtattr *kind;

	if (info == NULL)
		return false;
	kind = rtnl_inside(info, IFLA_INFO_KIND);
	return kind != NULL && RTA_PAYLOAD(kind) >= sizeof(dummy) - 1 &&
	    memcmp(RTA_DATA(kind), dummy, sizeof(dummy) - 1) == 0;
}

static void
netmon_take_link(struct netmon *nm, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	struct rtattr *a[IFLA_LINKINFO + 1];
	struct link l = { .ifindex = 0 };
	const struct link *before;
	size_t len;

	if (!rtnl_attributes(h, sizeof(*info), a, IFLA_LINKINFO) ||
	    info->ifi_family != AF_UNSPEC)
		return;
	l.ifindex = (uint32_t)info->ifi_index;
	if (h->nlmsg_type == RTM_DELLINK) {
		netmon_remove_link(nm, l.ifindex);
		return;
	}
	before = netmon_link(nm, l.ifindex);
	if (before != NULL)
		l = *before; /* some messages have a part only */
	l.up = (info->ifi_flags & IFF_UP) != 0 &&
	    (info->ifi_flags & IFF_RUNNING) != 0;
	l.nowhere = (info->ifi_flags & IFF_LOOPBACK) != 0 ||
	    netmon_is_dummy(a[IFLA_LINKINFO]);
	l.mtu = rtnl_number(a[IFLA_MTU], l.mtu);
	if (a[IFLA_IFNAME] != NULL) {
		len = RTA_PAYLOAD(a[IFLA_IFNAME]);
		memset(l.name, 0, IFNAMSIZ);
		memcpy(l.name, RTA_DATA(a[IFLA_IFNAME]),
		    len < IFNAMSIZ ? len : IFNAMSIZ - 1);
	}
	netmon_set_link(nm, &l);
}

/* Reads the address of a message; false: no path can begin there. */
static bool
netmon_read_address(const struct nlmsghdr *h, struct address *to,
    uint32_t *flags)
{
	const struct ifaddrmsg *info = NLMSG_DATA(h);
	struct rtattr *a[IFA_FLAGS + 1], *ip;
	struct mp_addr addr = { .port = 0 };

	if (!rtnl_attributes(h, sizeof(*info), a, IFA_FLAGS))
		return false;
	ip = a[IFA_LOCAL] != NULL ? a[IFA_LOCAL] : a[IFA_ADDRESS];
	if (ip == NULL)
		return false;
	if (info->ifa_family == AF_INET && RTA_PAYLOAD(ip) == 4) {
		addr.ip[10] = addr.ip[11] = 0xff;
		memcpy(addr.ip + 12, RTA_DATA(ip), 4);
	} else if (info->ifa_family == AF_INET6 && RTA_PAYLOAD(ip) == 16)
		memcpy(addr.ip, RTA_DATA(ip), 16);
	else
		return false;
	memcpy(to->ip, addr.ip, 16);
	to->ifindex = info->ifa_index;
	*flags = rtnl_number(a[IFA_FLAGS], info->ifa_flags);
	return !net_is_loopback(&addr) && !net_is_link_local(&addr) &&
	    !net_is_any(&addr) && !net_is_multicast(&addr);
}

static void
netmon_take_address(struct netmon *nm, const struct nlmsghdr *h)
{
	struct address a;
	uint32_t flags;
	bool usable;

	if (!netmon_read_address(h, &a, &flags))
		return;
	usable = h->nlmsg_type == RTM_NEWADDR &&
	    (flags & (IFA_F_DADFAILED | IFA_F_DEPRECATED)) == 0 &&
	    ((flags & IFA_F_TENTATIVE) == 0 ||
		(flags & IFA_F_OPTIMISTIC) != 0);
	netmon_set_address(nm, &a, usable);
}

/* Notes the interfaces that a new or deleted route leads to. */
static void
netmon_take_route(struct netmon *nm, const struct nlmsghdr *h)
{
	const struct rtmsg *info = NLMSG_DATA(h);
	struct rtattr *a[RTA_MULTIPATH + 1];
	struct rtnexthop *hop;
	int len;

	if (!rtnl_attributes(h, sizeof(*info), a, RTA_MULTIPATH) ||
	    (info->rtm_flags & RTM_F_CLONED) != 0 ||
	    info->rtm_type == RTN_LOCAL || info->rtm_type == RTN_BROADCAST ||
	    info->rtm_type == RTN_MULTICAST || info->rtm_type == RTN_ANYCAST)
		return;
	if (a[RTA_MULTIPATH] == NULL) {
		netmon_add_event(nm, rtnl_number(a[RTA_OIF], MP_NONE));
		return;
	}
	hop = RTA_DATA(a[RTA_MULTIPATH]);
	len = (int)RTA_PAYLOAD(a[RTA_MULTIPATH]);
	for (; RTNH_OK(hop, len); len -= NLMSG_ALIGN(hop->rtnh_len),
	    hop = RTNH_NEXT(hop))
		netmon_add_event(nm, (uint32_t)hop->rtnh_ifindex);
}

static void
netmon_take(void *arg, const struct nlmsghdr *h)
{
	struct netmon *nm = arg;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		netmon_take_link(nm, h);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		netmon_take_address(nm, h);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		netmon_take_route(nm, h);
		break;
	}
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
	nm->changed = true;
	netmon_add_event(nm, MP_NONE);
	return error;
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
	struct netmon_change change = { .lists = nm->changed, .lost = nm->lost,
		.event = nm->event };

	if (nm->nevents > 0 && now >= nm->quiet_until)
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
