/* SPDX-License-Identifier: ISC */
/*
 * Hooks: socket options.  Most are the kernel's, said to both families of a
 * dual-stack socket.  Kept back are those that we set ourselves: the program is
 * told what it set, not what we did.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "guard.h"
#include "heal.h"
#include "hooks.h"
#include "net.h"
#include "sock.h"
#include "want.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum done {
	GO_ON,	/* the kernel shall have it as it is */
	DONE,
	/* or a negative errno */
};

/* An integer option, which the IP level also takes as one byte. */
static bool
number(int level, const void *value, socklen_t len, int *n)
{
	if (value == NULL)
		return false;
	if (len >= sizeof(*n))
		memcpy(n, value, sizeof(*n));
	else if (len >= 1 && level == IPPROTO_IP)
		*n = *(const uint8_t *)value;
	else
		return false;
	return true;
}

/* A flag that the program may ask back; the kernel gets it at bind. */
static int
keep_flag(const struct sock *s, bool *flag, int n)
{
	*flag = n != 0;
	return s->bound || atomic_load(&s->state) == SOCK_PLAIN ? GO_ON : DONE;
}

static int
set_socket(struct sock *s, int option, int n)
{
	bool joined = atomic_load(&s->state) == SOCK_JOINED;

	switch (option) {
	case SO_REUSEADDR:
		return keep_flag(s, &s->reuseaddr, n);
	case SO_REUSEPORT:
		s->reuseport = n != 0;
		return joined ? DONE : keep_flag(s, &s->reuseport, n);
	case SO_BROADCAST:
		s->broadcast = n != 0;
		return GO_ON;
	case SO_ATTACH_FILTER: /* ours stays */
	case SO_DETACH_FILTER:
	case SO_ATTACH_BPF:
	case SO_ATTACH_REUSEPORT_CBPF:
	case SO_ATTACH_REUSEPORT_EBPF:
		return atomic_load(&s->state) == SOCK_PLAIN ? GO_ON : DONE;
	case SO_TIMESTAMP:
		s->wants.timestamp = n != 0;
		s->wants.timestampns = false;
		return joined ? DONE : GO_ON;
	case SO_TIMESTAMPNS:
		s->wants.timestampns = n != 0;
		s->wants.timestamp = false;
		return joined ? DONE : GO_ON;
	default:
		return GO_ON;
	}
}

/* Says an option of IPv4 to the IPv6 side, which may refuse. */
static void
to_ipv6(int fd, const struct sock *s, int option, int n)
{
	if (s->kernel == MP_DUAL)
		(void)real_setsockopt(fd, IPPROTO_IPV6, option, &n, sizeof(n));
}

static void
to_ipv4(int fd, int option, int n)
{
	(void)real_setsockopt(fd, IPPROTO_IP, option, &n, sizeof(n));
}

static int
set_ip(int fd, struct sock *s, int option, int n)
{
	switch (option) {
	case IP_PKTINFO:
		s->wants.pktinfo = n != 0;
		break;
	case IP_RECVTOS:
		s->wants.tos = n != 0;
		to_ipv6(fd, s, IPV6_RECVTCLASS, n);
		break;
	case IP_RECVTTL:
		s->wants.ttl = n != 0;
		to_ipv6(fd, s, IPV6_RECVHOPLIMIT, n);
		break;
	case IP_TOS:
		to_ipv6(fd, s, IPV6_TCLASS, n);
		break;
	case IP_TTL:
		to_ipv6(fd, s, IPV6_UNICAST_HOPS, n);
		break;
	case IP_MTU_DISCOVER:
		s->df = n == IP_PMTUDISC_DO || n == IP_PMTUDISC_PROBE;
		to_ipv6(fd, s, IPV6_MTU_DISCOVER, n);
		break;
	default:
		break;
	}
	return GO_ON;
}

static int
set_ipv6(int fd, struct sock *s, int option, int n)
{
	if (s->family == AF_INET)
		return -ENOPROTOOPT;
	switch (option) {
	case IPV6_V6ONLY:
		if (s->bound)
			return -EINVAL;
		s->v6only = n != 0;
		return DONE; /* ours stays open for IPv4 */
	case IPV6_RECVPKTINFO:
		s->wants.pktinfo6 = n != 0;
		return atomic_load(&s->state) == SOCK_JOINED ? DONE : GO_ON;
	case IPV6_RECVTCLASS:
		s->wants.tclass = n != 0;
		to_ipv4(fd, IP_RECVTOS, n);
		break;
	case IPV6_RECVHOPLIMIT:
		s->wants.hoplimit = n != 0;
		to_ipv4(fd, IP_RECVTTL, n);
		break;
	case IPV6_TCLASS:
		to_ipv4(fd, IP_TOS, n < 0 ? 0 : n);
		break;
	case IPV6_MTU_DISCOVER:
		s->df = n == IPV6_PMTUDISC_DO || n == IPV6_PMTUDISC_PROBE;
		to_ipv4(fd, IP_MTU_DISCOVER, n);
		break;
	default:
		break;
	}
	return GO_ON;
}

