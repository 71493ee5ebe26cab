/* SPDX-License-Identifier: ISC */
#include "iov.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

enum { PAGE = 4096 };

/* Is it an address in the kernel's half? */
static bool
iov_of_kernel(const void *p)
{
	return (uintptr_t)p > INTPTR_MAX;
}

bool
iov_bad(const void *p, size_t len)
{
	return len > 0 && ((uintptr_t)p < PAGE || iov_of_kernel(p));
}

size_t
iov_len(size_t len)
{
	return len < INT_MAX ? len : INT_MAX;
}

int
iov_check(const struct msghdr *msg)
{
	const struct iovec *iov = msg->msg_iov;
	size_t i;

	if (msg->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	if (iov_bad(iov, msg->msg_iovlen))
		return -EFAULT;
	for (i = 0; i < msg->msg_iovlen; i++)
		if (iov[i].iov_len > SSIZE_MAX)
			return -EINVAL;
	for (i = 0; i < msg->msg_iovlen; i++)
		if (iov_of_kernel(iov[i].iov_base))
			return -EFAULT;
	return 0;
}

size_t
iov_total(const struct msghdr *msg)
{
	size_t i, len = 0;

	for (i = 0; i < msg->msg_iovlen; i++)
		len += msg->msg_iov[i].iov_len;
	return len;
}

ssize_t
iov_gather(const struct msghdr *msg, uint8_t *to, size_t room)
{
	const struct iovec *iov = msg->msg_iov;
	size_t i, len = 0;

	for (i = 0; i < msg->msg_iovlen; i++) {
		if (iov[i].iov_len > room - len)
			return -EMSGSIZE;
		len += iov[i].iov_len;
	}
	for (i = len = 0; i < msg->msg_iovlen; i++) {
		if (iov_bad(iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
		if (iov[i].iov_len > 0)
			memcpy(to + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return (ssize_t)len;
}

ssize_t
iov_scatter(const struct msghdr *msg, const uint8_t *from, size_t len)
{
	const struct iovec *iov = msg->msg_iov;
	size_t i, n, done = 0;

	for (i = 0; i < msg->msg_iovlen && done < len; i++) {
		n = len - done;
		if (n > iov[i].iov_len)
			n = iov[i].iov_len;
		if (iov_bad(iov[i].iov_base, n))
			return -EFAULT;
		if (n > 0)
			memcpy(iov[i].iov_base, from + done, n);
		done += n;
	}
	return (ssize_t)done;
}

bool
iov_nothing(const struct iovec *iov, int n)
{
	int i;

	for (i = 0; i < n && n <= IOV_MAX && !iov_bad(iov, 1); i++)
		if (iov[i].iov_len > 0)
			return false;
	return true;
}
