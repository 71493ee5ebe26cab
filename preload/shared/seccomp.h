/* SPDX-License-Identifier: ISC */
/* Which system calls the program's seccomp filters let through (seccomp.c). */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>
#include <sys/types.h>

struct sock_fprog;

/* Is a call of this number with these arguments allowed?  Yes without a
 * filter. */
bool seccomp_allows(long number, long a, long b, long c, long d, long e,
    long f);
#define SECCOMP_PICK(n, a, b, c, d, e, f, ...)                                \
	seccomp_allows((n), (long)(a), (long)(b), (long)(c), (long)(d),       \
	    (long)(e), (long)(f))
/* The same with fewer arguments; the others are 0. */
#define SECCOMP_ALLOWS(...) SECCOMP_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

struct msghdr;
/* sendmsg(2) and recvmsg(2); where they are not allowed, sendto(2) and
 * recvfrom(2), without control messages. */
ssize_t seccomp_sendmsg(int fd, const struct msghdr *, int flags);
ssize_t seccomp_recvmsg(int fd, struct msghdr *, int flags);
/* setsockopt(2); where it is not allowed, by the fallback. */
int seccomp_setsockopt(int fd, int level, int option, const void *,
    unsigned len);
void seccomp_set_fallback(int (*)(int fd, int level, int option, const void *,
    unsigned len));

/* Is no filter known? */
bool seccomp_unfiltered(void);
/* The program is about to set a filter; NULL: one that cannot be read, which
 * counts as allowing nothing.  And: the kernel refused it. */
void seccomp_add(const struct sock_fprog *);
void seccomp_undo(void);

#endif
