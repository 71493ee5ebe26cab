/* SPDX-License-Identifier: ISC */
/*
 * Integer options as programs set them.  Most are the kernel's, said to both
 * families of a dual-stack socket.  Kept back are those that we set ourselves,
 * and those that would concern our packets.
 */
#ifndef SETOPT_H
#define SETOPT_H

#include "fdtab.h"

enum setopt {
	SETOPT_PASS, /* the kernel shall have it as it is */
	SETOPT_DONE,
	/* or a negative errno */
};

/* Before the kernel is told. */
int setopt_take(int fd, struct sock *, int level, int option, int n);
/* The kernel took it. */
void setopt_taken(int fd, struct sock *, int level, int option, int n);

#endif
