/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A processor that has nothing to do sleeps, and to wake it takes longer than
 * all else that a short datagram costs: some 10 to 30 us.  A program that would
 * rather burn its processor asks for spinning (--spin US): before its receive
 * waits, the socket is asked without waiting for up to US microseconds.
 *
 *	1. recvmsg() with MSG_DONTWAIT.  A datagram that is there costs no more
 *	   than without spinning.  It is a cancellation point, as the program's
 *	   own call is.
 *	2. Nothing is there, and MSG_DONTWAIT or O_NONBLOCK says not to wait:
 *	   EAGAIN; such a call never spins.
 *	3. Signals are blocked, and the bare system call is repeated.
 *	4. Nothing came: the call waits, as it would have.
 *
 * Signals: one whose handler ran between two of those calls would not end the
 * wait that follows, though it would have ended a receive that waited from the
 * start.  So they are held back while it spins, at most US.  Then, if a
 * datagram came, it is returned and the handlers run, as after any call.  Else
 * the handlers run, and the call goes on to wait or fails with EINTR, by the
 * kernel's rule: it fails if a handler is not of the kind SA_RESTART, or if the
 * receive has a timeout.  Signals that the program's own instructions raise are
 * not held back, nor are those that the C library uses between threads, of
 * which cancellation is one: it is seen when the wait begins.
 *
 * SO_RCVTIMEO runs from when the wait begins: it ends late by US at most.
 *
 * Never: with a seccomp filter, which may not allow these calls.  Sources:
 * signal(7), recvmsg(2).
 */
#include "rx_spin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "process/libc.h"
#include "shared/arena.h"
#include "shared/raw.h"
#include "shared/seccomp.h"

enum {
	SIGNALS = 64,	   /* of the kernel */
	SIGNALS_OWN = 32,  /* to 34: the C library's own */
};

static uint64_t
rx_spin_bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

/* The signals that are held back. */
static uint64_t
rx_spin_signals(void)
{
	return ~(rx_spin_bit(SIGSEGV) | rx_spin_bit(SIGBUS) |
	    rx_spin_bit(SIGILL) | rx_spin_bit(SIGFPE) | rx_spin_bit(SIGTRAP) |
	    rx_spin_bit(SIGSYS) | rx_spin_bit(SIGABRT) |
	    rx_spin_bit(SIGNALS_OWN) | rx_spin_bit(SIGNALS_OWN + 1) |
	    rx_spin_bit(SIGNALS_OWN + 2));
}

/* Would one of these signals have ended the wait? */
static bool
rx_spin_ends(uint64_t signals, bool timed)
{
	struct sigaction sa;
	int i;

	for (i = 1; i <= SIGNALS; i++)
		if ((signals & rx_spin_bit(i)) != 0 &&
		    sigaction(i, NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_DFL && sa.sa_handler != SIG_IGN &&
		    (timed || (sa.sa_flags & SA_RESTART) == 0))
			return true;
	return false;
}

static void
rx_spin_pause(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}

/* Step 3: bytes, or a negative errno; -EAGAIN to wait. */
static ssize_t
rx_spin(int fd, struct msghdr *msg, int flags, uint32_t us, bool timed)
{
	uint64_t held = rx_spin_signals(), before, pending = 0;
	uint64_t until = arena_now() + us;
	bool ends = false;
	long n;

	if (RAW(SYS_rt_sigprocmask, SIG_BLOCK, &held, &before,
		sizeof(held)) != 0)
		return -EAGAIN;
	do {
		n = RAW(SYS_recvmsg, fd, msg, flags | MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN)
			break;
		rx_spin_pause();
	} while (arena_now() < until);
	n = n < 0 ? -errno : n;
	if (n == -EAGAIN && RAW(SYS_rt_sigpending, &pending,
		sizeof(pending)) == 0)
		ends = rx_spin_ends(pending & held & ~before, timed);
	(void)RAW(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL,
	    sizeof(before));
	return ends ? -EINTR : n;
}

ssize_t
rx_spin_recvmsg(int fd, struct msghdr *msg, int flags, uint32_t us, bool timed)
{
	ssize_t n;

	if (us == 0 || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) != 0 ||
	    !seccomp_unfiltered())
		return seccomp_recvmsg(fd, msg, flags);
	n = seccomp_recvmsg(fd, msg, flags | MSG_DONTWAIT);
	if (n >= 0 || errno != EAGAIN)
		return n;
	if ((real_fcntl(fd, F_GETFL, NULL) & O_NONBLOCK) != 0) {
		errno = EAGAIN;
		return -1;
	}
	n = rx_spin(fd, msg, flags, us, timed);
	if (n == -EAGAIN)
		return seccomp_recvmsg(fd, msg, flags);
	if (n >= 0)
		return n;
	errno = (int)-n;
	return -1;
}
