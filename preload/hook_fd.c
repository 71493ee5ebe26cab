/* SPDX-License-Identifier: ISC */
/* Hooks: descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf.h"
#include "hooks.h"
#include "in.h"
#include "inner.h"
#include "sock.h"
#include "stdio_sock.h"

/* A child of vfork(2) runs in the parent's memory: it leaves the table alone. */
static bool
table_is_ours(void)
{
	return conf_get()->active && fdtab_ours();
}

/* The agent shall see whether this was the last descriptor of the socket. */
static void
forget(int fd)
{
	struct sock *s = fdtab_drop(fd);
	struct inner in = { .kind = INNER_LOOK };
	uint8_t buf[INNER_OVERHEAD];
	int saved = errno;

	if (s == NULL)
		return;
	if (atomic_load(&s->state) == SOCK_JOINED &&
	    join_cookie(fd) == s->cookie)
		(void)inner_send(s->map.arena, fd, &in, NULL, 0, buf);
	fdtab_release(s);
	errno = saved;
}

HOOK(int, close, (int fd))
{
	if (table_is_ours())
		forget(fd);
	return real_close(fd);
}

/* The new descriptor is what the old one is. */
static int
same(int from, int to)
{
	struct sock *s, *was;
	bool known;

	if (to < 0 || !table_is_ours())
		return to;
	s = fdtab_hold(from, &known);
	was = fdtab_drop(to);
	if (was != NULL)
		fdtab_release(was);
	if (known)
		fdtab_set(to, s);
	if (s != NULL)
		sock_shared(to, s);
	stdio_moved(to, s);
	if (s != NULL)
		fdtab_release(s);
	return to;
}

HOOK(int, dup, (int fd))
{
	return same(fd, real_dup(fd));
}

HOOK(int, dup2, (int fd, int to))
{
	if (fd == to)
		return real_dup2(fd, to);
	if (table_is_ours() && real_fcntl(fd, F_GETFD, NULL) >= 0)
		forget(to);
	return same(fd, real_dup2(fd, to));
}

HOOK(int, dup3, (int fd, int to, int flags))
{
	if (fd != to && table_is_ours() && real_fcntl(fd, F_GETFD, NULL) >= 0)
		forget(to);
	return same(fd, real_dup3(fd, to, flags));
}

static int
control(int fd, int cmd, void *arg, int (*real)(int, int, void *))
{
	int result = real(fd, cmd, arg);

	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ? same(fd, result) :
							  result;
}

int
hook_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return control(fd, cmd, arg, real_fcntl);
}

int
hook_fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return control(fd, cmd, arg, real_fcntl64);
}

/* Requests about interfaces that IPv6 sockets refuse or answer differently. */
static bool
of_interfaces(unsigned long request)
{
	return request >= SIOCGIFNAME && request <= SIOCSIFMAP;
}

static int
ask_ipv4(unsigned long request, void *arg)
{
	int fd, result, saved;

	fd = real_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	result = real_ioctl(fd, request, arg);
	saved = errno;
	real_close(fd);
	errno = saved;
	return result;
}

int
hook_ioctl(int fd, unsigned long request, ...)
{
	struct sock *s = sock_hold(fd);
	int result, saved = errno;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (s == NULL)
		return real_ioctl(fd, request, arg);
	if (request == FIONREAD && arg != NULL &&
	    atomic_load(&s->state) == SOCK_JOINED) {
		*(int *)arg = in_next(fd, s);
		errno = saved;
		result = 0;
	} else if (s->family == AF_INET && of_interfaces(request))
		result = ask_ipv4(request, arg);
	else
		result = real_ioctl(fd, request, arg);
	fdtab_release(s);
	return result;
}
