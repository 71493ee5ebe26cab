/* SPDX-License-Identifier: ISC */
/* Hooks: calls that make, copy and close descriptors, and ioctl(2). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "datagram/rx.h"
#include "datagram/rx_bundle.h"
#include "datagram/timestamp.h"
#include "hooks.h"
#include "policy/conf.h"
#include "process/fault.h"
#include "process/libc.h"
#include "shared/real.h"
#include "shared/uapi.h"
#include "socket/agent_rpc.h"
#include "socket/fdtab.h"
#include "socket/sock.h"
#include "socket/links.h"
#include "socket/stale_fd.h"
#include "stdio_sock.h"

HOOK(int, close, (int fd))
{
	stale_fd_forget(fd);
	return real_close(fd);
}
HOOK_ALIAS(close, __close);

/* With CLONE_FILES this thread's descriptors are its own from now on. */
HOOK(int, unshare, (int flags))
{
	int result = real_unshare(flags);

	if (result == 0 && (flags & CLONE_FILES) != 0 && stale_fd_may_change())
		fdtab_part();
	return result;
}

/* CLOSE_RANGE_UNSHARE: unshare(2), then close_range(2). */
static int
hook_fd_close_range_unshared(unsigned first, unsigned last, int flags)
{
	int result = real_close_range(first, last, flags);

	if (result != 0 || !stale_fd_may_change())
		return result;
	fdtab_part();
	if ((flags & CLOSE_RANGE_CLOEXEC) == 0)
		fdtab_each(first, last, stale_fd_drop);
	return result;
}

HOOK(int, close_range, (unsigned first, unsigned last, int flags))
{
	if ((flags & CLOSE_RANGE_UNSHARE) != 0)
		return hook_fd_close_range_unshared(first, last, flags);
	if ((flags & CLOSE_RANGE_CLOEXEC) == 0 && stale_fd_may_change())
		fdtab_each(first, last, stale_fd_forget);
	return real_close_range(first, last, flags);
}

HOOK(void, closefrom, (int first))
{
	if (stale_fd_may_change())
		fdtab_each(first < 0 ? 0 : (unsigned)first, UINT_MAX,
		    stale_fd_forget);
	real_closefrom(first);
}

/* --- New descriptors ------------------------------------------------------ */

/* Notes that a new descriptor is no datagram socket. */
static int
hook_fd_no_datagram(int fd)
{
	if (fd >= 0 && stale_fd_may_change())
		fdtab_set(fd, NULL);
	return fd;
}

HOOK(int, accept, (int fd, struct sockaddr *name, socklen_t *len))
{
	return hook_fd_no_datagram(real_accept(fd, name, len));
}

HOOK(int, accept4, (int fd, struct sockaddr *name, socklen_t *len, int flags))
{
	return hook_fd_no_datagram(real_accept4(fd, name, len, flags));
}

HOOK(int, socketpair, (int domain, int type, int protocol, int fd[2]))
{
	int result = real_socketpair(domain, type, protocol, fd);

	if (result == 0) {
		(void)hook_fd_no_datagram(fd[0]);
		(void)hook_fd_no_datagram(fd[1]);
	}
	return result;
}

/* --- Copies --------------------------------------------------------------- */

/* Notes that the descriptor `to', a new copy of `from', is the same socket. */
static int
hook_fd_copied(int from, int to)
{
	struct sock *s, *was;
	bool known;

	if (to < 0 || !stale_fd_may_change())
		return to;
	s = fdtab_hold(from, &known);
	was = fdtab_drop(to);
	if (was != NULL)
		fdtab_release(was);
	if (known)
		fdtab_set(to, s);
	if (s != NULL)
		sock_attach_shared(to, s);
	stdio_sock_moved(to, s);
	if (s != NULL)
		fdtab_release(s);
	return to;
}

HOOK(int, dup, (int fd))
{
	return hook_fd_copied(fd, real_dup(fd));
}

