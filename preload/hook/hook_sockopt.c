/* SPDX-License-Identifier: ISC */
/* Hooks: socket options.  The program reads back what it set, whatever the
 * library set on the kernel's socket. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "datagram/icmp.h"
#include "datagram/pmtu.h"
#include "datagram/rx.h"
#include "hooks.h"
#include "process/fault.h"
#include "process/libc.h"
#include "process/reentry.h"
#include "setsockopt.h"
#include "shared/arena.h"
#include "shared/real.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/ingress.h"
#include "socket/links.h"
#include "socket/sockopt.h"
#include "socket/stale_fd.h"
#include "socket/user_filter.h"

/* Reads the value of an integer option; the IP level also takes one byte.
 * False: it is none. */
static bool
hook_sockopt_number(int fd, int level, const void *value, socklen_t len, int *n)
{
	if (len > INT_MAX || len < (level == IPPROTO_IP ? 1 : sizeof(*n)) ||
	    fault_read(fd, value, len < sizeof(*n) ? 1 : sizeof(*n)))
		return false;
	if (len >= sizeof(*n))
		memcpy(n, value, sizeof(*n));
	else
		*n = *(const uint8_t *)value;
	return true;
}

/* After a successful setsockopt(2): multicast membership and SO_BROADCAST open
 * the socket filter for such datagrams. */
static void
hook_sockopt_opened(int fd, struct sock *s, int level, int option)
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
		ingress_filter(fd, s);
}

/* The program bound its socket to another interface, or to none. */
static void
hook_sockopt_links(int fd, struct sock *s, int level, int option)
{
	if (level == SOL_SOCKET && (option == SO_BINDTODEVICE ||
		option == SO_BINDTOIFINDEX))
		links_changed(fd, s);
}

static bool
hook_sockopt_is_timeout(int level, int option)
{
	return level == SOL_SOCKET &&
	    (option == SO_RCVTIMEO || option == SO_RCVTIMEO_NEW);
}

HOOK(int, setsockopt,
    (int fd, int level, int option, const void *value, socklen_t len))
{
	struct sock *s = stale_fd_hold(fd);
	int done = SETSOCKOPT_PASS, result = 0, saved = errno, n = 0;
	bool numeric;

	if (s == NULL)
		return real_setsockopt(fd, level, option, value, len);
	numeric = hook_sockopt_number(fd, level, value, len, &n);
	if (level == IPPROTO_IPV6 && s->family == AF_INET && (int)len >= 0)
		done = -ENOPROTOOPT;
	else if (level == SOL_SOCKET && user_filter_is(s, option)) {
		done = user_filter_set(fd, s, option, value, len);
		if (done == 0)
			done = SETSOCKOPT_DONE;
	} else if (numeric)
		done = setsockopt_before(fd, s, level, option, n);
	if (done == SETSOCKOPT_PASS) {
		errno = saved;
		result = real_setsockopt(fd, level, option, value, len);
		saved = errno;
		if (result == 0 && numeric)
			setsockopt_after(fd, s, level, option, n);
		if (result == 0)
			hook_sockopt_opened(fd, s, level, option);
		if (result == 0)
			hook_sockopt_links(fd, s, level, option);
		if (result == 0 && hook_sockopt_is_timeout(level, option))
			s->options.timeout = sockopt_waits(fd);
		errno = saved;
	} else {
		errno = done < 0 ? -done : saved;
		result = done < 0 ? -1 : 0;
	}
	fdtab_release(s);
	return result;
}

/* --- Reading options ------------------------------------------------------ */

/* Has the agent heard an ICMP port unreachable for the socket's peer?  If so,
 * the internal datagram about it is taken off the queue, too: it would leave
 * the socket readable. */
