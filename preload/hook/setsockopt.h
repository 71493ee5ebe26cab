/* SPDX-License-Identifier: ISC */
/*
 * Integer options that programs set.  Most are passed to the kernel, for both
 * families of a dual-stack socket.  Not passed are those that the library sets
 * itself, and those that would apply to packets instead of datagrams.
 */
#ifndef SETSOCKOPT_H
#define SETSOCKOPT_H

struct sock;

enum setsockopt_result {
	SETSOCKOPT_PASS, /* pass the call to the kernel unchanged */
	SETSOCKOPT_DONE, /* it is done */
	/* or a negative errno */
};

/* Before the kernel's setsockopt(2). */
int setsockopt_before(int fd, struct sock *, int level, int option, int n);
/* After it succeeded. */
void setsockopt_after(int fd, struct sock *, int level, int option, int n);

#endif