HOOK(int, dup2, (int fd, int to))
{
	if (fd == to)
		return real_dup2(fd, to);
	if (stale_fd_may_change() && real_fcntl(fd, F_GETFD, NULL) >= 0)
		stale_fd_forget(to);
	return hook_fd_copied(fd, real_dup2(fd, to));
}
HOOK_ALIAS(dup2, __dup2);

HOOK(int, dup3, (int fd, int to, int flags))
{
	if (fd != to && stale_fd_may_change() && real_fcntl(fd, F_GETFD,
	    NULL) >= 0)
		stale_fd_forget(to);
	return hook_fd_copied(fd, real_dup3(fd, to, flags));
}

/* A signal is to tell of each datagram. */
static void
hook_fd_signals(int fd)
{
	int saved = errno;
	bool known;
	struct sock *s = fdtab_hold(fd, &known);

	if (s != NULL) {
		rx_bundle_leave(s);
		fdtab_release(s);
	}
	errno = saved;
}

int
hook_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;
	int result;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	result = real_fcntl(fd, cmd, arg);
	if (cmd == F_SETFL && ((int)(intptr_t)arg & O_ASYNC) != 0)
		hook_fd_signals(fd);
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC
	    ? hook_fd_copied(fd, result)
	    : result;
}

HOOK_ALIAS(fcntl, __fcntl);
HOOK_ALIAS(fcntl, fcntl64);

/* --- ioctl(2) ------------------------------------------------------------- */

/* Requests about interfaces, which AF_INET6 sockets refuse or answer
 * differently. */
static bool
hook_fd_is_interface_request(unsigned long request)
{
	return request >= SIOCGIFNAME && request <= SIOCSIFMAP;
}

/* The program's socket is AF_INET and the kernel's AF_INET6: asks another
 * one. */
static int
hook_fd_ioctl_ipv4(unsigned long request, void *arg)
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

static void
hook_fd_tell_links(int fd)
{
	struct sock *s = stale_fd_hold(fd);

	if (s != NULL) {
		links_changed(fd, s);
		fdtab_release(s);
	}
}

/* TUNSETIFF: the interface is a tunnel of this program, whose packets it sends
 * itself.  It is no path for them. */
static int
hook_fd_ioctl_tunnel(int fd, void *arg)
{
	int result = real_ioctl(fd, UAPI_TUNSETIFF, arg), saved = errno;
	char name[UAPI_IFNAMSIZ];

	if (result == 0 && conf_get()->active) {
		memcpy(name, arg, sizeof(name)); /* the ifreq begins with it */
		name[sizeof(name) - 1] = '\0';
		conf_exclude(name);
		fdtab_each(0, UINT_MAX, hook_fd_tell_links);
	}
	errno = saved;
	return result;
}

int
hook_ioctl(int fd, unsigned long request, ...)
{
	struct sock *s = stale_fd_hold(fd);
	int result, saved = errno;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (s == NULL)
		return request == UAPI_TUNSETIFF ?
		    hook_fd_ioctl_tunnel(fd, arg) :
		    real_ioctl(fd, request, arg);
	if (request == FIOASYNC)
		rx_bundle_leave(s);
	if (request == FIONREAD && atomic_load(&s->state) == SOCK_ATTACHED &&
	    !fault_write(fd, arg, sizeof(int))) {
		*(int *)arg = rx_next_length(fd, s);
		errno = saved;
		result = 0;
	} else if (atomic_load(&s->state) == SOCK_ATTACHED &&
	    timestamp_is_request(request)) {
		result = timestamp_read(fd, s, request, arg);
		errno = result < 0 ? -result : saved;
		result = result < 0 ? -1 : 0;
	} else if (s->family == AF_INET &&
	    hook_fd_is_interface_request(request))
		result = hook_fd_ioctl_ipv4(request, arg);
	else
		result = real_ioctl(fd, request, arg);
	fdtab_release(s);
	return result;
}