static bool
hook_sockopt_refused(int fd, struct sock *s)
{
	bool is = false;

	if (s->connected && atomic_load(&s->state) == SOCK_ATTACHED &&
	    reentry_lock(s->map.arena)) {
		is = attach_refused(s);
		reentry_unlock(s->map.arena);
	}
	if (is)
		(void)rx_next_length(fd, s);
	return is;
}

/* The socket's error, but for ICMP errors that the program is not to see. */
static int
hook_sockopt_error(int fd, struct sock *s)
{
	int error = sockopt_get(fd, SOL_SOCKET, SO_ERROR);
	struct reentry_buf *buf;

	if (error > 0 && !icmp_is_error(s, -error))
		return error;
	buf = reentry_take();
	if (buf == NULL)
		return 0;
	error = error > 0 ? icmp_look(fd, s, buf) : icmp_look_due(fd, s, buf);
	reentry_give(buf);
	return -error;
}

static int
hook_sockopt_get_socket(int fd, struct sock *s, int option, int *n)
{
	switch (option) {
	case SO_ERROR:
		*n = hook_sockopt_refused(fd, s) ? ECONNREFUSED :
		    hook_sockopt_error(fd, s);
		break;
	case SO_LOCK_FILTER:
		if (!user_filter_is(s, option))
			return SETSOCKOPT_PASS;
		*n = s->filter_locked;
		break;
	case SO_RCVBUF:
		*n = sockopt_room_of(s);
		return *n > 0 ? SETSOCKOPT_DONE : SETSOCKOPT_PASS;
	case SO_SNDBUF:
		*n = sockopt_send_room_of(s);
		return *n > 0 ? SETSOCKOPT_DONE : SETSOCKOPT_PASS;
	case SO_DOMAIN:
		*n = s->family;
		break;
	case SO_REUSEADDR:
		*n = s->reuseaddr;
		break;
	case SO_REUSEPORT:
		*n = s->reuseport;
		break;
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_NEW:
		*n = s->options.stamp == option;
		break;
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW:
		*n = (int)s->options.stamping;
		break;
	default:
		return SETSOCKOPT_PASS;
	}
	return SETSOCKOPT_DONE;
}

static int
hook_sockopt_get_ip(int fd, struct sock *s, int option, int *n)
{
	switch (option) {
	case IP_PKTINFO:
		*n = s->options.pktinfo;
		break;
	case IP_RECVTOS:
		*n = s->options.tos;
		break;
	case IP_RECVTTL:
		*n = s->options.ttl;
		break;
	case IP_RECVERR:
		*n = s->options.recverr;
		break;
	case IP_RECVORIGDSTADDR:
		*n = s->options.origdst;
		break;
	case IP_MTU:
		if (!s->connected)
			return SETSOCKOPT_PASS;
		*n = pmtu_of(fd, s, &s->peer);
		break;
	default:
		return SETSOCKOPT_PASS;
	}
	return SETSOCKOPT_DONE;
}

static int
hook_sockopt_get_ipv6(int fd, struct sock *s, int option, int *n)
{
	if (s->family == AF_INET)
		return -EOPNOTSUPP;
	switch (option) {
	case IPV6_V6ONLY:
		*n = s->v6only;
		break;
	case IPV6_RECVPKTINFO:
		*n = s->options.pktinfo6;
		break;
	case IPV6_RECVTCLASS:
		*n = s->options.tclass;
		break;
	case IPV6_RECVHOPLIMIT:
		*n = s->options.hoplimit;
		break;
	case IPV6_RECVERR:
		*n = s->options.recverr6;
		break;
	case IPV6_RECVORIGDSTADDR:
		*n = s->options.origdst6;
		break;
	case IPV6_MTU:
		if (!s->connected)
			return SETSOCKOPT_PASS;
		*n = pmtu_of(fd, s, &s->peer);
		break;
	default:
		return SETSOCKOPT_PASS;
	}
	return SETSOCKOPT_DONE;
}

/* SETSOCKOPT_DONE and the value in *n; SETSOCKOPT_PASS where the kernel's value
 * is right; or a negative errno. */
