/* SPDX-License-Identifier: ISC */
#include "sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "conf.h"
#include "guard.h"
#include "join.h"
#include "libc.h"
#include "log.h"
#include "net.h"
#include "reach.h"
#include "want.h"

/* --- Making and finding --------------------------------------------------- */

/*
 * A dual-stack socket that stands for an IPv4 one says so by an option that does
 * nothing without another: it goes with the socket over execve(2).
 */
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif
enum { MARK_INET = IPV6_RECVERR_RFC4884 };

static void
stand_for_inet(int fd)
{
	int on = 1;

	(void)real_setsockopt(fd, IPPROTO_IPV6, MARK_INET, &on, sizeof(on));
	/* Groups that others joined are heard by IPv4's own sockets alone. */
	(void)real_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &on,
	    sizeof(on));
}

static int
kernel_socket(int domain, int type, int protocol, enum mp_family *kernel)
{
	int fd, off = 0;

	*kernel = MP_DUAL;
	fd = real_socket(AF_INET6, type, protocol);
	if (fd >= 0 && real_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
	    sizeof(off)) == 0) {
		if (domain == AF_INET)
			stand_for_inet(fd);
		return fd;
	}
	if (fd >= 0)
		real_close(fd);
	else if (errno != EAFNOSUPPORT)
		return -1;
	*kernel = MP_INET;
	return real_socket(domain, type, protocol);
}

int
sock_new(int domain, int type, int protocol)
{
	enum mp_family kernel;
	struct sock *s;
	int fd;

	fd = kernel_socket(domain, type, protocol, &kernel);
	if (fd < 0)
		return -errno;
	s = fdtab_new();
	if (s == NULL) {
		real_close(fd);
		return -ENOBUFS;
	}
	s->family = domain;
	s->kernel = kernel;
	s->cookie = join_cookie(fd);
	fdtab_set(fd, s);
	fdtab_release(s);
	return fd;
}

static int
option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return real_getsockopt(fd, level, name, &value, &len) == 0 ? value :
								     -1;
}

/* The kernel connected it: ours is another kind of connection. */
static void
adopt_peer(int fd, struct sock *s, const struct mp_addr *peer)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct mp_addr a;

	if (conf_way(peer) == WAY_PLAIN) {
		s->kconnected = true;
		return;
	}
	if (conf_way(peer) == WAY_REFUSE ||
	    real_connect(fd, &none, sizeof(none)) != 0) {
		atomic_store(&s->state, SOCK_REFUSED);
		return;
	}
	s->connected = true;
	s->peer = *peer;
	s->bound = join_name(fd, &a) == 0 && a.port != 0;
}

/* One that no agent knows: as if it had just been made, or bound. */
static struct sock *
adopt_fresh(int fd)
{
	struct sock *s = fdtab_new();
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);
	struct mp_addr a, peer;

	if (s == NULL || join_name(fd, &a) != 0) {
		if (s != NULL)
			fdtab_release(s);
		return NULL;
	}
	s->cookie = join_cookie(fd);
	s->family = option(fd, SOL_SOCKET, SO_DOMAIN);
	s->kernel = s->family == AF_INET ? MP_INET : MP_DUAL;
	if (s->family == AF_INET6 && option(fd, IPPROTO_IPV6, MARK_INET) > 0)
		s->family = AF_INET;
	s->v6only = s->family == AF_INET6 &&
	    option(fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0;
	s->reuseaddr = option(fd, SOL_SOCKET, SO_REUSEADDR) > 0;
	s->reuseport = option(fd, SOL_SOCKET, SO_REUSEPORT) > 0;
	s->broadcast = option(fd, SOL_SOCKET, SO_BROADCAST) > 0;
	s->bound = a.port != 0;
	a.port = 0;
	s->local = a;
	if (real_getpeername(fd, (struct sockaddr *)&sin6, &len) == 0 &&
	    net_get(&peer, (struct sockaddr *)&sin6, len))
		adopt_peer(fd, s, &peer);
	else if (net_is_loopback(&a) || net_is_multicast(&a))
		atomic_store(&s->state, SOCK_PLAIN);
	return s;
}

/* A UDP socket that this process did not make, or forgot. */
static struct sock *
adopt(int fd)
{
	int type, saved = errno;
	struct sock *s = NULL;

	errno = 0;
	type = option(fd, SOL_SOCKET, SO_TYPE);
	if (type == SOCK_DGRAM &&
	    option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP) {
		s = join_find(fd);
		if (s == NULL)
			s = adopt_fresh(fd);
	} else if (errno == EBADF) {
		errno = saved;
		return NULL;
	}
	fdtab_set(fd, s);
	errno = saved;
	return s;
}

