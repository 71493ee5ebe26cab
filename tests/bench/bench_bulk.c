/* SPDX-License-Identifier: ISC */
/*
 * Measures datagrams that go one way at full speed, the ways that programs send
 * and receive many.  bench_shim runs it with and without the library, of which
 * it knows nothing.
 *
 *	bench_bulk serve PORT HOW	counts what arrives, until it is ended
 *	bench_bulk send ADDR PORT MS SIZE HOW [RATE]
 *
 * sends for that many ms, at most RATE a second, after WARM_MS that do not count,
 * and prints on a line
 *
 *	datagrams received per second
 *	CPU time of sender and of receiver per datagram, us
 *	the share that was lost
 *	the 50th and 99th percentile of how late they were, us (late)
 *	datagrams received
 *
 * HOW of a receiver is
 *
 *	block	recv() that waits
 *	one	poll(), then recv() until nothing is left
 *	mmsg	poll(), then recvmmsg() of 64
 *	gro	poll(), then recvmsg() with UDP_GRO
 *	late	as block; how long after its send() did the kernel get it?
 *
 * and of a sender one, mmsg (sendmmsg of 64) or gso (UDP_SEGMENT).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench_net.h"

#define NS UINT64_C(1000000000)

enum {
	BATCH = 64,	    /* datagrams of one call */
	ROOM = 2048,	    /* bytes for each of them */
	BIG = 65536,
	MOST = 65000,	    /* bytes of a message for UDP_SEGMENT, at most */
	ASKS = 20,
	WARM = 200,
	WARM_MS = 400,
	LATE = 100000,	    /* us: later ones count as so late */
	RUN = 8,	    /* bytes of the kind and the run's number */
	HEAD = 16,	    /* ... and of the time */
	DATA = 'd',
	ASK = '?',
};

/* What the server has counted of a run: its answer to ASK. */
struct count {
	char kind;
	uint32_t run;
	uint64_t n, first_ns, last_ns, cpu_us, late50, late99;
};

static char data[BATCH][ROOM], big[BIG];
static uint32_t late_us[LATE + 1];

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static uint64_t
cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* The value of a control message, or NULL. */
static const void *
control(struct msghdr *msg, int level, int type)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return CMSG_DATA(c);
	return NULL;
}

/* --- The receiver -------------------------------------------------------- */

static void
tally(struct count *c, const char *first, unsigned n)
{
	uint32_t run;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	memcpy(&run, first + 4, sizeof(run));
	if (run != c->run) {
		*c = (struct count) { .run = run, .first_ns = now,
			.cpu_us = cpu_us() };
		memset(late_us, 0, sizeof(late_us));
	}
	c->n += n;
	c->last_ns = now;
}

static uint64_t
percentile(uint64_t n, unsigned percent)
{
	uint64_t i, sum = 0;

	for (i = 0; i < LATE; i++) {
		sum += late_us[i];
		if (sum * 100 >= n * percent)
			break;
	}
	return i;
}

static void
answer(int fd, const struct count *c, const struct sockaddr_in *to)
{
	struct count reply = *c;

	reply.kind = ASK;
	reply.cpu_us = cpu_us() - c->cpu_us;
	reply.late50 = percentile(c->n, 50);
	reply.late99 = percentile(c->n, 99);
	sendto(fd, &reply, sizeof(reply), 0, (const struct sockaddr *)to,
	    sizeof(*to));
}

/* Counts n datagrams, or answers one. */
static void
take(int fd, struct count *c, const char *first, unsigned n,
    const struct sockaddr_in *from)
{
	if (first[0] == DATA)
		tally(c, first, n);
	else
		answer(fd, c, from);
}

static void
note_late(struct msghdr *msg)
{
	const struct timespec *at = control(msg, SOL_SOCKET, SO_TIMESTAMPNS);
	uint64_t sent, came;

	if (at == NULL || big[0] != DATA)
		return;
	memcpy(&sent, big + RUN, sizeof(sent));
	came = (uint64_t)at->tv_sec * NS + (uint64_t)at->tv_nsec;
	came = came > sent ? (came - sent) / 1000 : 0;
	late_us[came < LATE ? came : LATE]++;
}

/* One message, of one datagram or (UDP_GRO) of several; false: none. */
static bool
take_message(int fd, struct count *c, int flags, bool late)
{
	char room[256];
	struct sockaddr_in from;
	struct iovec iov = { big, BIG };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof(room) };
	ssize_t n = recvmsg(fd, &msg, flags);
	const int *size = NULL;

	if (n < RUN)
		return false;
	if (late)
		note_late(&msg);
	else
		size = control(&msg, IPPROTO_UDP, UDP_GRO);
	take(fd, c, big, size == NULL || *size < 1 ? 1 :
	    (unsigned)((n + *size - 1) / *size), &from);
	return true;
}

static bool
take_one(int fd, struct count *c, int flags)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	if (recvfrom(fd, big, BIG, flags, (struct sockaddr *)&from, &len) <
	    RUN)
		return false;
	take(fd, c, big, 1, &from);
	return true;
}

static bool
take_many(int fd, struct count *c)
{
	static struct mmsghdr msg[BATCH];
	static struct iovec iov[BATCH];
	static struct sockaddr_in from[BATCH];
	int i, n;

	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec) { data[i], ROOM };
		msg[i].msg_hdr = (struct msghdr) { .msg_iov = &iov[i],
			.msg_iovlen = 1, .msg_name = &from[i],
			.msg_namelen = sizeof(from[i]) };
	}
	n = recvmmsg(fd, msg, BATCH, MSG_DONTWAIT, NULL);
	for (i = 0; i < n; i++)
		if (msg[i].msg_len >= RUN)
			take(fd, c, data[i], 1, &from[i]);
	return n > 0;
}

