/* SPDX-License-Identifier: ISC */
/* A UDP_SEGMENT send and the room in the socket's send buffer. */
#include "fact.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>


enum { SIZE = 1000, COUNT = 60 };

static const char payload[SIZE * COUNT];

/* Bytes that the buffer is charged with. */
static int
charged(int fd)
{
	int n = -1;

	if (ioctl(fd, TIOCOUTQ, &n) != 0)
		broken("SIOCOUTQ");
	return n;
}

static void
run(const struct way *w)
{
	/* Nobody is there: what is sent waits for the neighbour. */
	struct name absent = at(w, 0, 77, PORT);
	int fd, error, before;

	links(1);
	fd = sock(w);
	set(fd, SOL_SOCKET, SO_SNDBUF, 1);
	error = put_segments(fd, &absent, payload, sizeof(payload), SIZE);
	claim(error == 0, "a bundle longer than the whole buffer goes into an "
	    "empty one", "%s", said(error));
	claim(charged(fd) > SIZE * COUNT, "and all of it is charged", "%d",
	    charged(fd));
	before = charged(fd);
	error = put_segments(fd, &absent, payload, sizeof(payload), SIZE);
	claim(error == -EAGAIN && charged(fd) == before, "into a full buffer "
	    "nothing of it goes", "%s", said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K61",
		.holds = "a UDP_SEGMENT send goes whole while there is any "
		    "room, else not at all",
		.breaks = "a part of a bundle is sent twice, or lost, where "
		    "the socket's buffer is full",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
