/* SPDX-License-Identifier: ISC */
/* Hooks: a socket's life and its names. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "conf.h"
#include "heal.h"
#include "hooks.h"
#include "in.h"
#include "init.h"
#include "net.h"
#include "sock.h"

/* What the program sees of 0 or a negative errno. */
static int
answer(struct sock *s, int error, int saved)
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

HOOK(int, bind, (int fd, const struct sockaddr *name, socklen_t len))
{
	struct sock *s = heal_hold(fd);
	int saved = errno;

	if (s == NULL)
		return real_bind(fd, name, len);
	return answer(s, sock_bind(fd, s, name, len), saved);
}

HOOK(int, connect, (int fd, const struct sockaddr *name, socklen_t len))
{
	struct sock *s = heal_hold(fd);
	int saved = errno, error;

	if (s == NULL)
		return real_connect(fd, name, len);
	error = sock_connect(fd, s, name, len);
	if (error == 0)
		in_part(fd, s);
	return answer(s, error, saved);
}
HOOK_ALIAS(connect, __connect);

/* A name as getsockname(2) gives it. */
static int
give_name(struct sock *s, int error, const struct mp_addr *a,
    struct sockaddr *name, socklen_t *len, int saved)
{
	if (error == 0 && len == NULL)
		error = -EFAULT;
	if (error == 0 && (int)*len < 0)
		error = -EINVAL;
	if (error == 0 && name == NULL && *len > 0)
		error = -EFAULT;
	if (error == 0)
		*len = net_put(a, s->family, name, *len);
	return answer(s, error, saved);
}

HOOK(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len))
{
	struct sock *s = heal_hold(fd);
	int saved = errno;
	struct mp_addr a;

	if (s == NULL || sock_as_is(s)) {
		if (s != NULL)
			fdtab_release(s);
		return real_getsockname(fd, name, len);
	}
	return give_name(s, sock_name(fd, s, &a), &a, name, len, saved);
}

HOOK(int, getpeername, (int fd, struct sockaddr *name, socklen_t *len))
{
	struct sock *s = heal_hold(fd);
	int saved = errno;
	struct mp_addr a;

	if (s == NULL || sock_as_is(s)) {
		if (s != NULL)
			fdtab_release(s);
		return real_getpeername(fd, name, len);
	}
	return give_name(s, sock_peer(fd, s, &a), &a, name, len, saved);
}

HOOK(int, shutdown, (int fd, int how))
{
	struct sock *s = heal_hold(fd);
	int saved = errno, result;

	result = real_shutdown(fd, how);
	if (s == NULL)
		return result;
	/* The kernel shuts down one that is not connected, and complains. */
	if (result != 0 && errno == ENOTCONN && s->connected) {
		errno = saved;
		result = 0;
	}
	if (result == 0 && how != SHUT_RD)
		s->wants.shut = true;
	fdtab_release(s);
	return result;
}
