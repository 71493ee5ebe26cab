/* SPDX-License-Identifier: ISC */
/*
 * Integer options as programs set them.  Most are the kernel's, said to both
 * families of a dual-stack socket.  Kept back are those that we set ourselves,
 * and those that would concern our packets.
 */
#ifndef SETSOCKOPT_H
#define SETSOCKOPT_H

#include "socket/fdtab.h"

enum setsockopt_result {
	SETSOCKOPT_PASS, /* the kernel shall have it as it is */
	SETSOCKOPT_DONE,
	/* or a negative errno */
};

/* Before the kernel is told. */
int setsockopt_before(int fd, struct sock *, int level, int option, int n);
/* The kernel took it. */
void setsockopt_after(int fd, struct sock *, int level, int option, int n);

#endif
