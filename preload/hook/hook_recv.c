/* SPDX-License-Identifier: ISC */
/* Hooks: every call that receives. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "datagram/rx.h"
#include "hooks.h"
#include "mp.h"
#include "process/iov.h"
#include "process/libc.h"
#include "process/musl.h"
#include "shared/arena.h"
#include "shared/real.h"
#include "socket/fdtab.h"
#include "socket/sock.h"
#include "socket/stale_fd.h"

/* Does this error mean that the descriptor is another file by now? */
static bool
hook_recv_stale(int fd, struct sock *s, ssize_t n)
{
	return (n == -ENOTSOCK || n == -EBADF) && stale_fd_check(fd, s);
}

static ssize_t
hook_recv_finish(struct sock *s, ssize_t n, int saved)
{
	fdtab_release(s);
	errno = n < 0 ? (int)-n : saved;
	return n < 0 ? -1 : n;
}

/* Gives the name as recvfrom(2) does, which checks *namelen only after it has
 * taken the datagram. */
static ssize_t
hook_recv_give_name(ssize_t n, const struct msghdr *msg,
    const struct sockaddr *name,
    socklen_t *namelen)
{
	if (n < 0 || name == NULL)
		return n;
	if (iov_bad(namelen, sizeof(*namelen)))
		return -EFAULT;
	if ((int)*namelen < 0)
		return -EINVAL;
	*namelen = msg->msg_namelen;
	return n;
}

HOOK(ssize_t, recvfrom,
    (int fd, void *data, size_t len, int flags, struct sockaddr *name,
	socklen_t *namelen))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = data, .iov_len = iov_len(len) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;
	ssize_t n;

	if (s == NULL)
		return real_recvfrom(fd, data, len, flags, name, namelen);
	if (!iov_bad(namelen, sizeof(*namelen)) && (int)*namelen >= 0) {
		msg.msg_name = name;
		msg.msg_namelen = *namelen;
	}
	n = rx_message(fd, s, &msg, flags);
	if (hook_recv_stale(fd, s, n))
		return real_recvfrom(fd, data, len, flags, name, namelen);
	return hook_recv_finish(
	    s, hook_recv_give_name(n, &msg, name, namelen), saved);
}

HOOK(ssize_t, recv, (int fd, void *data, size_t len, int flags))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = data, .iov_len = iov_len(len) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;
	ssize_t n;

	if (s == NULL)
		return real_recv(fd, data, len, flags);
	n = rx_message(fd, s, &msg, flags);
	if (hook_recv_stale(fd, s, n))
		return real_recv(fd, data, len, flags);
	return hook_recv_finish(s, n, saved);
}

HOOK(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags))
{
	struct sock *s = sock_hold(fd);
	int saved = errno;
	ssize_t n;

	if (s != NULL && musl_is() && !iov_bad(msg, sizeof(*msg)))
		musl_in(msg);
	if (s == NULL || iov_bad(msg, sizeof(*msg)) ||
	    msg->msg_iovlen > IOV_MAX) {
		if (s != NULL)
			fdtab_release(s);
		n = real_recvmsg(fd, msg, flags);
		if (n >= 0)
			stale_fd_arrived(msg);
		return n;
	}
	n = rx_message(fd, s, msg, flags);
	if (hook_recv_stale(fd, s, n))
		return real_recvmsg(fd, msg, flags);
	return hook_recv_finish(s, n, saved);
}

/* Is the time of recvmmsg(2) over?  As in the kernel it is checked after each
 * datagram, and the program sees what is left of it. */
static bool
hook_recv_over(struct timespec *timeout, uint64_t end)
{
	uint64_t now, left;

	if (timeout == NULL)
		return false;
	now = arena_now();
	left = now < end ? end - now : 0;
	timeout->tv_sec = (time_t)(left / 1000000);
	timeout->tv_nsec = (long)(left % 1000000) * 1000;
	return left == 0;
}

static int
hook_recv_many(int fd, struct sock *s, struct mmsghdr *msgs, unsigned n,
    int flags, struct timespec *timeout, ssize_t *error)
{
	int f = flags & ~MSG_WAITFORONE;
	uint64_t end = MP_NEVER;
	unsigned i;

	if (timeout != NULL && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
	    timeout->tv_nsec >= 1000000000)) {
		*error = -EINVAL;
		return 0;
	}
	if (timeout != NULL && timeout->tv_sec < INT32_MAX)
		end = arena_now() + (uint64_t)timeout->tv_sec * 1000000 +
		    (uint64_t)timeout->tv_nsec / 1000;
	for (i = 0; i < n; i++) {
		if (iov_bad(&msgs[i], sizeof(msgs[i])))
			*error = -EFAULT;
		else {
			if (musl_is())
				musl_in(&msgs[i].msg_hdr);
			*error = rx_message(fd, s, &msgs[i].msg_hdr, f);
		}
		if (*error < 0)
			return (int)i;
		msgs[i].msg_len = (unsigned)*error;
		if (flags & MSG_WAITFORONE)
			f |= MSG_DONTWAIT;
		if (hook_recv_over(timeout, end))
			return (int)i + 1;
	}
	*error = 0;
	return (int)n;
}

HOOK(int, recvmmsg,
    (int fd, struct mmsghdr *msgs, unsigned n, int flags,
	struct timespec *timeout))
{
	struct sock *s = sock_hold(fd);
	int saved = errno, got, i;
	ssize_t error;

	if (s != NULL && iov_bad(timeout, sizeof(*timeout)) &&
	    timeout != NULL) {
		fdtab_release(s);
		errno = EFAULT;
		return -1;
	}
	if (s == NULL) {
		got = real_recvmmsg(fd, msgs, n, flags, timeout);
		for (i = 0; i < got; i++)
			stale_fd_arrived(&msgs[i].msg_hdr);
		return got;
	}
	got = hook_recv_many(fd, s, msgs, n, flags, timeout, &error);
	if (got == 0 && hook_recv_stale(fd, s, error))
		return real_recvmmsg(fd, msgs, n, flags, timeout);
	return (int)hook_recv_finish(
	    s, got == 0 && error < 0 ? error : got, saved);
}

HOOK(ssize_t, read, (int fd, void *data, size_t len))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved = errno;
	ssize_t n;

	if (s != NULL && len == 0) { /* the kernel takes no datagram then */
		fdtab_release(s);
		s = NULL;
	}
	if (s == NULL)
		return real_read(fd, data, len);
	n = rx_message(fd, s, &msg, 0);
	if (hook_recv_stale(fd, s, n))
		return real_read(fd, data, len);
	return hook_recv_finish(s, n, saved);
}
HOOK_ALIAS(read, __read);

HOOK(ssize_t, readv, (int fd, const struct iovec *iov, int count))
{
	struct sock *s = sock_hold(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = count > 0 ? (size_t)count : 0 };
	int saved = errno;
	ssize_t n;

	if (s == NULL)
		return real_readv(fd, iov, count);
	if (iov_nothing(iov, count)) {
		fdtab_release(s);
		return real_readv(fd, iov, count);
	}
	n = rx_message(fd, s, &msg, 0);
	if (hook_recv_stale(fd, s, n))
		return real_readv(fd, iov, count);
	return hook_recv_finish(s, n, saved);
}

/* Fortified variants (_FORTIFY_SOURCE); the C library's aborts when the buffer
 * is too small. */

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
