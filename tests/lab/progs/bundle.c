/* SPDX-License-Identifier: ISC */
/*
 * Do datagrams that a program sends many at a time all arrive, once each, as
 * they were, and in their order?
 *
 *	bundle take PORT COUNT
 *		takes a stream of so many numbered datagrams, or what comes of
 *		it until nothing has come for PATIENCE_MS
 *	bundle send WAY ADDRESS PORT COUNT LEN EACH [RATE]
 *		sends it, EACH datagrams of LEN bytes by a call, at RATE
 *		datagrams per second at most
 *
 * WAY is option or control: how UDP_SEGMENT is asked for; many: sendmmsg; or
 * mixed: these in turn, by messages of changing lengths and with a TOS of their
 * own at times; ADDRESS is of IPv4, of IPv6, or of IPv4 on an IPv6 socket.  The
 * sender waits where more than WINDOW datagrams are on their way, or the first
 * one, which begins the session, so that no buffer overflows: the taker tells it
 * how many have come.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>

#include "prog.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	LONGEST = 1472,
	MOST = 128, /* by a call */
	ECT0 = 2, /* a TOS that no queue of the kernel sorts by */
	MESSAGE = 65000, /* bytes, by UDP_SEGMENT */
	WINDOW = 256, /* all of them at once at the session's begin */
	TELL = 32, /* datagrams after which the taker tells */
	TELL_MS = 20, /* or where none comes for so long, since what it tells
		       * may be lost */
	WAIT_MS = 10000, /* for the taker to tell */
	PATIENCE_MS = 4000,
	BUFFER = 4 << 20,
	SHOWN = 10, /* late ones that are told one by one */
};

struct head {
	uint32_t n; /* from 0 on */
	uint32_t len;
};

static uint32_t count;
static struct sockaddr_storage to;
static socklen_t to_len;

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint8_t
byte_of(uint32_t n, uint32_t i)
{
	return (uint8_t)(n * 31 + i);
}

static void
make(uint8_t *at, uint32_t n, uint32_t len)
{
	struct head h = { .n = n, .len = len };
	uint32_t i;

	memcpy(at, &h, sizeof(h));
	for (i = sizeof(h); i < len; i++)
		at[i] = byte_of(n, i);
}

static bool
is_whole(const uint8_t *at, ssize_t len, uint32_t *n)
{
	struct head h;
	uint32_t i;

	if (len < (ssize_t)sizeof(h))
		return false;
	memcpy(&h, at, sizeof(h));
	if (h.n >= count || h.len != len)
		return false;
	for (i = sizeof(h); i < h.len; i++)
		if (at[i] != byte_of(h.n, i))
			return false;
	*n = h.n;
	return true;
}

static void
roomy(int fd)
{
	int n = BUFFER;

	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &n, sizeof(n));
}

/* --- The taker ----------------------------------------------------------- */

static int
take(unsigned port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) }, from;
	socklen_t len;
	uint8_t *seen = calloc(count, 1), buf[LONGEST + 1];
	uint32_t n, came = 0, late = 0, twice = 0, bad = 0, next = 0, told = 0,
		 shown = 0;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), idle;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t got;

	roomy(fd);
	if (seen == NULL || bind(fd, (void *)&a, sizeof(a)) != 0)
		err(1, "port %u", port);
	for (idle = 0; idle < PATIENCE_MS / TELL_MS; idle++) {
		if (poll(&p, 1, came == 0 ? -1 : TELL_MS) > 0)
			idle = -1;
		len = sizeof(from);
		got = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT,
		    (void *)&from, &len);
		if (got >= 0 && !is_whole(buf, got, &n))
			bad++;
		else if (got >= 0 && seen[n]++ != 0)
			twice++;
		else if (got >= 0) {
			came++;
			if (n < next && late++ < SHOWN)
				printf("late: %u after %u\n", n, next - 1);
			next = n < next ? next : n + 1;
			a = from;
		}
		if (came > 0 && (came >= told + TELL || got < 0)) {
			told = came;
			(void)!sendto(fd, &told, sizeof(told), 0, (void *)&a,
			    sizeof(a));
		}
	}
	for (n = 0; n < count; n++)
		if (seen[n] == 0 && shown++ < SHOWN) {
			for (next = n; next + 1 < count && seen[next + 1] == 0;)
				next++;
			printf("lost: %u to %u\n", n, next);
			n = next;
		}
	printf("came %u lost %u twice %u late %u bad %u\n", came, count - came,
	    twice, late, bad);
	return 0;
}

/* --- The sender ---------------------------------------------------------- */

static int fd;
static uint8_t data[MOST * LONGEST];
static struct mmsghdr many[MOST];
static struct iovec iov[MOST];

static void
put_control(struct msghdr *m, int level, int type, const void *value, size_t n)
{
	struct cmsghdr *c = (void *)((char *)m->msg_control +
	    m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), value, n);
	m->msg_controllen += CMSG_SPACE(n);
}

static void
put_tos(struct msghdr *m, int tos)
{
	bool v4 = to.ss_family == AF_INET;

	put_control(m, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS :
	    IPV6_TCLASS, &tos, sizeof(tos));
}

