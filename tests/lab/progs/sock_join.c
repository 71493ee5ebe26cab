/* SPDX-License-Identifier: ISC */
/*
 * What comes in clear while a socket joins its port.
 *
 *	sock_join serve ADDRESS PORT		answers each datagram by MANY
 *	sock_join ask ADDRESS PORT ROUNDS	a new socket for each round
 *	sock_join pass ADDRESS PORT COMMAND...	runs it with a bound socket as 3
 *	sock_join one ADDRESS PORT		a round by descriptor 3
 *
 * Those that ask print how many of the answers came, and of how many.
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

/* How many answers come. */
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
	/* The first by the call alone, so that it joins at once. */
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
