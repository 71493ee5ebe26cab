/* SPDX-License-Identifier: ISC */
/*
 * Signals interrupt calls that wait for a datagram: sa_restart ADDRESS PORT.
 * Prints a line for each case; the output is the same with and without mpshim.
 */
#include "prog.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/uio.h>

enum way { RECV, RECVFROM, RECVMSG, RECVMMSG, WAITFORONE, TIMED, READ, READV,
	WAYS };

static const char *const names[WAYS] = { "recv", "recvfrom", "recvmsg",
	"recvmmsg", "recvmmsg waitforone", "recvmmsg timeout", "read",
	"readv" };

enum { FIRST_US = 60000, SAY_US = 250000, LIMIT_US = 600000 };

static int fd;
static uint32_t seq;
static volatile sig_atomic_t signals;

static void
on_alarm(int sig)
{
	(void)sig;
	signals++;
}

static ssize_t
receive(enum way way)
{
	struct prog_msg m[2];
	struct iovec iov[2] = { { &m[0], sizeof(m[0]) },
		{ &m[1], sizeof(m[1]) } };
	struct mmsghdr mm[2] = { { .msg_hdr = { .msg_iov = &iov[0],
		.msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &iov[1],
		.msg_iovlen = 1 } } };
	struct timespec ts = { .tv_nsec = 100000000 };

	switch (way) {
	case RECV:
		return recv(fd, &m, sizeof(m), 0);
	case RECVFROM:
		return recvfrom(fd, &m, sizeof(m), 0, NULL, NULL);
	case RECVMSG:
		return recvmsg(fd, &mm[0].msg_hdr, 0);
	case RECVMMSG:
		return recvmmsg(fd, mm, 1, 0, NULL);
	case WAITFORONE:
		return recvmmsg(fd, mm, 2, MSG_WAITFORONE, NULL);
	case TIMED:
		return recvmmsg(fd, mm, 2, 0, &ts);
	case READ:
		return read(fd, &m, sizeof(m));
	default:
		return readv(fd, iov, 2);
	}
}

static void *
say_later(void *unused)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	usleep(SAY_US);
	if (!prog_say(fd, prog_sender(0), seq++))
		err(1, "send");
	/* recvmmsg(2) with a timeout waits for two datagrams. */
	usleep(50000);
	if (!prog_say(fd, prog_sender(0), seq++))
		err(1, "send");
	return unused;
}

/* Receives the datagrams that the case has left. */
static void
empty(void)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct prog_msg m;

	while (poll(&p, 1, 150) > 0)
		(void)recv(fd, &m, sizeof(m), MSG_DONTWAIT);
}

static void
one_case(enum way way, bool restart, bool timed, bool alarmed, bool said)
{
	struct sigaction act = { .sa_handler = on_alarm,
		.sa_flags = restart ? SA_RESTART : 0 };
	struct itimerval at = { .it_value.tv_usec = FIRST_US }, none = { 0 };
	struct timeval limit = { .tv_usec = timed ? LIMIT_US : 0 };
	pthread_t t;
	ssize_t n;
	int error;

	sigaction(SIGALRM, &act, NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	signals = 0;
	if (said)
		pthread_create(&t, NULL, say_later, NULL);
	setitimer(ITIMER_REAL, alarmed ? &at : &none, NULL);
	errno = 0;
	n = receive(way);
	error = errno;
	if (said)
		pthread_join(t, NULL);
	setitimer(ITIMER_REAL, &none, NULL);
	empty();
	printf("%s%s%s%s%s: %zd %s, signals %d\n", names[way],
	    restart ? " restart" : "", timed ? " timeo" : "",
	    alarmed ? " alarm" : "", said ? " said" : "", n, strerror(error),
	    (int)signals);
}

int
main(int argc, char **argv)
{
	enum way way;
	int i;

	if (argc != 3)
		errx(2, "usage: sa_restart ADDRESS PORT");
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = prog_open(argv[1], argv[2]);
	if (prog_talk(fd, prog_sender(1), 0, 3) != 0)
		errx(1, "no echo");
	for (way = 0; way < WAYS; way++) {
		for (i = 0; i < 4; i++)
			one_case(way, i & 1, i & 2, true, true);
		one_case(way, false, true, false, false);
		one_case(way, true, true, true, false);
	}
	return 0;
}