/* Sends n datagrams of `len' bytes, the last one of `last': by one message. */
static bool
send_segments(bool control, uint32_t n, uint32_t len, uint32_t last, int tos)
{
	uint64_t room[16] = { 0 };
	struct iovec v = { .iov_base = data, .iov_len = (n - 1) * len + last };
	struct msghdr m = { .msg_name = &to, .msg_namelen = to_len,
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room };
	uint16_t segment = (uint16_t)len;
	int size = (int)len, off = 0;

	if (tos >= 0)
		put_tos(&m, tos);
	if (control)
		put_control(&m, IPPROTO_UDP, UDP_SEGMENT, &segment,
		    sizeof(segment));
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, control ? &off : &size,
		sizeof(size)) != 0)
		err(1, "UDP_SEGMENT");
	return sendmsg(fd, &m, 0) == (ssize_t)v.iov_len;
}

/* By one sendmmsg(2), or several after a signal. */
static bool
send_many(uint32_t n, uint32_t len, uint32_t last, int tos)
{
	uint64_t room[16] = { 0 };
	int off = 0, sent;
	uint32_t i;

	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof(off)) != 0)
		err(1, "UDP_SEGMENT");
	for (i = 0; i < n; i++) {
		iov[i] = (struct iovec){ data + i * len,
			i + 1 < n ? len : last };
		many[i].msg_hdr = (struct msghdr){ .msg_name = &to,
			.msg_namelen = to_len, .msg_iov = &iov[i],
			.msg_iovlen = 1, .msg_control = room };
		many[i].msg_len = 0;
	}
	if (tos >= 0)
		put_tos(&many[n / 2].msg_hdr, tos);
	for (i = 0; i < n; i += sent > 0 ? (uint32_t)sent : 0)
		if ((sent = sendmmsg(fd, many + i, n - i, 0)) <= 0 &&
		    errno != EAGAIN)
			return false;
	for (i = 0; i < n; i++)
		if (many[i].msg_len != iov[i].iov_len)
			errx(1, "msg_len %u of %zu", many[i].msg_len,
			    iov[i].iov_len);
	return true;
}

/* Waits while more than WINDOW are on their way. */
static void
wait_window(uint32_t sent)
{
	static uint32_t told;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint32_t n;

	for (;;) {
		while (recv(fd, &n, sizeof(n), MSG_DONTWAIT) == sizeof(n))
			told = n > told ? n : told;
		if (told > 0 && sent < told + WINDOW)
			return;
		if (poll(&p, 1, WAIT_MS) == 0)
			errx(1, "%u sent, %u told", sent, told);
	}
}

/* Numbers n.. of `each' datagrams at most: how many were sent. */
static uint32_t
send_some(char way, uint32_t n, uint32_t len, uint32_t each)
{
	uint32_t k = count - n < each ? count - n : each, last = len, i;
	int tos = -1;
	bool good;

	if (way == 'x') {
		k = 1 + n % k;
		len = (uint32_t)sizeof(struct head) + n % (len - 8);
		k = k * len > MESSAGE ? MESSAGE / len : k;
		last = n % 3 == 0 && len > 8 ? 8 + n % (len - 8) : len;
		tos = n % 5 == 0 ? ECT0 : -1;
		way = "ocm"[n % 7 % 3];
	}
	for (i = 0; i < k; i++)
		make(data + i * len, n + i, i + 1 < k ? len : last);
	do
		good = way == 'm' ? send_many(k, len, last, tos) :
		    send_segments(way == 'c', k, len, last, tos);
	while (!good && errno == EAGAIN); /* nothing was sent */
	if (!good)
		err(1, "number %u, %u of %u bytes", n, k, len);
	return k;
}

static void
begin(const char *host, unsigned port)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, host, &a4.sin_addr) == 1)
		memcpy(&to, &a4, to_len = sizeof(a4));
	else if (inet_pton(AF_INET6, host, &a6.sin6_addr) == 1)
		memcpy(&to, &a6, to_len = sizeof(a6));
	else
		errx(1, "%s is no address", host);
	fd = socket(to.ss_family, SOCK_DGRAM, 0);
	roomy(fd);
}

int
main(int argc, char **argv)
{
	uint64_t start, due;
	uint32_t n, len, each, rate;

	if (argc == 4 && strcmp(argv[1], "take") == 0) {
		count = (uint32_t)atoi(argv[3]);
		return take((unsigned)atoi(argv[2]));
	}
	if (argc < 8 || strcmp(argv[1], "send") != 0)
		errx(2, "usage: see the source");
	begin(argv[3], (unsigned)atoi(argv[4]));
	count = (uint32_t)atoi(argv[5]);
	len = (uint32_t)atoi(argv[6]);
	each = (uint32_t)atoi(argv[7]);
	rate = argc > 8 ? (uint32_t)atoi(argv[8]) : 0;
	if (len < sizeof(struct head) + 2 || len > LONGEST || each < 1 ||
	    each > MOST)
		errx(2, "out of range");
	start = now_us();
	for (n = 0; n < count;) {
		n += send_some(strcmp(argv[2], "mixed") == 0 ? 'x' :
		    argv[2][0], n, len, n == 0 ? 1 : each);
		due = rate == 0 ? 0 : start + n * UINT64_C(1000000) / rate;
		while (now_us() < due)
			usleep(500);
		wait_window(n);
	}
	printf("sent %u in %" PRIu64 " ms\n", n, (now_us() - start) / 1000);
	return 0;
}
