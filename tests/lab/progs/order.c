/* SPDX-License-Identifier: ISC */
/*
 * Do datagrams of one peer arrive in the order in which they were sent, from
 * the first of a session on?
 *
 *	order serve WAY FIRST N
 *		echoes at the ports from FIRST on, until SIGTERM
 *	order send WAY ADDRESS FIRST N SOCKETS DATAGRAMS LEN GAP
 *		each of SOCKETS, one after the other, sends that many numbered
 *		datagrams of LEN bytes to each of the N ports: one a port in
 *		turn and GAP us of pause; connected: to one port after the other
 *
 * WAY is how to send (send_way) or receive (take_way); `all' takes turns.
 * ADDRESS is of IPv4, of IPv6, or of IPv4 on an IPv6 socket (::ffff:a.b.c.d).
 * Each end says how many came, and how many of them `late': after one of the
 * same stream that was sent after it; or `twice', after itself.  The server
 * says of which streams some did not come.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <sys/uio.h>

#include "prog.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	STREAMS = 1 << 18,
	PORTS = 512,
	LONGEST = 1472,
	BUNDLE = 4, /* datagrams that one call sends, or takes */
	SHOWN = 20, /* late ones that are told one by one */
	PATIENCE_MS = 1500, /* for the last echoes */
	WINDOW = 256, /* echoes that a port owes ... */
	WINDOW_MS = 20, /* before the sender waits, for so long */
	BUFFER = 4 << 20,
};

enum way {
	SENDTO, SENDMSG, SENDMMSG, SEGMENT, MORE, CONNECTED,
	SEND = CONNECTED, WRITE, WRITEV, SENDMMSG_C, SEGMENT_C, MORE_C, WAYS
};

static const char *const send_way[] = { "sendto", "sendmsg", "sendmmsg",
	"segment", "more", "send", "write", "writev", "c-sendmmsg",
	"c-segment", "c-more" };

enum take { RECVFROM, RECVMSG, RECVMMSG, READ, READV, PEEK, TAKES };

static const char *const take_way[] = { "recvfrom", "recvmsg", "recvmmsg",
	"read", "readv", "peek" };

struct head {
	uint64_t stream; /* not 0 */
	uint32_t n;	 /* of the datagram, from 1 on */
	uint32_t way;
};

struct stream {
	uint64_t id;
	uint32_t n, last, way;
};

static struct stream streams[STREAMS];
static unsigned long came, late, twice, begun;
static volatile sig_atomic_t ended;
static union {
	struct head head;
	uint8_t bytes[LONGEST];
} in[BUNDLE], out[BUNDLE];
static struct sockaddr_in6 from[BUNDLE];
static size_t out_len;
static int why; /* the last error of a send */

static void
end(int sig)
{
	(void)sig;
	ended = 1;
}

/* --- What came ------------------------------------------------------------ */

static struct stream *
stream_of(uint64_t id)
{
	uint64_t at = id * UINT64_C(0x9e3779b97f4a7c15);
	struct stream *s;
	unsigned i;

	for (i = 0; i < STREAMS; i++) {
		s = &streams[((at >> 40) + i) % STREAMS];
		if (s->id == id)
			return s;
		if (s->id == 0) {
			begun++;
			s->id = id;
			return s;
		}
	}
	errx(1, "over %d streams", STREAMS);
}

static bool
note(const struct head *h, ssize_t n)
{
	struct stream *s;

	if (n < (ssize_t)sizeof(*h) || h->stream == 0 || h->way >= WAYS)
		return false;
	s = stream_of(h->stream);
	s->n++;
	s->way = h->way;
	came++;
	if (h->n > s->last) {
		s->last = h->n;
		return true;
	}
	if (h->n == s->last)
		twice++;
	else
		late++;
	if (late + twice <= SHOWN)
		printf("late: %u after %u of stream %" PRIx64 ", %s\n", h->n,
		    s->last, h->stream, send_way[h->way]);
	return true;
}