static void
serve(const char *port, const char *how)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	struct count c = { .run = 0 };
	int fd = udp_socket(), on = 1;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool gro = strcmp(how, "gro") == 0, late = strcmp(how, "late") == 0;
	bool mmsg = strcmp(how, "mmsg") == 0, one = strcmp(how, "one") == 0;

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("bind");
	if (gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0)
		die("UDP_GRO");
	if (late)
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	for (;;) {
		if (late) {
			take_message(fd, &c, 0, true);
			continue;
		}
		if (!gro && !mmsg && !one) {
			take_one(fd, &c, 0);
			continue;
		}
		if (poll(&p, 1, -1) < 1)
			continue;
		while (gro ? take_message(fd, &c, MSG_DONTWAIT, false) : mmsg ?
		    take_many(fd, &c) : take_one(fd, &c, MSG_DONTWAIT))
			;
	}
}

/* --- The sender ---------------------------------------------------------- */

/* Writes a datagram's head; those after it in `big' have the same. */
static void
stamp(char *to, uint32_t run, size_t size)
{
	uint64_t now = clock_ns(CLOCK_REALTIME);

	to[0] = DATA;
	memcpy(to + 4, &run, sizeof(run));
	if (size >= HEAD)
		memcpy(to + RUN, &now, sizeof(now));
}

/* Each returns how many datagrams went. */
static unsigned
send_one(int fd, uint32_t run, size_t size)
{
	stamp(big, run, size);
	return send(fd, big, size, 0) >= 0;
}

static unsigned
send_many(int fd, uint32_t run, size_t size)
{
	static struct mmsghdr msg[BATCH];
	static struct iovec iov[BATCH];
	int i, n;

	for (i = 0; i < BATCH; i++) {
		stamp(data[i], run, size);
		iov[i] = (struct iovec) { data[i], size };
		msg[i].msg_hdr = (struct msghdr) { .msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	n = sendmmsg(fd, msg, BATCH, 0);
	return n > 0 ? (unsigned)n : 0;
}

static unsigned
send_segments(int fd, uint32_t run, size_t size)
{
	size_t n = MOST / size < BATCH ? MOST / size : BATCH, i;

	for (i = 0; i < n; i++)
		stamp(big + i * size, run, size);
	return send(fd, big, n * size, 0) >= 0 ? (unsigned)n : 0;
}

static void
ask(int fd, struct count *c)
{
	char question[RUN] = { ASK };

	send(fd, question, sizeof(question), 0);
	recv(fd, c, sizeof(*c), 0);
}

/* Sends for so many ms, at most `rate' a second; how many went. */
static uint64_t
flood(int fd, uint32_t run, unsigned ms, size_t size, const char *how,
    uint64_t rate)
{
	uint64_t began = clock_ns(CLOCK_MONOTONIC), now = began, sent = 0;

	while (now - began < ms * UINT64_C(1000000)) {
		sent += strcmp(how, "gso") == 0 ? send_segments(fd, run, size) :
		    strcmp(how, "mmsg") == 0 ? send_many(fd, run, size) :
		    send_one(fd, run, size);
		do {
			now = clock_ns(CLOCK_MONOTONIC);
		} while (rate != 0 && (now - began) * rate < sent * NS);
	}
	return sent;
}

static void
blast(int fd, unsigned ms, size_t size, const char *how, uint64_t rate)
{
	struct count c = { .n = 0 };
	uint32_t run = (uint32_t)clock_ns(CLOCK_MONOTONIC) | 1;
	int i, segment = (int)size;
	uint64_t cpu, sent;

	for (i = 0; i < WARM && c.kind != ASK; i++) /* brings the session up */
		ask(fd, &c);
	if (strcmp(how, "gso") == 0 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT,
	    &segment, sizeof(segment)) != 0)
		die("UDP_SEGMENT");
	flood(fd, run - 2, WARM_MS, size, how, rate);
	usleep(NET_WAIT_US / 10); /* the server reads what waits */
	cpu = cpu_us();
	sent = flood(fd, run, ms, size, how, rate);
	cpu = cpu_us() - cpu;
	for (i = 0; i < ASKS && c.run != run; i++)
		ask(fd, &c);
	if (c.n < 2 || c.run != run)
		die("the server received no datagram");
	printf("%.0f %.3f %.3f %.4f %llu %llu %llu\n",
	    (double)c.n * 1e9 / (double)(c.last_ns - c.first_ns),
	    (double)cpu / (double)sent, (double)c.cpu_us / (double)c.n,
	    1 - (double)c.n / (double)sent, (unsigned long long)c.late50,
	    (unsigned long long)c.late99, (unsigned long long)c.n);
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], argv[3]);
	if (argc < 7 || strcmp(argv[1], "send") != 0 ||
	    atoi(argv[5]) < RUN || atoi(argv[5]) > ROOM) {
		fprintf(stderr, "usage: bench_bulk serve PORT HOW | "
		    "send ADDR PORT MS SIZE HOW [RATE]\n");
		return 2;
	}
	blast(client(argv[2], argv[3]), (unsigned)atoi(argv[4]),
	    (size_t)atoi(argv[5]), argv[6],
	    argc > 7 ? strtoull(argv[7], NULL, 10) : 0);
	return 0;
}
