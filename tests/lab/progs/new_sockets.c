/* SPDX-License-Identifier: ISC */
/*
 * A proxy's way with sockets: for each question a new one, which is connected,
 * sends, and is closed when the answer came or after WAIT seconds:
 * new_sockets ADDRESS PORT RATE SECONDS WAIT.
 * Prints made N refused N lost N late MS: sockets, those of which a call
 * failed, those without an answer, and the slowest answer.
 */
#include "prog.h"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum {
	EVENTS = 64,
	MOST = 1 << 16, /* descriptors */
	TURN = 8,	/* new sockets between two looks for answers */
	OPEN = 1000,	/* that wait for an answer; then the rate is less */
};

static struct prog_msg m;
static uint64_t sent_at[MOST]; /* by descriptor, ms; 0: not open */
static unsigned long number[MOST]; /* of which socket, by descriptor */
static uint64_t began;		   /* ms */
static unsigned long made, refused, answered, open_now;
static uint64_t slowest;
static int loop;

/* One call failed. */
static void
refuse(const char *call)
{
	if (refused++ == 0)
		warn("socket %lu: %s", made, call);
}

static void
end(int fd)
{
	sent_at[fd] = 0;
	open_now--;
	close(fd);
}

static void
begin(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	made++;
	if (fd < 0 || fd >= MOST) {
		refuse("socket");
		return;
	}
	sent_at[fd] = prog_now_ms();
	number[fd] = made;
	open_now++;
	prog_fill(&m, prog_sender(1), (uint32_t)made);
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
		refuse("connect");
	else if (send(fd, &m, sizeof(m), 0) != sizeof(m))
		refuse("send");
	else if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) == 0)
		return;
	end(fd);
}

static void
hear(int fd)
{
	uint64_t took = prog_now_ms() - sent_at[fd];
	ssize_t n = recv(fd, &m, sizeof(m), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		refuse("recv");
	else if (!prog_good(&m, n))
		errx(1, "an answer of %zd bytes that nobody sent", n);
	else
		answered++;
	if (n >= 0 && took > slowest)
		slowest = took;
	end(fd);
}

/* The port that the socket has. */
static unsigned
port_of(int fd)
{
	struct sockaddr_in6 at = { .sin6_port = 0 }; /* as in sockaddr_in */
	socklen_t len = sizeof(at);

	(void)getsockname(fd, (struct sockaddr *)&at, &len);
	return ntohs(at.sin6_port);
}

/* Closes the sockets that have waited for too long. */
static void
give_up(uint64_t wait_ms)
{
	uint64_t now = prog_now_ms();
	int fd;

	for (fd = 0; fd < MOST; fd++)
		if (sent_at[fd] != 0 && now - sent_at[fd] > wait_ms) {
			warnx("socket %lu, port %u, of ms %llu: no answer",
			    number[fd], port_of(fd),
			    (unsigned long long)(sent_at[fd] - began));
			end(fd);
		}
}

int
main(int argc, char **argv)
{
	struct rlimit most = { MOST, MOST };
	struct epoll_event e[EVENTS];
	struct addrinfo how = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *to;
	uint64_t look = 0, now;
	unsigned long rate, all;
	int i, n;

	if (argc != 6)
		errx(2, "usage: new_sockets ADDRESS PORT RATE SECONDS WAIT");
	(void)setrlimit(RLIMIT_NOFILE, &most);
	if (getaddrinfo(argv[1], argv[2], &how, &to) != 0)
		errx(2, "%s: no address", argv[1]);
	rate = strtoul(argv[3], NULL, 10);
	all = rate * strtoul(argv[4], NULL, 10);
	loop = epoll_create1(0);
	began = prog_now_ms();
	while (made < all || open_now > 0) {
		now = prog_now_ms();
		for (i = 0; i < TURN && open_now < OPEN && made < all &&
		     made * 1000 / rate <= now - began; i++)
			begin(to);
		n = epoll_wait(loop, e, EVENTS, i == TURN ? 0 : 1);
		for (i = 0; i < n; i++)
			hear(e[i].data.fd);
		if (now - look > 100) {
			give_up(strtoul(argv[5], NULL, 10) * 1000);
			look = now;
		}
	}
	printf("made %lu refused %lu lost %lu late %llu\n", made, refused,
	    made - refused - answered, (unsigned long long)slowest);
	return 0;
}
