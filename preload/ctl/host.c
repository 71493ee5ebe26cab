/* SPDX-License-Identifier: ISC */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/net.h"
#include "agent/rtnl.h"

enum { ETHERNET = 1 }; /* ARPHRD_ETHER */

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
find_link(struct host *h, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < h->nlinks; i++)
		if (h->link[i].ifindex == ifindex)
			return &h->link[i];
	return NULL;
}

static bool
is_kind(struct rtattr *info, const char *name)
{
	size_t len = strlen(name);
	struct rtattr *kind;

	kind = info != NULL ? rtnl_inside(info, IFLA_INFO_KIND) : NULL;
	return kind != NULL && RTA_PAYLOAD(kind) >= len &&
	    memcmp(RTA_DATA(kind), name, len) == 0;
}

static void
take_link(void *arg, const struct nlmsghdr *m)
{
	const struct ifinfomsg *info = NLMSG_DATA(m);
	struct rtattr *a[IFLA_LINKINFO + 1];
	struct host *h = arg;
	struct host_link *l;
	size_t len;

	if (m->nlmsg_type != RTM_NEWLINK || h->nlinks == HOST_LINKS ||
	    !rtnl_attributes(m, sizeof(*info), a, IFLA_LINKINFO) ||
	    a[IFLA_IFNAME] == NULL)
		return;
	l = &h->link[h->nlinks++];
	l->ifindex = (uint32_t)info->ifi_index;
	l->up = (info->ifi_flags & IFF_UP) != 0 &&
	    (info->ifi_flags & IFF_RUNNING) != 0;
	l->inside = (info->ifi_flags & IFF_LOOPBACK) != 0 ||
	    is_kind(a[IFLA_LINKINFO], "dummy");
	l->bridge = is_kind(a[IFLA_LINKINFO], "bridge");
	l->ethernet = info->ifi_type == ETHERNET;
	l->mtu = rtnl_number(a[IFLA_MTU], 0);
	len = RTA_PAYLOAD(a[IFLA_IFNAME]);
	memcpy(l->name, RTA_DATA(a[IFLA_IFNAME]),
	    len < IFNAMSIZ ? len : IFNAMSIZ - 1);
}

