/* SPDX-License-Identifier: ISC */
/* The memory that a datagram takes of its socket's send buffer. */
#include "fact.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

enum { LONGEST = 1452, STEP = 13, LEAST = 1024, BESIDE = 416, HEAD = 256 };

static const char payload[LONGEST];

static uint32_t
charged(int fd, int what)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(mem);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len) != 0)
		broken("SO_MEMINFO");
	return mem[what];
}

/* What tx_room.c takes for the most. */
static uint32_t
most(size_t len)
{
	uint32_t n = LEAST;

	while (n < len + BESIDE)
		n *= 2;
	return n + HEAD;
}

static void
run(const struct way *w)
{
	/* Nobody is there: what is sent waits for the neighbour. */
	struct name absent = at(w, 0, 77, PORT);
	uint32_t last = 0, now, room;
	unsigned sent;
	size_t len;
	int fd;

	links(1);
	for (len = 0; len <= LONGEST; len += STEP) {
		fd = sock(w);
		if (sendto(fd, payload, len, MSG_DONTWAIT, &absent.sa,
			absent.len) < 0)
			broken("send: %s", said(-errno));
		now = charged(fd, SK_MEMINFO_WMEM_ALLOC);
		claim(now >= last && now <= most(len), "of a longer datagram "
		    "no less, and at most a power of two and 256",
		    "%u for %zu bytes", now, len);
		last = now;
		(void)close(fd);
	}
	fd = sock(w);
	set(fd, SOL_SOCKET, SO_SNDBUF, 3000);
	room = charged(fd, SK_MEMINFO_SNDBUF);
	claim((int)room == get(fd, SOL_SOCKET, SO_SNDBUF), "SO_MEMINFO tells "
	    "SO_SNDBUF", "%u", room);
	for (sent = 0; sent < 100 && sendto(fd, payload, LONGEST, MSG_DONTWAIT,
		&absent.sa, absent.len) >= 0; sent++)
		claim(charged(fd, SK_MEMINFO_WMEM_ALLOC) < room + last,
		    "datagrams go while there is any room", "more went");
	claim(errno == EAGAIN && sent == (room + last - 1) / last, "as many go "
	    "as fill the buffer", "%u", sent);
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K70",
		.holds = "a datagram goes while the buffer has any room, and "
		    "takes of it its memory, a power of two and 256 bytes",
		.breaks = "more is taken from a program than its socket has "
		    "room for",
		.ways = IPV4 | IPV6 | MAPPED, .net = true, .run = run });
}
