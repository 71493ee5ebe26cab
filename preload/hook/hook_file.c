/* SPDX-License-Identifier: ISC */
/*
 * Hooks: calls for files that also work on sockets.  sendfile(2), splice(2) and
 * aio(7) move bytes in the kernel or in a thread of the C library, so the
 * library never sees them: on a protected socket they would send plaintext, and
 * are refused.
 */
#include <errno.h>
#include <limits.h>

#include "hooks.h"
#include "process/iov.h"
#include "process/libc.h"
#include "shared/uapi.h"
#include "socket/fdtab.h"
#include "socket/sock.h"

/* RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND: sockets accept
 * them. */
enum { RWF_PLAIN = 0x1f };

/* Would the kernel send to the wrong address, or give the program
 * ciphertext? */
static bool
hook_file_is_protected(int fd, bool reading)
{
	struct sock *s = sock_hold(fd);
	bool is;

	if (s == NULL)
		return false;
	is = s->connected ||
	    (reading && atomic_load(&s->state) == SOCK_ATTACHED);
	fdtab_release(s);
	return is;
}

static int
hook_file_refuse(int error)
{
	errno = error;
	return -1;
}

HOOK(ssize_t, sendfile, (int to, int from, off_t *at, size_t len))
{
	if (hook_file_is_protected(to, false))
		return hook_file_refuse(EINVAL);
	return real_sendfile(to, from, at, len);
}
HOOK_ALIAS(sendfile, sendfile64);

HOOK(ssize_t, splice,
    (int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
	unsigned flags))
{
	if (hook_file_is_protected(to, false) ||
	    hook_file_is_protected(from, true))
		return hook_file_refuse(EINVAL);
	return real_splice(from, from_at, to, to_at, len, flags);
}

/* --- preadv2(2), pwritev2(2) ---------------------------------------------- */

/* With offset -1 and such flags it does what readv(2) or writev(2) does: is the
 * descriptor a socket of ours, too? */
static bool
hook_file_is_socket_call(int fd, off_t at, int flags)
{
	struct sock *s;

	if (at != -1 || (flags & ~RWF_PLAIN) != 0)
		return false;
	s = sock_hold(fd);
	if (s != NULL)
		fdtab_release(s);
	return s != NULL;
}

HOOK(ssize_t, preadv2,
    (int fd, const struct iovec *iov, int n, off_t at, int flags))
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n > 0 ? (size_t)n : 0 };

	if (!hook_file_is_socket_call(fd, at, flags) || iov_nothing(iov, n))
		return real_preadv2(fd, iov, n, at, flags);
	return hook_recvmsg(fd, &msg, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}
HOOK_ALIAS(preadv2, preadv64v2);

HOOK(ssize_t, pwritev2,
    (int fd, const struct iovec *iov, int n, off_t at, int flags))
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n > 0 ? (size_t)n : 0 };

	if (!hook_file_is_socket_call(fd, at, flags) || iov_nothing(iov, n))
		return real_pwritev2(fd, iov, n, at, flags);
	return hook_sendmsg(fd, &msg, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}
HOOK_ALIAS(pwritev2, pwritev64v2);

/* --- aio(7), done by a thread of the C library ---------------------------- */

static bool
hook_file_is_aio_refused(const struct aiocb *cb)
{
	return cb != NULL && hook_file_is_protected(cb->aio_fildes, true);
}

HOOK(int, aio_read, (struct aiocb *cb))
{
	return hook_file_is_aio_refused(cb) ? hook_file_refuse(ENOTSUP)
					    : real_aio_read(cb);
}
HOOK_ALIAS(aio_read, aio_read64);

HOOK(int, aio_write, (struct aiocb *cb))
{
	return hook_file_is_aio_refused(cb) ? hook_file_refuse(ENOTSUP)
					    : real_aio_write(cb);
}
HOOK_ALIAS(aio_write, aio_write64);

HOOK(int, lio_listio,
    (int mode, struct aiocb *const list[], int n, struct sigevent *event))
{
	int i;

	for (i = 0; i < n; i++)
		if (hook_file_is_aio_refused(list[i]))
			return hook_file_refuse(ENOTSUP);
	return real_lio_listio(mode, list, n, event);
}
HOOK_ALIAS(lio_listio, lio_listio64);
