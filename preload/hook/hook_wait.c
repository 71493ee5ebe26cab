/* SPDX-License-Identifier: ISC */
/*
 * Hooks: calls by which a thread waits for other things than a datagram of one
 * socket.  They are the C library's; only what this thread gathered leaves
 * before (datagram/tx_gather.c), as it would have left already.  A call that
 * cannot wait changes nothing: a program that looks at its descriptors between
 * two datagrams is in a hurry still.
 */
#include "hooks.h"
#include "process/libc.h"
#include "shared/real.h"
#include "socket/sock.h"

/* Before a call that waits for so many ms at most; -1: without end. */
static void
hook_wait_ms(int ms)
{
	if (ms != 0)
		sock_go_before();
}

HOOK(int, poll, (struct pollfd *p, nfds_t n, int ms))
{
	hook_wait_ms(ms);
	return real_poll(p, n, ms);
}

HOOK(int, __poll_chk, (struct pollfd *p, nfds_t n, int ms, size_t room))
{
	hook_wait_ms(ms);
	return real___poll_chk(p, n, ms, room);
}

HOOK(int, ppoll,
    (struct pollfd *p, nfds_t n, const struct timespec *ts,
	const sigset_t *mask))
{
	sock_go_before();
	return real_ppoll(p, n, ts, mask);
}

HOOK(int, __ppoll_chk,
    (struct pollfd *p, nfds_t n, const struct timespec *ts,
	const sigset_t *mask, size_t room))
{
	sock_go_before();
	return real___ppoll_chk(p, n, ts, mask, room);
}

HOOK(int, select,
    (int n, fd_set *in, fd_set *out, fd_set *other, struct timeval *tv))
{
	sock_go_before();
	return real_select(n, in, out, other, tv);
}

HOOK(int, pselect,
    (int n, fd_set *in, fd_set *out, fd_set *other, const struct timespec *ts,
	const sigset_t *mask))
{
	sock_go_before();
	return real_pselect(n, in, out, other, ts, mask);
}

HOOK(int, epoll_wait, (int epoll, struct epoll_event *e, int n, int ms))
{
	hook_wait_ms(ms);
	return real_epoll_wait(epoll, e, n, ms);
}

HOOK(int, epoll_pwait,
    (int epoll, struct epoll_event *e, int n, int ms, const sigset_t *mask))
{
	hook_wait_ms(ms);
	return real_epoll_pwait(epoll, e, n, ms, mask);
}

HOOK(int, epoll_pwait2,
    (int epoll, struct epoll_event *e, int n, const struct timespec *ts,
	const sigset_t *mask))
{
	sock_go_before();
	return real_epoll_pwait2(epoll, e, n, ts, mask);
}

HOOK(int, nanosleep, (const struct timespec *ts, struct timespec *left))
{
	sock_go_before();
	return real_nanosleep(ts, left);
}

HOOK(int, clock_nanosleep,
    (clockid_t clock, int flags, const struct timespec *ts,
	struct timespec *left))
{
	sock_go_before();
	return real_clock_nanosleep(clock, flags, ts, left);
}

HOOK(int, usleep, (unsigned us))
{
	sock_go_before();
	return real_usleep(us);
}

HOOK(unsigned, sleep, (unsigned s))
{
	sock_go_before();
	return real_sleep(s);
}
