/* SPDX-License-Identifier: ISC */
/*
 * Measures round trips and throughput of UDP sockets.  bench_shim runs it with
 * and without the library, of which it knows nothing.
 *
 *	bench_udp serve PORT			echoes pings, counts the rest
 *	bench_udp ping ADDR PORT COUNT SIZE	prints median and p99, in us
 *	bench_udp new ADDR PORT COUNT SIZE	a new socket for each datagram:
 *						prints the medians of the time
 *						until it was sent and until it
 *						was answered, in us, and the
 *						share without an answer
 *	bench_udp blast ADDR PORT COUNT SIZE	prints datagrams received per
 *						second, CPU time of sender and
 *						of receiver per datagram in us,
 *						and the share that was lost
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BIG = 65536, PING = 'p', DATA = 'd', ASK = '?', WARM = 200,
	SOCKBUF = 4 << 20, WAIT_US = 500000, ASKS = 20, PAUSE_US = 2000 };

/* What the server has counted of a run: its answer to ASK. */
struct count {
	char kind;
	uint32_t run;
	uint64_t n, first_ns, last_ns, cpu_us;
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t
cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void
die(const char *what)
{
	fprintf(stderr, "bench_udp: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = SOCKBUF;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

static void
tally(struct count *c, const char *data)
{
	uint32_t run;
	uint64_t now = now_ns();

	memcpy(&run, data + 4, sizeof(run));
	if (run != c->run)
		*c = (struct count) { .run = run, .first_ns = now,
			.cpu_us = cpu_us() };
	c->n++;
	c->last_ns = now;
}

static void
serve(const char *port)
{
	static char data[BIG];
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	struct count c = { .run = 0 }, reply;
	int fd = udp_socket();
	socklen_t len;
	ssize_t n;

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("bind");
	for (;;) {
		len = sizeof(a);
		n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&a,
		    &len);
		if (n < 8)
			continue;
		if (data[0] == DATA) {
			tally(&c, data);
			continue;
		}
		reply = c;
		reply.kind = ASK;
		reply.cpu_us = cpu_us() - c.cpu_us;
		sendto(fd, data[0] == PING ? (void *)data : (void *)&reply,
		    data[0] == PING ? (size_t)n : sizeof(reply), 0,
		    (struct sockaddr *)&a, len);
	}
}

static int
client(const char *addr, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	struct timeval wait = { .tv_usec = WAIT_US };
	int fd = udp_socket();

	if (inet_pton(AF_INET, addr, &a.sin_addr) != 1)
		die(addr);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
ping(int fd, int count, size_t size)
{
	uint64_t *took = calloc((size_t)count, sizeof(*took)), t;
	char data[BIG] = { PING };
	int i, n = 0;

	if (took == NULL)
		die("ping");
	for (i = -WARM; i < count; i++) {
		t = now_ns();
		if (send(fd, data, size, 0) < 0 ||
		    recv(fd, data, sizeof(data), 0) < 0)
			continue;
		if (i >= 0)
			took[n++] = now_ns() - t;
	}
	if (n == 0)
		die("no answer");
	qsort(took, (size_t)n, sizeof(*took), by_size);
	printf("%.2f %.2f\n", (double)took[n / 2] / 1e3,
	    (double)took[n * 99 / 100] / 1e3);
	free(took);
}

/* One new socket: when the datagram was sent and when it was answered, ns. */
static bool
one_new(const struct sockaddr_in *to, size_t size, uint64_t *sent,
    uint64_t *answered)
{
	struct timeval wait = { .tv_usec = WAIT_US };
	char data[BIG] = { PING };
	uint64_t began = now_ns();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool got;

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0
	    || send(fd, data, size, 0) < 0)
		die("new socket");
	*sent = now_ns() - began;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	got = recv(fd, data, sizeof(data), 0) >= 0;
	*answered = now_ns() - began;
	close(fd);
	return got;
}

static void
new_sockets(int fd, int count, size_t size)
{
	uint64_t *sent = calloc((size_t)count, sizeof(*sent));
	uint64_t *took = calloc((size_t)count, sizeof(*took));
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int i, n = 0;

	if (sent == NULL || took == NULL ||
	    getpeername(fd, (struct sockaddr *)&to, &len) != 0)
		die("new");
	for (i = 0; i < count; i++) {
		n += one_new(&to, size, &sent[n], &took[n]);
		usleep(PAUSE_US);
	}
	if (n == 0)
		die("no answer");
	qsort(sent, (size_t)n, sizeof(*sent), by_size);
	qsort(took, (size_t)n, sizeof(*took), by_size);
	printf("%.2f %.2f %.4f\n", (double)sent[n / 2] / 1e3,
	    (double)took[n / 2] / 1e3, 1 - (double)n / count);
	free(sent);
	free(took);
}

static void
blast(int fd, int count, size_t size)
{
	char data[BIG] = { DATA };
	char ask[8] = { ASK };
	struct count c = { .n = 0 };
	uint32_t run = (uint32_t)now_ns() | 1;
	uint64_t cpu;
	int i;

	memcpy(data + 4, &run, sizeof(run));
	for (i = 0; i < WARM; i++) { /* brings the session up */
		send(fd, ask, sizeof(ask), 0);
		if (recv(fd, &c, sizeof(c), 0) > 0)
			break;
	}
	cpu = cpu_us();
	for (i = 0; i < count; i++)
		send(fd, data, size, 0);
	cpu = cpu_us() - cpu;
	for (i = 0; i < ASKS && c.run != run; i++) {
		send(fd, ask, sizeof(ask), 0);
		recv(fd, &c, sizeof(c), 0);
	}
	if (c.n < 2)
		die("the server received no datagram");
	printf("%.0f %.3f %.3f %.4f\n",
	    (double)(c.n - 1) * 1e9 / (double)(c.last_ns - c.first_ns),
	    (double)cpu / count, (double)c.cpu_us / (double)c.n,
	    1 - (double)c.n / count);
}

int
main(int argc, char **argv)
{
	int fd, count;
	size_t size;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc != 6) {
		fprintf(stderr, "usage: bench_udp serve PORT | "
		    "ping|new|blast ADDR PORT COUNT SIZE\n");
		return 2;
	}
	fd = client(argv[2], argv[3]);
	count = atoi(argv[4]);
	size = (size_t)atoi(argv[5]);
	if (strcmp(argv[1], "ping") == 0)
		ping(fd, count, size);
	else if (strcmp(argv[1], "new") == 0)
		new_sockets(fd, count, size);
	else
		blast(fd, count, size);
	return 0;
}
