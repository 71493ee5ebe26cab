/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A program may forbid itself system calls by a seccomp filter, usually on pain
 * of death.  So within the program's calls the library makes only system calls
 * that the program would make itself, or that its filters are known to let
 * through: the filters are copied as they are set (hook/privilege.c), and
 * SECCOMP_ALLOWS() runs the copies on the call in question (bpf.c).
 *
 * After the first datagram of a thread on a socket, one datagram costs
 *
 *	sendmsg, recvmsg	on the program's own descriptor; where they are
 *				forbidden, sendto and recvfrom, and the kernel
 *				chooses the source address
 *	clock_gettime		no system call (vDSO)
 *
 * and all else only where it is allowed, for the library can do without:
 *
 *	futex			to wait for the lock and to wake others; else it
 *				spins, then the datagram is dropped
 *	getsockopt, fstat	is the descriptor still that socket?
 *	setsockopt		is there memory at that address?
 *	socket, connect, bind, close, getsockname
 *				the scope of a new address; the agent, where
 *				no internal datagram can be sent
 *	fcntl, poll		SO_RCVTIMEO after a packet that was not for the
 *				program
 *	sigaltstack		in a signal handler that interrupted the library
 *	mmap			a buffer for the handler's own datagram
 *	write, open		log lines
 *	memfd_create, clone, getrandom ...
 *				recovery after the agent died
 *
 * close(2), dup(2) and their like also call getpid(2).  A new socket needs the
 * agent (ipc.c); the agent sets the options that the program may not set.
 *
 * States: no filter (seccomp_unfiltered(), everything is allowed, and no code
 * asks); filters known; a filter unknown, or no room to copy it: nothing is
 * allowed any more.  Filters are only ever added, as in the kernel, but for one
 * that the kernel then refused (seccomp_undo()).
 *
 * Known are the filters that the process sets by prctl(3) and syscall(3), as
 * libseccomp does; not those set by inline assembly or kept over execve(2).
 *
 * No lock: a program sets its filters one after the other; `filters' grows
 * last.  Never: a call that might kill the program.  Source: seccomp(2); the
 * lab's scenario process/seccomp.
 */
#include "seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "real.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* Filters and instructions that can be kept.  Beyond that nothing is
 * allowed. */
enum { FILTERS = 16, CODE = 8192 };

static struct sock_filter code[CODE];
static struct {
	unsigned at, len; /* in `code' */
} filter[FILTERS];
static _Atomic unsigned filters;
static unsigned used;
static bool no_sendmsg, no_recvmsg; /* are not allowed */

/* A word of struct seccomp_data, in the machine's byte order. */
static bool
seccomp_get_word(const void *of, uint32_t off, unsigned size, uint32_t *to)
{
	if (size != sizeof(*to) || off > sizeof(struct seccomp_data) - size)
		return false;
	memcpy(to, (const char *)of + off, sizeof(*to));
	return true;
}

bool
seccomp_unfiltered(void)
{
	return atomic_load_explicit(&filters, memory_order_relaxed) == 0;
}

bool
seccomp_allows(long number, long a, long b, long c, long d, long e, long f)
{
	struct seccomp_data data = { .nr = (int)number,
		.arch = ARCH,
		.args = { (uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d,
		    (uint64_t)e, (uint64_t)f } };
	const struct bpf_data of = { .of = &data, .len = sizeof(data),
		.get = seccomp_get_word };
	unsigned i, n = atomic_load(&filters);
	uint32_t action;

	for (i = 0; i < n; i++) {
		if (i >= FILTERS || filter[i].len == 0)
			return false;
		action = bpf_run(&code[filter[i].at], filter[i].len, &of) &
		    SECCOMP_RET_ACTION_FULL;
		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

ssize_t
seccomp_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!no_sendmsg || msg->msg_iovlen != 1)
		return real_sendmsg(fd, msg, flags);
	return real_sendto(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
	    flags, msg->msg_name, msg->msg_namelen);
}

ssize_t
seccomp_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (!no_recvmsg || msg->msg_iovlen != 1)
		return real_recvmsg(fd, msg, flags);
	n = real_recvfrom(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
	    flags, msg->msg_name, &msg->msg_namelen);
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return n;
}

static int (*fallback)(int, int, int, const void *, unsigned);

void
seccomp_set_fallback(int (*set)(int, int, int, const void *, unsigned))
{
	fallback = set;
}

int
seccomp_setsockopt(int fd, int level, int option, const void *value,
    unsigned len)
{
	if (seccomp_unfiltered() || fallback == NULL ||
	    SECCOMP_ALLOWS(SYS_setsockopt, fd, level, option, value, len))
		return real_setsockopt(fd, level, option, value, len);
	return fallback(fd, level, option, value, len);
}

static void
seccomp_check_messages(void)
{
	no_sendmsg = !SECCOMP_ALLOWS(SYS_sendmsg);
	no_recvmsg = !SECCOMP_ALLOWS(SYS_recvmsg);
}

void
seccomp_add(const struct sock_fprog *prog)
{
	unsigned n = atomic_load(&filters);

	if (n < FILTERS) {
		filter[n].at = used;
		filter[n].len = prog == NULL || prog->len > CODE - used ? 0 :
								   prog->len;
		if (filter[n].len > 0)
			memcpy(&code[used], prog->filter,
			    filter[n].len * sizeof(code[0]));
		used += filter[n].len;
	}
	atomic_store(&filters, n + 1);
	seccomp_check_messages();
}

void
seccomp_undo(void)
{
	unsigned n = atomic_load(&filters) - 1;

	if (n < FILTERS)
		used -= filter[n].len;
	atomic_store(&filters, n);
	seccomp_check_messages();
}
