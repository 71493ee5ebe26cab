/* SPDX-License-Identifier: ISC */
/*
 * Is there memory at an address that the program passed?  The kernel tells: a
 * socket option is set from there, or read to there.  For calls that are slow
 * anyway; those that carry datagrams crash as memcpy(3) does (iov.h).
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Is the first or the last of `len' bytes unreadable?  `fd' is any socket; it
 * stays as it is. */
bool fault_read(int fd, const void *, size_t len);
/* Is one of them unwritable?  Their content is overwritten. */
bool fault_write(int fd, void *, size_t len);

#endif
