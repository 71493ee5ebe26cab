/* SPDX-License-Identifier: ISC */
/*
 * hurry_threads ADDR PORT TURNS: threads send by one socket for `hurry take', in
 * a hurry, in bursts, and wait a millisecond between them.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, BURST = 30, SIZE = 100 };

struct head {
	uint64_t number, sent_ns, after_open; /* as hurry.c */
};

static _Atomic uint64_t next;
static int fd, turns;

static void
send_one(void)
{
	uint8_t data[SIZE];
	struct timespec ts;
	struct head h = { .number = atomic_fetch_add(&next, 1) };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	h.sent_ns = (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
	memset(data, (int)(h.number % 251 + 1), sizeof(data));
	memcpy(data, &h, sizeof(h));
	if (send(fd, data, sizeof(data), 0) < 0)
		err(1, "send");
}

static void *
sender(void *arg)
{
	int i, j;

	(void)arg;
	for (i = 0; i < turns; i++) {
		for (j = 0; j < BURST; j++)
			send_one();
		(void)poll(NULL, 0, 1);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct pollfd p = { .events = POLLIN };
	pthread_t t[THREADS];
	char data[SIZE];
	int i;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		errx(2, "usage: hurry_threads ADDR PORT TURNS");
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	turns = atoi(argv[3]);
	p.fd = fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "connect");
	send_one();
	if (poll(&p, 1, 10000) != 1 || recv(fd, data, sizeof(data), 0) <= 0)
		errx(1, "no answer");
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, sender, NULL) != 0)
			errx(1, "pthread_create");
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	usleep(200000);
	return 0;
}