/* Offloads are of the program's datagrams, not of ours. */
static int
set_udp(struct sock *s, int option, int n)
{
	switch (option) {
	case UDP_SEGMENT:
		if (n < 0 || n > UINT16_MAX)
			return -EINVAL;
		s->segment = (uint16_t)n;
		return DONE;
	case UDP_GRO:
	case UDP_CORK:
		return DONE;
	default:
		return GO_ON;
	}
}

static int
set(int fd, struct sock *s, int level, int option, const void *value,
    socklen_t len)
{
	int n;

	if (!number(level, value, len, &n))
		return GO_ON;
	if (level == SOL_SOCKET)
		return set_socket(s, option, n);
	if (level == IPPROTO_IP)
		return set_ip(fd, s, option, n);
	if (level == IPPROTO_IPV6)
		return set_ipv6(fd, s, option, n);
	if (level == IPPROTO_UDP && atomic_load(&s->state) != SOCK_PLAIN)
		return set_udp(s, option, n);
	return GO_ON;
}

/* Membership and broadcast open the filter for what they bring. */
static void
opened(int fd, struct sock *s, int level, int option)
{
	if ((level == IPPROTO_IP && (option == IP_ADD_MEMBERSHIP ||
		option == IP_ADD_SOURCE_MEMBERSHIP)) ||
	    (level == IPPROTO_IPV6 && option == IPV6_ADD_MEMBERSHIP) ||
	    ((level == IPPROTO_IP || level == IPPROTO_IPV6) &&
		(option == MCAST_JOIN_GROUP ||
		    option == MCAST_JOIN_SOURCE_GROUP)))
		s->groups = true;
	else if (level != SOL_SOCKET || option != SO_BROADCAST)
		return;
	if (s->bound && !s->kconnected &&
	    atomic_load(&s->state) != SOCK_PLAIN)
		want_filter(fd, s);
}

HOOK(int, setsockopt,
    (int fd, int level, int option, const void *value, socklen_t len))
{
	struct sock *s = heal_hold(fd);
	int done, result = 0, saved = errno;

	if (s == NULL)
		return real_setsockopt(fd, level, option, value, len);
	done = set(fd, s, level, option, value, len);
	if (done == GO_ON) {
		errno = saved; /* said to both families meanwhile */
		result = real_setsockopt(fd, level, option, value, len);
		if (result == 0)
			opened(fd, s, level, option);
	} else {
		errno = done < 0 ? -done : saved;
		result = done < 0 ? -1 : 0;
	}
	fdtab_release(s);
	return result;
}

/* --- Asking ------------------------------------------------------------------ */

/* The largest payload that reaches the peer in one piece, as an MTU. */
static int
peer_mtu(struct sock *s)
{
	uint32_t session, size = MP_SIZE_MIN;

	if (!s->connected)
		return -ENOTCONN;
	if (s->map.arena != NULL && guard_lock(s->map.arena)) {
		session = mp_session_find(&s->map.mp, s->slot, &s->peer);
		if (session != MP_NONE)
			size = mp_session_mtu(&s->map.mp, session);
		guard_unlock(s->map.arena);
	}
	return (int)size + (net_is_v4(&s->peer) ? 28 : 48);
}

/* What the program shall be told: DONE and *n, GO_ON, or a negative errno. */
static int
get(struct sock *s, int level, int option, int *n)
{
	if (level == IPPROTO_IPV6 && s->family == AF_INET)
		return -ENOPROTOOPT;
	if (level == SOL_SOCKET && option == SO_DOMAIN)
		*n = s->family;
	else if (level == SOL_SOCKET && option == SO_REUSEADDR)
		*n = s->reuseaddr;
	else if (level == SOL_SOCKET && option == SO_REUSEPORT)
		*n = s->reuseport;
	else if (level == SOL_SOCKET && option == SO_TIMESTAMP)
		*n = s->wants.timestamp;
	else if (level == SOL_SOCKET && option == SO_TIMESTAMPNS)
		*n = s->wants.timestampns;
	else if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY)
		*n = s->v6only;
	else if (level == IPPROTO_IPV6 && option == IPV6_RECVPKTINFO)
		*n = s->wants.pktinfo6;
	else if (s->connected && ((level == IPPROTO_IP && option == IP_MTU) ||
	    (level == IPPROTO_IPV6 && option == IPV6_MTU))) {
		*n = peer_mtu(s);
		return *n < 0 ? *n : DONE;
	} else
		return GO_ON;
	return DONE;
}

HOOK(int, getsockopt,
    (int fd, int level, int option, void *value, socklen_t *len))
{
	struct sock *s = heal_hold(fd);
	int n, done, result, saved = errno;

	if (s == NULL)
		return real_getsockopt(fd, level, option, value, len);
	done = value == NULL || len == NULL ? GO_ON :
	    get(s, level, option, &n);
	if (done == GO_ON)
		result = real_getsockopt(fd, level, option, value, len);
	else if (done < 0) {
		errno = -done;
		result = -1;
	} else {
		if (*len > sizeof(n))
			*len = sizeof(n);
		memcpy(value, &n, *len);
		errno = saved;
		result = 0;
	}
	fdtab_release(s);
	return result;
}
