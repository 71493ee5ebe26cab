/* SPDX-License-Identifier: ISC */
/*
 * Parent and child send on one socket at once: both ADDRESS PORT COUNT.  Each
 * sends COUNT datagrams; either receives echoes.  Prints sent N came N, in
 * datagrams.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Receives until nothing has arrived for ms; returns the number received. */
static int
take(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[200];
	int n = 0;

	while (poll(&p, 1, ms) > 0)
		if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			n++;
	return n;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), i, count, came = 0;
	char text[100] = "";
	int *theirs = mmap(NULL, sizeof(*theirs), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	if (argc != 4 || fd < 0 || theirs == MAP_FAILED ||
	    inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		errx(2, "usage: both ADDRESS PORT COUNT");
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	count = atoi(argv[3]);
	/* Brings the session up before the fork, so that both share it. */
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    send(fd, "first", 5, 0) != 5)
		err(1, "send");
	came += take(fd, 1000);
	child = fork();
	if (child == 0)
		came = 0;
	for (i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s %d", child ? "p" : "c", i);
		if (send(fd, text, sizeof(text), 0) != sizeof(text))
			err(1, "send");
		came += take(fd, 0);
		usleep(500);
	}
	came += take(fd, 1000);
	if (child == 0) {
		*theirs = came;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	printf("sent %d came %d\n", 2 * count + 1, came + *theirs);
	return 0;
}
