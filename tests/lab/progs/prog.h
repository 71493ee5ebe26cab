/* SPDX-License-Identifier: ISC */
/*
 * What t??_*.c share: datagrams that can be told from all other bytes and from
 * each other, and a talk with echo_server, which sends them back.
 */
#ifndef T_H
#define T_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { T_SIZE = 100, T_MAGIC = 0x7e57da7a, T_WAIT_MS = 2000 };

#define T_TEXT "only-sealed"	/* must never be seen on the wire */

struct prog_msg {
	uint32_t magic, who, seq, sum;
	char text[T_SIZE - 16];
};

/* Whose datagrams: no two processes of a scenario say the same. */
static inline uint32_t
prog_who(uint32_t n)
{
	return (uint32_t)getpid() << 12 | n;
}

static inline uint32_t
prog_sum(uint32_t who, uint32_t seq)
{
	return (who * 2654435761u ^ seq * 40503u) + 12345;
}

static inline void
prog_fill(struct prog_msg *m, uint32_t who, uint32_t seq)
{
	memset(m, 0, sizeof(*m));
	m->magic = T_MAGIC;
	m->who = who;
	m->seq = seq;
	m->sum = prog_sum(who, seq);
	memcpy(m->text, T_TEXT, sizeof(T_TEXT));
	memset(m->text + 40, (int)(m->sum & 255), sizeof(m->text) - 40);
}

/* Is it one of ours, whole? */
static inline bool
prog_good(const struct prog_msg *m, ssize_t n)
{
	struct prog_msg want;

	if (n != T_SIZE || m->magic != T_MAGIC)
		return false;
	prog_fill(&want, m->who, m->seq);
	return memcmp(m, &want, sizeof(want)) == 0;
}

static inline uint64_t
prog_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline struct sockaddr_in
prog_addr(const char *host, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		errx(2, "%s: no address", host);
	to.sin_port = htons((uint16_t)atoi(port));
	return to;
}

/* A socket that talks to the server. */
static inline int
prog_open(const char *host, const char *port)
{
	struct sockaddr_in to = prog_addr(host, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "socket, connect");
	return fd;
}

static inline bool
prog_say(int fd, uint32_t who, uint32_t seq)
{
	struct prog_msg m;

	prog_fill(&m, who, seq);
	return send(fd, &m, sizeof(m), 0) == (ssize_t)sizeof(m);
}

/* Waits for the echo of one; what else comes must be a good one, too. */
static inline bool
prog_hear(int fd, uint32_t who, uint32_t seq)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end = prog_now_ms() + T_WAIT_MS, now;
	struct prog_msg m;
	ssize_t n;

	while ((now = prog_now_ms()) < end) {
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			err(1, "recv");
		if (!prog_good(&m, n))
			errx(1, "heard what nobody said: %zd octets", n);
		if (m.who == who && m.seq == seq)
			return true;
	}
	return false;
}

/* Has so many datagrams echoed, one by one: how many were not. */
static inline unsigned
prog_talk(int fd, uint32_t who, uint32_t first, unsigned count)
{
	unsigned i, lost = 0;

	for (i = 0; i < count; i++) {
		if (!prog_say(fd, who, first + i))
			err(1, "send to %d", fd);
		if (!prog_hear(fd, who, first + i))
			lost++;
	}
	return lost;
}

/* What is written to one end comes out of the other, and nothing else. */
static inline void
prog_through(int in, int out, const char *what)
{
	char text[64], got[128] = "";
	int len = snprintf(text, sizeof(text), "bytes for a %s, %d to %d", what,
	    in, out);

	if (write(in, text, (size_t)len) != len)
		err(1, "write to %s %d", what, in);
	if (read(out, got, sizeof(got)) != len)
		err(1, "read from %s %d", what, out);
	if (memcmp(text, got, (size_t)len) != 0)
		errx(1, "%s %d: other bytes", what, out);
}

/* What is written to a file is there. */
static inline void
prog_file(int fd)
{
	char text[64], got[128] = "";
	int len = snprintf(text, sizeof(text), "bytes for file %d", fd);

	if (write(fd, text, (size_t)len) != len)
		err(1, "write to file %d", fd);
	if (pread(fd, got, sizeof(got), 0) != len ||
	    memcmp(text, got, (size_t)len) != 0)
		errx(1, "file %d: other bytes", fd);
	if (lseek(fd, 0, SEEK_SET) != 0 ||
	    read(fd, got, sizeof(got)) != len || lseek(fd, 0, SEEK_SET) != 0)
		err(1, "read from file %d", fd);
}

static inline int
prog_tmpfile(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0)
		err(1, "/tmp");
	return fd;
}

/* A pair of connected TCP sockets on loopback. */
static inline void
prog_tcp(int pair[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&at, len) != 0 || listen(l, 1) != 0 ||
	    getsockname(l, (struct sockaddr *)&at, &len) != 0)
		err(1, "listen");
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(pair[0], (struct sockaddr *)&at, len) != 0)
		err(1, "connect");
	pair[1] = accept(l, NULL, NULL);
	if (pair[1] < 0)
		err(1, "accept");
	close(l);
}

#endif
