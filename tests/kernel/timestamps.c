/* SPDX-License-Identifier: ISC */
/* The kernel tells when a datagram arrived, however late it is read. */
#include "fact.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LATE_US = 10000, TRIES = 50, SURE = 5 };

static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

/* The stamp of the next datagram, in us; 0: it had none. */
static int64_t
stamp(int fd)
{
	union {
		struct cmsghdr head;
		char room[256];
	} control;
	char text[64];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct timespec ts;
	struct cmsghdr *c;

	if (!readable(fd, WAIT_MS) || recvmsg(fd, &msg, 0) < 0)
		broken("a datagram did not arrive");
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
		}
	return 0;
}

/* Sends, reads late: is the stamp from when the datagram arrived? */
static bool
is_arrival(int sender, int fd, const struct name *to)
{
	int64_t before = now_us(), after, is;

	if (put(sender, to, "x") != 0)
		broken("send");
	after = now_us();
	(void)usleep(LATE_US);
	is = stamp(fd);
	claim(is != 0, "each datagram has a stamp of CLOCK_REALTIME", "none");
	return is >= before && is <= after;
}

/* Is the first stamp of a new socket that of arrival? */
static bool
is_first_arrival(const struct way *w, int sender, int number)
{
	struct name any = at_any(w, PORT + 1 + number),
	    to = at_lo(w, PORT + 1 + number);
	int fd = sock_at(w, &any);

	set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	return is_arrival(sender, fd, &to);
}

static void
run(const struct way *w)
{
	struct name any = at_any(w, PORT), to = at_lo(w, PORT);
	int fd = sock_at(w, &any), sender = sock(w), i;

	set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	/* Where no socket of the whole host had the option before, stamps are
	 * those of reading until a work queue of the kernel has run. */
	for (i = 0; i < TRIES && !is_arrival(sender, fd, &to); i++)
		continue;
	claim(i < TRIES, "soon after the option was set stamps are from when "
	    "the datagram arrived", "%d were not", i);
	for (i = 0; i < SURE && is_arrival(sender, fd, &to); i++)
		continue;
	claim(i == SURE, "all of them from then on", "%d were", i);
	/* The first socket has the option on: no work is queued any more. */
	for (i = 0; i < SURE && is_first_arrival(w, sender, i); i++)
		continue;
	claim(i == SURE, "the first one, too, of a socket that is not the "
	    "first with the option", "%d were", i);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K33",
		.holds = "SO_TIMESTAMPNS tells the time of arrival, not of "
		    "reading",
		.breaks = "time in a receive buffer counts as round trip: a "
		    "program that reads late makes paths look slow",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
