/* SPDX-License-Identifier: ISC */
#include "sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

#include "attach.h"
#include "fdtab.h"
#include "ksock.h"
#include "mp.h"
#include "patience.h"
#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "policy/dest_scope.h"
#include "policy/rules.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "shared/uapi.h"
#include "sockopt.h"

/* --- Making and finding --------------------------------------------------- */

/*
 * Marks a dual-stack socket that stands for an IPv4 one, also for the program
 * after execve(2): an option that has no effect by itself (K31 of
 * doc/design.md).
 */
enum { MARK_INET = IPV6_RECVERR_RFC4884 };

static void
sock_mark_inet(int fd)
{
	int on = 1;

	/* A process that may not set it hardly executes another program. */
	if (SECCOMP_ALLOWS(SYS_setsockopt, fd, IPPROTO_IPV6, MARK_INET))
		(void)real_setsockopt(fd, IPPROTO_IPV6, MARK_INET, &on,
		    sizeof(on));
	/* As an IPv4 socket, it gets the packets of groups that other sockets
	 * joined. */
	if (SECCOMP_ALLOWS(SYS_setsockopt, fd, IPPROTO_IP, IP_MULTICAST_ALL))
		(void)real_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &on,
		    sizeof(on));
}

/* The dual-stack socket for it; one of IPv4 if the host has no IPv6. */
static int
sock_kernel(int domain, int type, int protocol, enum mp_family *kernel)
{
	int fd, off = 0;

	*kernel = MP_DUAL;
	fd = real_socket(AF_INET6, type, protocol);
	if (fd >= 0 && seccomp_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
	    sizeof(off)) == 0) {
		if (domain == AF_INET)
			sock_mark_inet(fd);
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

	fd = sock_kernel(domain, type, protocol, &kernel);
	if (fd < 0)
		return -errno;
	s = fdtab_new();
	if (s == NULL) {
		real_close(fd);
		return -ENOBUFS;
	}
	s->family = domain;
	s->kernel = kernel;
	s->cookie = ksock_cookie(fd);
	fdtab_set(fd, s);
	fdtab_release(s);
	return fd;
}

/* A socket that the kernel connected.  If the peer is protected, that becomes
 * an emulated connection. */
static void
sock_adopt_peer(int fd, struct sock *s, const struct mp_addr *peer)
{
	enum rules_way way = s->names ? WAY_PLAIN : dest_policy_of(peer).way;

	if (way == WAY_PLAIN) {
		s->kconnected = true;
		s->kpeer = *peer;
		return;
	}
	if (way == WAY_REFUSE || ksock_dissolve(fd) != 0) {
		atomic_store(&s->state, SOCK_REFUSED);
		return;
	}
	s->connected = true;
	s->peer = *peer;
	s->bound = ksock_bound(fd);
}

/* A socket that no agent knows: as if it had just been made, or bound. */
static struct sock *
sock_adopt_fresh(int fd)
{
	struct sock *s = fdtab_new();
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);
	struct mp_addr a, peer;

	if (s == NULL || ksock_name(fd, &a) != 0) {
		if (s != NULL)
			fdtab_release(s);
		return NULL;
	}
	s->cookie = ksock_cookie(fd);
	s->family = sockopt_get(fd, SOL_SOCKET, SO_DOMAIN);
	s->kernel = s->family == AF_INET ? MP_INET : MP_DUAL;
	if (s->family == AF_INET6 && sockopt_get(fd, IPPROTO_IPV6, MARK_INET) >
	    0)
		s->family = AF_INET;
	s->v6only = s->family == AF_INET6 &&
	    sockopt_get(fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0;
	s->reuseaddr = sockopt_get(fd, SOL_SOCKET, SO_REUSEADDR) > 0;
	s->reuseport = sockopt_get(fd, SOL_SOCKET, SO_REUSEPORT) > 0;
	s->broadcast = sockopt_get(fd, SOL_SOCKET, SO_BROADCAST) > 0;
	s->bound = a.port != 0;
	s->names = conf_port_plain(a.port);
	a.port = 0;
	s->local = a;
	if (real_getpeername(fd, (struct sockaddr *)&sin6, &len) == 0 &&
	    net_get(&peer, (struct sockaddr *)&sin6, len))
		sock_adopt_peer(fd, s, &peer);
	else if (net_is_loopback(&a) || net_is_multicast(&a) ||
	    (!net_is_any(&a) && dest_scope_is_broadcast(&a)))
		atomic_store(&s->state, SOCK_PLAIN);
	if (s->names)
		atomic_store(&s->state, SOCK_PLAIN);
	return s;
}

/* Looks at a descriptor without an entry: its socket, with a reference, or
 * NULL. */
static struct sock *
sock_adopt(int fd)
{
	int type, saved = errno;
	struct sock *s = NULL;
	bool late;

	if (!SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE))
		return NULL; /* privilege.c had it looked at before */
	errno = 0;
	type = sockopt_get(fd, SOL_SOCKET, SO_TYPE);
	if (type == SOCK_DGRAM &&
	    sockopt_get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP) {
		s = attach_find(fd, &late);
		if (s == NULL)
			s = sock_adopt_fresh(fd);
		else
			late = false;
		if (s != NULL && late) {
			s->unasked = true;
			patience_begin(s);
		}
	} else if (errno == EBADF) {
		errno = saved;
		return NULL;
	}
	fdtab_set(fd, s);
	errno = saved;
	return s;
}

static __thread void (*before)(void) __attribute__((tls_model("initial-exec")));

void
sock_before(void (*run)(void))
{
	before = run;
}

void
sock_go_before(void)
{
	void (*run)(void) = before;

	before = NULL;
	if (run != NULL)
		run();
}

struct sock *
sock_hold_sender(int fd)
{
	struct sock *s;
	bool known;

	if (!conf_get()->active)
		return NULL;
	s = fdtab_hold(fd, &known);
	if (!known)
		s = sock_adopt(fd);
	if (s == NULL)
		sock_go_before();
	return s;
}

struct sock *
sock_hold(int fd)
{
	sock_go_before();
	return sock_hold_sender(fd);
}

/* --- Names ---------------------------------------------------------------- */

void
sock_set_option(int fd, int option, int value)
{
	(void)seccomp_setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

int
sock_new_scratch(const struct sock *s)
{
	int fd = real_socket(s->kernel == MP_INET ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int
sock_parse(const struct sock *s, struct mp_addr *a, const struct sockaddr *name,
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

bool
sock_has_kernel_names(const struct sock *s)
{
	return s->family == AF_INET6 && !s->wide && !s->connected &&
	    (s->kconnected || atomic_load(&s->state) == SOCK_PLAIN);
}

int
sock_name(int fd, struct sock *s, struct mp_addr *a)
{
	struct mp_addr kernel;
	int error = ksock_name(fd, &kernel);

	if (error != 0)
		return error;
	atomic_store(&s->untold, false); /* the program may tell a peer */
	*a = kernel;
	if (s->wide || s->connected)
		memcpy(a->ip, s->local.ip, 16);
	if (s->family == AF_INET && net_is_any(a)) {
		memset(a->ip, 0, 16);
		memset(a->ip + 10, 0xff, 2);
	}
	if (s->portless)
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
