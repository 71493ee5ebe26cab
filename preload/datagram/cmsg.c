/* SPDX-License-Identifier: ISC */
#include "cmsg.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <time.h>

#include "mp.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"

void
cmsg_put(struct cmsg_room *r, int level, int type, const void *data, size_t len)
{
	struct cmsghdr c;
	size_t whole = CMSG_LEN(len), take = CMSG_SPACE(len);

	if (r->left < sizeof(c)) {
		r->cut = true;
		return;
	}
	if (whole > r->left) {
		r->cut = true;
		whole = r->left;
	}
	memset(&c, 0, sizeof(c));
	c.cmsg_len = whole;
	c.cmsg_level = level;
	c.cmsg_type = type;
	memcpy(r->at, &c, sizeof(c));
	memcpy(r->at + CMSG_LEN(0), data, whole - CMSG_LEN(0));
	if (take > r->left)
		take = r->left;
	r->at += take;
	r->left -= take;
	r->used += take;
}

/* Arrival times, by SO_TIMESTAMP and its variants and by SO_TIMESTAMPING. */
static void
cmsg_put_times(struct cmsg_room *r, const struct sock *s,
    const struct net_info *info)
{
	uint8_t as = s->options.stamp;
	struct timespec ts = info->stamp;

	if (as != 0 && info->arrival != MP_NEVER) {
		if (as == SO_TIMESTAMP || as == SO_TIMESTAMP_NEW)
			ts.tv_nsec /= 1000; /* makes a struct timeval */
		cmsg_put(r, SOL_SOCKET, as, &ts, sizeof(ts));
	}
	if (s->options.stamping != 0 && info->stamped != 0)
		cmsg_put(r, SOL_SOCKET, info->stamped, info->stamping,
		    sizeof(info->stamping));
}

/* SO_RXQ_OVFL, SO_RCVMARK and SO_RCVPRIORITY: the kernel's socket has what the
 * program set. */
static void
cmsg_put_socket(struct cmsg_room *r, const struct sock *s,
    const struct net_info *info)
{
	uint32_t own = arena_own_drops(&s->map, s->slot), drops;

	if (info->drops > own) {
		drops = info->drops - own;
		cmsg_put(r, SOL_SOCKET, SO_RXQ_OVFL, &drops, sizeof(drops));
	}
	if (info->marked)
		cmsg_put(r, SOL_SOCKET, SO_MARK, &info->mark,
		    sizeof(info->mark));
	if (info->ranked)
		cmsg_put(r, SOL_SOCKET, SO_PRIORITY, &info->priority,
		    sizeof(info->priority));
}

/* The local address that the program is told. */
static struct mp_addr
cmsg_own_address(const struct sock *s, const struct mp_addr *from,
    const struct net_info *info)
{
	bool v4 = net_is_v4(from);

	return s->wide || (s->connected && net_is_v4(&s->local) == v4) ?
	    s->local : info->local;
}

static void
cmsg_put_ipv4(struct cmsg_room *r, const struct sock *s,
    const struct mp_addr *to, const uint8_t spec[4],
    const struct net_info *info)
{
	const struct sock_options *w = &s->options;
	struct in_pktinfo pi = { .ipi_ifindex = (int)info->ifindex };
	struct sockaddr_in sin;
	uint8_t tos = (uint8_t)info->tos;

	if (w->pktinfo) {
		memcpy(&pi.ipi_addr, to->ip + 12, 4);
		memcpy(&pi.ipi_spec_dst, spec, 4);
		cmsg_put(r, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi));
	}
	if (w->ttl && info->ttl >= 0)
		cmsg_put(r, IPPROTO_IP, IP_TTL, &info->ttl, sizeof(info->ttl));
	if (w->tos && info->tos >= 0)
		cmsg_put(r, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (w->origdst) {
		memset(&sin, 0, sizeof(sin));
		(void)net_put(to, AF_INET, (struct sockaddr *)&sin,
		    sizeof(sin));
		cmsg_put(r, IPPROTO_IP, IP_ORIGDSTADDR, &sin, sizeof(sin));
	}
}

static void
cmsg_put_ipv6(struct cmsg_room *r, const struct sock *s,
    const struct mp_addr *to, const struct net_info *info)
{
	const struct sock_options *w = &s->options;
	struct sockaddr_in6 sin6;

	if (w->hoplimit && info->ttl >= 0)
		cmsg_put(r, IPPROTO_IPV6, IPV6_HOPLIMIT, &info->ttl,
		    sizeof(info->ttl));
	if (w->tclass && info->tos >= 0)
		cmsg_put(r, IPPROTO_IPV6, IPV6_TCLASS, &info->tos,
		    sizeof(info->tos));
	if (w->origdst6) {
		memset(&sin6, 0, sizeof(sin6));
		(void)net_put(to, AF_INET6, (struct sockaddr *)&sin6,
		    sizeof(sin6));
		net_put_zone((struct sockaddr *)&sin6, sizeof(sin6),
		    info->ifindex);
		cmsg_put(r, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &sin6,
		    sizeof(sin6));
	}
}

/* All but times of a datagram at, or to, this address; `spec' is for
 * ipi_spec_dst. */
static void
cmsg_put_address(struct cmsg_room *r, const struct sock *s,
    const struct mp_addr *to, const uint8_t spec[4],
    const struct net_info *info)
{
	struct in6_pktinfo pi6 = { .ipi6_ifindex = info->ifindex };

	if (s->options.pktinfo6 && s->family == AF_INET6) {
		memcpy(&pi6.ipi6_addr, to->ip, 16);
		cmsg_put(r, IPPROTO_IPV6, IPV6_PKTINFO, &pi6, sizeof(pi6));
	}
	if (net_is_v4(to))
		cmsg_put_ipv4(r, s, to, spec, info);
	else if (s->family == AF_INET6)
		cmsg_put_ipv6(r, s, to, info);
}

bool
cmsg_give(const struct sock *s, const struct mp_addr *from,
    const struct net_info *info, struct msghdr *msg)
{
	struct cmsg_room r = { .at = msg->msg_control,
		.left = msg->msg_control != NULL ? msg->msg_controllen : 0 };
	struct mp_addr to = cmsg_own_address(s, from, info);

	/* An unknown address: what only its family decides is given. */
	if (net_is_v4(&to) != net_is_v4(from))
		memcpy(to.ip, from->ip, 12);
	to.port = (uint16_t)s->map.arena->port;
	cmsg_put_times(&r, s, info);
	cmsg_put_socket(&r, s, info);
	if (info->segment != 0)
		cmsg_put(&r, IPPROTO_UDP, UDP_GRO, &info->segment,
		    sizeof(int));
	cmsg_put_address(&r, s, &to, net_is_multicast(&to) ? info->spec :
	    to.ip + 12, info);
	msg->msg_controllen = r.used;
	return r.cut;
}

void
cmsg_put_asked(struct cmsg_room *r, const struct sock *s,
    const struct net_info *info)
{
	cmsg_put_times(r, s, info);
	if (info->ifindex != 0)
		cmsg_put_address(r, s, &info->local, info->spec, info);
}
