/* SPDX-License-Identifier: ISC */
/*
 * Measures round trips of UDP sockets.  bench_shim runs it with and without the
 * library, of which it knows nothing.
 *
 *	bench_udp serve PORT			echoes
 *	bench_udp ping ADDR PORT COUNT SIZE	prints median and p99, in us
 *	bench_udp new ADDR PORT COUNT SIZE	a new socket for each datagram:
 *						prints the medians of the time
 *						until it was sent and until it
 *						was answered, in us, and the
 *						share without an answer
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bench_net.h"

enum { BIG = 65536, WARM = 200, PAUSE_US = 2000 };

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
serve(const char *port)
{
	static char data[BIG];
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	int fd = udp_socket();
	socklen_t len;
	ssize_t n;

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("bind");
	for (;;) {
		len = sizeof(a);
		n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&a,
		    &len);
		if (n >= 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&a,
			    len);
	}
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
	char data[BIG] = { 'p' };
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
	struct timeval wait = { .tv_usec = NET_WAIT_US };
	char data[BIG] = { 'p' };
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

int
main(int argc, char **argv)
{
	int fd, count;
	size_t size;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if (argc != 6) {
		fprintf(stderr, "usage: bench_udp serve PORT | "
		    "ping|new ADDR PORT COUNT SIZE\n");
		return 2;
	}
	fd = client(argv[2], argv[3]);
	count = atoi(argv[4]);
	size = (size_t)atoi(argv[5]);
	if (strcmp(argv[1], "ping") == 0)
		ping(fd, count, size);
	else
		new_sockets(fd, count, size);
	return 0;
}
