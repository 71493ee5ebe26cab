/* SPDX-License-Identifier: ISC */
#include "sockopt.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "fdtab.h"
#include "mp.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"

int
sockopt_get(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (!SECCOMP_ALLOWS(SYS_getsockopt, fd, level, option))
		return -1;
	return real_getsockopt(fd, level, option, &value, &len) == 0 ? value :
								     -1;
}

static bool
sockopt_is_on(int fd, int level, int option)
{
	return sockopt_get(fd, level, option) > 0;
}

static void
sockopt_set(int fd, int level, int option, int value)
{
	/* Where the agent may have to set it: only if it differs. */
	if (!seccomp_unfiltered() && sockopt_get(fd, level, option) == value)
		return;
	(void)seccomp_setsockopt(fd, level, option, &value, sizeof(value));
}

bool
sockopt_waits(int fd)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);

	return SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVTIMEO) &&
	    real_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == 0 &&
	    (tv.tv_sec != 0 || tv.tv_usec != 0);
}

/* The largest buffer (SO_RCVBUF or SO_SNDBUF) that the system lets a program
 * have, as it reads it. */
static int
sockopt_room_most(int option)
{
	static _Atomic int most[2];
	_Atomic int *known = &most[option == SO_SNDBUF];
	int n = atomic_load(known), fd;

	if (n != 0)
		return n;
	fd = real_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	n = INT_MAX / 2;
	(void)real_setsockopt(fd, SOL_SOCKET, option, &n, sizeof(n));
	n = sockopt_get(fd, SOL_SOCKET, option);
	real_close(fd);
	atomic_store(known, n);
	return n;
}

/* Makes a buffer of the kernel twice `half' bytes, as it counts them, unless
 * that is more than it lets us: then it would become smaller. */
static bool
sockopt_room_set(int fd, int option, int half)
{
	if (real_setsockopt(fd, SOL_SOCKET, option == SO_SNDBUF ?
		SO_SNDBUFFORCE : SO_RCVBUFFORCE, &half, sizeof(half)) == 0)
		return true;
	return half <= sockopt_room_most(option) / 2 && real_setsockopt(fd,
	    SOL_SOCKET, option, &half, sizeof(half)) == 0;
}

/*
 * The kernel counts the memory of packets, which are longer than the datagrams
 * in them, and that memory comes in sizes: by 34 bytes more it is twice as much
 * at most.  Of datagrams of 640 bytes, 166 fit into 212992; of their packets,
 * 92.  Twice the room therefore holds as many datagrams as plain; it is what the
 * kernel makes of a number that was read.  Without privileges no buffer is made
 * smaller by that, as a larger one than the system lets would be.
 */
void
sockopt_room(int fd, struct sock *s)
{
	int n;

	if (atomic_load(&s->state) != SOCK_ATTACHED || !seccomp_unfiltered())
		return;
	n = sockopt_get(fd, SOL_SOCKET, SO_RCVBUF);
	if (n <= 0)
		return;
	atomic_store(&s->map.arena->slot[s->slot].rx.room, (uint32_t)n);
	(void)sockopt_room_set(fd, SO_RCVBUF, n);
}

bool
sockopt_send_room(int fd, struct sock *s, int much, int little)
{
	_Atomic uint32_t *room = &s->map.arena->slot[s->slot].tx_room;
	int64_t n, want;

	n = sockopt_get(fd, SOL_SOCKET, SO_SNDBUF);
	want = atomic_load(room) != 0 ? atomic_load(room) : n;
	want = (want * much + little - 1) / little;
	if (n <= 0 || n >= want || want > INT_MAX ||
	    !sockopt_room_set(fd, SO_SNDBUF, (int)(want + 1) / 2))
		return false;
	if (atomic_load(room) == 0)
		atomic_store(room, (uint32_t)n);
	return true;
}

void
sockopt_send_room_forget(struct sock *s)
{
	if (atomic_load(&s->state) == SOCK_ATTACHED)
		atomic_store(&s->map.arena->slot[s->slot].tx_room, 0);
}

int
sockopt_send_room_of(struct sock *s)
{
	if (atomic_load(&s->state) != SOCK_ATTACHED)
		return 0;
	return (int)atomic_load(&s->map.arena->slot[s->slot].tx_room);
}

int
sockopt_room_of(const struct sock *s)
{
	if (atomic_load(&((struct sock *)(uintptr_t)s)->state) !=
	    SOCK_ATTACHED)
		return 0;
	return (int)atomic_load(&s->map.arena->slot[s->slot].rx.room);
}

