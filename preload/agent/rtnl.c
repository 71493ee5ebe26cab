/* SPDX-License-Identifier: ISC */
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shared/net.h"

enum {
	BUFFER = 1 << 20, /* bytes */
	WAIT_S = 2, /* for an answer; the kernel gives it at once */
	ETHERNET = 1, /* ARPHRD_ETHER of <net/if_arp.h> */
};

static uint64_t message[RTNL_MESSAGE / sizeof(uint64_t)]; /* aligned */
static uint32_t sequence;

int
rtnl_open(int flags, uint32_t groups)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK,
		.nl_groups = groups };
	struct timeval wait = { .tv_sec = WAIT_S };
	int size = BUFFER, fd, error;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags,
	    NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

ssize_t
rtnl_hear(int fd, int flags, const struct nlmsghdr **h)
{
	struct sockaddr_nl from = { .nl_pid = 0 };
	socklen_t len;
	ssize_t n;

	*h = (const struct nlmsghdr *)(const void *)message;
	do { /* messages of other processes (nl_pid not 0) are skipped */
		len = sizeof(from);
		n = recvfrom(fd, message, sizeof(message), flags,
		    (struct sockaddr *)&from, &len);
	} while ((n < 0 && errno == EINTR) || (n > 0 && from.nl_pid != 0));
	return n < 0 ? -errno : n;
}

/* Drops the rest of a list that was given up, and answers that were late. */
static void
rtnl_flush(int fd)
{
	const struct nlmsghdr *h;

	while (rtnl_hear(fd, MSG_DONTWAIT, &h) > 0)
		continue;
}

static int
rtnl_say(int fd, struct nlmsghdr *h)
{
	rtnl_flush(fd);
	h->nlmsg_seq = ++sequence;
	return send(fd, h, h->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Hands on the messages of one datagram of a list: 1, the list has ended; 0,
 * more is to come; or a negative errno. */
static int
take_part(const struct nlmsghdr *h, size_t len,
    void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	unsigned left = NLMSG_ALIGN((unsigned)len);

	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if ((h->nlmsg_flags & NLM_F_DUMP_INTR) != 0 ||
		    h->nlmsg_type == NLMSG_ERROR)
			return -EAGAIN;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		take(arg, h);
	}
	return 0;
}

int
rtnl_list(int fd, uint16_t type,
    void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info; /* the longest; all zero */
	} ask = { .head = { .nlmsg_len = sizeof(ask), .nlmsg_type = type,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	const struct nlmsghdr *h;
	ssize_t n;
	int end;

	end = rtnl_say(fd, &ask.head);
	while (end == 0) {
		n = rtnl_hear(fd, 0, &h);
		end = n < 0 ? (int)n : take_part(h, (size_t)n, take, arg);
	}
	return end == 1 ? 0 : end;
}

/* --- Decoding ------------------------------------------------------------ */

/* Finds the attributes 0 to `most' of a message whose fixed part has `size'
 * bytes: false, the message is too short. */
static bool
rtnl_attributes(const struct nlmsghdr *h, size_t size, struct rtattr **found,
    unsigned most)
{
	struct rtattr *a;
	unsigned len;

	memset(found, 0, (most + 1) * sizeof(struct rtattr *));
	if (h->nlmsg_len < NLMSG_LENGTH(size))
		return false;
	a = (struct rtattr *)(void *)((char *)NLMSG_DATA(h) +
	    NLMSG_ALIGN(size));
	len = h->nlmsg_len > NLMSG_SPACE(size) ?
	    NLMSG_ALIGN(h->nlmsg_len) - NLMSG_SPACE(size) : 0;
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) <= most)
			found[a->rta_type & NLA_TYPE_MASK] = a;
	return true;
}

