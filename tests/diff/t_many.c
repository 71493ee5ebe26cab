/* SPDX-License-Identifier: ISC */
/* recvmmsg(2), timeouts, and what poll(2), select(2) and epoll(7) report. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "topics.h"

enum { MANY = 4 };

static struct message parts[MANY];
static struct mmsghdr many[MANY];

/* Calls recvmmsg(2) with fresh buffers of 100 bytes; says what they contain. */
static void
take(const char *label, int fd, unsigned n, int flags,
    struct timespec *timeout)
{
	long i;

	for (i = 0; i < MANY; i++) {
		many[i].msg_hdr = *message_fresh(&parts[i], 100, 64);
		many[i].msg_len = 777;
	}
	CALL(label, recvmmsg(fd, many, n, flags, timeout));
	for (i = 0; i < MANY; i++) {
		parts[i].hdr = many[i].msg_hdr;
		say("#%u", many[i].msg_len);
		if (i < trace_ret)
			say_message(&parts[i], many[i].msg_len);
	}
}

static void
mmsg(const struct kind *k)
{
	struct timespec none = { .tv_sec = 0 }, second = { .tv_sec = 1 },
	    bad = { .tv_nsec = 1000000000 }, minus = { .tv_sec = -1 },
	    some = { .tv_nsec = 30000000 };
	int fd = sock_bound(k, k->port + 50), one = 1;

	take("mmsg-none", fd, 4, MSG_DONTWAIT, NULL);
	take("mmsg-none-0", fd, 0, MSG_DONTWAIT, NULL);
	ask(fd, k, "!n6 30");
	settle_of(k, fd);
	take("mmsg-two", fd, 2, 0, NULL);
	take("mmsg-more", fd, 4, MSG_DONTWAIT, NULL);
	ask(fd, k, "!n6 30");
	settle_of(k, fd);
	take("mmsg-one", fd, 1, MSG_WAITFORONE, NULL);
	take("mmsg-peek", fd, 3, MSG_PEEK, NULL);
	take("mmsg-waitforone", fd, 4, MSG_WAITFORONE, NULL);
	take("mmsg-waitforone-last", fd, 4, MSG_WAITFORONE, NULL);
	ask(fd, k, "!n3 200");
	settle_of(k, fd);
	take("mmsg-cut", fd, 1, 0, NULL);
	take("mmsg-cut-trunc", fd, 2, MSG_TRUNC, NULL);
	ask(fd, k, "!n4 30");
	settle_of(k, fd);
	take("mmsg-timeout-0", fd, 4, 0, &none);
	say("left %ld.%09ld", (long)none.tv_sec, none.tv_nsec);
	take("mmsg-timeout-1", fd, 2, 0, &second);
	say("left %d", second.tv_sec == 0 && second.tv_nsec > 0);
	take("mmsg-timeout-bad", fd, 1, MSG_DONTWAIT, &bad);
	take("mmsg-timeout-minus", fd, 1, MSG_DONTWAIT, &minus);
	drain(fd);
	ask(fd, k, "!n1 30");
	settle_of(k, fd);
	ask(fd, k, "!n1 40");
	take("mmsg-timeout-between", fd, 2, 0, &some);
	(void)!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	ask(fd, k, "!n2 30");
	settle_of(k, fd);
	take("mmsg-control", fd, 2, 0, NULL);
	close(fd);
}

/* What is in the queue when the socket is connected stays there, in its
 * order. */
static void
parted(const struct kind *k)
{
	int fd = sock_bound(k, k->port + 51);

	ask(fd, k, "!n6 30");
	settle_of(k, fd);
	CALL("parted-connect", connect(fd, &k->peer.sa, k->peer.len));
	take("parted-four", fd, 4, MSG_DONTWAIT, NULL);
	take("parted-rest", fd, 4, MSG_DONTWAIT, NULL);
	close(fd);
}

static void
waits(const struct kind *k)
{
	struct timeval tv = { .tv_usec = 50000 }, zero = { .tv_sec = 0 };
	struct timespec second = { .tv_sec = 3 };
	struct message m;
	char buf[64];
	int fd = sock_connected(k);

	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	CALL("rcvtimeo", recv(fd, buf, 64, 0));
	CALL("rcvtimeo-peek", recv(fd, buf, 64, MSG_PEEK));
	CALL("rcvtimeo-msg", recvmsg(fd, message_fresh(&m, 64, 0), 0));
	CALL("rcvtimeo-read", read(fd, buf, 64));
	take("rcvtimeo-mmsg", fd, 2, 0, NULL);
	take("rcvtimeo-mmsg-timeout", fd, 2, 0, &second);
	CALL("sndtimeo", send(fd, "abc", 3, 0));
	say_report(fd);
	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &zero, sizeof(zero));
	CALL("nonblock", fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL("nonblock-getfl", fcntl(fd, F_GETFL));
	CALL("nonblock-recv", recv(fd, buf, 64, 0));
	CALL("nonblock-read", read(fd, buf, 64));
	CALL("nonblock-peek", recv(fd, buf, 64, MSG_PEEK));
	take("nonblock-mmsg", fd, 2, 0, NULL);
	CALL("nonblock-send", send(fd, "abc", 3, 0));
	say_report(fd);
	ask(fd, k, "!ehello");
	comes(fd);
	CALL("nonblock-recv-came", recv(fd, buf, 64, 0));
	say_bytes(buf, trace_ret);
	close(fd);
	fd = sock_connected(k);
	ask(fd, k, "!ehello");
	CALL("blocking-recv", recv(fd, buf, 64, 0));
	say_bytes(buf, trace_ret);
	ask(fd, k, "!ehello");
	CALL("blocking-peek", recv(fd, buf, 64, MSG_PEEK));
	say_bytes(buf, trace_ret);
	CALL("blocking-read", read(fd, buf, 64));
	say_bytes(buf, trace_ret);
	close(fd);
}

