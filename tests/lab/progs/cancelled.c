/* SPDX-License-Identifier: ISC */
/*
 * Threads are cancelled while they wait for a datagram: cancelled HOW ADDRESS
 * PORT TIMES.
 *
 * HOW is deferred or async, the type of cancellation.  A thread in each call
 * that receives is cancelled TIMES times on one socket, which talks on
 * afterwards, and on a socket of its own, which is closed then.  Prints
 * cancelled N of N late N lost N mapped N: threads cancelled, and tried;
 * threads that ended only when a datagram arrived; datagrams lost; arenas
 * mapped more than before.
 *
 * HOW is stack: a thread with the smallest stack sends and receives, on the
 * common socket and on one that it makes.  Prints stack N (octets) lost N.
 */
#include "prog.h"

#include <limits.h>
#include <pthread.h>
#include <sys/uio.h>

static const char *how, *host, *port;
static unsigned cancelled, late, lost;
static int shared;

enum way { RECV, RECVFROM, RECVMSG, RECVMMSG, READ, READV, PREADV2, WAYS };

struct waiter {
	pthread_t thread;
	int fd;
	enum way way;
	_Atomic bool begun;
};

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

static ssize_t
receive(int fd, enum way way)
{
	struct prog_msg m;
	struct iovec iov = { &m, sizeof(m) };
	struct mmsghdr mm = { .msg_hdr.msg_iov = &iov,
		.msg_hdr.msg_iovlen = 1 };

	switch (way) {
	case RECV:
		return recv(fd, &m, sizeof(m), 0);
	case RECVFROM:
		return recvfrom(fd, &m, sizeof(m), 0, NULL, NULL);
	case RECVMSG:
		return recvmsg(fd, &mm.msg_hdr, 0);
	case RECVMMSG:
		return recvmmsg(fd, &mm, 1, 0, NULL) == 1 ?
		    (ssize_t)mm.msg_len : -1;
	case READ:
		return read(fd, &m, sizeof(m));
	case READV:
		return readv(fd, &iov, 1);
	default:
		return preadv2(fd, &iov, 1, -1, 0);
	}
}

static void *
wait_for_ever(void *arg)
{
	struct waiter *w = arg;
	int old;

	if (is("async"))
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	w->begun = true;
	return receive(w->fd, w->way) < 0 ? "error" : "got";
}

static void
cancel_one(int fd, enum way way)
{
	struct waiter w = { .fd = fd, .way = way };
	struct timespec until;
	void *result;

	if (pthread_create(&w.thread, NULL, wait_for_ever, &w) != 0)
		errx(1, "thread");
	while (!w.begun)
		usleep(100);
	usleep(3000);
	pthread_cancel(w.thread);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	if (pthread_timedjoin_np(w.thread, &result, &until) != 0) {
		late++;
		fprintf(stderr, "way %d is not cancelled\n", (int)way);
		if (!prog_say(fd, prog_sender(3), late))
			err(1, "send");
		pthread_join(w.thread, &result);
	}
	if (result == PTHREAD_CANCELED)
		cancelled++;
	else
		fprintf(stderr, "way %d: %s\n", (int)way, (char *)result);
}

static unsigned
mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[1000];
	unsigned n = 0;

	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "memfd:") != NULL;
	fclose(f);
	return n;
}

static void
cancel_all(unsigned times)
{
	unsigned before = mapped(), seq = 3, i;
	enum way way;
	int own;

	for (way = 0; way < WAYS; way++)
		for (i = 0; i < times; i++) {
			cancel_one(shared, way);
			lost += prog_talk(shared, prog_sender(0), seq++, 1);
			own = prog_open(host, port);
			lost += prog_talk(own, prog_sender(1), seq, 1);
			cancel_one(own, way);
			close(own);
		}
	printf("cancelled %u of %u late %u lost %u mapped %d\n", cancelled,
	    2 * WAYS * times, late, lost, (int)(mapped() - before));
}

static void *
talk_little(void *arg)
{
	int own = prog_open(host, port);
	struct prog_msg m;

	(void)arg;
	lost += prog_talk(shared, prog_sender(0), 3, 5);
	lost += prog_talk(own, prog_sender(1), 0, 5);
	close(own);
	/* By each call that receives, blocking. */
	for (enum way way = 0; way < WAYS; way++) {
		prog_fill(&m, prog_sender(2), way);
		if (sendto(shared, &m, sizeof(m), 0, NULL, 0) != sizeof(m) ||
		    receive(shared, way) != sizeof(m))
			err(1, "way %d", (int)way);
	}
	return NULL;
}

static void
little_stack(void)
{
	pthread_attr_t attr;
	pthread_t t;
	long least = sysconf(_SC_THREAD_STACK_MIN);

	if (least < 16384)
		least = 16384;
	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, (size_t)least) != 0 ||
	    pthread_create(&t, &attr, talk_little, NULL) != 0)
		errx(1, "thread");
	pthread_join(t, NULL);
	printf("stack %ld lost %u\n", least, lost);
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		errx(2, "usage: cancelled HOW ADDRESS PORT TIMES");
	how = argv[1], host = argv[2], port = argv[3];
	shared = prog_open(host, port);
	/* The thread's first talk attaches the socket: on its small stack. */
	if (!is("stack"))
		lost += prog_talk(shared, prog_sender(0), 0, 3);
	if (is("stack"))
		little_stack();
	else
		cancel_all((unsigned)atoi(argv[4]));
	return 0;
}
