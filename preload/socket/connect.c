/* SPDX-License-Identifier: ISC */
/* connect(2), which is emulated where the peer is protected. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "policy/dest_policy.h"
#include "policy/rules.h"
#include "process/reentry.h"
#include "attach.h"
#include "ksock.h"
#include "process/libc.h"
#include "shared/net.h"
#include "sock.h"
#include "ingress.h"

/* The address that the socket sends from whatever its peer: one that it is
 * bound to, or that its last connect(2) found. */
static void
connect_source(int fd, const struct sock *s, struct mp_addr *from)
{
	if (s->wide || s->connected)
		*from = s->local;
	else if (ksock_name(fd, from) != 0)
		memset(from, 0, sizeof(*from));
	from->port = 0;
}

/* Which of our addresses would the kernel use, or what would it say? */
static int
connect_route(int of, const struct sock *s, const struct mp_addr *to,
    struct mp_addr *local)
{
	struct sockaddr_in6 sin6;
	struct mp_addr from;
	socklen_t len;
	int fd, error = 0;

	fd = sock_scratch(s);
	if (fd < 0)
		return fd;
	sock_flag(fd, SO_BROADCAST, s->broadcast);
	ksock_copy_ways(of, fd);
	connect_source(of, s, &from);
	if (!net_is_any(&from) && (error = ksock_bind(fd, s, &from)) ==
	    -EADDRNOTAVAIL)
		error = 0; /* it went meanwhile */
	len = net_put(to, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	if (error == 0 && (len == 0 ||
	    real_connect(fd, (struct sockaddr *)&sin6, len) != 0))
		error = len == 0 ? -EAFNOSUPPORT : -errno;
	if (error == 0)
		error = ksock_name(fd, local);
	real_close(fd);
	return error;
}

/* Is there a session with that peer?  Then it can be connected to, even where
 * no route leads to the address that it is known by. */
static bool
met(struct sock *s, const struct mp_addr *peer)
{
	bool is;

	if (s->map.arena == NULL || !reentry_lock(s->map.arena))
		return false;
	is = mp_session_find(&s->map.mp, s->slot, peer) != MP_NONE;
	reentry_unlock(s->map.arena);
	return is;
}

/* The socket's peer is this one from now on; NULL: nobody. */
static void
set_peer(int fd, struct sock *s, const struct mp_addr *peer,
    const struct mp_addr *local)
{
	struct arena *a = s->map.arena;

	s->was = s->peer;
	s->was_connected = s->connected;
	s->since = arena_now();
	s->connected = peer != NULL;
	if (peer != NULL) {
		s->peer = *peer;
		if (!s->wide)
			s->local = *local;
	} else if (!s->wide)
		memset(&s->local, 0, sizeof(s->local));
	if (a != NULL && reentry_lock(a)) {
		attach_publish(s);
		reentry_unlock(a);
	}
	ingress_filter(fd, s);
}

static int
disconnect(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	if (s->connected) {
		set_peer(fd, s, NULL, NULL);
		s->portless = s->autobound;
	}
	if (!s->kconnected)
		return 0;
	s->kconnected = false;
	if (real_connect(fd, name, len) != 0)
		return -errno;
	s->bound = ksock_bound(fd); /* a port that it chose goes */
	if (s->filter != NULL)
		(void)ingress_filter(fd, s);
	s->portless = s->bound && s->autobound;
	return 0;
}

/* The kernel lets go of a port that it chose with the connection, but a program
 * that changes its peer keeps it. */
static int
connect_let_go(int fd, struct sock *s)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct mp_addr was = { .port = 0 };

	if (s->kconnected) {
		(void)ksock_name(fd, &was);
		(void)real_connect(fd, &none, sizeof(none));
		s->kconnected = false;
		s->bound = ksock_bound(fd);
	}
	return ksock_autobind_to(fd, s, was.port);
}

static int
connect_connect_to(int fd, struct sock *s, const struct sockaddr *name,
    socklen_t len)
{
	struct mp_addr a, local;
	enum rules_way way;
	int error = sock_parse(s, &a, name, len, true);

	if (error != 0)
		return error;
	way = s->names ? WAY_PLAIN : dest_policy_of(&a).way;
	if (way == WAY_PROTECT && atomic_load(&s->state) == SOCK_PLAIN) {
		error = connect_route(fd, s, &a, &local);
		return error != 0 ? error : -EACCES;
	}
	if (way == WAY_REFUSE)
		return -EACCES;
	if (atomic_load(&s->state) != SOCK_ATTACHED && way == WAY_PLAIN) {
		if (real_connect(fd, name, len) != 0)
			return -errno;
		s->connected = false;
		s->kconnected = s->bound = true;
		if (s->filter != NULL)
			(void)ingress_filter(fd, s);
		return 0;
	}
	local = s->local;
	error = connect_route(fd, s, &a, &local);
	if (error != 0 && !(error == -ENETUNREACH && met(s, &a)))
		return error;
	error = connect_let_go(fd, s);
	if (error != 0)
		return error;
	local.port = 0;
	s->portless = false;
	set_peer(fd, s, &a, &local);
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
		return disconnect(fd, s, name, len);
	error = connect_connect_to(fd, s, name, len);
	if (error != 0) /* it has a port now all the same */
		(void)ksock_autobind(fd, s);
	return error;
}

void
sock_shared(int fd, struct sock *s)
{
	if (atomic_load(&s->state) == SOCK_FRESH && !s->kconnected &&
	    s->connected)
		(void)attach_socket(fd, s);
}
