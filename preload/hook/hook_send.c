/* SPDX-License-Identifier: ISC */
/* Hooks: every call that sends. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "datagram/tx.h"
#include "hooks.h"
#include "process/iov.h"
#include "process/libc.h"
#include "process/musl.h"
#include "shared/real.h"
#include "socket/fdtab.h"
#include "socket/sock.h"
#include "socket/stale_fd.h"

/* Not inlined, so that only a send under musl takes the room on the stack. */
static __attribute__((noinline)) ssize_t
hook_send_tx_musl(int fd, struct sock *s, const struct msghdr *msg, int flags)
{
	struct musl_room room;

	return tx_message(fd, s, musl_out(msg, &room), flags);
}

static ssize_t
hook_send_tx(int fd, struct sock *s, const struct msghdr *msg, int flags)
{
	return musl_is() ? hook_send_tx_musl(fd, s, msg, flags) :
			   tx_message(fd, s, msg, flags);
}

/* Sends, releases the socket and sets errno as the kernel would.  False: the
 * descriptor is another file by now and nothing was sent; the caller calls the
 * C library's function. */
static bool
hook_send_message(int fd, struct sock *s, const struct msghdr *msg, int flags,
    ssize_t *n)
{
	int saved = errno;

	*n = hook_send_tx(fd, s, msg, flags);
	if (*n < 0 && stale_fd_check(fd, s))
		return false;
	fdtab_release(s);
	errno = *n < 0 ? (int)-*n : saved;
	if (*n < 0)
		*n = -1;
	return true;
}

static bool
hook_send_buffer(
    int fd, struct sock *s, const void *data, size_t len, int flags, ssize_t *n)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = iov_len(len) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return hook_send_message(fd, s, &msg, flags, n);
}

HOOK(ssize_t, send, (int fd, const void *data, size_t len, int flags))
{
	struct sock *s = sock_hold_sender(fd);
	ssize_t n;

	if (s == NULL || !hook_send_buffer(fd, s, data, len, flags, &n))
		return real_send(fd, data, len, flags);
	return n;
}
HOOK_ALIAS(send, __send);

HOOK(ssize_t, sendto,
    (int fd, const void *data, size_t len, int flags,
	const struct sockaddr *name, socklen_t namelen))
{
	struct sock *s = sock_hold_sender(fd);
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = iov_len(len) };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)name,
		.msg_namelen = name != NULL ? namelen : 0, .msg_iov = &iov,
		.msg_iovlen = 1 };
	ssize_t n;

	/* The kernel refuses such a length on any socket and sends nothing. */
	if (s != NULL && name != NULL &&
	    (namelen < sizeof(name->sa_family) ||
		namelen > sizeof(struct sockaddr_storage))) {
		fdtab_release(s);
		s = NULL;
	}
	if (s == NULL || !hook_send_message(fd, s, &msg, flags, &n))
		return real_sendto(fd, data, len, flags, name, namelen);
	return n;
}

HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags))
{
	struct sock *s = sock_hold_sender(fd);
	ssize_t n;

	if (s != NULL && (iov_bad(msg, sizeof(*msg)) ||
	    (!musl_is() && msg->msg_iovlen > IOV_MAX))) {
		fdtab_release(s);
		s = NULL;
	}
	if (s == NULL || !hook_send_message(fd, s, msg, flags, &n))
		return real_sendmsg(fd, msg, flags);
	return n;
}

/* musl's own sendmmsg() sends one by one, too. */
static int
hook_send_tx_many(int fd, struct sock *s, struct mmsghdr *msgs, unsigned n,
    int flags)
{
	ssize_t sent;
	unsigned i;

	if (!musl_is())
		return tx_messages(fd, s, msgs, n, flags);
	for (i = 0; i < n; i++) {
		sent = iov_bad(&msgs[i], sizeof(msgs[i])) ? -EFAULT :
		    hook_send_tx_musl(fd, s, &msgs[i].msg_hdr, flags);
		if (sent < 0)
			return i > 0 ? (int)i : (int)sent;
		msgs[i].msg_len = (unsigned)sent;
	}
	return (int)i;
}

HOOK(int, sendmmsg, (int fd, struct mmsghdr *msgs, unsigned n, int flags))
{
	struct sock *s = sock_hold_sender(fd);
	int saved = errno, sent;

	if (s == NULL)
		return real_sendmmsg(fd, msgs, n, flags);
	sent = hook_send_tx_many(fd, s, msgs, n < IOV_MAX ? n : IOV_MAX, flags);
	if (sent < 0 && stale_fd_check(fd, s))
		return real_sendmmsg(fd, msgs, n, flags);
	fdtab_release(s);
	errno = sent < 0 ? -sent : saved;
	return sent < 0 ? -1 : sent;
}

HOOK(ssize_t, write, (int fd, const void *data, size_t len))
{
	struct sock *s = sock_hold_sender(fd);
	ssize_t n;

	if (s == NULL || !hook_send_buffer(fd, s, data, len, 0, &n))
		return real_write(fd, data, len);
	return n;
}
HOOK_ALIAS(write, __write);

HOOK(ssize_t, writev, (int fd, const struct iovec *iov, int count))
{
	struct sock *s = sock_hold_sender(fd);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = count > 0 ? (size_t)count : 0 };
	ssize_t n;

	if (s == NULL)
		return real_writev(fd, iov, count);
	if (iov_nothing(iov, count)) {
		fdtab_release(s); /* the kernel sends no datagram then */
		return real_writev(fd, iov, count);
	}
	if (!hook_send_message(fd, s, &msg, 0, &n))
		return real_writev(fd, iov, count);
	return n;
}
