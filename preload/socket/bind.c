/* SPDX-License-Identifier: ISC */
/* bind(2): to which address the kernel's socket is bound for the program's. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "agent_rpc.h"
#include "attach.h"
#include "fdtab.h"
#include "ingress.h"
#include "ksock.h"
#include "mp.h"
#include "policy/conf.h"
#include "policy/dest_scope.h"
#include "process/log.h"
#include "shared/connect_agent.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "sock.h"
#include "user_filter.h"

enum { RETRIES = 50 }; /* with a pause of 1 ms each */

/* AF_UNSPEC with INADDR_ANY, which the kernel takes for AF_INET. */
static bool
bind_is_unspec(const struct sock *s, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in sin;

	if (name == NULL || len < sizeof(sin) || s->family != AF_INET ||
	    name->sa_family != AF_UNSPEC)
		return false;
	memcpy(&sin, name, sizeof(sin));
	return sin.sin_addr.s_addr == INADDR_ANY;
}

/* Would the kernel let the program bind this without sharing?  0, or its
 * error. */
static int
bind_try(int as, const struct sock *s, const struct mp_addr *a, uint16_t port)
{
	struct mp_addr to = *a;
	int fd = sock_new_scratch(s), error;

	if (fd < 0)
		return fd;
	to.port = port;
	ksock_copy_ways(as, fd);
	error = ksock_bind(fd, s, &to);
	real_close(fd);
	return error;
}

/* Has no socket the port at the wildcard, in the program's families?  Then the
 * kernel lets one have it at an address that nobody uses: one of loopback, and
 * one of the prefix that is for discarding. */
static bool
bind_wildcard_free(const struct sock *s, uint16_t port)
{
	static const struct mp_addr unused[] = {
		{ .ip = { [10] = 0xff, 0xff, 127, 213, 77, 41 } },
		{ .ip = { 0x01, [15] = 41 } } };
	int i, fd, on = 1, error = 0;
	struct mp_addr a;

	for (i = 0; i < 2 && error == 0; i++) {
		if (i == 0 ? s->family == AF_INET6 && s->v6only :
		    s->family == AF_INET)
			continue;
		fd = sock_new_scratch(s);
		if (fd < 0)
			return false;
		/* The same flag as IPV6_FREEBIND. */
		(void)seccomp_setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on,
		    sizeof(on));
		a = unused[i];
		a.port = port;
		error = ksock_bind(fd, s, &a);
		real_close(fd);
	}
	return error == 0;
}

/* Have the others the port at addresses of their own?  Then they get nothing that
 * is the socket's. */
static bool
bind_is_apart(int fd, const struct sock *s, const struct mp_addr *a)
{
	return net_is_any(a) ? s->reuseport && bind_wildcard_free(s, a->port) :
	    bind_try(fd, s, a, a->port) == 0;
}

/* The port is a program's that does not run under mpshim.  If the kernel lets
 * both have it (SO_REUSEPORT), it spreads the packets over both, and none of
 * ours can be protected. */
static int
bind_beside(int fd, struct sock *s, const struct mp_addr *a)
{
	int error;

	ksock_unprepare(fd, s);
	if (s->reuseaddr)
		sock_set_option(fd, SO_REUSEADDR, 1);
	if (s->reuseport)
		sock_set_option(fd, SO_REUSEPORT, 1);
	error = ksock_bind(fd, s, a);
	if (error != 0)
		return error;
	s->wide = false;
	if (s->reuseport) {
		log_say(LOG_ERROR, LOG_BOUND, "port %u: another program has "
		    "it that does not run under mpshim: nothing is sent",
		    a->port);
		ingress_refuse(fd, s);
	}
	return 0;
}

/* Binds to the wildcard in both families, or in the program's alone where the
 * other one is taken. */
static int
bind_as_wide(int fd, struct sock *s, const struct mp_addr *wide)
{
	int error = ksock_bind(fd, s, wide);

	return error == -EADDRINUSE ? ksock_bind_narrow(fd, s, wide) : error;
}