struct sock *
sock_hold(int fd)
{
	struct sock *s;
	bool known;

	if (!conf_get()->active)
		return NULL;
	s = fdtab_hold(fd, &known);
	return known ? s : adopt(fd);
}

/* --- Names ---------------------------------------------------------------- */

/* What the program means by this name: 0, or the kernel's complaint. */
static int
parse(const struct sock *s, struct mp_addr *a, const struct sockaddr *name,
    socklen_t len, bool connecting)
{
	socklen_t least = s->family == AF_INET ? sizeof(struct sockaddr_in) :
						 24;

	if (len < sizeof(name->sa_family) ||
	    len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (name == NULL)
		return -EFAULT;
	if ((len < least && !(connecting && name->sa_family == AF_INET &&
	    len >= sizeof(struct sockaddr_in))))
		return -EINVAL;
	if (name->sa_family == AF_INET6 ? s->family == AF_INET :
		name->sa_family != AF_INET)
		return -EAFNOSUPPORT;
	if (name->sa_family == AF_INET && s->family == AF_INET6 && !connecting)
		return -EAFNOSUPPORT;
	if (!net_get(a, name, len))
		return -EINVAL;
	if (s->v6only && net_is_v4(a))
		return connecting ? -ENETUNREACH : -EINVAL;
	return 0;
}

static bool
unspecified(const struct sock *s, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in sin;

	if (name == NULL || len < sizeof(sin) || s->family != AF_INET ||
	    name->sa_family != AF_UNSPEC)
		return false;
	memcpy(&sin, name, sizeof(sin));
	return sin.sin_addr.s_addr == INADDR_ANY;
}

bool
sock_as_is(const struct sock *s)
{
	return s->family == AF_INET6 && !s->wide && !s->connected &&
	    (s->kconnected || atomic_load(&s->state) == SOCK_PLAIN);
}

int
sock_name(int fd, struct sock *s, struct mp_addr *a)
{
	struct mp_addr kernel;
	int error = join_name(fd, &kernel);

	if (error != 0)
		return error;
	*a = kernel;
	if (s->wide || s->connected)
		memcpy(a->ip, s->local.ip, 16);
	if (s->family == AF_INET && net_is_any(a)) {
		memset(a->ip, 0, 16);
		memset(a->ip + 10, 0xff, 2);
	}
	if (s->autobound && !s->connected)
		a->port = 0;
	return 0;
}

int
sock_peer(int fd, struct sock *s, struct mp_addr *a)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);

	if (s->connected) {
		*a = s->peer;
		return s->peer.port == 0 ? -ENOTCONN : 0;
	}
	if (real_getpeername(fd, (struct sockaddr *)&sin6, &len) != 0)
		return -errno;
	return net_get(a, (struct sockaddr *)&sin6, len) ? 0 : -ENOTCONN;
}

enum { RETRIES = 50 }; /* of a millisecond */

/* --- bind ------------------------------------------------------------------ */

