/* SPDX-License-Identifier: ISC */
/* preload/datagram/rx_spin.c: a receive that spins before it waits does what
 * recvmsg(2) does.  SPIN is so long that what comes meanwhile comes while it
 * spins; a call that must not spin is done long before. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "datagram/rx_spin.h"
#include "shared/arena.h"
#include "suites.h"

enum { SPIN = 300000, SOON = 100000, LATE = 450000 }; /* us */

static int pair[2]; /* what is sent to the second arrives at the first */
static volatile sig_atomic_t handled;

static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	handled = 0;
}

/* Bytes, or a negative errno; `took' us. */
static ssize_t
take(int flags, bool timed, uint64_t *took)
{
	char data[16];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint64_t begun = arena_now();
	sigset_t before, after;
	ssize_t n;
	int i;

	pthread_sigmask(SIG_BLOCK, NULL, &before);
	n = rx_spin_recvmsg(pair[0], &msg, flags, SPIN, timed);
	n = n < 0 ? -errno : n;
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	for (i = 1; i < NSIG; i++)
		ck_assert_int_eq(sigismember(&before, i),
		    sigismember(&after, i));
	*took = arena_now() - begun;
	return n;
}

static void
pause_us(uint64_t us)
{
	struct timespec ts = { (time_t)(us / 1000000),
		(long)(us % 1000000) * 1000 };

	while (nanosleep(&ts, &ts) != 0)
		continue;
}

static void *
send_after(void *us)
{
	pause_us(*(const uint64_t *)us);
	ck_assert_int_eq(send(pair[1], "hello", 5, 0), 5);
	return NULL;
}

static void
handle(int number)
{
	(void)number;
	handled++;
}

/* A signal to this process after SOON; the thread that may send has it
 * blocked. */
static void
alarm_soon(int flags)
{
	struct sigaction sa = { .sa_handler = handle, .sa_flags = flags };
	struct itimerval it = { .it_value = { 0, SOON } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

static pthread_t
sender(const uint64_t *us)
{
	pthread_t thread;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ck_assert_int_eq(pthread_create(&thread, NULL, send_after,
	    (void *)(uintptr_t)us), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return thread;
}

START_TEST(there)
{
	uint64_t took;

	ck_assert_int_eq(send(pair[1], "hello", 5, 0), 5);
	ck_assert_int_eq(take(0, false, &took), 5);
	ck_assert_uint_lt(took, SPIN);
}
END_TEST

/* MSG_DONTWAIT, O_NONBLOCK and MSG_ERRQUEUE never spin. */
START_TEST(no_wait)
{
	uint64_t took;

	ck_assert_int_eq(take(MSG_DONTWAIT, false, &took), -EAGAIN);
	ck_assert_uint_lt(took, SPIN);
	ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(take(0, false, &took), -EAGAIN);
	ck_assert_uint_lt(took, SPIN);
	ck_assert_int_eq(take(MSG_PEEK, false, &took), -EAGAIN);
	ck_assert_uint_lt(took, SPIN);
}
END_TEST

/* A datagram that comes while it spins, and one that comes later. */
START_TEST(comes)
{
	static const uint64_t when[] = { SOON, LATE };
	uint64_t took;
	pthread_t thread = sender(&when[_i]);

	ck_assert_int_eq(take(0, false, &took), 5);
	ck_assert_uint_ge(took + 1000, when[_i]);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(times_out)
{
	struct timeval tv = { 0, SOON };
	uint64_t took;

	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	ck_assert_int_eq(take(0, true, &took), -EAGAIN);
	ck_assert_uint_ge(took, SOON);
}
END_TEST

/* A signal while it spins: what becomes of the wait, by its handler and by
 * whether the receive has a timeout.  Without EINTR it waits for the datagram
 * that comes later. */
static const struct {
	int flags;
	bool timed, ends;
} signals[] = {
	{ 0, false, true },
	{ SA_RESTART, false, false },
	{ SA_RESTART, true, true },
};

START_TEST(signalled)
{
	static const uint64_t late = LATE;
	pthread_t thread = sender(&late);
	uint64_t took;

	alarm_soon(signals[_i].flags);
	ck_assert_int_eq(take(0, signals[_i].timed, &took),
	    signals[_i].ends ? -EINTR : 5);
	ck_assert_int_eq(handled, 1);
	pthread_join(thread, NULL);
}
END_TEST

/* One whose handler runs when the datagram is there already. */
START_TEST(signalled_and_comes)
{
	static const uint64_t later = SOON + SOON / 2;
	pthread_t thread = sender(&later);
	uint64_t took;

	alarm_soon(0);
	ck_assert_int_eq(take(0, false, &took), 5);
	ck_assert_int_eq(handled, 1);
	pthread_join(thread, NULL);
}
END_TEST

/* Ignored signals and those that the caller blocked end nothing. */
START_TEST(not_for_us)
{
	static const uint64_t late = LATE;
	pthread_t thread = sender(&late);
	sigset_t set;
	uint64_t took;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	alarm_soon(0);
	if (_i == 0)
		signal(SIGALRM, SIG_IGN);
	else
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_eq(take(0, false, &took), 5);
	ck_assert_int_eq(handled, 0);
	pthread_join(thread, NULL);
}
END_TEST

static void *
wait_for_ever(void *unused)
{
	uint64_t took;

	(void)unused;
	(void)take(0, false, &took);
	return NULL;
}

/* A thread is cancelled while it spins; it ends when the wait begins. */
START_TEST(cancelled)
{
	pthread_t thread;
	void *result = NULL;

	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_ever, NULL),
	    0);
	pause_us(SOON);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
}
END_TEST

Suite *
suite_rx_spin(void)
{
	Suite *s = suite_create("rx_spin");
	TCase *t = tcase_create("rx_spin");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, there);
	tcase_add_test(t, no_wait);
	tcase_add_loop_test(t, comes, 0, 2);
	tcase_add_test(t, times_out);
	tcase_add_loop_test(t, signalled, 0, COUNT(signals));
	tcase_add_test(t, signalled_and_comes);
	tcase_add_loop_test(t, not_for_us, 0, 2);
	tcase_add_test(t, cancelled);
	suite_add_tcase(s, t);
	return s;
}
