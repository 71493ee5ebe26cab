/* SPDX-License-Identifier: ISC */
#include "opts.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "allowed.h"
#include "libc.h"
#include "uapi.h"

int
opts_get(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (!ALLOWED(SYS_getsockopt, fd, level, option))
		return -1;
	return real_getsockopt(fd, level, option, &value, &len) == 0 ? value :
								     -1;
}

static bool
on(int fd, int level, int option)
{
	return opts_get(fd, level, option) > 0;
}

static void
set(int fd, int level, int option, int value)
{
	/* What the agent would have to set is looked at first. */
	if (!allowed_all() && opts_get(fd, level, option) == value)
		return;
	(void)allowed_setsockopt(fd, level, option, &value, sizeof(value));
}

bool
opts_waits(int fd)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);

	return ALLOWED(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVTIMEO) &&
	    real_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == 0 &&
	    (tv.tv_sec != 0 || tv.tv_usec != 0);
}

static void
learn_inet(int fd, struct sock *s, bool joined)
{
	struct sock_wants *w = &s->wants;
	int n;

	/* PKTINFO of a joined socket's own family is our doing. */
	w->pktinfo = !(joined && s->kernel == MP_INET) &&
	    on(fd, IPPROTO_IP, IP_PKTINFO);
	w->tos = on(fd, IPPROTO_IP, IP_RECVTOS);
	w->ttl = on(fd, IPPROTO_IP, IP_RECVTTL);
	w->origdst = on(fd, IPPROTO_IP, IP_RECVORIGDSTADDR);
	w->recverr = on(fd, IPPROTO_IP, IP_RECVERR);
	n = opts_get(fd, IPPROTO_IP, IP_TOS);
	w->set_tos = n > 0 ? (uint16_t)(n + 1) : 0;
	if (s->family == AF_INET)
		return;
	w->pktinfo6 = !joined && on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	w->tclass = on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
	w->hoplimit = on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
	w->origdst6 = on(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR);
	w->recverr6 = on(fd, IPPROTO_IPV6, IPV6_RECVERR);
	w->dontfrag = on(fd, IPPROTO_IPV6, IPV6_DONTFRAG);
	n = opts_get(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER);
	w->df6 = n == IPV6_PMTUDISC_DO || n == IPV6_PMTUDISC_PROBE;
	n = opts_get(fd, IPPROTO_IPV6, IPV6_TCLASS);
	w->set_tclass = n > 0 ? (uint16_t)(n + 1) : 0;
}

static void
learn_socket(int fd, struct sock *s, bool joined)
{
	static const uint8_t stamps[] = { SO_TIMESTAMP, SO_TIMESTAMPNS,
		SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW };
	struct sock_wants *w = &s->wants;
	size_t i;
	int n;

	for (i = 0; !joined && i < sizeof(stamps); i++)
		if (on(fd, SOL_SOCKET, stamps[i]))
			w->stamp = stamps[i];
	n = opts_get(fd, SOL_SOCKET, SO_TIMESTAMPING);
	w->stamping = n > 0 ? (uint32_t)n : 0;
	w->no_check = on(fd, SOL_SOCKET, SO_NO_CHECK);
	w->gro = on(fd, IPPROTO_UDP, UDP_GRO);
	w->timeout = opts_waits(fd);
	n = opts_get(fd, IPPROTO_IP, IP_MTU_DISCOVER);
	s->df = n == IP_PMTUDISC_DO || n == IP_PMTUDISC_PROBE;
}

void
opts_know(int fd, struct sock *s)
{
	bool joined = atomic_load(&s->state) == SOCK_JOINED;

	if (!s->wants.known) {
		learn_inet(fd, s, joined);
		learn_socket(fd, s, joined);
		s->wants.known = true;
	}
	if (joined && !s->wants.applied)
		opts_apply(fd, s);
}

void
opts_apply(int fd, struct sock *s)
{
	const struct sock_wants *w = &s->wants;
	bool tos = w->tos || w->tclass, ttl = w->ttl || w->hoplimit;

	if (atomic_load(&s->state) != SOCK_JOINED)
		return;
	s->wants.applied = true;
	set(fd, IPPROTO_IP, IP_RECVTOS, tos);
	set(fd, IPPROTO_IP, IP_RECVTTL, ttl);
	if (s->kernel != MP_INET) {
		set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, tos);
		set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, ttl);
		if (!atomic_load(&w->errors))
			set(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
	}
	if (!atomic_load(&w->errors))
		set(fd, IPPROTO_IP, IP_RECVERR, 0);
	if (w->gro)
		set(fd, IPPROTO_UDP, UDP_GRO, 0);
	if (w->stamping & OPTS_STAMP_TX)
		set(fd, SOL_SOCKET, SO_TIMESTAMPING,
		    (int)(w->stamping & ~OPTS_STAMP_TX));
}
