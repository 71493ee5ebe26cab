/* SPDX-License-Identifier: ISC */
#include "setsockopt.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "datagram/tx.h"
#include "mp.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "socket/attach.h"
#include "socket/fdtab.h"
#include "socket/sockopt.h"

static bool
setsockopt_is_state(const struct sock *s, enum sock_state state)
{
	return atomic_load(&((struct sock *)(uintptr_t)s)->state) == state;
}

/* --- Before --------------------------------------------------------------- */

/* Notes a flag that the program may read back; bind.c passes it to the
 * kernel. */
static int
setsockopt_keep_flag(struct sock *s, bool *flag, int n)
{
	*flag = n != 0;
	attach_tell_reuse(s);
	return s->bound || setsockopt_is_state(s, SOCK_PLAIN) ? SETSOCKOPT_PASS
							      : SETSOCKOPT_DONE;
}

static void
setsockopt_note_stamp(struct sock *s, int option, int n)
{
	s->options.stamp = n != 0 ? (uint8_t)option : 0;
}

/* A program's own steering of its port is noted and not passed on: packets are
 * steered by the agent's program. */
static int
setsockopt_before_steering(struct sock *s, int option)
{
	if (option == SO_DETACH_REUSEPORT_BPF && !s->steered)
		return s->reuseport ? -ENOENT : -EINVAL;
	s->steered = option != SO_DETACH_REUSEPORT_BPF;
	return SETSOCKOPT_DONE;
}

static int
setsockopt_before_socket(struct sock *s, int option, int n)
{
	bool joined = setsockopt_is_state(s, SOCK_ATTACHED),
	     plain = setsockopt_is_state(s, SOCK_PLAIN);
	int done;

	switch (option) {
	case SO_REUSEADDR:
		return setsockopt_keep_flag(s, &s->reuseaddr, n);
	case SO_REUSEPORT:
		done = setsockopt_keep_flag(s, &s->reuseport, n);
		return joined ? SETSOCKOPT_DONE : done;
	case SO_ATTACH_REUSEPORT_CBPF:
	case SO_ATTACH_REUSEPORT_EBPF:
	case SO_DETACH_REUSEPORT_BPF:
		return plain ? SETSOCKOPT_PASS
			     : setsockopt_before_steering(s, option);
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_NEW:
		if (!joined)
			return SETSOCKOPT_PASS;
		setsockopt_note_stamp(s, option, n);
		return SETSOCKOPT_DONE;
	case SO_ZEROCOPY: /* no completion would be reported */
		return plain || n != 1 ? SETSOCKOPT_PASS : -EOPNOTSUPP;
	case SO_PEEK_OFF: /* would be an offset into packets, not datagrams */
		return plain || n < 0 ? SETSOCKOPT_PASS : -EOPNOTSUPP;
	default:
		return SETSOCKOPT_PASS;
	}
}

/* A control message that the program wants with each datagram: of an attached
 * socket it is noted, and the kernel is told by sockopt_apply(). */
static int
setsockopt_before_wanted(int fd, struct sock *s, bool *want, int n)
{
	if (!setsockopt_is_state(s, SOCK_ATTACHED))
		return SETSOCKOPT_PASS;
	*want = n != 0;
	sockopt_apply(fd, s);
	return SETSOCKOPT_DONE;
}

static int
setsockopt_before_ip(int fd, struct sock *s, int option, int n)
{
	switch (option) {
	case IP_RECVTOS:
		return setsockopt_before_wanted(fd, s, &s->options.tos, n);
	case IP_RECVTTL:
		return setsockopt_before_wanted(fd, s, &s->options.ttl, n);
	case IP_RECVERR:
		return setsockopt_before_wanted(fd, s, &s->options.recverr, n);
	case IP_RECVORIGDSTADDR:
		return setsockopt_before_wanted(fd, s, &s->options.origdst, n);
	case IP_PKTINFO: /* the library needs it on an IPv4 kernel socket */
		return s->kernel == MP_INET ? setsockopt_before_wanted(fd, s,
		    &s->options.pktinfo, n) : SETSOCKOPT_PASS;
	default:
		return SETSOCKOPT_PASS;
	}
}

static int
setsockopt_before_ipv6(int fd, struct sock *s, int option, int n)
{
	switch (option) {
	case IPV6_V6ONLY:
		if (s->bound)
			return -EINVAL;
		s->v6only = n != 0;
		return SETSOCKOPT_DONE; /* the kernel's stays open for IPv4 */
	case IPV6_RECVPKTINFO:
		return setsockopt_before_wanted(fd, s, &s->options.pktinfo6, n);
	case IPV6_RECVTCLASS:
		return setsockopt_before_wanted(fd, s, &s->options.tclass, n);
	case IPV6_RECVHOPLIMIT:
		return setsockopt_before_wanted(fd, s, &s->options.hoplimit, n);
	case IPV6_RECVERR:
		return setsockopt_before_wanted(fd, s, &s->options.recverr6, n);
	case IPV6_RECVORIGDSTADDR:
		return setsockopt_before_wanted(fd, s, &s->options.origdst6, n);
	default:
		return SETSOCKOPT_PASS;
	}
}

