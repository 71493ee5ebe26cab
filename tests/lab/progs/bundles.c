/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that leave in bundles (UDP_SEGMENT), and every way to receive them:
 * is each there once, in order, and does each way to wait tell of all?
 *
 *	bundles send ADDRESS PORT COUNT		sends, never more than WINDOW
 *						before they were received
 *	bundles HOW PORT COUNT			receives COUNT
 *
 * A datagram is its number and bytes that follow from it.  The receiver prints
 * pairs `name number': empty (a wait ended, and there was none), silent (a wait
 * ended in vain, and there was one), twice, disorder (of one reader), bad, got.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { WINDOW = 400, MOST = 40, SIZE = 1400, ACK_EACH = 16, WAIT_MS = 2000,
	READERS = 4 };

/* What all threads and processes of the receiver share. */
static struct shared {
	_Atomic uint32_t got, empty, silent, twice, disorder, bad, many;
	_Atomic uint32_t turn; /* of `handover' and `kill': readers so far */
	struct sockaddr_in from;
	_Atomic uint32_t seen[];
} *all;

static uint32_t count;
static int sock, memory_fd;

static uint32_t
number_of(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

static void
fill(uint8_t *p, size_t len, uint32_t n)
{
	memset(p, (int)(n * 7 & 255), len);
	memcpy(p, &n, sizeof(n));
}

static int
open_socket(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), big = 4 << 20;

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	if (port != 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		err(1, "bind");
	return fd;
}

/* --- The sender ----------------------------------------------------------- */

static void
send_bundle(int fd, uint32_t first, uint32_t n, size_t size, size_t last)
{
	static uint8_t data[65536];
	uint64_t room[CMSG_SPACE(2) / 8 + 1] = { 0 };
	struct iovec iov = { .iov_base = data,
		.iov_len = (n - 1) * size + last };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = CMSG_SPACE(2) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	uint16_t seg = (uint16_t)size;
	uint32_t i;

	for (i = 0; i < n; i++)
		fill(data + i * size, i + 1 < n ? size : last, first + i);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(2);
	memcpy(CMSG_DATA(c), &seg, 2);
	if (n == 1)
		msg.msg_controllen = 0;
	while (sendmsg(fd, &msg, 0) < 0)
		if (errno != EAGAIN && errno != ENOBUFS)
			err(1, "sendmsg");
}

static int
send_all(const char *to, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct timeval tv = { .tv_sec = 5 };
	uint32_t sent = 0, acked = 0, n, ack;
	size_t size, last;
	int fd = open_socket(0);

	inet_pton(AF_INET, to, &a.sin_addr);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		err(1, "connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	srand(1);
	while (acked < count) {
		n = (uint32_t)rand() % MOST + 1;
		if (n > count - sent)
			n = count - sent;
		if (n > 0 && sent + n - acked <= WINDOW && sent == 0)
			n = 1; /* begins the session */
		if (n > 0 && sent + n - acked <= WINDOW &&
		    (sent == 0 || acked > 0)) {
			size = (size_t)rand() % 3 == 0 ? 100 :
			    (size_t)rand() % SIZE / 2 + SIZE / 2;
			last = (size_t)rand() % 2 ? size :
			    size - (size_t)rand() % (size - 8);
			send_bundle(fd, sent, n, size, last);
			sent += n;
			continue;
		}
		if (recv(fd, &ack, sizeof(ack), 0) != sizeof(ack))
			err(1, "%u of %u acknowledged, %u sent", acked, count,
			    sent);
		if (ack > acked)
			acked = ack;
	}
	printf("sent: %u\n", sent);
	return 0;
}

/* --- The receiver --------------------------------------------------------- */

static void
acknowledge(uint32_t got)
{
	(void)sendto(sock, &got, sizeof(got), 0,
	    (struct sockaddr *)&all->from, sizeof(all->from));
}

/* Takes one datagram into account.  `last' is the reader's last number + 1. */
static void
take(const uint8_t *p, size_t len, uint32_t *last)
{
	uint32_t n = len >= 4 ? number_of(p) : UINT32_MAX, got;
	size_t i;

	if (n >= count) {
		all->bad++;
		return;
	}
	for (i = 4; i < len; i++)
		if (p[i] != (uint8_t)(n * 7))
			break;
	if (i < len)
		all->bad++;
	if (atomic_fetch_add(&all->seen[n], 1) > 0) {
		all->twice++;
		return;
	}
	if (n < *last)
		all->disorder++;
	*last = n + 1;
	got = atomic_fetch_add(&all->got, 1) + 1;
	if (got % ACK_EACH == 1 || got == count)
		acknowledge(got);
}

static ssize_t
receive(uint8_t *p, int flags, size_t *seg)
{
	uint64_t room[16];
	struct sockaddr_in from;
	struct iovec iov = { .iov_base = p, .iov_len = 65536 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c;
	ssize_t n = recvmsg(sock, &msg, flags);
	int size = 0;

	if (n < 0)
		return n;
	all->from = from;
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO &&
		    c->cmsg_len == CMSG_LEN(sizeof(size)))
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	*seg = size > 0 ? (size_t)size : (size_t)n;
	return n;
}

/* One call; the number of datagrams, 0 where there is none. */
static int
receive_one(int flags, uint32_t *last)
{
	static __thread uint8_t p[65536];
	size_t seg = 0, at;
	ssize_t n = receive(p, flags, &seg);
	int k = 0;

	if (n < 0)
		return 0;
	for (at = 0; at < (size_t)n; at += seg, k++)
		take(p + at, (size_t)n - at < seg ? (size_t)n - at : seg, last);
	if (k > 1)
		all->many++;
	return k;
}

static int
receive_many(int flags, uint32_t *last)
{
	enum { N = 64 };
	static __thread uint8_t p[N][2048];
	struct mmsghdr m[N];
	struct iovec iov[N];
	struct sockaddr_in from;
	int i, n;

	memset(m, 0, sizeof(m));
	for (i = 0; i < N; i++) {
		iov[i] = (struct iovec) { .iov_base = p[i], .iov_len = 2048 };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = &from;
		m[i].msg_hdr.msg_namelen = sizeof(from);
	}
	n = recvmmsg(sock, m, N, flags, NULL);
	if (n <= 0)
		return 0;
	all->from = from;
	for (i = 0; i < n; i++)
		take(p[i], m[i].msg_len, last);
	if (n > 1)
		all->many++;
	return n;
}

static const char *how;
static int epoll = -1;
static volatile sig_atomic_t signals;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

/* Waits until the socket is readable; false: not within WAIT_MS. */
static bool
wait_readable(void)
{
	struct timeval tv = { .tv_sec = WAIT_MS / 1000 };
	struct timespec ts = { .tv_sec = WAIT_MS / 1000 };
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct epoll_event e;
	fd_set set;
	int n;

	FD_ZERO(&set);
	FD_SET(sock, &set);
	if (is("ppoll"))
		return ppoll(&p, 1, &ts, NULL) > 0;
	if (is("select"))
		return select(sock + 1, &set, NULL, NULL, &tv) > 0;
	if (is("pselect"))
		return pselect(sock + 1, &set, NULL, NULL, &ts, NULL) > 0;
	if (epoll >= 0)
		return epoll_wait(epoll, &e, 1, WAIT_MS) > 0;
	if (is("fionread")) {
		n = 0;
		while (poll(&p, 1, WAIT_MS) > 0)
			if (ioctl(sock, FIONREAD, &n) == 0 && n > 0)
				return true;
		return false;
	}
	return poll(&p, 1, WAIT_MS) > 0;
}

/* Reads after each wait once, or for an edge until there is nothing. */
static void
read_by_waits(bool many)
{
	uint32_t last = 0;
	uint8_t byte[8];

	while (all->got < count) {
		if (!wait_readable()) {
			if (receive_one(MSG_DONTWAIT, &last) > 0)
				all->silent++;
			else if (all->got < count)
				break;
			continue;
		}
		if (is("peek") && recv(sock, byte, sizeof(byte), MSG_PEEK |
		    MSG_DONTWAIT | MSG_TRUNC) < 4)
			all->empty++;
		if (is("peek") && number_of(byte) < count &&
		    all->seen[number_of(byte)] > 0)
			all->twice++;
		if (!(many ? receive_many(MSG_DONTWAIT, &last) :
		    receive_one(MSG_DONTWAIT, &last))) {
			all->empty++;
			continue;
		}
		while (is("edge") && receive_one(MSG_DONTWAIT, &last) > 0)
			continue;
	}
}

static void *
read_blocking(void *arg)
{
	uint32_t last = 0;

	(void)arg;
	while (all->got < count)
		if ((is("waitone") ? receive_many(MSG_WAITFORONE, &last) :
		    receive_one(0, &last)) == 0)
			break;
	return NULL;
}

static void
read_signalled(void)
{
	struct timespec ts = { .tv_sec = 1 };
	sigset_t set;
	uint32_t last = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fcntl(sock, F_SETOWN, getpid());
	fcntl(sock, F_SETFL, O_ASYNC | O_NONBLOCK);
	while (all->got < count) {
		while (receive_one(MSG_DONTWAIT, &last) > 0)
			continue;
		if (all->got < count && sigtimedwait(&set, NULL, &ts) < 0 &&
		    receive_one(MSG_DONTWAIT, &last) > 0)
			all->silent++;
	}
}

/* A reader takes some datagrams, then leaves the rest to another process:
 * it is killed, execs, or ends, in the middle of a bundle. */
static void
read_by_turns(char **argv)
{
	uint32_t last = 0, mine;
	pid_t pid;
	int status;

	while (all->got < count) {
		pid = fork();
		if (pid == 0) {
			mine = all->got + 777 + all->turn++ % 5;
			while (all->got < count && all->got < mine)
				if (receive_one(0, &last) == 0)
					break;
			if (is("killed"))
				raise(SIGKILL);
			if (is("execs") && all->got < count)
				execv("/proc/self/exe", argv);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid)
			err(1, "waitpid");
	}
}

static void
read_in_threads(void)
{
	pthread_t t[READERS];
	int i;

	for (i = 0; i < READERS; i++)
		if (pthread_create(&t[i], NULL, read_blocking, NULL) != 0)
			errx(1, "pthread_create");
	for (i = 0; i < READERS; i++)
		pthread_join(t[i], NULL);
}

static void
read_in_processes(void)
{
	int i;

	for (i = 0; i < READERS; i++)
		if (fork() == 0) {
			if (is("forks"))
				read_blocking(NULL);
			else
				read_by_waits(false);
			_exit(0);
		}
	while (wait(NULL) > 0)
		continue;
}

static void
prepare(int port)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct timeval tv = { .tv_sec = WAIT_MS / 1000 };
	int on = 1;

	sock = open_socket(port);
	if (is("gro") || is("grofion") || is("gropeek"))
		setsockopt(sock, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	if (is("timeo") || is("waitone") || is("block") || is("threads") ||
	    is("forks") || is("turns") || is("killed") || is("execs"))
		setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (is("edge"))
		e.events |= EPOLLET;
	if (is("edge") || is("level")) {
		epoll = epoll_create1(0);
		epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &e);
	}
}

static void
report(void)
{
	uint32_t i, lost = 0;

	for (i = 0; i < count; i++)
		lost += all->seen[i] == 0;
	printf("got %u lost %u twice %u disorder %u empty %u "
	    "silent %u bad %u many %u\n", all->got, lost, all->twice,
	    all->disorder, all->empty, all->silent, all->bad, all->many);
}

/* After execs: the shared memory and the socket are descriptors. */
static void
share(const char *memory)
{
	size_t size = sizeof(*all) + count * sizeof(all->seen[0]);
	int fd = memory != NULL ? atoi(memory) : memfd_create("bundles", 0);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		err(1, "memfd");
	all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (all == MAP_FAILED)
		err(1, "mmap");
	memory_fd = fd;
}

static int
receive_all(int argc, char **argv)
{
	char memory[16], named[16], *again[] = { argv[0], argv[1], argv[2],
		argv[3], memory, named, NULL };
	uint32_t last = 0, most;

	share(argc > 4 ? argv[4] : NULL);
	if (argc > 5) { /* the new program of one that took its turn */
		sock = atoi(argv[5]);
		for (most = all->got + 777; all->got < count &&
		    all->got < most;)
			if (receive_one(0, &last) == 0)
				break;
		return 0;
	}
	prepare(atoi(argv[2]));
	snprintf(memory, sizeof(memory), "%d", memory_fd);
	snprintf(named, sizeof(named), "%d", sock);
	puts("ready");
	fflush(stdout);
	if (is("threads"))
		read_in_threads();
	else if (is("forks") || is("prefork"))
		read_in_processes();
	else if (is("turns") || is("killed") || is("execs"))
		read_by_turns(again);
	else if (is("sigio"))
		read_signalled();
	else if (is("block") || is("timeo") || is("waitone"))
		(void)read_blocking(NULL);
	else
		read_by_waits(is("mmsg"));
	usleep(100000); /* the last acknowledgement leaves */
	report();
	return all->got == count ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		errx(1, "usage: bundles send ADDRESS PORT COUNT | HOW PORT "
			"COUNT");
	how = argv[1];
	count = (uint32_t)atoi(argv[is("send") && argc > 4 ? 4 : 3]);
	return is("send") ? send_all(argv[2], atoi(argv[3])) :
			    receive_all(argc, argv);
}
