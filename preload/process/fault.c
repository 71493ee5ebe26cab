/* SPDX-License-Identifier: ISC */
#include "fault.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "shared/seccomp.h"
#include "shared/real.h"

enum { PAGE = 4096 };

/* SO_TYPE cannot be set, which the kernel says after it has read a number.  The
 * word around a byte is in the byte's page. */
static bool
unreadable(int fd, uintptr_t at)
{
	return SECCOMP_ALLOWS(SYS_setsockopt, fd, SOL_SOCKET, SO_TYPE) &&
	    real_setsockopt(fd, SOL_SOCKET, SO_TYPE,
	    (const void *)(at & ~(uintptr_t)3), 4) != 0 && errno == EFAULT;
}

bool
fault_read(int fd, const void *p, size_t len)
{
	uintptr_t first = (uintptr_t)p, last = first + len - 1;
	int saved = errno;
	bool bad;

	if (len == 0)
		return false;
	bad = unreadable(fd, first) ||
	    (first / PAGE != last / PAGE && unreadable(fd, last));
	errno = saved;
	return bad;
}

/* Asking for less than a number's length gives as much of it. */
static bool
unwritable(int fd, void *p)
{
	socklen_t one = 1;

	return SECCOMP_ALLOWS(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE) &&
	    real_getsockopt(fd, SOL_SOCKET, SO_TYPE, p, &one) != 0 &&
	    errno == EFAULT;
}

bool
fault_write(int fd, void *p, size_t len)
{
	int saved = errno;
	bool bad;

	if (len == 0)
		return false;
	bad = unwritable(fd, p) || unwritable(fd, (char *)p + len - 1);
	errno = saved;
	return bad;
}