/* The attribute of this type within another one, or NULL. */
static struct rtattr *
rtnl_nested(struct rtattr *outer, unsigned short type)
{
	struct rtattr *a = RTA_DATA(outer);
	unsigned len = (unsigned)RTA_PAYLOAD(outer);

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/* An attribute of 32 bits, or `otherwise' where it is missing. */
static uint32_t
rtnl_number(const struct rtattr *a, uint32_t otherwise)
{
	uint32_t n;

	if (a == NULL || RTA_PAYLOAD(a) < sizeof(n))
		return otherwise;
	memcpy(&n, RTA_DATA(a), sizeof(n));
	return n;
}

/* Is the interface of this kind ("dummy", "bridge")?  `info' is IFLA_LINKINFO
 * or NULL. */
static bool
rtnl_is_kind(struct rtattr *info, const char *name)
{
	struct rtattr *kind;
	size_t len;

	kind = info != NULL ? rtnl_nested(info, IFLA_INFO_KIND) : NULL;
	if (kind == NULL)
		return false;
	len = RTA_PAYLOAD(kind);
	if (len > 0 && ((const char *)RTA_DATA(kind))[len - 1] == '\0')
		len--;
	return len == strlen(name) && memcmp(RTA_DATA(kind), name, len) == 0;
}

/* Reads an address of the family; an IPv4 one becomes ::ffff:a.b.c.d. */
static bool
rtnl_read_ip(const struct rtattr *a, int family, struct mp_addr *to)
{
	memset(to, 0, sizeof(*to));
	if (family == AF_INET)
		memset(to->ip + 10, 0xff, 2);
	if (a == NULL)
		return false;
	if (family == AF_INET && RTA_PAYLOAD(a) == 4)
		memcpy(to->ip + 12, RTA_DATA(a), 4);
	else if (family == AF_INET6 && RTA_PAYLOAD(a) == 16)
		memcpy(to->ip, RTA_DATA(a), 16);
	else
		return false;
	return true;
}

/* The attributes of a tunnel's IFLA_INFO_DATA that have its other end, IPv4 or
 * IPv6 by their length: IFLA_VXLAN_GROUP and _GROUP6, IFLA_GENEVE_REMOTE and
 * _REMOTE6, IFLA_GRE_REMOTE, IFLA_IPTUN_REMOTE, IFLA_VTI_REMOTE. */
static const struct tunnel_kind {
	const char *name;
	unsigned short remote, remote6;
} tunnel_kinds[] = {
	{ "vxlan", 2, 16 }, { "geneve", 2, 7 }, { "gre", 7, 7 },
	{ "gretap", 7, 7 }, { "erspan", 7, 7 }, { "ip6gre", 7, 7 },
	{ "ip6gretap", 7, 7 }, { "ip6erspan", 7, 7 }, { "ipip", 3, 3 },
	{ "sit", 3, 3 }, { "ip6tnl", 3, 3 }, { "vti", 5, 5 },
	{ "vti6", 5, 5 },
};

/* Is IFLA_LINK what carries it?  Of the first two kinds it is the other end; of a
 * switch's port, which has a cable of its own, that of the processor.  VLANs of
 * one cable often lead to several providers, behind a switch. */
static bool
rtnl_is_carried(struct rtattr *info)
{
	static const char *const kinds[] = { "veth", "netkit", "dsa", "vlan" };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (rtnl_is_kind(info, kinds[i]))
			return false;
	return true;
}

/* What carries the interface: `under' is IFLA_LINK, or NULL. */
static void
rtnl_read_lower(struct rtattr *info, const struct rtattr *under,
    struct rtnl_link *l)
{
	const struct tunnel_kind *k;
	struct rtattr *data = info != NULL ?
	    rtnl_nested(info, IFLA_INFO_DATA) : NULL;
	size_t i;

	if (!rtnl_is_carried(info))
		return;
	l->lower = rtnl_number(under, 0);
	if (l->lower == l->ifindex)
		l->lower = 0;
	for (i = 0; data != NULL && i < sizeof(tunnel_kinds) /
	     sizeof(tunnel_kinds[0]); i++) {
		k = &tunnel_kinds[i];
		if (rtnl_is_kind(info, k->name) &&
		    !rtnl_read_ip(rtnl_nested(data, k->remote), AF_INET,
			&l->outer) &&
		    !rtnl_read_ip(rtnl_nested(data, k->remote6), AF_INET6,
			&l->outer))
			memset(&l->outer, 0, sizeof(l->outer));
	}
	if (net_is_any(&l->outer) || net_is_multicast(&l->outer))
		memset(&l->outer, 0, sizeof(l->outer));
}

bool
rtnl_read_link(const struct nlmsghdr *h, struct rtnl_link *l)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	struct rtattr *a[IFLA_LINK_NETNSID + 1];
	size_t len;

	memset(l, 0, sizeof(*l));
	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    !rtnl_attributes(h, sizeof(*info), a, IFLA_LINK_NETNSID) ||
	    info->ifi_family != AF_UNSPEC)
		return false;
	l->ifindex = (uint32_t)info->ifi_index;
	l->gone = h->nlmsg_type == RTM_DELLINK;
	l->enabled = (info->ifi_flags & IFF_UP) != 0;
	l->up = l->enabled && (info->ifi_flags & IFF_RUNNING) != 0;
	l->loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
	l->dummy = rtnl_is_kind(a[IFLA_LINKINFO], "dummy");
	l->bridge = rtnl_is_kind(a[IFLA_LINKINFO], "bridge");
	l->ethernet = info->ifi_type == ETHERNET;
	/* With a network namespace, it is an interface of that. */
	if (a[IFLA_LINK_NETNSID] == NULL)
		rtnl_read_lower(a[IFLA_LINKINFO], a[IFLA_LINK], l);
	l->mtu = rtnl_number(a[IFLA_MTU], 0);
	if (a[IFLA_IFNAME] != NULL) {
		len = RTA_PAYLOAD(a[IFLA_IFNAME]);
		memcpy(l->name, RTA_DATA(a[IFLA_IFNAME]),
		    len < IFNAMSIZ ? len : IFNAMSIZ - 1);
	}
	return true;
}

