/* SPDX-License-Identifier: ISC */
#include "fault.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "shared/seccomp.h"
#include "shared/real.h"

enum { PAGE = 4096 };

/* SO_TYPE cannot be set, but the kernel reads the value before it says so.  The
 * aligned word around a byte lies in the byte's page. */
static bool
fault_unreadable(int fd, uintptr_t at)
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
	bad = fault_unreadable(fd, first) ||
	    (first / PAGE != last / PAGE && fault_unreadable(fd, last));
	errno = saved;
	return bad;
}

/* The kernel writes as many bytes of an option's value as are asked for. */
static bool
fault_unwritable(int fd, void *p)
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
	bad = fault_unwritable(fd, p) ||
	    fault_unwritable(fd, (char *)p + len - 1);
	errno = saved;
	return bad;
}
