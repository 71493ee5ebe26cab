/* SPDX-License-Identifier: ISC */
#include "ksock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fdtab.h"
#include "ingress.h"
#include "mp.h"
#include "shared/net.h"
#include "shared/real.h"
#include "shared/seccomp.h"
#include "shared/sockfilter.h"
#include "shared/uapi.h"

uint64_t
ksock_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE) &&
	    real_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ?
	    cookie : 0;
}

bool
ksock_same(int fd, const struct sock *s)
{
	return !SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE) ||
	    ksock_cookie(fd) == s->cookie;
}

uint64_t
ksock_inode(int fd)
{
	struct stat st;

	return SECCOMP_ALLOWS(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) &&
	    fstat(fd, &st) == 0 ? st.st_ino : 0;
}

uint32_t
ksock_device(int fd)
{
	return SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET,
	    SO_BINDTOIFINDEX) ? net_device(fd) : 0;
}

int
ksock_name(int fd, struct mp_addr *a)
{
	struct sockaddr_in6 sin6;
	socklen_t len = sizeof(sin6);

	memset(a, 0, sizeof(*a));
	if (real_getsockname(fd, (struct sockaddr *)&sin6, &len) != 0)
		return -errno;
	return net_get(a, (struct sockaddr *)&sin6, len) ? 0 : -EINVAL;
}

bool
ksock_bound(int fd)
{
	struct mp_addr a;

	return ksock_name(fd, &a) == 0 && a.port != 0;
}

/* The bind itself is without SO_REUSEPORT, so that it fails as the program
 * expects. */
void
ksock_prepare(int fd)
{
	int on = 1, off = 0;

	if (seccomp_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) !=
	    0)
		return;
	(void)sockfilter_steer_first(fd);
	(void)seccomp_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off,
	    sizeof(off));
}

/* A socket that has a group of its own (the steering made one) can join no
 * other.  It loses its group with its port, so it gets one for a moment: by a
 * send that fails, since after a connect(2) the kernel would go on to give it
 * the IPv6 packets of that peer only. */
void
ksock_unprepare(int fd, const struct sock *s)
{
	struct mp_addr nowhere = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 } };
	struct sockaddr_in6 sin6;
	socklen_t len = net_put(&nowhere, s->kernel == MP_INET ? AF_INET :
	    AF_INET6, (struct sockaddr *)&sin6, sizeof(sin6));

	(void)real_sendto(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&sin6, len);
	(void)ksock_dissolve(fd);
}

int
ksock_dissolve(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int device = (int)ksock_device(fd);

	if (real_connect(fd, &none, sizeof(none)) != 0)
		return -errno;
	if (device != 0)
		(void)seccomp_setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX,
		    &device, sizeof(device));
	return 0;
}

int
ksock_bind(int fd, const struct sock *s, const struct mp_addr *a)
{
	struct sockaddr_in6 sin6;
	struct mp_addr to = *a;
	socklen_t len;

	if (s->kernel == MP_DUAL && net_is_any(&to)) {
		memset(to.ip, 0, 16);
		if (s->only == MP_INET)
			memset(to.ip + 10, 0xff, 2);
	}
	len = net_put(&to, s->kernel == MP_INET ? AF_INET : AF_INET6,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	return real_bind(fd, (struct sockaddr *)&sin6, len) != 0 ? -errno : 0;
}

int
ksock_bind_narrow(int fd, struct sock *s, const struct mp_addr *a)
{
	int on = 1, off = 0, error;

	if (s->kernel != MP_DUAL || (s->family == AF_INET6 && !s->v6only))
		return -EADDRINUSE;
	s->only = s->family == AF_INET ? MP_INET : MP_INET6;
	if (s->only == MP_INET6)
		(void)seccomp_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	error = ksock_bind(fd, s, a);
	if (error == 0)
		return 0;
	if (s->only == MP_INET6)
		(void)seccomp_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		    sizeof(off));
	s->only = MP_DUAL;
	return error;
}

enum mp_family
ksock_only(int fd, const struct sock *s)
{
	struct mp_addr a;

	if (s->kernel != MP_DUAL || ksock_name(fd, &a) != 0 || !net_is_any(&a))
		return MP_DUAL;
	if (net_is_v4(&a))
		return MP_INET;
	return SECCOMP_ALLOWS(SYS_getsockopt, fd, IPPROTO_IPV6, IPV6_V6ONLY) &&
	    net_is_v6only(fd) ? MP_INET6 : MP_DUAL;
}

