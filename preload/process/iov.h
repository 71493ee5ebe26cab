/* SPDX-License-Identifier: ISC */
/*
 * The program's buffers, read and written as the kernel would.
 *
 * EFAULT is given only for what the address alone tells: the first page and the
 * kernel's half.  Any other wrong address crashes as in memcpy(3), since asking
 * the kernel about a buffer costs a system call for each datagram.
 */
#ifndef IOV_H
#define IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Can no buffer of `len' bytes lie there? */
bool iov_bad(const void *, size_t len);
/* The length of a call's buffer, cut as the kernel cuts it. */
size_t iov_len(size_t len);
/* The kernel's verdict on a message's buffers before it looks into them: 0,
 * -EMSGSIZE, -EINVAL or -EFAULT. */
int iov_check(const struct msghdr *);
/* Are all `n' buffers empty, or more than IOV_MAX?  Then readv(2) and writev(2)
 * receive and send no datagram. */
bool iov_nothing(const struct iovec *, int n);
/* The bytes of all buffers of a message that iov_check() is content with. */
size_t iov_total(const struct msghdr *);
/* Copies all buffers into `to': bytes, or -EMSGSIZE or -EFAULT. */
ssize_t iov_gather(const struct msghdr *, uint8_t *to, size_t room);
/* Copies as much of `len' bytes as the buffers hold: bytes, or -EFAULT. */
ssize_t iov_scatter(const struct msghdr *, const uint8_t *from, size_t len);

#endif
