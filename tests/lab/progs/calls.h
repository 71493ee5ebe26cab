/* SPDX-License-Identifier: ISC */
/*
 * Common to the programs calls_*.c.  Each makes calls against calls_peer and
 * prints the result of each call; calls.sh runs it plain and under mpshim and
 * compares.  Usage of each: PROGRAM ADDRESS PORT [go]; with `go' it says ready
 * after a first exchange and waits for a line on standard input, so that the
 * path can change.
 */
#ifndef CALLS_H
#define CALLS_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

static struct sockaddr_storage peer;
static socklen_t peer_len;
static bool v4;

/* Prints the result of a call and the name of its errno. */
static inline void
say(const char *what, long n)
{
	printf("%s: %ld%s%s\n", what, n, n < 0 ? " " : "",
	    n < 0 ? strerrorname_np(errno) : "");
	fflush(stdout);
}

static inline int
open_socket(void)
{
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

/* Sends a command of calls_peer, whether the socket is connected or not. */
static inline void
ask(int fd, const char *text)
{
	if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&peer,
	    peer_len) < 0)
		err(1, "sendto");
}

/* Waits until a datagram can be received; ends the program after 10 s. */
static inline void
wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 10000) != 1)
		errx(1, "no datagram within 10 s");
}

static inline void
set_int(int fd, int level, int option, int value, const char *what)
{
	int back = -1;
	socklen_t len = sizeof(back);

	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) {
		printf("%s %d: %s\n", what, value, strerrorname_np(errno));
		return;
	}
	if (getsockopt(fd, level, option, &back, &len) != 0)
		printf("%s %d: %s\n", what, value, strerrorname_np(errno));
	else
		printf("%s %d: is %d, %u bytes\n", what, value, back, len);
}

static inline void
exchange(int fd)
{
	char buf[100];

	ask(fd, "r1");
	wait_for(fd);
	if (recv(fd, buf, sizeof(buf), 0) < 0)
		err(1, "recv");
}

static inline void
read_address(char **argv)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&peer;

	v4 = inet_pton(AF_INET, argv[1], &sin->sin_addr) == 1;
	if (v4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)atoi(argv[2]));
		peer_len = sizeof(*sin);
	} else if (inet_pton(AF_INET6, argv[1], &sin6->sin6_addr) == 1) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons((uint16_t)atoi(argv[2]));
		peer_len = sizeof(*sin6);
	} else
		errx(2, "address");
}

/* Reads the arguments, makes two sockets and exchanges a datagram on each. */
static inline void
begin(int argc, char **argv, int fd[2])
{
	char line[100];
	int i;

	if (argc < 3)
		errx(2, "usage: %s ADDRESS PORT [go]", argv[0]);
	read_address(argv);
	for (i = 0; i < 2; i++) {
		fd[i] = open_socket();
		exchange(fd[i]);
	}
	if (argc == 3)
		return;
	fprintf(stderr, "ready\n");
	if (fgets(line, sizeof(line), stdin) == NULL)
		errx(1, "no line");
	for (i = 0; i < 2; i++)
		exchange(fd[i]);
}

#endif