static void
set_flag(int fd, int option, int value)
{
	(void)real_setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

/* One of the same family, to try things on. */
static int
scratch(const struct sock *s)
{
	int fd = real_socket(s->kernel == MP_INET ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* Would the kernel let a program bind this, which shares with nobody? */
static int
try_bind(const struct sock *s, const struct mp_addr *a, uint16_t port)
{
	struct mp_addr to = *a;
	int fd = scratch(s), error;

	if (fd < 0)
		return fd;
	to.port = port;
	error = join_bind(fd, s, &to);
	real_close(fd);
	return error;
}

/* Somebody holds the port who does not run under mpshim.  If the kernel lets
 * both have it, his packets and ours cannot be told apart. */
static int
bind_beside(int fd, struct sock *s, const struct mp_addr *a)
{
	int error;

	if (s->reuseaddr)
		set_flag(fd, SO_REUSEADDR, 1);
	if (s->reuseport)
		set_flag(fd, SO_REUSEPORT, 1);
	error = join_bind(fd, s, a);
	if (error != 0)
		return error;
	s->wide = false;
	if (s->reuseport) {
		log_say(LOG_ERROR, LOG_BOUND, "port %u: another program has "
		    "it that does not run under mpshim: nothing is sent",
		    a->port);
		atomic_store(&s->state, SOCK_REFUSED);
	}
	return 0;
}

/* Others hold the port, at other addresses: loopback sockets of ours share it. */
static int
bind_apart(int fd, struct sock *s, const struct mp_addr *a,
    const struct mp_addr *wide)
{
	int error;

	set_flag(fd, SO_REUSEPORT, 1);
	error = join_bind(fd, s, wide);
	set_flag(fd, SO_REUSEPORT, 0);
	if (error != -EADDRINUSE)
		return error;
	s->wide = false;
	return join_bind(fd, s, a);
}

/* The port is taken.  By a socket of ours that makes room, or one that is gone
 * already?  Else as the program's own flags would have it. */
static int
bind_taken(int fd, struct sock *s, const struct mp_addr *a,
    const struct mp_addr *wide)
{
	int i, error = join_ask(s, a);

	if (error == 0) {
		set_flag(fd, SO_REUSEPORT, 1);
		error = join_bind(fd, s, wide);
		if (error == 0) {
			s->second = true;
			return 0;
		}
		set_flag(fd, SO_REUSEPORT, 0);
		return error;
	}
	if (error == -EADDRINUSE)
		return error;
	if (!net_is_any(a) && try_bind(s, a, a->port) == 0)
		return bind_apart(fd, s, a, wide);
	/* The control socket of one that is gone: the agent lets go of it. */
	for (i = 0; i < RETRIES; i++) {
		error = join_bind(fd, s, wide);
		if (error != -EADDRINUSE)
			return error;
		poll(NULL, 0, 1);
	}
	return bind_beside(fd, s, a);
}

static int
bind_widely(int fd, struct sock *s, const struct mp_addr *a)
{
	struct mp_addr wide = *a;
	int error;

	if (!net_is_any(a)) {
		memset(wide.ip, 0, 16);
		if (s->kernel == MP_INET)
			memset(wide.ip + 10, 0xff, 2);
		s->wide = true;
	}
	error = join_bind(fd, s, &wide);
	if (error == -EADDRINUSE && a->port != 0)
		error = bind_taken(fd, s, a, &wide);
	if (error != 0) {
		s->wide = false;
		return error;
	}
	if (s->reuseaddr)
		set_flag(fd, SO_REUSEADDR, 1);
	s->local = *a;
	s->local.port = 0;
	s->bound = true;
	(void)join_make(fd, s);
	return 0;
}

/* To all addresses, in the program's eyes to its own. */
static int
bind_open(int fd, struct sock *s, const struct mp_addr *a)
{
	int error, lock = -1, saved = errno;

	if (!net_is_any(a)) {
		error = try_bind(s, a, 0);
		if (error != 0)
			return error;
	}
	want_filter(fd, s); /* before the first packet can come */
	if (a->port != 0) /* others may bind it, too */
		lock = ipc_lock();
	error = bind_widely(fd, s, a);
	ipc_unlock(lock);
	errno = saved;
	return error;
}

/* By the program's own words where the kernel's socket is of its family: they
 * may name an interface. */
static int
bind_as(int fd, const struct sock *s, const struct mp_addr *a,
    const struct sockaddr *name, socklen_t len)
{
	if (name->sa_family != AF_INET6)
		return join_bind(fd, s, a);
	return real_bind(fd, name, len) != 0 ? -errno : 0;
}

/* As the kernel has it: loopback, groups, and sockets that are plain. */
static int
bind_plain(int fd, struct sock *s, const struct mp_addr *a,
    const struct sockaddr *name, socklen_t len)
{
	int error;

	set_flag(fd, SO_REUSEADDR, s->reuseaddr);
	set_flag(fd, SO_REUSEPORT, s->reuseport);
	error = bind_as(fd, s, a, name, len);
	if (error == -EADDRINUSE && a->port != 0 && net_is_loopback(a) &&
	    join_ask(s, a) == 0) { /* one of ours that is open to all */
		set_flag(fd, SO_REUSEPORT, 1);
		error = bind_as(fd, s, a, name, len);
	}
	if (error == 0) {
		s->local = *a; /* out_message() asks for groups */
		s->local.port = 0;
		if (net_is_loopback(a)) /* for one that comes later */
			set_flag(fd, SO_REUSEPORT, 1);
		s->bound = true;
		atomic_store(&s->state, SOCK_PLAIN);
	}
	return error;
}

int
sock_bind(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in any;
	struct mp_addr a;
	int error;

	if (unspecified(s, name, len)) {
		memcpy(&any, name, sizeof(any));
		any.sin_family = AF_INET;
		name = (struct sockaddr *)&any;
	}
	error = parse(s, &a, name, len, false);
	if (error != 0)
		return error;
	if (s->bound)
		return -EINVAL;
	if (net_is_loopback(&a) || net_is_multicast(&a) ||
	    net_is_link_local(&a) || atomic_load(&s->state) == SOCK_PLAIN)
		return bind_plain(fd, s, &a, name, len);
	return bind_open(fd, s, &a);
}

/* --- connect ----------------------------------------------------------------- */

/* The address that the socket sends from whatever its peer: one that it is
 * bound to, or that its last connect(2) found. */
static void
source(int fd, const struct sock *s, struct mp_addr *from)
{
	if (s->wide || s->connected)
		*from = s->local;
	else if (join_name(fd, from) != 0)
		memset(from, 0, sizeof(*from));
	from->port = 0;
}

/* Which of our addresses would the kernel use, or what would it say? */
static int
route(int of, const struct sock *s, const struct mp_addr *to,
    struct mp_addr *local)
{
	struct sockaddr_in6 sin6;
	struct mp_addr from;
	socklen_t len;
	int fd, error = 0;

	fd = scratch(s);
	if (fd < 0)
		return fd;
	set_flag(fd, SO_BROADCAST, s->broadcast);
	source(of, s, &from);
	if (!net_is_any(&from) && (error = join_bind(fd, s, &from)) ==
	    -EADDRNOTAVAIL)
		error = 0; /* it went meanwhile */
	len = net_put(to, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	if (error == 0 && (len == 0 ||
	    real_connect(fd, (struct sockaddr *)&sin6, len) != 0))
		error = len == 0 ? -EAFNOSUPPORT : -errno;
	if (error == 0)
		error = join_name(fd, local);
	real_close(fd);
	return error;
}

/* Is there a session with that peer?  Then it can be connected to, even where
 * no route leads to the address that it is known by. */
static bool
met(struct sock *s, const struct mp_addr *peer)
{
	bool is;

	if (s->map.arena == NULL || !guard_lock(s->map.arena))
		return false;
	is = mp_session_find(&s->map.mp, s->slot, peer) != MP_NONE;
	guard_unlock(s->map.arena);
	return is;
}

/* The socket's peer is this one from now on; NULL: nobody. */
static void
set_peer(int fd, struct sock *s, const struct mp_addr *peer,
    const struct mp_addr *local)
{
	struct arena *a = s->map.arena;

	s->connected = peer != NULL;
	if (peer != NULL) {
		s->peer = *peer;
		if (!s->wide)
			s->local = *local;
	} else if (!s->wide)
		memset(&s->local, 0, sizeof(s->local));
	if (a != NULL && guard_lock(a)) {
		join_publish(s);
		guard_unlock(a);
	}
	want_filter(fd, s);
}

/* A port that connect(2) chose goes when the connection is dissolved. */
static bool
still_bound(int fd)
{
	struct mp_addr a;

	return join_name(fd, &a) == 0 && a.port != 0;
}

static int
disconnect(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	if (s->connected)
		set_peer(fd, s, NULL, NULL);
	if (!s->kconnected)
		return 0;
	s->kconnected = false;
	if (real_connect(fd, name, len) != 0)
		return -errno;
	s->bound = still_bound(fd);
	return 0;
}

static enum conf_way
way_to(const struct mp_addr *a)
{
	enum conf_way way = conf_way(a);

	return way == WAY_PROTECT && reach_ask(a) != REACH_PEER ? WAY_PLAIN :
								   way;
}

int
sock_connect(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	struct mp_addr a, local;
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	enum conf_way way;
	int error;

	if (name != NULL && len >= sizeof(name->sa_family) &&
	    name->sa_family == AF_UNSPEC)
		return disconnect(fd, s, name, len);
	error = parse(s, &a, name, len, true);
	if (error != 0)
		return error;
	way = way_to(&a);
	if (way == WAY_PROTECT && atomic_load(&s->state) == SOCK_PLAIN) {
		error = route(fd, s, &a, &local);
		return error != 0 ? error : -EACCES;
	}
	if (way == WAY_REFUSE)
		return -EACCES;
	if (atomic_load(&s->state) != SOCK_JOINED && way == WAY_PLAIN) {
		if (real_connect(fd, name, len) != 0)
			return -errno;
		s->connected = false;
		s->kconnected = s->bound = true;
		return 0;
	}
	local = s->local;
	error = route(fd, s, &a, &local);
	if (error != 0 && !(error == -ENETUNREACH && met(s, &a)))
		return error;
	if (s->kconnected) {
		(void)real_connect(fd, &none, sizeof(none));
		s->kconnected = false;
		s->bound = still_bound(fd);
	}
	error = join_autobind(fd, s);
	if (error != 0)
		return error;
	local.port = 0;
	set_peer(fd, s, &a, &local);
	if (atomic_load(&s->state) == SOCK_JOINED)
		join_hear(fd, s);
	return 0;
}

void
sock_shared(int fd, struct sock *s)
{
	if (atomic_load(&s->state) == SOCK_FRESH && !s->kconnected &&
	    s->connected)
		(void)join_make(fd, s);
}