static bool
host_get_ip(const struct rtattr *a, struct mp_addr *to)
{
	memset(to, 0, sizeof(*to));
	if (a == NULL)
		return false;
	if (RTA_PAYLOAD(a) == 4) {
		memset(to->ip + 10, 0xff, 2);
		memcpy(to->ip + 12, RTA_DATA(a), 4);
	} else if (RTA_PAYLOAD(a) == 16)
		memcpy(to->ip, RTA_DATA(a), 16);
	else
		return false;
	return true;
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
take_address(void *arg, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *info = NLMSG_DATA(m);
	struct rtattr *a[IFA_FLAGS + 1];
	struct host *h = arg;
	struct host_addr *to = &h->addr[h->naddrs];

	if (m->nlmsg_type != RTM_NEWADDR || h->naddrs == HOST_ADDRS ||
	    !rtnl_attributes(m, sizeof(*info), a, IFA_FLAGS) ||
	    !host_get_ip(a[IFA_LOCAL] != NULL ? a[IFA_LOCAL] : a[IFA_ADDRESS],
		&to->is) || net_is_loopback(&to->is))
		return;
	to->link = find_link(h, info->ifa_index);
	if (to->link == NULL)
		return;
	to->len = info->ifa_prefixlen;
	to->state = host_state_of(&to->is,
	    rtnl_number(a[IFA_FLAGS], info->ifa_flags));
	if (to->state == HOST_USABLE)
		to->link->usable[host_family(&to->is)] = true;
	h->naddrs++;
}

/* --- Routes -------------------------------------------------------------- */

/* Does a route of this destination cover the target? */
static bool
covers(const struct mp_addr *to, unsigned len, const struct mp_addr *target)
{
	unsigned bytes, bits;

	len += net_is_v4(target) ? 96 : 0;
	bytes = len / 8;
	bits = len % 8;
	return memcmp(to->ip, target->ip, bytes) == 0 && (bits == 0 ||
	    ((to->ip[bytes] ^ target->ip[bytes]) >> (8 - bits)) == 0);
}

static void
host_mark(struct host *h, uint32_t ifindex, int family)
{
	struct host_link *l = find_link(h, ifindex);

	if (l == NULL || l->inside)
		return;
	l->routed[family] = true;
	h->judged[family] = true;
}

static void
take_route(void *arg, const struct nlmsghdr *m)
{
	const struct rtmsg *info = NLMSG_DATA(m);
	struct rtattr *a[RTA_TABLE + 1];
	struct rtnexthop *hop;
	struct host *h = arg;
	struct mp_addr to = { .port = 0 };
	int len, family = info->rtm_family == AF_INET ? HOST_V4 : HOST_V6;

	if (m->nlmsg_type != RTM_NEWROUTE ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
	    !rtnl_attributes(m, sizeof(*info), a, RTA_TABLE) ||
	    info->rtm_type != RTN_UNICAST || rtnl_number(a[RTA_TABLE],
		info->rtm_table) != RT_TABLE_MAIN ||
	    (info->rtm_flags & RTM_F_CLONED) != 0)
		return;
	if (!host_get_ip(a[RTA_DST], &to) && family == HOST_V4)
		memset(to.ip + 10, 0xff, 2);
	if (!covers(&to, info->rtm_dst_len, &h->target[family]))
		return;
	if (a[RTA_MULTIPATH] == NULL) {
		host_mark(h, rtnl_number(a[RTA_OIF], 0), family);
		return;
	}
	hop = RTA_DATA(a[RTA_MULTIPATH]);
	len = (int)RTA_PAYLOAD(a[RTA_MULTIPATH]);
	for (; RTNH_OK(hop, len); len -= NLMSG_ALIGN(hop->rtnh_len),
	    hop = RTNH_NEXT(hop))
		host_mark(h, (uint32_t)hop->rtnh_ifindex, family);
}

static void
take_oif(void *arg, const struct nlmsghdr *m)
{
	struct rtattr *a[RTA_OIF + 1];

	if (m->nlmsg_type == RTM_NEWROUTE &&
	    rtnl_attributes(m, sizeof(struct rtmsg), a, RTA_OIF))
		*(int *)arg = (int)rtnl_number(a[RTA_OIF], 0);
}

int
host_route(const struct host *h, const struct mp_addr *from,
    const struct mp_addr *to)
{
	int oif = -ENETUNREACH, error;
	bool v4 = net_is_v4(to);
	size_t off = v4 ? 12 : 0;

	error = rtnl_route(h->fd, v4 ? AF_INET : AF_INET6, from->ip + off,
	    to->ip + off, 16 - off, take_oif, &oif);
	return error != 0 ? error : oif;
}

/* --- All of it ----------------------------------------------------------- */

static bool
host_named(const char *names, const char *name)
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

/* Of addresses that are in nobody's network. */
static void
set_targets(struct host *h, const struct mp_addr *peer)
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

/* Other tables count as far as rules lead to them. */
static void
ask_routes(struct host *h)
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
			host_mark(h, a->link->ifindex, f);
	}
}

/* What is known when all is read. */
static void
host_settle(struct host_link *l, const char *only, const char *never)
{
	l->excluded = (only[0] != '\0' && !host_named(only, l->name)) ||
	    host_named(never, l->name);
	/* A bridge may be the way out, or join containers alone. */
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
	} lists[] = { { RTM_GETLINK, take_link }, { RTM_GETADDR, take_address },
		{ RTM_GETROUTE, take_route } };
	size_t i;
	int error = 0;

	memset(h, 0, sizeof(*h));
	set_targets(h, peer);
	h->fd = rtnl_open(0, 0);
	if (h->fd < 0)
		return h->fd;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]) && error == 0; i++)
		error = rtnl_list(h->fd, lists[i].type, lists[i].take, h);
	ask_routes(h);
	for (i = 0; i < h->nlinks; i++)
		host_settle(&h->link[i], only, never);
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