/* Takes what is there, at most BUNDLE datagrams; how many, or -1. */
static int
take(int fd, enum take way, ssize_t len[BUNDLE])
{
	struct mmsghdr many[BUNDLE];
	struct iovec iov[BUNDLE];
	socklen_t room = sizeof(from[0]);
	int i, n;

	memset(many, 0, sizeof(many));
	for (i = 0; i < BUNDLE; i++) {
		iov[i] = (struct iovec){ &in[i], sizeof(in[i]) };
		many[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
			.msg_namelen = sizeof(from[i]), .msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	switch (way) {
	case PEEK:
		(void)!recv(fd, &in[0], 1, MSG_PEEK | MSG_DONTWAIT);
		/* FALLTHROUGH */
	case RECVFROM:
		len[0] = recvfrom(fd, &in[0], sizeof(in[0]), MSG_DONTWAIT,
		    (struct sockaddr *)&from[0], &room);
		break;
	case RECVMSG:
		len[0] = recvmsg(fd, &many[0].msg_hdr, MSG_DONTWAIT);
		break;
	case READ:
		len[0] = read(fd, &in[0], sizeof(in[0]));
		break;
	case READV:
		len[0] = readv(fd, iov, 1);
		break;
	case RECVMMSG:
	case TAKES:
		n = recvmmsg(fd, many, BUNDLE, MSG_DONTWAIT, NULL);
		for (i = 0; i < n; i++)
			len[i] = many[i].msg_len;
		return n;
	}
	return len[0] < 0 ? -1 : 1;
}

/* --- The server ----------------------------------------------------------- */

static socklen_t
any(struct sockaddr_in6 *a, unsigned port)
{
	*a = (struct sockaddr_in6){ .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	return sizeof(*a);
}

static void
roomy(int fd)
{
	int n = BUFFER;

	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
	(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &n, sizeof(n));
}

/* Says which streams have a gap. */
static void
tell_gaps(void)
{
	const struct stream *s;
	int shown = 0;

	for (s = streams; s < streams + STREAMS && shown < SHOWN; s++)
		if (s->n < s->last) {
			printf("gap: %u of the first %u of stream %" PRIx64
			    ", %s\n", s->last - s->n, s->last, s->id,
			    send_way[s->way]);
			shown++;
		}
}

static int
serve(const char *ways, unsigned first, int n)
{
	struct pollfd p[PORTS];
	struct sockaddr_in6 a;
	struct sigaction act = { .sa_handler = end };
	ssize_t len[BUNDLE];
	unsigned turn = 0;
	int i, j, k, way = TAKES;

	for (i = 0; i < TAKES; i++)
		way = strcmp(take_way[i], ways) == 0 ? i : way;
	sigaction(SIGTERM, &act, NULL);
	for (i = 0; i < n; i++) {
		p[i].fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		p[i].events = POLLIN;
		roomy(p[i].fd);
		if (bind(p[i].fd, (struct sockaddr *)&a, any(&a, first +
			(unsigned)i)) != 0)
			err(1, "port %u", first + (unsigned)i);
	}
	while (!ended) {
		if (poll(p, (nfds_t)n, -1) <= 0)
			continue;
		for (i = 0; i < n; i++) {
			if (p[i].revents == 0)
				continue;
			/* The sender's address is needed for the echo. */
			k = take(p[i].fd, way < TAKES ? (enum take)way :
			    (enum take[]){ RECVFROM, RECVMSG, RECVMMSG, PEEK }
			    [turn++ % 4], len);
			for (j = 0; j < k; j++)
				if (note(&in[j].head, len[j]) && way != READ &&
				    way != READV)
					(void)!sendto(p[i].fd, &in[j],
					    (size_t)len[j], 0,
					    (struct sockaddr *)&from[j],
					    sizeof(from[j]));
		}
	}
	tell_gaps();
	printf("server: streams %lu came %lu late %lu twice %lu\n", begun, came,
	    late, twice);
	return late + twice > 0;
}

/* --- The client ----------------------------------------------------------- */

static struct sockaddr_storage to[PORTS];
static socklen_t to_len;

static void
address(const char *host, unsigned first, int n)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	int i;

	for (i = 0; i < n; i++) {
		a4.sin_port = a6.sin6_port = htons((uint16_t)(first +
		    (unsigned)i));
		if (inet_pton(AF_INET, host, &a4.sin_addr) == 1)
			memcpy(&to[i], &a4, to_len = sizeof(a4));
		else if (inet_pton(AF_INET6, host, &a6.sin6_addr) == 1)
			memcpy(&to[i], &a6, to_len = sizeof(a6));
		else
			errx(1, "%s is no address", host);
	}
}

static unsigned
bundle_of(enum way way)
{
	return way == SENDMMSG || way == SEGMENT || way == SENDMMSG_C ||
	    way == SEGMENT_C ? BUNDLE : 1;
}

/* Sends BUNDLE datagrams in one message. */
static bool
send_segments(int fd, struct msghdr *m)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} c = { .head = { .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT,
		.cmsg_len = CMSG_LEN(sizeof(uint16_t)) } };
	struct iovec iov[BUNDLE];
	uint16_t size = (uint16_t)out_len;
	int i;

	for (i = 0; i < BUNDLE; i++)
		iov[i] = (struct iovec){ &out[i], out_len };
	memcpy(CMSG_DATA(&c.head), &size, sizeof(size));
	m->msg_iov = iov;
	m->msg_iovlen = BUNDLE;
	m->msg_control = &c;
	m->msg_controllen = sizeof(c);
	return sendmsg(fd, m, 0) >= 0;
}