static int
hook_sockopt_get(int fd, struct sock *s, int level, int option, int *n)
{
	if (level == SOL_SOCKET)
		return hook_sockopt_get_socket(fd, s, option, n);
	if (level == IPPROTO_IP)
		return hook_sockopt_get_ip(fd, s, option, n);
	if (level == IPPROTO_IPV6)
		return hook_sockopt_get_ipv6(fd, s, option, n);
	if (level != IPPROTO_UDP)
		return s->family == AF_INET ? -EOPNOTSUPP : SETSOCKOPT_PASS;
	if (option == UDP_SEGMENT)
		*n = s->segment;
	else if (option == UDP_CORK)
		*n = s->options.cork;
	else if (option == UDP_GRO)
		*n = s->options.gro;
	else
		return SETSOCKOPT_PASS;
	return SETSOCKOPT_DONE;
}

/* Writes a value as the kernel does: the IP level also as one byte; to the IPv6
 * level a negative length is a long one. */
static int
hook_sockopt_put_number(int fd, int level, int n, void *value, socklen_t *len)
{
	socklen_t l = *len;

	if ((int)l < 0 && level != IPPROTO_IPV6)
		return -EINVAL;
	if (level == IPPROTO_IP && l > 0 && l < sizeof(n) && n >= 0 && n <= 255)
		l = 1;
	else if (l > sizeof(n))
		l = sizeof(n);
	if (fault_write(fd, value, l))
		return -EFAULT;
	memcpy(value, &n, l);
	*len = l;
	return SETSOCKOPT_DONE;
}

/* SO_MEMINFO as the kernel gave it: without the room, the drops and the socket
 * filter that are the library's. */
static void
hook_sockopt_meminfo(struct sock *s, uint32_t *value, socklen_t len)
{
	/* SK_MEMINFO_* of linux/sock_diag.h */
	enum { RCVBUF = 1, SNDBUF = 3, OPTMEM = 6, DROPS = 8 };
	uint32_t own = arena_own_drops(&s->map, s->slot);
	int room = sockopt_room_of(s), send = sockopt_send_room_of(s);

	if (len > RCVBUF * sizeof(*value) && room > 0)
		value[RCVBUF] = (uint32_t)room;
	if (len > SNDBUF * sizeof(*value) && send > 0)
		value[SNDBUF] = (uint32_t)send;
	if (len > OPTMEM * sizeof(*value) &&
	    !user_filter_present(s))
		value[OPTMEM] = 0;
	if (len > DROPS * sizeof(*value))
		value[DROPS] = value[DROPS] > own ? value[DROPS] - own : 0;
}

HOOK(int, getsockopt,
    (int fd, int level, int option, void *value, socklen_t *len))
{
	struct sock *s = stale_fd_hold(fd);
	int n, done = SETSOCKOPT_PASS, result, saved = errno;

	if (s == NULL)
		return real_getsockopt(fd, level, option, value, len);
	if (level == SOL_SOCKET && option == SO_GET_FILTER &&
	    user_filter_is(s, option)) {
		done = user_filter_get(fd, s, value, len);
		if (done == 0)
			done = SETSOCKOPT_DONE;
	} else if (!fault_read(fd, len, sizeof(*len))) {
		sockopt_know(fd, s);
		done = hook_sockopt_get(fd, s, level, option, &n);
		if (done == SETSOCKOPT_DONE)
			done =
			    hook_sockopt_put_number(fd, level, n, value, len);
	}
	errno = done < 0 ? -done : saved;
	result = done < 0 ? -1 : 0;
	if (done == SETSOCKOPT_PASS)
		result = real_getsockopt(fd, level, option, value, len);
	if (result == 0 && level == SOL_SOCKET && option == SO_MEMINFO)
		hook_sockopt_meminfo(s, value, *len);
	fdtab_release(s);
	return result;
}
