/* SPDX-License-Identifier: ISC */
/*
 * Is there memory?  The kernel knows: a socket's option is set from, or asked
 * into, the place in question.  For calls that are slow anyway; those that
 * carry datagrams find out as memcpy(3) does (iov.h).
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Can the first and the last of `len' bytes not be read?  `fd' is a socket, of
 * which nothing changes. */
bool fault_read(int fd, const void *, size_t len);
/* Can they not be written?  What they were is lost. */
bool fault_write(int fd, void *, size_t len);

#endif