/* Sends the datagrams in `out' to the address, NULL: of the connection. */
static bool
send_out(int fd, enum way way, void *name)
{
	struct sockaddr *sa = name;
	socklen_t len = name == NULL ? 0 : to_len;
	struct iovec iov[BUNDLE];
	struct mmsghdr many[BUNDLE];
	int i;

	memset(many, 0, sizeof(many));
	for (i = 0; i < BUNDLE; i++) {
		iov[i] = (struct iovec){ &out[i], out_len };
		many[i].msg_hdr = (struct msghdr){ .msg_name = name,
			.msg_namelen = len, .msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	switch (way) {
	case SENDTO:
		return sendto(fd, &out[0], out_len, 0, sa, len) >= 0;
	case SENDMSG:
		return sendmsg(fd, &many[0].msg_hdr, 0) >= 0;
	case SENDMMSG:
	case SENDMMSG_C:
		return sendmmsg(fd, many, BUNDLE, 0) == BUNDLE;
	case SEGMENT:
	case SEGMENT_C:
		return send_segments(fd, &many[0].msg_hdr);
	case MORE:
	case MORE_C:
		return sendto(fd, &out[0], 10, MSG_MORE, sa, len) >= 0 &&
		    sendto(fd, out[0].bytes + 10, out_len - 10, 0, sa, len) >=
		    0;
	case SEND:
		return send(fd, &out[0], out_len, 0) >= 0;
	case WRITE:
		return write(fd, &out[0], out_len) >= 0;
	case WRITEV:
		return writev(fd, iov, 1) >= 0;
	case WAYS:
		break;
	}
	return false;
}

/* Takes all echoes that are there; how many. */
static unsigned long
echoes(int fd)
{
	ssize_t len[BUNDLE];
	unsigned long got = 0;
	int i, n;

	while ((n = take(fd, RECVMMSG, len)) > 0)
		for (i = 0; i < n; i++)
			got += note(&in[i].head, len[i]);
	return got;
}

/* Sends the datagrams from number `n' on to one port. */
static unsigned
send_some(int fd, enum way way, int port, uint64_t stream, unsigned n,
    unsigned long *failed)
{
	unsigned i, b = bundle_of(way);

	for (i = 0; i < b; i++)
		out[i].head = (struct head){ .stream = stream +
			(unsigned)port, .n = n + i, .way = way };
	if (!send_out(fd, way, way < CONNECTED ? &to[port] : NULL)) {
		*failed += b;
		why = errno;
	}
	return b;
}

static unsigned long
send_all(int fd, enum way way, int ports, unsigned datagrams, unsigned gap,
    uint64_t stream)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned long sent = 0, failed = 0, got = 0;
	unsigned n, b = 1;
	int i, last = way < CONNECTED ? 1 : ports;

	for (i = 0; i < last; i++) {
		if (way >= CONNECTED && connect(fd, (void *)&to[i], to_len))
			err(1, "connect");
		for (n = 1; n <= datagrams; n += b) {
			for (int j = way < CONNECTED ? 0 : i;
			     j < (way < CONNECTED ? ports : i + 1); j++)
				sent += b = send_some(fd, way, j, stream, n,
				    &failed);
			got += echoes(fd);
			if (gap > 0)
				usleep(gap);
			while (way < CONNECTED && sent - failed - got > WINDOW *
			    (unsigned)ports && poll(&p, 1, WINDOW_MS) > 0)
				got += echoes(fd);
		}
	}
	while (way < CONNECTED && got < sent - failed &&
	    poll(&p, 1, PATIENCE_MS) > 0)
		got += echoes(fd);
	if (way < CONNECTED && got < sent - failed)
		printf("no echo: %lu of %lu, stream %" PRIx64 "\n", sent -
		    failed - got, sent, stream);
	if (failed > 0)
		printf("failed %lu: %s\n", failed, strerror(why));
	return sent;
}

int
main(int argc, char **argv)
{
	unsigned long sent = 0;
	enum way way;
	int i, fd, n, sockets;
	uint64_t run = (uint64_t)getpid() << 40 | prog_now_ms() << 48;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], (unsigned)atoi(argv[3]), atoi(argv[4]));
	if (argc != 10 || strcmp(argv[1], "send") != 0)
		errx(2, "usage: see the source");
	n = atoi(argv[5]);
	sockets = atoi(argv[6]);
	out_len = (size_t)atoi(argv[8]);
	if (n > PORTS || out_len < sizeof(struct head) || out_len > LONGEST)
		errx(2, "out of range");
	address(argv[3], (unsigned)atoi(argv[4]), n);
	for (i = 0; i < sockets; i++) {
		for (way = 0; way < WAYS; way++)
			if (strcmp(send_way[way], argv[2]) == 0)
				break;
		if (way == WAYS)
			way = (enum way)(i % WAYS);
		fd = socket(to[0].ss_family, SOCK_DGRAM, 0);
		roomy(fd);
		sent += send_all(fd, way, n, (unsigned)atoi(argv[7]),
		    (unsigned)atoi(argv[9]), run + ((uint64_t)i + 1) * PORTS);
		close(fd);
	}
	printf("client: begins %d sent %lu came %lu late %lu twice %lu\n",
	    sockets * n, sent, came, late, twice);
	return late + twice > 0;
}
