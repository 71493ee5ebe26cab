/* SPDX-License-Identifier: ISC */
/*
 * How many datagrams does a socket take whose device sends none?
 *
 *	sock_room serve PORT		echoes
 *	sock_room ADDRESS PORT NAME SIZE ROOM HOW ...
 *
 * For each SIZE (bytes), ROOM (SO_SNDBUF; 0: as it is) and HOW: a socket that
 * talks for a while, as fast as it may, to a peer that echoes.  Then the program
 * makes a file NAME.I.ready, waits for NAME.I.go, sends until nothing is taken
 * any more, and prints how many were, and what it reads back of SO_SNDBUF.  I
 * counts from 0.  HOW is
 *
 *	send	send(), without waiting
 *	many	sendmmsg() of 64, without waiting
 *	wait	send(), which waits for WAIT_US at most
 *
 * A socket that takes nothing is asked AGAIN times more.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	MANY = 64,
	BURST = 48,	 /* datagrams, several of which pay for a bundle */
	BURSTS = 150,
	PAUSE_US = 8000,
	WAIT_US = 200000,
	AGAIN = 500,
	LONGEST = 2000,
	MOST = 100000,
};

static char data[LONGEST];

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
connected(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("socket");
	return fd;
}

static void
drain(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, ms) > 0)
		(void)!recv(fd, data, sizeof(data), MSG_DONTWAIT);
}

/* Talks until bundles, if there are such, are known to arrive. */
static void
talk(int fd, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int i, k;

	for (i = 0; i < 100; i++) {
		(void)!send(fd, data, size, 0);
		if (poll(&p, 1, 100) > 0)
			break;
	}
	for (i = 0; i < BURSTS; i++) {
		for (k = 0; k < BURST; k++)
			(void)!send(fd, data, size, MSG_DONTWAIT);
		(void)usleep(PAUSE_US);
		drain(fd, 0);
	}
	drain(fd, 200);
}

/* How many datagrams one call took. */
static int
take(int fd, size_t size, const char *how)
{
	static struct mmsghdr msgs[MANY];
	static struct iovec iov[MANY];
	int i, n;

	if (strcmp(how, "many") != 0)
		return send(fd, data, size, strcmp(how, "wait") == 0 ? 0 :
		    MSG_DONTWAIT) >= 0;
	for (i = 0; i < MANY; i++) {
		iov[i] = (struct iovec) { data, size };
		msgs[i].msg_hdr = (struct msghdr) { .msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	n = sendmmsg(fd, msgs, MANY, MSG_DONTWAIT);
	return n > 0 ? n : 0;
}

static int
fill(int fd, size_t size, const char *how)
{
	struct timeval wait = { .tv_usec = WAIT_US };
	int n = 0, k, failed = 0, again = strcmp(how, "wait") == 0 ? 0 : AGAIN;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	while (n < MOST && failed <= again) {
		k = take(fd, size, how);
		n += k;
		failed += k == 0;
	}
	return n;
}

/* Makes a file, or waits for one. */
static void
mark(const char *name, int i, const char *word)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s.%d.%s", name, i, word);
	if (strcmp(word, "go") == 0) {
		while (access(path, F_OK) != 0)
			(void)usleep(1000);
	} else if ((f = fopen(path, "w")) == NULL || fclose(f) != 0)
		die(path);
}

static void
serve(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len;
	ssize_t n;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("bind");
	for (;;) {
		len = sizeof(a);
		n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&a,
		    &len);
		if (n >= 0)
			(void)!sendto(fd, data, (size_t)n, 0,
			    (struct sockaddr *)&a, len);
	}
}

int
main(int argc, char **argv)
{
	int i, fd, room, n;
	socklen_t len = sizeof(room);
	size_t size;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	for (i = 0; 6 + 3 * i < argc; i++) {
		size = (size_t)atoi(argv[4 + 3 * i]);
		room = atoi(argv[5 + 3 * i]);
		if (size > LONGEST)
			return 2;
		fd = connected(argv[1], argv[2]);
		if (room != 0)
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room,
			    sizeof(room));
		talk(fd, size);
		mark(argv[3], i, "ready");
		mark(argv[3], i, "go");
		n = fill(fd, size, argv[6 + 3 * i]);
		if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &len) != 0)
			die("SO_SNDBUF");
		printf("how %s size %zu room %d took %d\n", argv[6 + 3 * i],
		    size, room, n);
		fflush(stdout);
		mark(argv[3], i, "full");
		close(fd);
	}
	return 0;
}
