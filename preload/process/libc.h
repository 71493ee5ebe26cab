/* SPDX-License-Identifier: ISC */
/*
 * The table of the functions that the library hooks: a row for each function of
 * the C library, LIBC(type, name, (parameters), (arguments), (raw system
 * call)). hook/hook_*.c define the hooks, libc.c the functions behind them
 * (real_NAME). hook/exports.map lists them once more, and `make check-exports'
 * compares that list with what the library exports.
 */
#ifndef LIBC_H
#define LIBC_H

#include <aio.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#define LIBC_TABLE(LIBC)                                                      \
	LIBC(int, socket, (int domain, int type, int protocol),               \
	    (domain, type, protocol), (SYS_socket, domain, type, protocol))   \
	LIBC(int, bind, (int fd, const struct sockaddr *name, socklen_t len), \
	    (fd, name, len), (SYS_bind, fd, name, len))                       \
	LIBC(int, connect,                                                    \
	    (int fd, const struct sockaddr *name, socklen_t len),             \
	    (fd, name, len), (SYS_connect, fd, name, len))                    \
	LIBC(int, getsockname,                                                \
	    (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len), \
	    (SYS_getsockname, fd, name, len))                                 \
	LIBC(int, getpeername,                                                \
	    (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len), \
	    (SYS_getpeername, fd, name, len))                                 \
	LIBC(int, getsockopt,                                                 \
	    (int fd, int level, int option, void *value, socklen_t *len),     \
	    (fd, level, option, value, len),                                  \
	    (SYS_getsockopt, fd, level, option, value, len))                  \
	LIBC(int, setsockopt,                                                 \
	    (int fd, int level, int option, const void *value,                \
		socklen_t len),                                               \
	    (fd, level, option, value, len),                                  \
	    (SYS_setsockopt, fd, level, option, value, len))                  \
	LIBC(int, shutdown, (int fd, int how), (fd, how),                     \
	    (SYS_shutdown, fd, how))                                          \
	LIBC(ssize_t, send,                                                   \
	    (int fd, const void *data, size_t len, int flags),                \
	    (fd, data, len, flags),                                           \
	    (SYS_sendto, fd, data, len, flags, NULL, 0))                      \
	LIBC(ssize_t, sendto,                                                 \
	    (int fd, const void *data, size_t len, int flags,                 \
		const struct sockaddr *name, socklen_t namelen),              \
	    (fd, data, len, flags, name, namelen),                            \
	    (SYS_sendto, fd, data, len, flags, name, namelen))                \
	LIBC(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), \
	    (fd, msg, flags), (SYS_sendmsg, fd, msg, flags))                  \
	LIBC(int, sendmmsg,                                                   \
	    (int fd, struct mmsghdr *msgs, unsigned n, int flags),            \
	    (fd, msgs, n, flags), (SYS_sendmmsg, fd, msgs, n, flags))         \
	LIBC(ssize_t, write, (int fd, const void *data, size_t len),          \
	    (fd, data, len), (SYS_write, fd, data, len))                      \
	LIBC(ssize_t, writev, (int fd, const struct iovec *iov, int n),       \
	    (fd, iov, n), (SYS_writev, fd, iov, n))                           \
	LIBC(ssize_t, recv, (int fd, void *data, size_t len, int flags),      \
	    (fd, data, len, flags),                                           \
	    (SYS_recvfrom, fd, data, len, flags, NULL, NULL))                 \
	LIBC(ssize_t, recvfrom,                                               \
	    (int fd, void *data, size_t len, int flags,                       \
		struct sockaddr *name, socklen_t *namelen),                   \
	    (fd, data, len, flags, name, namelen),                            \
	    (SYS_recvfrom, fd, data, len, flags, name, namelen))              \
	LIBC(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags),       \
	    (fd, msg, flags), (SYS_recvmsg, fd, msg, flags))                  \
	LIBC(int, recvmmsg,                                                   \
	    (int fd, struct mmsghdr *msgs, unsigned n, int flags,             \
		struct timespec *timeout),                                    \
	    (fd, msgs, n, flags, timeout),                                    \
	    (SYS_recvmmsg, fd, msgs, n, flags, timeout))                      \
	LIBC(ssize_t, read, (int fd, void *data, size_t len),                 \
	    (fd, data, len), (SYS_read, fd, data, len))                       \
	LIBC(ssize_t, readv, (int fd, const struct iovec *iov, int n),        \
	    (fd, iov, n), (SYS_readv, fd, iov, n))                            \
	LIBC(int, close, (int fd), (fd), (SYS_close, fd))                     \
	LIBC(int, dup, (int fd), (fd), (SYS_dup, fd))                         \
	LIBC(int, dup2, (int fd, int to), (fd, to), (SYS_dup2, fd, to))       \
	LIBC(int, dup3, (int fd, int to, int flags), (fd, to, flags),         \
	    (SYS_dup3, fd, to, flags))                                        \
	LIBC(int, close_range, (unsigned first, unsigned last, int flags),    \
	    (first, last, flags), (SYS_close_range, first, last, flags))      \
	LIBC(void, closefrom, (int first), (first),                           \
	    (SYS_close_range, first < 0 ? 0 : first, ~0U, 0))                 \
	LIBC(int, accept,                                                     \
	    (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len), \
	    (SYS_accept, fd, name, len))                                      \
	LIBC(int, accept4,                                                    \
	    (int fd, struct sockaddr *name, socklen_t *len, int flags),       \
	    (fd, name, len, flags), (SYS_accept4, fd, name, len, flags))      \
	LIBC(int, socketpair, (int domain, int type, int protocol, int fd[2]),\
	    (domain, type, protocol, fd),                                     \
	    (SYS_socketpair, domain, type, protocol, fd))                     \
	LIBC(ssize_t, preadv2,                                                \
	    (int fd, const struct iovec *iov, int n, off_t at, int flags),    \
	    (fd, iov, n, at, flags),                                          \
	    (SYS_preadv2, fd, iov, n, at, 0, flags))                          \
	LIBC(ssize_t, pwritev2,                                               \
	    (int fd, const struct iovec *iov, int n, off_t at, int flags),    \
	    (fd, iov, n, at, flags),                                          \
	    (SYS_pwritev2, fd, iov, n, at, 0, flags))                         \
	LIBC(ssize_t, sendfile,                                               \
	    (int to, int from, off_t *at, size_t len), (to, from, at, len),   \
	    (SYS_sendfile, to, from, at, len))                                \
	LIBC(ssize_t, splice,                                                 \
	    (int from, off64_t *from_at, int to, off64_t *to_at, size_t len,  \
		unsigned flags),                                              \
	    (from, from_at, to, to_at, len, flags),                           \
	    (SYS_splice, from, from_at, to, to_at, len, flags))               \
	LIBC(int, unshare, (int flags), (flags), (SYS_unshare, flags))        \
	LIBC(int, setuid, (uid_t uid), (uid), (SYS_setuid, uid))              \
	LIBC(int, seteuid, (uid_t uid), (uid), (SYS_setresuid, -1, uid, -1))  \
	LIBC(int, setreuid, (uid_t uid, uid_t effective), (uid, effective),   \
	    (SYS_setreuid, uid, effective))                                   \
	LIBC(int, setresuid, (uid_t uid, uid_t effective, uid_t saved),       \
	    (uid, effective, saved), (SYS_setresuid, uid, effective, saved))  \
	LIBC(int, chroot, (const char *path), (path), (SYS_chroot, path))     \
	LIBC(ssize_t, __recv_chk,                                             \
	    (int fd, void *data, size_t len, size_t room, int flags),         \
	    (fd, data, len, room, flags),                                     \
	    (SYS_recvfrom, fd, data, len < room ? len : room, flags, NULL,    \
		NULL))                                                        \
	LIBC(ssize_t, __recvfrom_chk,                                         \
	    (int fd, void *data, size_t len, size_t room, int flags,          \
		struct sockaddr *name, socklen_t *namelen),                   \
	    (fd, data, len, room, flags, name, namelen),                      \
	    (SYS_recvfrom, fd, data, len < room ? len : room, flags, name,    \
		namelen))                                                     \
	LIBC(ssize_t, __read_chk,                                             \
	    (int fd, void *data, size_t len, size_t room),                    \
	    (fd, data, len, room),                                            \
	    (SYS_read, fd, data, len < room ? len : room))

