/* SPDX-License-Identifier: ISC */
/*
 * How long a receive waits while packets arrive that the library drops:
 * calls_wait ADDRESS PORT.  The link duplicates each of the peer's packets 3 s
 * later.  Prints came N ended N: datagrams received, and how often a timeout of
 * 300 ms (SO_RCVTIMEO) ended while the duplicates arrived.
 */
#include <sys/time.h>
#include <time.h>

#include "calls.h"

enum { COUNT = 60 };

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	struct timeval tv = { 0, 300000 };
	int fd[2], i, ended = 0, came = 0;
	char buf[100];
	double end;

	begin(argc, argv, fd);
	ask(fd[0], "s60");
	for (i = 0; i < COUNT; i++) {
		wait_for(fd[0]);
		came += recv(fd[0], buf, sizeof(buf), 0) > 0;
	}
	if (setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0)
		err(1, "SO_RCVTIMEO");
	for (end = now() + 3; now() < end;)
		if (recv(fd[0], buf, sizeof(buf), 0) < 0 && errno == EAGAIN)
			ended++;
	printf("came %d ended %d\n", came, ended);
	return 0;
}