/* `prepare': plaintext may arrive before the socket attaches. */
static int
ksock_autobind_as(int fd, struct sock *s, uint16_t port, bool prepare)
{
	struct mp_addr any;
	int error;

	if (s->bound)
		return 0;
	if (ksock_bound(fd)) { /* by a system call that no hook saw */
		s->bound = true;
		ingress_filter(fd, s);
		return 0;
	}
	memset(&any, 0, sizeof(any));
	if (s->kernel == MP_INET)
		memset(any.ip + 10, 0xff, 2);
	s->local = any;
	any.port = port;
	if (prepare)
		ksock_prepare(fd);
	ingress_filter(fd, s); /* before the first packet can come */
	error = ksock_bind(fd, s, &any);
	if (error == -EADDRINUSE && port != 0) {
		any.port = 0;
		error = ksock_bind(fd, s, &any);
	}
	if (error == 0)
		s->bound = s->autobound = true;
	return error;
}

int
ksock_autobind_to(int fd, struct sock *s, uint16_t port)
{
	return ksock_autobind_as(fd, s, port, true);
}

int
ksock_autobind_quietly(int fd, struct sock *s, uint16_t port)
{
	bool was = s->bound;
	int error = ksock_autobind_as(fd, s, port, port != 0);

	if (error == 0 && !was && s->autobound && port == 0)
		atomic_store(&s->untold, true);
	return error;
}

int
ksock_autobind_plain(int fd, struct sock *s)
{
	if (!s->bound)
		ksock_prepare(fd);
	return ksock_autobind_to(fd, s, 0);
}

/* A program may have given up the right to set IP_TRANSPARENT again; to bind
 * and to send, IP_FREEBIND does the same. */
static void
ksock_copy_way(int to, int level, int option, int value)
{
	if (seccomp_setsockopt(to, level, option, &value, sizeof(value)) != 0 &&
	    level == IPPROTO_IP && option == IP_TRANSPARENT)
		(void)seccomp_setsockopt(to, IPPROTO_IP, IP_FREEBIND, &value,
		    sizeof(value));
}

void
ksock_copy_ways(int from, int to)
{
	static const int option[][2] = { { SOL_SOCKET, SO_BINDTOIFINDEX },
		{ SOL_SOCKET, SO_MARK }, { SOL_SOCKET, SO_PRIORITY },
		{ IPPROTO_IP, IP_UNICAST_IF },
		{ IPPROTO_IPV6, IPV6_UNICAST_IF },
		{ IPPROTO_IPV6, IPV6_MULTICAST_IF },
		/* Of both families: IPV6_FREEBIND and IPV6_TRANSPARENT are the
		 * same two flags. */
		{ IPPROTO_IP, IP_FREEBIND }, { IPPROTO_IP, IP_TRANSPARENT } };
	socklen_t len;
	size_t i;
	int value;

	for (i = 0; i < sizeof(option) / sizeof(option[0]); i++) {
		value = 0;
		len = sizeof(value);
		if (SECCOMP_ALLOWS(SYS_getsockopt, from, option[i][0],
		    option[i][1]) &&
		    real_getsockopt(from, option[i][0], option[i][1], &value,
			&len) == 0 && value != 0)
			ksock_copy_way(to, option[i][0], option[i][1], value);
	}
}

int
ksock_beside(int fd, const struct sock *s, const struct mp_addr *at)
{
	int other, on = 1, v6only = s->only == MP_INET6, error;

	if (seccomp_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) !=
	    0)
		return -errno;
	other = real_socket(s->kernel == MP_INET ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (other < 0)
		return -errno;
	if (s->kernel != MP_INET)
		(void)seccomp_setsockopt(other, IPPROTO_IPV6, IPV6_V6ONLY,
		    &v6only, sizeof(v6only));
	(void)seccomp_setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on,
	    sizeof(on));
	ksock_copy_ways(fd, other);
	error = ksock_bind(other, s, at);
	if (error == -EADDRINUSE && s->reuseaddr) {
		/* Another program shares the port so, too. */
		(void)seccomp_setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on));
		error = ksock_bind(other, s, at);
	}
	if (error == 0)
		return other;
	real_close(other);
	return error;
}

int
ksock_control(int fd, const struct sock *s)
{
	struct mp_addr a;
	int error = ksock_name(fd, &a);

	return error != 0 ? error : ksock_beside(fd, s, &a);
}
