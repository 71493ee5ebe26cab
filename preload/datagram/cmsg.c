/* SPDX-License-Identifier: ISC */
#include "cmsg.h"

#include <netinet/in.h>
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

enum { TOLD = 64 };

/* Local addresses that net_source() found, by a hash of the peer and the
 * socket's cookie.  `key' is 0 while an entry is written. */
static struct {
	_Atomic uint64_t key, half[2];
} told[TOLD];

/* A session's packets come to any local address.  The program is told the one
 * that the kernel would use towards the peer, found once for each peer. */
static struct mp_addr
cmsg_route_address(const struct sock *s, const struct mp_addr *from)
{
	uint64_t key = net_hash(from->ip, sizeof(from->ip)) ^ s->cookie << 1,
	    half[2];
	size_t i = (size_t)(key >> 32 ^ key >> 3) % TOLD;
	struct mp_addr a = { .port = 0 };

	if (atomic_load(&told[i].key) == key) {
		half[0] = atomic_load(&told[i].half[0]);
		half[1] = atomic_load(&told[i].half[1]);
		if (atomic_load(&told[i].key) == key) {
			memcpy(a.ip, half, sizeof(a.ip));
			return a;
		}
	}
	if (!net_source(s->kernel, from, &a))
		return s->local;
	memcpy(half, a.ip, sizeof(a.ip));
	atomic_store(&told[i].key, 0);
	atomic_store(&told[i].half[0], half[0]);
	atomic_store(&told[i].half[1], half[1]);
	atomic_store(&told[i].key, key);
	return a;
}

/* The local address that the program is told.  `info' is NULL for a session's
 * datagram. */
static struct mp_addr
cmsg_own_address(const struct sock *s, const struct mp_addr *from,
    const struct net_info *info)
{
	bool v4 = net_is_v4(from);

	if (s->wide || (s->connected && net_is_v4(&s->local) == v4))
		return s->local;
	return info == NULL ? cmsg_route_address(s, from) : info->local;
}

static void
cmsg_put_ipv4(struct cmsg_room *r, const struct sock *s,
    const struct mp_addr *to, const struct net_info *info)
{
	const struct sock_options *w = &s->options;
	struct in_pktinfo pi = { .ipi_ifindex = (int)info->ifindex };
	struct sockaddr_in sin;
	uint8_t tos = (uint8_t)info->tos;

	if (w->pktinfo) {
		memcpy(&pi.ipi_addr, to->ip + 12, 4);
		pi.ipi_spec_dst = pi.ipi_addr;
		if (net_is_multicast(to))
			memcpy(&pi.ipi_spec_dst, info->spec, 4);
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
		cmsg_put(r, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &sin6,
		    sizeof(sin6));
	}
}

bool
cmsg_give(const struct sock *s, const struct mp_addr *from, bool sealed,
    const struct net_info *info, struct msghdr *msg)
{
	struct cmsg_room r = { .at = msg->msg_control,
		.left = msg->msg_control != NULL ? msg->msg_controllen : 0 };
	const struct sock_options *w = &s->options;
	bool v4 = net_is_v4(from);
	struct mp_addr to = { .port = 0 };
	struct in6_pktinfo pi6 = { .ipi6_ifindex = info->ifindex };

	if (w->pktinfo || w->pktinfo6 || w->origdst || w->origdst6)
		to = cmsg_own_address(s, from, sealed ? NULL : info);
	to.port = (uint16_t)s->map.arena->port;
	cmsg_put_times(&r, s, info);
	cmsg_put_socket(&r, s, info);
	if (w->pktinfo6 && s->family == AF_INET6) {
		memcpy(&pi6.ipi6_addr, to.ip, 16);
		cmsg_put(&r, IPPROTO_IPV6, IPV6_PKTINFO, &pi6, sizeof(pi6));
	}
	if (v4)
		cmsg_put_ipv4(&r, s, &to, info);
	else if (s->family == AF_INET6)
		cmsg_put_ipv6(&r, s, &to, info);
	msg->msg_controllen = r.used;
	return r.cut;
}
