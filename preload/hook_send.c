/* SPDX-License-Identifier: ISC */
/* Hooks: every way to send. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "hooks.h"
#include "out.h"
#include "sock.h"

/* Sends, lets go of the socket, and sets errno as the kernel would. */
static ssize_t
finish(int fd, struct sock *s, const struct msghdr *msg, int flags, int saved)
{
	ssize_t n = out_message(fd, s, msg, flags);

	fdtab_release(s);
	errno = n < 0 ? (int)-n : saved;
	return n < 0 ? -1 : n;
}

static ssize_t
one(int fd, struct sock *s, const void *data, size_t len, int flags, int saved)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return finish(fd, s, &msg, flags, saved);
}

HOOK(ssize_t, send, (int fd, const void *data, size_t len, int flags))
{
	struct sock *s = sock_hold(fd);

	if (s == NULL)
		return real_send(fd, data, len, flags);
	return one(fd, s, data, len, flags, errno);
}

HOOK(ssize_t, sendto,
    (int fd, const void *data, size_t len, int flags,
	const struct sockaddr *name, socklen_t namelen))
{
	struct sock *s = sock_hold(fd);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)name,
		.msg_namelen = name != NULL ? namelen : 0, .msg_iov = &iov,
		.msg_iovlen = 1 };

	if (s == NULL)
		return real_sendto(fd, data, len, flags, name, namelen);
	return finish(fd, s, &msg, flags, errno);
}

HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags))
{
	struct sock *s = sock_hold(fd);

	if (s == NULL || msg == NULL || msg->msg_iovlen > IOV_MAX) {
		if (s != NULL)
			fdtab_release(s);
		return real_sendmsg(fd, msg, flags);
	}
	return finish(fd, s, msg, flags, errno);
}

HOOK(int, sendmmsg, (int fd, struct mmsghdr *msgs, unsigned n, int flags))
{
	struct sock *s = sock_hold(fd);
	int saved = errno;
	unsigned i;
	ssize_t sent = 0;

	if (s == NULL)
		return real_sendmmsg(fd, msgs, n, flags);
	for (i = 0; i < n && i < IOV_MAX; i++) {
		sent = out_message(fd, s, &msgs[i].msg_hdr, flags);
		if (sent < 0)
			break;
		msgs[i].msg_len = (unsigned)sent;
	}
	fdtab_release(s);
	errno = i == 0 && sent < 0 ? (int)-sent : saved;
	return i == 0 && sent < 0 ? -1 : (int)i;
}

HOOK(ssize_t, write, (int fd, const void *data, size_t len))
{
	struct sock *s = sock_hold(fd);

	if (s == NULL)
		return real_write(fd, data, len);
	return one(fd, s, data, len, 0, errno);
}

HOOK(ssize_t, writev, (int fd, const struct iovec *iov, int n))
{
	struct sock *s = sock_hold(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n > 0 ? (size_t)n : 0 };
	size_t total = 0;
	int i;

	if (s == NULL)
		return real_writev(fd, iov, n);
	for (i = 0; i < n && n <= IOV_MAX; i++)
		total += iov[i].iov_len;
	if (total == 0 || n > IOV_MAX) { /* the kernel sends no such datagram */
		fdtab_release(s);
		return real_writev(fd, iov, n);
	}
	return finish(fd, s, &msg, 0, errno);
}
