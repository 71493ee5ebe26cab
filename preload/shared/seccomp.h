/* SPDX-License-Identifier: ISC */
/*
 * Which system calls the program's seccomp filters let through.
 *
 * A program may forbid itself what it does not do, on pain of death: so what we
 * do in its calls has to be what it would do.  After the first datagram of a
 * thread on a socket the library makes, on the way of a datagram,
 *
 *	sendmsg, recvmsg	on the program's own descriptor; if they are not
 *				allowed sendto, recvfrom, and the kernel chooses
 *				by which address a packet goes
 *	clock_gettime		which is no system call (vDSO)
 *
 * and these only where SECCOMP_ALLOWS() says so, for it can do without:
 *
 *	futex			to sleep until the lock is free, and to wake who
 *				does; else it spins, then drops the datagram
 *	getsockopt, fstat	is the descriptor still that socket?
 *	setsockopt		is there memory at that address?
 *	socket, connect, bind, close, getsockname
 *				what an address is that it meets for the first
 *				time, and the agent when its own socket is dumb
 *	fcntl, poll		SO_RCVTIMEO after a packet that was not for the
 *				program
 *	sigaltstack		in a signal handler that interrupted the library
 *	mmap			a buffer for the handler's own datagram
 *	write, open		a line for people
 *	memfd_create, clone ...	when the agent died
 *
 * close(2), dup(2) and their like ask getpid(2) besides.  A new socket wants the
 * agent: see ipc.h; what the program may not set of it, the agent sets.
 *
 * Known are the filters that come by prctl(3) and syscall(3): libseccomp's.
 */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>
#include <sys/types.h>

struct sock_fprog;

/* Would a call of this number with these arguments be let through?  Without a
 * filter all are. */
bool seccomp_allows(long number, long a, long b, long c, long d, long e,
    long f);
#define SECCOMP_PICK(n, a, b, c, d, e, f, ...)                                \
	seccomp_allows((n), (long)(a), (long)(b), (long)(c), (long)(d),         \
	    (long)(e), (long)(f))
#define SECCOMP_ALLOWS(...) SECCOMP_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

struct msghdr;
/* sendmsg(2), or the same without control messages by sendto(2). */
ssize_t seccomp_sendmsg(int fd, const struct msghdr *, int flags);
ssize_t seccomp_recvmsg(int fd, struct msghdr *, int flags);
/* setsockopt(2), or what was said to do it instead where it is not allowed. */
int seccomp_setsockopt(int fd, int level, int option, const void *,
    unsigned len);
void seccomp_set_fallback(int (*)(int fd, int level, int option, const void *,
    unsigned len));

/* Is no filter known? */
bool seccomp_unfiltered(void);
/* A filter is about to be set, NULL: one that we know nothing of, and take to
 * allow nothing; then that it was not. */
void seccomp_add(const struct sock_fprog *);
void seccomp_undo(void);

#endif