/* --- Readiness ----------------------------------------------------------- */

static void
polls(const char *label, int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI |
		POLLRDHUP };

	if (ms != 0)
		p.events &= ~POLLOUT;
	CALL(label, poll(&p, 1, ms));
	say("%x", (unsigned)p.revents);
}

static void
selects(const char *label, int fd, long us)
{
	struct timeval tv = { .tv_usec = us };
	fd_set in, out, other;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&other);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	FD_SET(fd, &other);
	CALL(label, select(fd + 1, &in, us == 0 ? &out : NULL, &other, &tv));
	say("%d%d%d", FD_ISSET(fd, &in), FD_ISSET(fd, &out),
	    FD_ISSET(fd, &other));
}

static void
sizes(const char *label, int fd, unsigned long request)
{
	int n = -7;

	CALL(label, ioctl(fd, request, &n));
	say("%d", n);
}

static void
stamp(const char *label, int fd, unsigned long request)
{
	long at[2] = { 0 };
	time_t off;

	CALL(label, ioctl(fd, request, at));
	off = time(NULL) - (time_t)at[0];
	say("%s", trace_ret != 0 ? "none" : off >= -1 && off < 60 &&
	    at[1] >= 0 && at[1] < (request == SIOCGSTAMP ? 1000000 :
	    1000000000) ? "now" : "ANOTHER TIME");
}

/* SIOCGSTAMP: when the datagram that was received last had arrived. */
static void
stamps(const struct kind *k)
{
	char buf[64];
	int fd = sock_connected(k), one = 1, off = 0;

	stamp("stamp-fresh", fd, SIOCGSTAMP);
	ask(fd, k, "!efirst");
	comes(fd);
	stamp("stamp-queued", fd, SIOCGSTAMP);
	drain(fd);
	stamp("stamp-first", fd, SIOCGSTAMP);
	stamp("stamp-first-ns", fd, SIOCGSTAMPNS);
	ask(fd, k, "!esecond");
	comes(fd);
	CALL("stamp-peek", recv(fd, buf, 64, MSG_PEEK));
	stamp("stamp-peeked", fd, SIOCGSTAMPNS);
	CALL("stamp-nowhere", ioctl(fd, SIOCGSTAMP, nowhere()));
	(void)!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one));
	drain(fd);
	stamp("stamp-told", fd, SIOCGSTAMP);
	(void)!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &off, sizeof(off));
	stamp("stamp-untold", fd, SIOCGSTAMP);
	close(fd);
}

static void
ready(const struct kind *k)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET }, got;
	char buf[64];
	int fd = sock_of(k), ep = epoll_create1(0), one = 1;

	polls("poll-fresh", fd, 0);
	selects("select-fresh", fd, 0);
	CALL("epoll-add", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	CALL("epoll-fresh", epoll_wait(ep, &got, 1, 0));
	(void)!connect(fd, &k->peer.sa, k->peer.len);
	polls("poll-connected", fd, 0);
	ask(fd, k, "!n2 40");
	settle_of(k, fd);
	polls("poll-came", fd, 5000);
	polls("poll-came-all", fd, 0);
	selects("select-came", fd, 5000000);
	selects("select-came-all", fd, 0);
	sizes("fionread-came", fd, FIONREAD);
	sizes("siocinq-came", fd, SIOCINQ);
	sizes("siocoutq-came", fd, SIOCOUTQ);
	CALL("epoll-came", epoll_wait(ep, &got, 1, 5000));
	CALL("epoll-came-again", epoll_wait(ep, &got, 1, 0));
	CALL("peek", recv(fd, buf, 64, MSG_PEEK));
	polls("poll-peeked", fd, 0);
	CALL("take-1", recv(fd, buf, 64, 0));
	polls("poll-one-left", fd, 0);
	sizes("fionread-one-left", fd, FIONREAD);
	CALL("take-2", recv(fd, buf, 64, MSG_DONTWAIT));
	polls("poll-none-left", fd, 0);
	selects("select-none-left", fd, 0);
	sizes("fionread-none-left", fd, FIONREAD);
	CALL("take-none", recv(fd, buf, 64, MSG_DONTWAIT));
	polls("poll-wait", fd, 50);
	selects("select-wait", fd, 50000);
	ask(fd, k, "!z");
	polls("poll-empty-one", fd, 5000);
	sizes("fionread-empty-one", fd, FIONREAD);
	CALL("take-empty-one", recv(fd, buf, 64, MSG_DONTWAIT));
	polls("poll-after-empty-one", fd, 0);
	CALL("fionbio", ioctl(fd, FIONBIO, &one));
	CALL("fionbio-recv", recv(fd, buf, 64, 0));
	CALL("fioasync", ioctl(fd, FIOASYNC, &one));
	CALL("fioasync-getfl", fcntl(fd, F_GETFL));
	CALL("ioctl-unknown", ioctl(fd, 0x12345, &one));
	CALL("ioctl-timestamp", ioctl(fd, SIOCGSTAMP, buf));
	CALL("shutdown-wr", shutdown(fd, SHUT_WR));
	polls("poll-shutdown-wr", fd, 0);
	CALL("shutdown-rd", shutdown(fd, SHUT_RD));
	polls("poll-shutdown-rd", fd, 0);
	selects("select-shutdown", fd, 0);
	close(fd);
	close(ep);
}

void
topic_many(const struct kind *k)
{
	mmsg(k);
	parted(k);
	waits(k);
	ready(k);
	stamps(k);
}