bool
rtnl_read_address(const struct nlmsghdr *h, struct rtnl_address *to)
{
	const struct ifaddrmsg *info = NLMSG_DATA(h);
	struct rtattr *a[IFA_FLAGS + 1];

	memset(to, 0, sizeof(*to));
	if ((h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR) ||
	    !rtnl_attributes(h, sizeof(*info), a, IFA_FLAGS))
		return false;
	to->ifindex = info->ifa_index;
	to->gone = h->nlmsg_type == RTM_DELADDR;
	to->prefix_len = info->ifa_prefixlen;
	to->flags = rtnl_number(a[IFA_FLAGS], info->ifa_flags);
	/* On a point-to-point link IFA_ADDRESS is the other end's. */
	return rtnl_read_ip(a[IFA_LOCAL] != NULL ? a[IFA_LOCAL] :
	    a[IFA_ADDRESS], info->ifa_family, &to->addr);
}

static void
rtnl_read_hops(struct rtattr *multipath, struct rtnl_route *r)
{
	struct rtnexthop *hop = RTA_DATA(multipath);
	int len = (int)RTA_PAYLOAD(multipath);

	for (; RTNH_OK(hop, len) && r->nhops < RTNL_HOPS;
	    len -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		r->hop[r->nhops++] = (uint32_t)hop->rtnh_ifindex;
}

bool
rtnl_read_route(const struct nlmsghdr *h, struct rtnl_route *r)
{
	const struct rtmsg *info = NLMSG_DATA(h);
	struct rtattr *a[RTA_TABLE + 1];

	memset(r, 0, sizeof(*r));
	if ((h->nlmsg_type != RTM_NEWROUTE && h->nlmsg_type != RTM_DELROUTE) ||
	    !rtnl_attributes(h, sizeof(*info), a, RTA_TABLE) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
	    info->rtm_dst_len > (info->rtm_family == AF_INET ? 32 : 128))
		return false;
	r->gone = h->nlmsg_type == RTM_DELROUTE;
	r->cloned = (info->rtm_flags & RTM_F_CLONED) != 0;
	r->family = info->rtm_family;
	r->type = info->rtm_type;
	r->table = rtnl_number(a[RTA_TABLE], info->rtm_table);
	r->dst_len = info->rtm_dst_len;
	(void)rtnl_read_ip(a[RTA_DST], r->family, &r->dst); /* absent: any */
	(void)rtnl_read_ip(a[RTA_PREFSRC], r->family, &r->source);
	(void)rtnl_read_ip(a[RTA_GATEWAY], r->family, &r->gateway);
	if (a[RTA_MULTIPATH] != NULL)
		rtnl_read_hops(a[RTA_MULTIPATH], r);
	else if (a[RTA_OIF] != NULL)
		r->hop[r->nhops++] = rtnl_number(a[RTA_OIF], 0);
	return true;
}

/* --- Which way leads where ----------------------------------------------- */

static void
add_attribute(struct nlmsghdr *h, unsigned short type, const void *data,
    size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)h +
	    NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) +
	    (unsigned)RTA_SPACE(len);
}

