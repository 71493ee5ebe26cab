/* SPDX-License-Identifier: ISC */
/*
 * Common to the programs in this directory that talk to echo_server: datagrams
 * that differ from all other bytes and from each other, and their exchange.
 */
#ifndef PROG_H
#define PROG_H

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

enum { PROG_SIZE = 100, PROG_MAGIC = 0x7e57da7a, PROG_WAIT_MS = 2000 };

#define PROG_TEXT "only-sealed"	/* must not be on the wire in plaintext */

struct prog_msg {
	uint32_t magic, sender, seq, sum;
	char text[PROG_SIZE - 16];
};

/* The number of a sender, which no other process of a scenario uses. */
static inline uint32_t
prog_sender(uint32_t n)
{
	return (uint32_t)getpid() << 12 | n;
}

static inline uint32_t
prog_sum(uint32_t sender, uint32_t seq)
{
	return (sender * 2654435761u ^ seq * 40503u) + 12345;
}

static inline void
prog_fill(struct prog_msg *m, uint32_t sender, uint32_t seq)
{
	memset(m, 0, sizeof(*m));
	m->magic = PROG_MAGIC;
	m->sender = sender;
	m->seq = seq;
	m->sum = prog_sum(sender, seq);
	memcpy(m->text, PROG_TEXT, sizeof(PROG_TEXT));
	memset(m->text + 40, (int)(m->sum & 255), sizeof(m->text) - 40);
}

/* Whether the datagram is as prog_fill() made it. */
static inline bool
prog_good(const struct prog_msg *m, ssize_t n)
{
	struct prog_msg want;

	if (n != PROG_SIZE || m->magic != PROG_MAGIC)
		return false;
	prog_fill(&want, m->sender, m->seq);
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

/* A new socket, connected to the server. */
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
prog_say(int fd, uint32_t sender, uint32_t seq)
{
	struct prog_msg m;

	prog_fill(&m, sender, seq);
	return send(fd, &m, sizeof(m), 0) == (ssize_t)sizeof(m);
}

/* Waits for one echo, 2 s at most; other echoes may arrive, nothing else. */
static inline bool
prog_hear(int fd, uint32_t sender, uint32_t seq)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end = prog_now_ms() + PROG_WAIT_MS, now;
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
			errx(1, "received %zd octets that no program sent", n);
		if (m.sender == sender && m.seq == seq)
			return true;
	}
	return false;
}

/* Has `count' datagrams echoed, one after the other; returns the lost. */
static inline unsigned
prog_talk(int fd, uint32_t sender, uint32_t first, unsigned count)
{
	unsigned i, lost = 0;

	for (i = 0; i < count; i++) {
		if (!prog_say(fd, sender, first + i))
			err(1, "send to %d", fd);
		if (!prog_hear(fd, sender, first + i))
			lost++;
	}
	return lost;
}

/* Proves that exactly the bytes written to one end are read at the other. */
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
		errx(1, "%s %d: the bytes read are not those written", what,
		    out);
}

/* Proves that exactly the bytes written to a file are read from it. */
static inline void
prog_file(int fd)
{
	char text[64], got[128] = "";
	int len = snprintf(text, sizeof(text), "bytes for file %d", fd);

	if (write(fd, text, (size_t)len) != len)
		err(1, "write to file %d", fd);
	if (pread(fd, got, sizeof(got), 0) != len ||
	    memcmp(text, got, (size_t)len) != 0)
		errx(1, "file %d: the bytes read are not those written", fd);
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