static void
sockopt_learn_inet(int fd, struct sock *s, bool attached)
{
	struct sock_options *w = &s->options;
	int n;

	/* PKTINFO of the kernel socket's family is on by net_options(). */
	w->pktinfo = !(attached && s->kernel == MP_INET) &&
	    sockopt_is_on(fd, IPPROTO_IP, IP_PKTINFO);
	w->tos = sockopt_is_on(fd, IPPROTO_IP, IP_RECVTOS);
	w->ttl = sockopt_is_on(fd, IPPROTO_IP, IP_RECVTTL);
	w->origdst = sockopt_is_on(fd, IPPROTO_IP, IP_RECVORIGDSTADDR);
	w->recverr = sockopt_is_on(fd, IPPROTO_IP, IP_RECVERR);
	n = sockopt_get(fd, IPPROTO_IP, IP_TOS);
	w->set_tos = n > 0 ? (uint16_t)(n + 1) : 0;
	if (s->family == AF_INET)
		return;
	w->pktinfo6 = !attached &&
	    sockopt_is_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	w->tclass = sockopt_is_on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
	w->hoplimit = sockopt_is_on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
	w->origdst6 = sockopt_is_on(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR);
	w->recverr6 = sockopt_is_on(fd, IPPROTO_IPV6, IPV6_RECVERR);
	w->dontfrag = sockopt_is_on(fd, IPPROTO_IPV6, IPV6_DONTFRAG);
	n = sockopt_get(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER);
	w->df6 = n == IPV6_PMTUDISC_DO || n == IPV6_PMTUDISC_PROBE;
	n = sockopt_get(fd, IPPROTO_IPV6, IPV6_TCLASS);
	w->set_tclass = n > 0 ? (uint16_t)(n + 1) : 0;
}

static void
sockopt_learn_socket(int fd, struct sock *s, bool attached)
{
	static const uint8_t stamps[] = { SO_TIMESTAMP, SO_TIMESTAMPNS,
		SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW };
	struct sock_options *w = &s->options;
	size_t i;
	int n;

	for (i = 0; !attached && i < sizeof(stamps); i++)
		if (sockopt_is_on(fd, SOL_SOCKET, stamps[i]))
			w->stamp = stamps[i];
	n = sockopt_get(fd, SOL_SOCKET, SO_TIMESTAMPING);
	w->stamping = n > 0 ? (uint32_t)n : 0;
	w->no_check = sockopt_is_on(fd, SOL_SOCKET, SO_NO_CHECK);
	w->gro = attached ? /* the kernel's is ours */
	    atomic_load(&s->map.arena->slot[s->slot].rx.gro) != 0 :
	    sockopt_is_on(fd, IPPROTO_UDP, UDP_GRO);
	w->timeout = sockopt_waits(fd);
	n = sockopt_get(fd, IPPROTO_IP, IP_MTU_DISCOVER);
	s->df = n == IP_PMTUDISC_DO || n == IP_PMTUDISC_PROBE;
}

void
sockopt_know(int fd, struct sock *s)
{
	bool attached = atomic_load(&s->state) == SOCK_ATTACHED;

	if (!s->options.known) {
		sockopt_learn_inet(fd, s, attached);
		sockopt_learn_socket(fd, s, attached);
		s->options.known = true;
	}
	if (attached && !s->options.applied)
		sockopt_apply(fd, s);
}

void
sockopt_apply(int fd, struct sock *s)
{
	const struct sock_options *w = &s->options;
	bool errors = w->recverr || w->recverr6; /* a datagram may take a path of
						  * the other family */
	bool tos = w->tos || w->tclass, ttl = w->ttl || w->hoplimit;

	if (atomic_load(&s->state) != SOCK_ATTACHED)
		return;
	s->options.applied = true;
	sockopt_set(fd, IPPROTO_IP, IP_RECVTOS, tos);
	sockopt_set(fd, IPPROTO_IP, IP_RECVTTL, ttl);
	if (s->kernel != MP_INET) {
		sockopt_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, tos);
		sockopt_set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, ttl);
		sockopt_set(fd, IPPROTO_IPV6, IPV6_RECVERR, errors);
	}
	sockopt_set(fd, IPPROTO_IP, IP_RECVERR, errors);
	s->map.arena->slot[s->slot].errors = errors;
	if (!w->gro)
		return;
	atomic_store(&s->map.arena->slot[s->slot].rx.gro, 1);
	if (atomic_load(&s->map.arena->slot[s->slot].rx.mode) == 0)
		sockopt_set(fd, IPPROTO_UDP, UDP_GRO, 0);
}