/* What the kernel is asked about: packets to an address, and as far as it is
 * said from an address, by an interface, of UDP with these ports. */
struct route_question {
	const struct mp_addr *from, *to; /* from: or NULL */
	uint32_t ifindex;
	bool udp;
	uint16_t port, peer_port;
};

static void
put_question(struct nlmsghdr *h, const struct route_question *q)
{
	size_t off = net_is_v4(q->to) ? 12 : 0, len = sizeof(q->to->ip) - off;
	uint16_t from = htons(q->port), to = htons(q->peer_port);
	uint8_t udp = IPPROTO_UDP;

	add_attribute(h, RTA_DST, q->to->ip + off, len);
	if (q->from != NULL)
		add_attribute(h, RTA_SRC, q->from->ip + off, len);
	if (q->ifindex != 0)
		add_attribute(h, RTA_OIF, &q->ifindex, sizeof(q->ifindex));
	if (!q->udp)
		return;
	add_attribute(h, RTA_IP_PROTO, &udp, sizeof(udp));
	add_attribute(h, RTA_SPORT, &from, sizeof(from));
	add_attribute(h, RTA_DPORT, &to, sizeof(to));
}

static int
ask_route(int fd, const struct route_question *q, struct rtnl_route *r)
{
	bool v4 = net_is_v4(q->to);
	unsigned char bits = v4 ? 32 : 128;
	struct {
		struct nlmsghdr head;
		struct rtmsg info;
		char room[2 * RTA_SPACE(16) + 4 * RTA_SPACE(4)];
	} ask = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(ask.info)),
		      .nlmsg_type = RTM_GETROUTE,
		      .nlmsg_flags = NLM_F_REQUEST },
		.info = { .rtm_family = v4 ? AF_INET : AF_INET6,
		    .rtm_dst_len = bits,
		    .rtm_src_len = q->from != NULL ? bits : 0 } };
	const struct nlmsghdr *h;
	ssize_t n;
	int error;

	put_question(&ask.head, q);
	error = rtnl_say(fd, &ask.head);
	if (error != 0)
		return error;
	n = rtnl_hear(fd, 0, &h);
	if (n < 0)
		return (int)n;
	if (!NLMSG_OK(h, (unsigned)n))
		return -EPROTO;
	if (h->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
	return rtnl_read_route(h, r) ? 0 : -EPROTO;
}

int
rtnl_find_route(int fd, const struct mp_addr *from, const struct mp_addr *to,
    struct rtnl_route *r)
{
	return ask_route(fd, &(struct route_question) { .from = from,
	    .to = to }, r);
}

int
rtnl_find_route_by(int fd, uint32_t ifindex, const struct mp_addr *to,
    struct rtnl_route *r)
{
	return ask_route(fd, &(struct route_question) { .to = to,
	    .ifindex = ifindex }, r);
}

/* The interface that a route of the answer leads to; 0: to none. */
static uint32_t
leads_to(const struct rtnl_route *r)
{
	return r->type == RTN_UNICAST && r->nhops > 0 ? r->hop[0] : 0;
}

uint32_t
rtnl_leaves_by(int fd, const struct mp_path *path, uint16_t port,
    bool *any_source)
{
	struct route_question q = { .from = &path->local, .to = &path->remote,
		.ifindex = path->ifindex, .udp = true, .port = port,
		.peer_port = path->remote.port };
	struct rtnl_route r;
	uint32_t by = 0;

	if (any_source != NULL)
		*any_source = false;
	if (ask_route(fd, &q, &r) != 0 || (by = leads_to(&r)) == 0 ||
	    by == path->ifindex || any_source == NULL)
		return by != 0 ? by : path->ifindex;
	q.from = NULL;
	if (ask_route(fd, &q, &r) != 0 || leads_to(&r) != path->ifindex ||
	    memcmp(r.source.ip, path->local.ip, sizeof(r.source.ip)) != 0)
		return by;
	*any_source = true;
	return path->ifindex;
}
