/* SPDX-License-Identifier: ISC */
/* Hooks: socket(2), bind(2), connect(2), shutdown(2), and a socket's names. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datagram/rx.h"
#include "hooks.h"
#include "init.h"
#include "mp.h"
#include "policy/conf.h"
#include "process/fault.h"
#include "process/libc.h"
#include "shared/net.h"
#include "shared/real.h"
#include "socket/fdtab.h"
#include "socket/sock.h"
#include "socket/stale_fd.h"

/* Releases the socket and makes 0 or a negative errno what the program sees. */
static int
hook_socket_answer(struct sock *s, int error, int saved)
{
	fdtab_release(s);
	errno = error < 0 ? -error : saved;
	return error < 0 ? -1 : 0;
}

HOOK(int, socket, (int domain, int type, int protocol))
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), saved = errno, fd;

	init_early();
	if (!conf_get()->active || kind != SOCK_DGRAM ||
	    (domain != AF_INET && domain != AF_INET6) ||
	    (protocol != 0 && protocol != IPPROTO_UDP)) {
		fd = real_socket(domain, type, protocol);
		if (fd >= 0 && conf_get()->active)
			fdtab_set(fd, NULL);
		return fd;
	}
	fd = sock_new(domain, type, protocol);
	errno = fd < 0 ? -fd : saved;
	return fd < 0 ? -1 : fd;
}

/* The kernel's checks of a name before it looks at its family. */
static int
hook_socket_check_name(int fd, const struct sockaddr *name, socklen_t len)
{
	if (len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	return fault_read(fd, name, len) ? -EFAULT : 0;
}

HOOK(int, bind, (int fd, const struct sockaddr *name, socklen_t len))
{
	struct sock *s = stale_fd_hold(fd);
	int error, saved = errno;

	if (s == NULL)
		return real_bind(fd, name, len);
	error = hook_socket_check_name(fd, name, len);
	if (error == 0)
		error = sock_bind(fd, s, name, len);
	return hook_socket_answer(s, error, saved);
}

HOOK(int, connect, (int fd, const struct sockaddr *name, socklen_t len))
{
	struct sock *s = stale_fd_hold(fd);
	int error, saved = errno;

	if (s == NULL)
		return real_connect(fd, name, len);
	error = hook_socket_check_name(fd, name, len);
	if (error == 0)
		error = sock_connect(fd, s, name, len);
	if (error == 0)
		rx_drain_others(fd, s);
	return hook_socket_answer(s, error, saved);
}
HOOK_ALIAS(connect, __connect);

/* Writes a name as getsockname(2) does. */
static int
hook_socket_give_name(int fd, struct sock *s, const struct mp_addr *a,
    struct sockaddr *name, socklen_t *len)
{
	size_t whole = s->family == AF_INET ? sizeof(struct sockaddr_in) :
					      sizeof(struct sockaddr_in6);
	socklen_t room;

	if (fault_read(fd, len, sizeof(*len)))
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (fault_write(fd, name, *len < whole ? *len : whole))
		return -EFAULT;
	room = *len;
	*len = net_put(a, s->family, name, room);
	net_put_zone(name, room, s->connected ? s->zone : 0);
	return 0;
}

HOOK(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len))
{
	struct sock *s = stale_fd_hold(fd);
	int error, saved = errno;
	struct mp_addr a;

	if (s == NULL || sock_has_kernel_names(s)) {
		if (s != NULL)
			fdtab_release(s);
		return real_getsockname(fd, name, len);
	}
	error = sock_name(fd, s, &a);
	if (error == 0)
		error = hook_socket_give_name(fd, s, &a, name, len);
	return hook_socket_answer(s, error, saved);
}

HOOK(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len))
{
	struct sock *s = stale_fd_hold(fd);
	int error, saved = errno;
	struct mp_addr a;

	if (s == NULL || sock_has_kernel_names(s)) {
		if (s != NULL)
			fdtab_release(s);
		return real_getpeername(fd, name, len);
	}
	error = sock_peer(fd, s, &a);
	if (error == 0)
		error = hook_socket_give_name(fd, s, &a, name, len);
	return hook_socket_answer(s, error, saved);
}

HOOK(int, shutdown, (int fd, int how))
{
	struct sock *s = stale_fd_hold(fd);
	int saved = errno, result;

	result = real_shutdown(fd, how);
	if (s == NULL)
		return result;
	/* A socket that is not connected is shut down all the same, but the call
	 * fails. */
	if ((result == 0 || errno == ENOTCONN) && how != SHUT_RD)
		s->options.shut = true;
	if (result != 0 && errno == ENOTCONN && s->connected) {
		errno = saved;
		result = 0;
	}
	fdtab_release(s);
	return result;
}
