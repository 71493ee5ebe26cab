/* SPDX-License-Identifier: ISC */
/*
 * Plain datagrams that arrive while a socket attaches to its port's arena.
 *
 *	sock_join serve ADDRESS PORT		answers a datagram by 100
 *	sock_join ask ADDRESS PORT ROUNDS	a new socket for each round
 *	sock_join pass ADDRESS PORT COMMAND...	runs the command with a bound
 *						socket as descriptor 3
 *	sock_join one ADDRESS PORT		one round by descriptor 3
 *
 * ask and one print came N of N, in answers.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 100, PATIENCE_MS = 2000, PASSED = 3 };

static int
serve(const struct sockaddr_in *at)
{
	struct sockaddr_in from;
	socklen_t len;
	char c;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), i;

	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0)
		err(1, "bind");
	for (;;) {
		len = sizeof(from);
		if (recvfrom(fd, &c, 1, 0, (struct sockaddr *)&from, &len) < 0)
			err(1, "recvfrom");
		for (i = 0; i < MANY; i++)
			(void)!sendto(fd, &c, 1, 0, (struct sockaddr *)&from,
			    len);
	}
}

/* Sends one datagram; returns how many answers are received. */
static int
ask(int fd, const struct sockaddr_in *to)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	char c;
	int n = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience)) != 0)
		err(1, "SO_RCVTIMEO");
	if (sendto(fd, "x", 1, 0, (const struct sockaddr *)to,
	    sizeof(*to)) != 1)
		err(1, "sendto");
	/* The first by recv(2) without poll(2), so that it attaches at once. */
	if (recv(fd, &c, 1, 0) == 1)
		n++;
	while (n < MANY && poll(&p, 1, PATIENCE_MS) == 1)
		if (recv(fd, &c, 1, MSG_DONTWAIT) == 1)
			n++;
	return n;
}

static void
pass(char **argv)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		err(1, "bind");
	if (fd != PASSED && dup2(fd, PASSED) < 0)
		err(1, "dup2");
	execvp(argv[0], argv);
	err(1, "%s", argv[0]);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int i, fd, n = 0, rounds = 1;

	if (argc < 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		errx(2, "usage: sock_join serve|ask|pass|one ADDRESS PORT ...");
	at.sin_port = htons((uint16_t)atoi(argv[3]));
	if (strcmp(argv[1], "serve") == 0)
		return serve(&at);
	if (strcmp(argv[1], "pass") == 0 && argc > 4)
		pass(argv + 4);
	if (strcmp(argv[1], "one") == 0)
		n = ask(PASSED, &at);
	else
		for (rounds = argc > 4 ? atoi(argv[4]) : 1, i = 0; i < rounds;
		    i++) {
			fd = socket(AF_INET, SOCK_DGRAM, 0);
			n += ask(fd, &at);
			close(fd);
		}
	printf("came %d of %d\n", n, rounds * MANY);
	return 0;
}