/* Options about datagrams, which the kernel would apply to packets. */
static int
setsockopt_before_udp(int fd, struct sock *s, int option, int n)
{
	bool plain = setsockopt_is_state(s, SOCK_PLAIN);

	switch (option) {
	case UDP_SEGMENT:
		if (n < 0 || n > UINT16_MAX)
			return -EINVAL;
		s->segment = (uint16_t)n;
		return SETSOCKOPT_DONE;
	case UDP_GRO: /* it allows, and does not demand, several at once */
		s->options.gro = n != 0;
		if (setsockopt_is_state(s, SOCK_ATTACHED))
			atomic_store(&s->map.arena->slot[s->slot].rx.gro,
			    n != 0);
		return plain ? SETSOCKOPT_PASS : SETSOCKOPT_DONE;
	case UDP_CORK:
		s->options.cork = n != 0;
		if (n == 0)
			tx_uncork(fd, s);
		return SETSOCKOPT_DONE;
	case UDP_ENCAP: /* the kernel would consume packets */
		return plain || n == 0 ? SETSOCKOPT_PASS : -ENOPROTOOPT;
	default:
		return SETSOCKOPT_PASS;
	}
}

int
setsockopt_before(int fd, struct sock *s, int level, int option, int n)
{
	sockopt_know(fd, s);
	if (level == SOL_SOCKET)
		return setsockopt_before_socket(s, option, n);
	if (level == IPPROTO_IP)
		return setsockopt_before_ip(fd, s, option, n);
	if (level == IPPROTO_IPV6)
		return setsockopt_before_ipv6(fd, s, option, n);
	if (level == IPPROTO_UDP)
		return setsockopt_before_udp(fd, s, option, n);
	return SETSOCKOPT_PASS;
}

/* --- After ---------------------------------------------------------------- */

/* Sets an option of the program's IPv4 socket for the kernel socket's IPv6
 * side, too, which may refuse.  (An IPv6 socket has options of both families,
 * for datagrams to either: see tx_option.h.) */
static void
setsockopt_copy_to_ipv6(int fd, const struct sock *s, int option, int n)
{
	if (s->kernel == MP_DUAL && s->family == AF_INET)
		(void)seccomp_setsockopt(fd, IPPROTO_IPV6, option, &n,
		    sizeof(n));
}

static void
setsockopt_after_socket(int fd, struct sock *s, int option, int n)
{
	switch (option) {
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		sockopt_room(fd, s);
		break;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		sockopt_send_room_forget(s);
		break;
	case SO_BROADCAST:
		s->broadcast = n != 0;
		break;
	case SO_NO_CHECK:
		s->options.no_check = n != 0;
		break;
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS_NEW:
		setsockopt_note_stamp(s, option, n);
		break;
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW:
		s->options.stamping = (uint32_t)n;
		break;
	default:
		break;
	}
}

static void
setsockopt_after_ip(int fd, struct sock *s, int option, int n)
{
	struct sock_options *w = &s->options;

	switch (option) {
	case IP_PKTINFO:
		w->pktinfo = n != 0;
		break;
	case IP_RECVTOS:
		w->tos = n != 0;
		break;
	case IP_RECVTTL:
		w->ttl = n != 0;
		break;
	case IP_RECVERR:
		w->recverr = n != 0;
		break;
	case IP_RECVORIGDSTADDR:
		w->origdst = n != 0;
		break;
	case IP_TOS:
		w->set_tos = (uint16_t)(n & 255) + 1;
		setsockopt_copy_to_ipv6(fd, s, IPV6_TCLASS, n);
		break;
	case IP_TTL:
		w->set_ttl = n > 0 ? (uint16_t)(n + 1) : 0;
		setsockopt_copy_to_ipv6(fd, s, IPV6_UNICAST_HOPS, n);
		break;
	case IP_MTU_DISCOVER:
		s->df = n == IP_PMTUDISC_DO || n == IP_PMTUDISC_PROBE;
		setsockopt_copy_to_ipv6(fd, s, IPV6_MTU_DISCOVER, n);
		break;
	default:
		break;
	}
}

static void
setsockopt_after_ipv6(struct sock *s, int option, int n)
{
	struct sock_options *w = &s->options;

	switch (option) {
	case IPV6_RECVPKTINFO:
		w->pktinfo6 = n != 0;
		break;
	case IPV6_RECVTCLASS:
		w->tclass = n != 0;
		break;
	case IPV6_RECVHOPLIMIT:
		w->hoplimit = n != 0;
		break;
	case IPV6_RECVERR:
		w->recverr6 = n != 0;
		break;
	case IPV6_RECVORIGDSTADDR:
		w->origdst6 = n != 0;
		break;
	case IPV6_TCLASS:
		w->set_tclass = n < 0 ? 0 : (uint16_t)(n + 1);
		break;
	case IPV6_UNICAST_HOPS:
		w->set_hops = n < 0 ? 0 : (uint16_t)(n + 1);
		break;
	case IPV6_MTU_DISCOVER:
		w->df6 = n == IPV6_PMTUDISC_DO || n == IPV6_PMTUDISC_PROBE;
		break;
	case IPV6_DONTFRAG:
		w->dontfrag = n != 0;
		break;
	default:
		break;
	}
}

void
setsockopt_after(int fd, struct sock *s, int level, int option, int n)
{
	if (level == SOL_SOCKET)
		setsockopt_after_socket(fd, s, option, n);
	else if (level == IPPROTO_IP)
		setsockopt_after_ip(fd, s, option, n);
	else if (level == IPPROTO_IPV6)
		setsockopt_after_ipv6(s, option, n);
}
