/* SPDX-License-Identifier: ISC */
/* A send that waits for room, and then finds that its datagram is unreadable,
 * sends nothing. */
#include "fact.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { FULL = 1000, FREED_US = 300000, LEAST_US = 100000 };

static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

/* Sends a datagram whose last byte cannot be read: 0, or a negative errno. */
static int
put_unreadable(int fd, const struct name *to, int flags)
{
	struct iovec iov[2] = { { "unreadable", 10 }, { NULL, 1 } };
	struct msghdr msg = { .msg_name = (void *)&to->sa,
		.msg_namelen = to->len, .msg_iov = iov, .msg_iovlen = 2 };

	return sendmsg(fd, &msg, flags) >= 0 ? 0 : -errno;
}

/* Fills the buffer of a socket by datagrams that wait for a neighbour, whom
 * nobody is. */
static void
fill(int fd, const struct name *to)
{
	static const char text[512];
	int i;

	for (i = 0; i < FULL && sendto(fd, text, sizeof(text), MSG_DONTWAIT,
		&to->sa, to->len) >= 0; i++)
		continue;
	if (i == FULL)
		skip("the buffer of a socket does not fill");
	if (errno != EAGAIN)
		broken("fill: %s", said(-errno));
}

/* A child that makes the neighbour known after a while, which frees the
 * buffer. */
static void
free_later(const struct way *w)
{
	if (fork() != 0)
		return;
	end_with_parent();
	(void)usleep(FREED_US);
	ip("neigh replace %s lladdr 02:00:00:00:00:77 dev v0",
	    w->v4 ? "10.9.0.77" : "fd09::77");
	_exit(0);
}

static void
run(const struct way *w)
{
	struct name any, to, absent = at(w, 0, 77, PORT);
	struct timeval wait = { .tv_usec = LEAST_US };
	int ours, theirs, error;
	int64_t began;

	links(1);
	there();
	any = at_any(w, PORT);
	theirs = sock_at(w, &any);
	here();
	ours = sock(w);
	to = at(w, 0, 2, PORT);
	error = put_unreadable(ours, &to, 0);
	claim(error == -EFAULT && quiet(theirs), "with room it is EFAULT, and "
	    "nothing is sent", "%s", said(error));
	set(ours, SOL_SOCKET, SO_SNDBUF, 1);
	fill(ours, &absent);
	error = put_unreadable(ours, &to, MSG_DONTWAIT);
	claim(error == -EAGAIN, "without room and without waiting, EAGAIN",
	    "%s", said(error));
	if (setsockopt(ours, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0)
		broken("SO_SNDTIMEO");
	began = now_us();
	error = put_unreadable(ours, &to, 0);
	claim(error == -EAGAIN && now_us() >= began + LEAST_US, "it waits for "
	    "as long as SO_SNDTIMEO says", "%s", said(error));
	wait.tv_usec = 0;
	(void)setsockopt(ours, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	free_later(w);
	began = now_us();
	error = put_unreadable(ours, &to, 0);
	claim(error == -EFAULT && quiet(theirs), "once there is room it is "
	    "EFAULT, and nothing is sent", "%s", said(error));
	claim(now_us() >= began + LEAST_US, "it waits for room",
	    "it waited %d us", (int)(now_us() - began));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K51",
		.holds = "a send of unreadable bytes waits for room, then "
		    "fails",
		.breaks = "time in a full send buffer counts as round trip, at "
		    "both ends",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