/* Functions with variable arguments, which the hooks pass on as these types. */
#define LIBC_VARIADIC(LIBC)                                                   \
	LIBC(int, fcntl, (int fd, int cmd, void *arg), (fd, cmd, arg),        \
	    (SYS_fcntl, fd, cmd, arg))                                        \
	LIBC(int, prctl,                                                      \
	    (int what, unsigned long a, unsigned long b, unsigned long c,     \
		unsigned long d), (what, a, b, c, d),                         \
	    (SYS_prctl, what, a, b, c, d))                                    \
	LIBC(int, ioctl, (int fd, unsigned long request, void *arg),          \
	    (fd, request, arg), (SYS_ioctl, fd, request, arg))

/* Functions without a system call of their own.  The last column is the value
 * that they return if the C library has no such function (with ENOSYS). */
#define LIBC_LIBRARY(LIBC)                                                    \
	LIBC(int, fclose, (FILE *f), (f), EOF)                                \
	LIBC(FILE *, freopen,                                                 \
	    (const char *path, const char *mode, FILE *f), (path, mode, f),   \
	    NULL)                                                             \
	LIBC(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL)    \
	LIBC(int, vdprintf, (int fd, const char *format, va_list ap),         \
	    (fd, format, ap), -1)                                             \
	LIBC(int, __vdprintf_chk,                                             \
	    (int fd, int flag, const char *format, va_list ap),               \
	    (fd, flag, format, ap), -1)                                       \
	LIBC(int, daemon, (int stay, int open), (stay, open), -1)             \
	LIBC(void *, dlopen, (const char *file, int mode), (file, mode), NULL) \
	LIBC(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms), -1) \
	LIBC(int, ppoll,                                                      \
	    (struct pollfd *p, nfds_t n, const struct timespec *ts,           \
		const sigset_t *mask), (p, n, ts, mask), -1)                  \
	LIBC(int, __poll_chk,                                                 \
	    (struct pollfd *p, nfds_t n, int ms, size_t room),                \
	    (p, n, ms, room), -1)                                             \
	LIBC(int, __ppoll_chk,                                                \
	    (struct pollfd *p, nfds_t n, const struct timespec *ts,           \
		const sigset_t *mask, size_t room),                           \
	    (p, n, ts, mask, room), -1)                                       \
	LIBC(int, select,                                                     \
	    (int n, fd_set *in, fd_set *out, fd_set *other,                   \
		struct timeval *tv), (n, in, out, other, tv), -1)             \
	LIBC(int, pselect,                                                    \
	    (int n, fd_set *in, fd_set *out, fd_set *other,                   \
		const struct timespec *ts, const sigset_t *mask),             \
	    (n, in, out, other, ts, mask), -1)                                \
	LIBC(int, epoll_wait,                                                 \
	    (int epoll, struct epoll_event *e, int n, int ms),                \
	    (epoll, e, n, ms), -1)                                            \
	LIBC(int, epoll_pwait,                                                \
	    (int epoll, struct epoll_event *e, int n, int ms,                 \
		const sigset_t *mask), (epoll, e, n, ms, mask), -1)           \
	LIBC(int, epoll_pwait2,                                               \
	    (int epoll, struct epoll_event *e, int n,                         \
		const struct timespec *ts, const sigset_t *mask),             \
	    (epoll, e, n, ts, mask), -1)                                      \
	LIBC(int, nanosleep,                                                  \
	    (const struct timespec *ts, struct timespec *left),               \
	    (ts, left), -1)                                                   \
	LIBC(int, clock_nanosleep,                                            \
	    (clockid_t clock, int flags, const struct timespec *ts,           \
		struct timespec *left), (clock, flags, ts, left), ENOSYS)     \
	LIBC(int, usleep, (unsigned us), (us), -1)                            \
	LIBC(unsigned, sleep, (unsigned s), (s), s)                           \
	LIBC(int, aio_read, (struct aiocb *cb), (cb), -1)                     \
	LIBC(int, aio_write, (struct aiocb *cb), (cb), -1)                    \
	LIBC(int, lio_listio,                                                 \
	    (int mode, struct aiocb *const list[], int n,                     \
		struct sigevent *event),                                      \
	    (mode, list, n, event), -1)

#define LIBC_REAL(type, name, params, args, raw) type real_##name params;
LIBC_TABLE(LIBC_REAL)
LIBC_VARIADIC(LIBC_REAL)
LIBC_LIBRARY(LIBC_REAL)
#undef LIBC_REAL

/* The symbol of that name that the program itself would find, or NULL. */
void *libc_first(const char *name);
/* Finds them all.  Until then they are the raw system calls. */
void libc_find(void);

#endif
