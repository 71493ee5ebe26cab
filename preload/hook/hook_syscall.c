/* SPDX-License-Identifier: ISC */
/*
 * Hook: syscall(3), by which libuv and others make system calls on sockets.
 * Calls that have a hook go there; all others go to the kernel unchanged, with
 * six arguments.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "hooks.h"
#include "policy/conf.h"
#include "privilege.h"
#include "shared/raw.h"
#include "socket/sock.h"

#define PTR(x) ((void *)(uintptr_t)(x))

/* The following four: is it a call of that kind?  If so, it is done, with its
 * result in *result. */
static bool
hook_syscall_descriptor(long number, const long *a, long *result)
{
	int fd = (int)a[0];

	switch (number) {
	case SYS_close:
		*result = hook_close(fd);
		return true;
	case SYS_close_range:
		*result = hook_close_range((unsigned)a[0], (unsigned)a[1],
		    (int)a[2]);
		return true;
	case SYS_unshare:
		*result = hook_unshare(fd);
		return true;
	case SYS_dup:
		*result = hook_dup(fd);
		return true;
#ifdef SYS_dup2
	case SYS_dup2:
		*result = hook_dup2(fd, (int)a[1]);
		return true;
#endif
	case SYS_dup3:
		*result = hook_dup3(fd, (int)a[1], (int)a[2]);
		return true;
	case SYS_fcntl:
		*result = hook_fcntl(fd, (int)a[1], PTR(a[2]));
		return true;
	case SYS_ioctl:
		*result = hook_ioctl(fd, (unsigned long)a[1], PTR(a[2]));
		return true;
	case SYS_accept:
		*result = hook_accept(fd, PTR(a[1]), PTR(a[2]));
		return true;
	case SYS_accept4:
		*result = hook_accept4(fd, PTR(a[1]), PTR(a[2]), (int)a[3]);
		return true;
	case SYS_socketpair:
		*result = hook_socketpair(fd, (int)a[1], (int)a[2],
		    PTR(a[3]));
		return true;
	default:
		return false;
	}
}

static bool
hook_syscall_socket(long number, const long *a, long *result)
{
	int fd = (int)a[0];

	switch (number) {
	case SYS_socket:
		*result = hook_socket(fd, (int)a[1], (int)a[2]);
		return true;
	case SYS_bind:
		*result = hook_bind(fd, PTR(a[1]), (socklen_t)a[2]);
		return true;
	case SYS_connect:
		*result = hook_connect(fd, PTR(a[1]), (socklen_t)a[2]);
		return true;
	case SYS_getsockname:
		*result = hook_getsockname(fd, PTR(a[1]), PTR(a[2]));
		return true;
	case SYS_getpeername:
		*result = hook_getpeername(fd, PTR(a[1]), PTR(a[2]));
		return true;
	case SYS_getsockopt:
		*result = hook_getsockopt(fd, (int)a[1], (int)a[2], PTR(a[3]),
		    PTR(a[4]));
		return true;
	case SYS_setsockopt:
		*result = hook_setsockopt(fd, (int)a[1], (int)a[2], PTR(a[3]),
		    (socklen_t)a[4]);
		return true;
	case SYS_shutdown:
		*result = hook_shutdown(fd, (int)a[1]);
		return true;
	default:
		return false;
	}
}

static bool
hook_syscall_datagram(long number, const long *a, long *result)
{
	int fd = (int)a[0];

	switch (number) {
	case SYS_sendto:
		*result = hook_sendto(fd, PTR(a[1]), (size_t)a[2], (int)a[3],
		    PTR(a[4]), (socklen_t)a[5]);
		return true;
	case SYS_sendmsg:
		*result = hook_sendmsg(fd, PTR(a[1]), (int)a[2]);
		return true;
	case SYS_sendmmsg:
		*result = hook_sendmmsg(fd, PTR(a[1]), (unsigned)a[2],
		    (int)a[3]);
		return true;
	case SYS_recvfrom:
		*result = hook_recvfrom(fd, PTR(a[1]), (size_t)a[2],
		    (int)a[3], PTR(a[4]), PTR(a[5]));
		return true;
	case SYS_recvmsg:
		*result = hook_recvmsg(fd, PTR(a[1]), (int)a[2]);
		return true;
	case SYS_recvmmsg:
		*result = hook_recvmmsg(fd, PTR(a[1]), (unsigned)a[2],
		    (int)a[3], PTR(a[4]));
		return true;
	case SYS_read:
		*result = hook_read(fd, PTR(a[1]), (size_t)a[2]);
		return true;
	case SYS_write:
		*result = hook_write(fd, PTR(a[1]), (size_t)a[2]);
		return true;
	case SYS_readv:
		*result = hook_readv(fd, PTR(a[1]), (int)a[2]);
		return true;
	case SYS_writev:
		*result = hook_writev(fd, PTR(a[1]), (int)a[2]);
		return true;
	case SYS_preadv2: /* a[4]: the offset's upper half, unused */
		*result = hook_preadv2(fd, PTR(a[1]), (int)a[2], (off_t)a[3],
		    (int)a[5]);
		return true;
	case SYS_pwritev2:
		*result = hook_pwritev2(fd, PTR(a[1]), (int)a[2], (off_t)a[3],
		    (int)a[5]);
		return true;
	case SYS_sendfile:
		*result = hook_sendfile(fd, (int)a[1], PTR(a[2]),
		    (size_t)a[3]);
		return true;
	case SYS_splice:
		*result = hook_splice(fd, PTR(a[1]), (int)a[2], PTR(a[3]),
		    (size_t)a[4], (unsigned)a[5]);
		return true;
	default:
		return false;
	}
}

/* Calls that give up rights: what their hooks do before. */
static void
hook_syscall_rights(long number, const long *a)
{
	switch (number) {
	case SYS_setuid:
		privilege_before_change((uid_t)a[0]);
		break;
	case SYS_setreuid:
	case SYS_setresuid:
		privilege_before_change((uid_t)a[1]);
		break;
	case SYS_chroot:
	case SYS_pivot_root:
		privilege_before_drop();
		break;
	default:
		break;
	}
}

/* SECCOMP_SET_MODE_FILTER.  A positive result is a descriptor with
 * NEW_LISTENER; with TSYNC it is a thread that could not take the filter, so
 * nobody did. */
static long
hook_syscall_set_filter(const long *a)
{
	long result;

	privilege_before_filter(PTR(a[2]));
	result = RAW(SYS_seccomp, a[0], a[1], a[2]);
	if (result < 0 || (result > 0 &&
	    (a[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0))
		privilege_filter_failed();
	return result;
}

static bool
hook_syscall_filter(long number, const long *a, long *result)
{
	if (number == SYS_prctl)
		*result = hook_prctl((int)a[0], a[1], a[2], a[3], a[4]);
	else if (number == SYS_seccomp && a[0] == SECCOMP_SET_MODE_FILTER)
		*result = hook_syscall_set_filter(a);
	else
		return false;
	return true;
}

long
hook_syscall(long number, ...)
{
	long a[6], result;
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (conf_get()->active &&
	    (hook_syscall_datagram(number, a, &result) ||
		hook_syscall_descriptor(number, a, &result) ||
		hook_syscall_socket(number, a, &result) ||
		hook_syscall_filter(number, a, &result)))
		return result;
	hook_syscall_rights(number, a);
	sock_go_before(); /* it may be a wait */
	return raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
