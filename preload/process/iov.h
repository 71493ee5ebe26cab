/* SPDX-License-Identifier: ISC */
/*
 * The program's buffers: read and written as the kernel would.
 *
 * What the kernel refuses with EFAULT is refused here where the address alone
 * tells it: in the first page, or in the kernel's half.  Another wrong address
 * is found out as memcpy(3) does, since asking the kernel about a buffer costs
 * a system call for each datagram.
 */
#ifndef IOV_H
#define IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Nothing of `len' bytes can lie there. */
bool iov_bad(const void *, size_t len);
/* As much of a call's length as the kernel looks at. */
size_t iov_len(size_t len);
/* What the kernel says to a message's buffers before it looks into them: 0,
 * -EMSGSIZE, -EINVAL or -EFAULT. */
int iov_check(const struct msghdr *);
/* Have all `n' of them no room at all, or are more than a call may have?  By
 * readv(2) and writev(2) no datagram comes or goes then. */
bool iov_nothing(const struct iovec *, int n);
/* All of the buffers into `to': bytes, or -EMSGSIZE or -EFAULT. */
ssize_t iov_gather(const struct msghdr *, uint8_t *to, size_t room);
/* What of `len' bytes finds room: bytes, or -EFAULT. */
ssize_t iov_scatter(const struct msghdr *, const uint8_t *from, size_t len);

#endif
