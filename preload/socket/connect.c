/* SPDX-License-Identifier: ISC */
/* connect(2).  To a protected peer it is emulated: the kernel's socket stays
 * unconnected, so that it takes packets from all addresses of the peer. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "attach.h"
#include "fdtab.h"
#include "ingress.h"
#include "ksock.h"
#include "mp.h"
#include "policy/dest_policy.h"
#include "policy/rules.h"
#include "process/reentry.h"
#include "shared/arena.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "shared/sibling.h"
#include "sock.h"

/* The source address that the socket has already, by bind(2) or its last
 * connect(2); else the unspecified one, also where that was of the other
 * family. */
static void
connect_source(int fd, const struct sock *s, const struct mp_addr *to,
    struct mp_addr *from)
{
	if (s->wide || s->connected)
		*from = s->local;
	else if (ksock_name(fd, from) != 0 || (s->kconnected &&
	    net_is_v4(from) != net_is_v4(to)))
		memset(from, 0, sizeof(*from));
	from->port = 0;
}

/*
 * The local address that the kernel would give the connection; or the error
 * that it would give: tried on a scratch socket.  *zone is that of `to'; the
 * socket's own options choose one where the program names none.  The unspecified
 * address becomes that of this host which the kernel takes for it.
 */
static int
connect_route(int of, const struct sock *s, struct mp_addr *to,
    uint32_t *zone, struct mp_addr *local)
{
	struct sockaddr_in6 sin6;
	struct mp_addr from;
	socklen_t len;
	int fd, error = 0;

	fd = sock_new_scratch(s);
	if (fd < 0)
		return fd;
	sock_set_option(fd, SO_BROADCAST, s->broadcast);
	ksock_copy_ways(of, fd);
	connect_source(of, s, to, &from);
	/* A zoned source goes with the zone of its peer. */
	if (!net_is_any(&from) && !net_is_zoned(&from) &&
	    (error = ksock_bind(fd, s, &from)) ==
	    -EADDRNOTAVAIL)
		error = 0; /* the host has lost it since */
	len = net_put(to, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	net_put_zone((struct sockaddr *)&sin6, len, *zone);
	if (error == 0 && (len == 0 ||
	    real_connect(fd, (struct sockaddr *)&sin6, len) != 0))
		error = len == 0 ? -EAFNOSUPPORT : -errno;
	if (error == 0)
		error = ksock_name(fd, local);
	len = sizeof(sin6);
	if (error == 0 && (net_is_zoned(to) || net_is_any(to)) &&
	    SECCOMP_ALLOWS(SYS_getpeername) &&
	    real_getpeername(fd, (struct sockaddr *)&sin6, &len) == 0) {
		*zone = net_zone((struct sockaddr *)&sin6, len);
		(void)net_get(to, (struct sockaddr *)&sin6, len);
	}
	real_close(fd);
	return error;
}

/* Has the port a session with that peer, which answered?  Then it can be
 * connected to, even if no route leads to the address that the program knows it
 * by. */
static bool
connect_has_session(struct sock *s, const struct mp_addr *peer)
{
	struct mp_session_info info;
	uint32_t session;
	bool found;

	if (s->map.arena == NULL || !reentry_lock(s->map.arena))
		return false;
	session = mp_session_find(&s->map.mp, sibling_sender(&s->map, s->slot,
	    peer), peer);
	found = session != MP_NONE &&
	    mp_session_get(&s->map.mp, session, &info) == 0 &&
	    info.state != MP_S_CONNECTING;
	reentry_unlock(s->map.arena);
	return found;
}

/* Sets the socket's peer; NULL: none. */
static void
connect_set_peer(int fd, struct sock *s, const struct mp_addr *peer,
    uint32_t zone, const struct mp_addr *local)
{
	s->was = s->peer;
	s->was_zone = s->zone;
	s->was_connected = s->connected;
	s->since = arena_now();
	s->connected = peer != NULL;
	if (peer != NULL) {
		s->peer = *peer;
		s->zone = zone;
		if (!s->wide)
			s->local = *local;
	} else if (!s->wide)
		memset(&s->local, 0, sizeof(s->local));
	if (s->map.arena == NULL) {
		ingress_filter_again(fd, s);
		return;
	}
	attach_tell(fd, s);
	ingress_filter(fd, s);
}

/* connect(2) to AF_UNSPEC. */
static int
connect_dissolve(int fd, struct sock *s, const struct sockaddr *name,
    socklen_t len)
{
	if (s->connected) {
		connect_set_peer(fd, s, NULL, 0, NULL);
		s->portless = s->autobound;
	}
	if (!s->kconnected)
		return 0;
	s->kconnected = false;
	if (real_connect(fd, name, len) != 0)
		return -errno;
	s->bound = ksock_bound(fd); /* not if connect(2) chose the port */
	if (s->filter != NULL)
		(void)ingress_filter(fd, s);
	s->portless = s->bound && s->autobound;
	return 0;
}

/* Dissolves the kernel's own connection.  With it goes a port that the kernel
 * chose; a program that only changes its peer keeps it, so it is bound
 * again. */
static int
connect_rebind(int fd, struct sock *s, const struct mp_addr *peer)
{
	struct mp_addr was = { .port = 0 }, old = s->peer;
	bool connected = s->connected;
	int error;

	if (s->kconnected) {
		(void)ksock_name(fd, &was);
		(void)ksock_dissolve(fd);
		s->kconnected = false;
		s->bound = ksock_bound(fd);
	}
	/* The socket filter is set before the bind, and once. */
	s->peer = *peer;
	s->connected = true;
	error = ksock_autobind_quietly(fd, s, was.port);
	s->peer = old;
	s->connected = connected;
	return error;
}

static int
connect_to(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	struct mp_addr a, local;
	enum rules_way way;
	uint32_t zone = net_zone(name, len);
	int error = sock_parse(s, &a, name, len, true);

	if (error != 0)
		return error;
	way = s->names ? WAY_PLAIN : dest_policy_of(&a).way;
	if (way == WAY_PROTECT && atomic_load(&s->state) == SOCK_PLAIN) {
		error = connect_route(fd, s, &a, &zone, &local);
		return error != 0 ? error : -EACCES;
	}
	if (way == WAY_REFUSE)
		return -EACCES;
	if (atomic_load(&s->state) != SOCK_ATTACHED && way == WAY_PLAIN) {
		if (real_connect(fd, name, len) != 0)
			return -errno;
		s->connected = false;
		s->kconnected = s->bound = true;
		s->kpeer = a;
		if (s->filter != NULL)
			(void)ingress_filter(fd, s);
		return 0;
	}
	local = s->local;
	error = connect_route(fd, s, &a, &zone, &local);
	if (error != 0 && !(error == -ENETUNREACH &&
	    connect_has_session(s, &a)))
		return error;
	error = connect_rebind(fd, s, &a);
	if (error != 0)
		return error;
	local.port = 0;
	s->portless = false;
	connect_set_peer(fd, s, &a, zone, &local);
	if (atomic_load(&s->state) == SOCK_ATTACHED)
		attach_refusal(fd, s);
	return 0;
}

int
sock_connect(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	int error;

	if (len < sizeof(name->sa_family))
		return -EINVAL;
	if (name->sa_family == AF_UNSPEC)
		return connect_dissolve(fd, s, name, len);
	error = connect_to(fd, s, name, len);
	if (error != 0) /* the kernel gives it a port even so */
		(void)ksock_autobind_plain(fd, s);
	return error;
}

int
sock_connect_again(int fd, struct sock *s)
{
	struct sockaddr_in6 name;
	socklen_t len = net_put(&s->kpeer, s->family, (struct sockaddr *)&name,
	    sizeof(name));

	return sock_connect(fd, s, (struct sockaddr *)&name, len);
}

void
sock_attach_shared(int fd, struct sock *s)
{
	if (atomic_load(&s->state) == SOCK_FRESH && !s->kconnected &&
	    s->connected)
		(void)attach_socket(fd, s);
}
