/* SPDX-License-Identifier: ISC */
/*
 * Two threads, each with a socket of its own, have datagrams echoed by several
 * calls: talk ADDRESS PORT.  It runs under sanitizers and debuggers, so it uses
 * nothing of prog.h and leaks nothing.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { THREADS = 2, ROUNDS = 40, LONGEST = 3000 };

static struct sockaddr_storage peer;
static socklen_t peer_len;

static int
wrong(const char *what)
{
	perror(what);
	exit(1);
}

static void
say(int fd, int round, char *data, size_t len)
{
	struct iovec v = { data, len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	switch (round % 3) {
	case 0:
		n = send(fd, data, len, 0);
		break;
	case 1:
		n = write(fd, data, len);
		break;
	default:
		n = sendmsg(fd, &m, 0);
	}
	if (n != (ssize_t)len)
		wrong("send");
}

static ssize_t
hear(int fd, int round, char *data, size_t size)
{
	struct iovec v = { data, size };
	struct sockaddr_storage from;
	char control[256];
	struct mmsghdr m = { .msg_hdr = { .msg_name = &from,
	    .msg_namelen = sizeof(from), .msg_iov = &v, .msg_iovlen = 1,
	    .msg_control = control, .msg_controllen = sizeof(control) } };
	struct pollfd p = { fd, POLLIN, 0 };
	socklen_t len = sizeof(from);

	if (poll(&p, 1, 5000) != 1)
		wrong("poll");
	switch (round % 4) {
	case 0:
		return recvfrom(fd, data, size, 0, (struct sockaddr *)&from,
		    &len);
	case 1:
		return recvmsg(fd, &m.msg_hdr, 0);
	case 2:
		return recvmmsg(fd, &m, 1, 0, NULL) == 1 ? (int)m.msg_len : -1;
	default:
		return read(fd, data, size);
	}
}

static void *
talk(void *arg)
{
	char out[LONGEST], in[LONGEST];
	int fd = socket(peer.ss_family, SOCK_DGRAM, 0);
	size_t len;
	int i;

	(void)arg;
	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, peer_len) != 0)
		wrong("connect");
	for (i = 0; i < ROUNDS; i++) {
		len = 1 + (size_t)i * 71;
		memset(out, 'a' + i % 26, len);
		say(fd, i, out, len);
		if (hear(fd, i, in, sizeof(in)) != (ssize_t)len ||
		    memcmp(in, out, len) != 0)
			wrong("echo");
	}
	close(fd);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)&peer;
	pthread_t t[THREADS];
	int i;

	if (argc != 3)
		return 2;
	peer_len = sizeof(*a4);
	peer.ss_family = AF_INET;
	a4->sin_port = htons((uint16_t)atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &a4->sin_addr) != 1) {
		peer.ss_family = AF_INET6;
		peer_len = sizeof(*a6);
		if (inet_pton(AF_INET6, argv[1], &a6->sin6_addr) != 1)
			return 2;
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, talk, NULL) != 0)
			wrong("pthread_create");
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%d echoed\n", THREADS * ROUNDS);
	return 0;
}
