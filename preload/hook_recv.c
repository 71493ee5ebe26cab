/* SPDX-License-Identifier: ISC */
/* Hooks: every way to receive. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "arena.h"
#include "heal.h"
#include "hooks.h"
#include "in.h"
#include "sock.h"

/* The descriptor is no longer the socket that we took it for. */
static bool
stale(int fd, struct sock *s, ssize_t n)
{
	return (n == -ENOTSOCK || n == -EBADF) && heal_stale(fd, s);
}

static ssize_t
finish(struct sock *s, ssize_t n, int saved)
{
	fdtab_release(s);
	errno = n < 0 ? (int)-n : saved;
	return n < 0 ? -1 : n;
}

HOOK(ssize_t, recvfrom,
    (int fd, void *data, size_t len, int flags, struct sockaddr *name,
	socklen_t *namelen))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_name = namelen != NULL ? name : NULL,
		.msg_namelen = name != NULL && namelen != NULL ? *namelen : 0,
		.msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;
	ssize_t n;

	if (s == NULL)
		return real_recvfrom(fd, data, len, flags, name, namelen);
	n = in_message(fd, s, &msg, flags);
	if (stale(fd, s, n))
		return real_recvfrom(fd, data, len, flags, name, namelen);
	if (n >= 0 && msg.msg_name != NULL)
		*namelen = msg.msg_namelen;
	return finish(s, n, saved);
}

HOOK(ssize_t, recv, (int fd, void *data, size_t len, int flags))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;
	ssize_t n;

	if (s == NULL)
		return real_recv(fd, data, len, flags);
	n = in_message(fd, s, &msg, flags);
	if (stale(fd, s, n))
		return real_recv(fd, data, len, flags);
	return finish(s, n, saved);
}

HOOK(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags))
{
	struct sock *s = sock_hold(fd);
	int saved = errno;
	ssize_t n;

	if (s == NULL || msg == NULL || msg->msg_iovlen > IOV_MAX) {
		if (s != NULL)
			fdtab_release(s);
		n = real_recvmsg(fd, msg, flags);
		if (n >= 0)
			heal_arrived(msg);
		return n;
	}
	n = in_message(fd, s, msg, flags);
	if (stale(fd, s, n))
		return real_recvmsg(fd, msg, flags);
	return finish(s, n, saved);
}

/* The kernel looks at the timeout after each datagram, and so do we. */
static uint64_t
until(const struct timespec *timeout)
{
	if (timeout == NULL)
		return MP_NEVER;
	return arena_now() + (uint64_t)timeout->tv_sec * 1000000 +
	    (uint64_t)timeout->tv_nsec / 1000;
}

HOOK(int, recvmmsg,
    (int fd, struct mmsghdr *msgs, unsigned n, int flags,
	struct timespec *timeout))
{
	struct sock *s = sock_hold(fd);
	int saved = errno, f = flags & ~MSG_WAITFORONE;
	uint64_t end;
	unsigned i;
	ssize_t got = 0;

	if (s == NULL) {
		got = real_recvmmsg(fd, msgs, n, flags, timeout);
		for (i = 0; got > 0 && i < (unsigned)got; i++)
			heal_arrived(&msgs[i].msg_hdr);
		return (int)got;
	}
	end = until(timeout);
	for (i = 0; i < n; i++) {
		got = in_message(fd, s, &msgs[i].msg_hdr, f);
		if (got < 0)
			break;
		msgs[i].msg_len = (unsigned)got;
		if (flags & MSG_WAITFORONE)
			f |= MSG_DONTWAIT;
		if (arena_now() >= end) {
			i++;
			break;
		}
	}
	if (i == 0 && stale(fd, s, got))
		return real_recvmmsg(fd, msgs, n, flags, timeout);
	fdtab_release(s);
	errno = i == 0 && got < 0 ? (int)-got : saved;
	return i == 0 && got < 0 ? -1 : (int)i;
}

HOOK(ssize_t, read, (int fd, void *data, size_t len))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;
	ssize_t n;

	if (s == NULL)
		return real_read(fd, data, len);
	/* read(2) of nothing takes no datagram away. */
	n = len == 0 ? 0 : in_message(fd, s, &msg, 0);
	if (stale(fd, s, n))
		return real_read(fd, data, len);
	return finish(s, n, saved);
}
HOOK_ALIAS(read, __read);

HOOK(ssize_t, readv, (int fd, const struct iovec *iov, int count))
{
	struct sock *s = sock_hold(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = count > 0 ? (size_t)count : 0 };
	int saved = errno, i;
	size_t total = 0;
	ssize_t n;

	if (s == NULL)
		return real_readv(fd, iov, count);
	for (i = 0; i < count && count <= IOV_MAX; i++)
		total += iov[i].iov_len;
	if (total == 0 || count > IOV_MAX) {
		fdtab_release(s);
		return real_readv(fd, iov, count);
	}
	n = in_message(fd, s, &msg, 0);
	if (stale(fd, s, n))
		return real_readv(fd, iov, count);
	return finish(s, n, saved);
}

/* The fortified twins: the C library's own aborts where it overflows. */

HOOK(ssize_t, __recv_chk,
    (int fd, void *data, size_t len, size_t room, int flags))
{
	if (len > room)
		return real___recv_chk(fd, data, len, room, flags);
	return hook_recv(fd, data, len, flags);
}

HOOK(ssize_t, __recvfrom_chk,
    (int fd, void *data, size_t len, size_t room, int flags,
	struct sockaddr *name, socklen_t *namelen))
{
	if (len > room)
		return real___recvfrom_chk(fd, data, len, room, flags, name,
		    namelen);
	return hook_recvfrom(fd, data, len, flags, name, namelen);
}

HOOK(ssize_t, __read_chk, (int fd, void *data, size_t len, size_t room))
{
	if (len > room)
		return real___read_chk(fd, data, len, room);
	return hook_read(fd, data, len);
}