/* Other sockets have the port at other addresses.  The socket joins at the
 * wildcard if they share it (bind_plain() lets them); else it has the program's
 * address alone. */
static int
bind_apart(int fd, struct sock *s, const struct mp_addr *a,
    const struct mp_addr *wide)
{
	int error;

	ksock_unprepare(fd, s);
	sock_set_option(fd, SO_REUSEPORT, 1);
	error = bind_as_wide(fd, s, wide);
	sock_set_option(fd, SO_REUSEPORT, 0);
	if (error != -EADDRINUSE || net_is_any(a))
		return error;
	s->wide = false;
	return ksock_bind(fd, s, a);
}

/* The port is taken.  If the agent serves it and allows, the socket joins it; if
 * another program has it in the other family, it is bound in the program's
 * alone; if the agent is about to let go of it, a retry succeeds; else it is
 * bound as the program's own flags say. */
static int
bind_taken(int fd, struct sock *s, const struct mp_addr *a,
    const struct mp_addr *wide)
{
	int i, error = agent_rpc_may_bind(fd, s, a);

	if (error == 0) {
		ksock_unprepare(fd, s);
		sock_set_option(fd, SO_REUSEPORT, 1);
		error = bind_as_wide(fd, s, wide);
		if (error == 0) {
			s->second = true;
			return 0;
		}
		sock_set_option(fd, SO_REUSEPORT, 0);
		return error;
	}
	if (error == -EADDRINUSE)
		return error;
	if (bind_is_apart(fd, s, a)) {
		error = bind_apart(fd, s, a, wide);
		if (error != -EADDRINUSE || !net_is_any(a))
			return error;
	}
	/* Perhaps only in the other family. */
	error = ksock_bind_narrow(fd, s, wide);
	if (error != -EADDRINUSE)
		return error;
	/* Perhaps by the control socket of a port that is closed: the agent is
	 * letting go of it. */
	for (i = 0; i < RETRIES; i++) {
		error = ksock_bind(fd, s, wide);
		if (error != -EADDRINUSE)
			return error;
		real_poll(NULL, 0, 1);
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
	error = ksock_bind(fd, s, &wide);
	if (error == -EADDRINUSE && a->port != 0)
		error = bind_taken(fd, s, a, &wide);
	if (error != 0) {
		s->wide = false;
		return error;
	}
	if (s->reuseaddr)
		sock_set_option(fd, SO_REUSEADDR, 1);
	s->local = *a;
	s->local.port = 0;
	s->bound = true;
	(void)attach_socket(fd, s);
	return 0;
}

/* Binds to the wildcard, though the program's address is one of this host's, so
 * that packets to all addresses arrive; sock_name() tells the program its
 * own. */
static int
bind_open(int fd, struct sock *s, const struct mp_addr *a)
{
	int error, lock = -1, saved = errno;

	if (!net_is_any(a)) {
		error = bind_try(fd, s, a, 0);
		if (error != 0)
			return error;
	}
	ksock_prepare(fd);
	ingress_filter(fd, s); /* before the first packet can arrive */
	if (a->port != 0) /* other processes may be binding it, too */
		lock = connect_agent_lock();
	error = bind_widely(fd, s, a);
	connect_agent_unlock(lock);
	errno = saved;
	return error;
}

/* Binds with the program's own sockaddr if the kernel's socket is of that
 * family (it may name an interface), else translated; so a wildcard of IPv4
 * stays one of IPv4. */
static int
bind_as(int fd, const struct sock *s, const struct mp_addr *a,
    const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in6 sin6;
	int on = 1;

	if (name->sa_family != AF_INET6 && s->kernel != MP_INET) {
		len = net_put(a, AF_INET6, (struct sockaddr *)&sin6,
		    sizeof(sin6));
		name = (struct sockaddr *)&sin6;
	} else if (s->v6only)
		(void)real_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	return real_bind(fd, name, len) != 0 ? -errno : 0;
}

/* Loopback, link-local and broadcast addresses, and groups: the kernel prefers
 * the socket at such an address to one at the wildcard, or gives its packets to
 * both, so other sockets of ours may have the same port. */
static bool
bind_stands_apart(const struct mp_addr *a)
{
	return net_is_loopback(a) || net_is_link_local(a) ||
	    net_is_multicast(a) || dest_scope_is_broadcast(a);
}

/* Is a socket plain at this address?  No peer sends to it, or all peers are
 * plain there. */
static bool
bind_is_plain(const struct sock *s, const struct mp_addr *a)
{
	return net_is_multicast(a) || net_is_link_local(a) ||
	    conf_port_plain(a->port) ||
	    atomic_load(&s->state) == SOCK_PLAIN ||
	    (!net_is_any(a) && bind_stands_apart(a));
}

/* Does a socket of ours forbid the address?  The kernel does not, since ours
 * share their port with SO_REUSEPORT, which the program had not set. */
static bool
bind_is_forbidden(int fd, const struct sock *s, const struct mp_addr *a)
{
	return s->reuseport && a->port != 0 && bind_stands_apart(a) &&
	    bind_try(fd, s, a, a->port) == -EADDRINUSE &&
	    agent_rpc_may_bind(fd, s, a) == -EADDRINUSE;
}

/* The port is taken: the socket joins ours at the wildcard, or the agent has
 * just let go of it. */
static int
bind_plain_again(int fd, struct sock *s, const struct mp_addr *a,
    const struct sockaddr *name, socklen_t len)
{
	int error = agent_rpc_may_bind(fd, s, a);

	if (error != 0 && error != -ENOENT)
		return -EADDRINUSE;
	if (error == 0)
		sock_set_option(fd, SO_REUSEPORT, 1);
	return bind_as(fd, s, a, name, len);
}

/* Binds a plain socket: loopback, groups, broadcast, name servers. */
static int
bind_plain(int fd, struct sock *s, const struct mp_addr *a,
    const struct sockaddr *name, socklen_t len)
{
	int error;

	if (bind_is_forbidden(fd, s, a))
		return -EADDRINUSE;
	sock_set_option(fd, SO_REUSEADDR, s->reuseaddr);
	sock_set_option(fd, SO_REUSEPORT, s->reuseport);
	error = bind_as(fd, s, a, name, len);
	if (error == -EADDRINUSE && a->port != 0 && bind_stands_apart(a))
		error = bind_plain_again(fd, s, a, name, len);
	if (error == 0) {
		s->local = *a;
		s->local.port = 0;
		if (bind_stands_apart(a)) /* for one that joins later */
			sock_set_option(fd, SO_REUSEPORT, 1);
		s->bound = true;
		s->names = conf_port_plain(a->port);
		user_filter_leave(fd, s);
		atomic_store(&s->state, SOCK_PLAIN);
	}
	return error;
}

int
sock_bind(int fd, struct sock *s, const struct sockaddr *name, socklen_t len)
{
	struct sockaddr_in any;
	bool v6only = s->v6only;
	struct mp_addr a;
	int error;

	if (bind_is_unspec(s, name, len)) {
		memcpy(&any, name, sizeof(any));
		any.sin_family = AF_INET;
		name = (struct sockaddr *)&any;
	}
	error = sock_parse(s, &a, name, len, false);
	if (error != 0)
		return error;
	if (s->bound) /* the kernel's IPv4 looks at the address first */
		return s->family == AF_INET && !net_is_any(&a) &&
		    bind_try(fd, s, &a, 0) == -EADDRNOTAVAIL ?
		    -EADDRNOTAVAIL : -EINVAL;
	/* The kernel lets a socket at one IPv6 address have no IPv4. */
	if (s->family == AF_INET6 && !net_is_any(&a) && !net_is_v4(&a))
		s->v6only = true;
	error = bind_is_plain(s, &a) ? bind_plain(fd, s, &a, name, len) :
				       bind_open(fd, s, &a);
	if (error != 0)
		s->v6only = v6only;
	return error;
}
