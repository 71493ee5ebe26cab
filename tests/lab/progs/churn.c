/* SPDX-License-Identifier: ISC */
/*
 * Four threads make and close descriptors of all kinds, so that each number is
 * reused for other kinds: churn SECONDS ADDRESS PORT.  The main thread talks
 * all the time on a common socket, on which the four send as well.  Prints
 * said N heard N talked N lost N turns N: datagrams that the four sent and
 * received, datagrams that the main thread sent and that it lost, and rounds
 * of the four.
 */
#include "prog.h"

#include <pthread.h>
#include <sys/syscall.h>

enum { THREADS = 4, SAY = 3 };

static const char *host, *port;
static uint64_t end_ms;
static int common; /* the socket of all threads */
static _Atomic unsigned long said, heard, turns;

struct churner {
	pthread_t thread;
	uint32_t number, seed, made, shared;
};

static uint32_t
any(struct churner *c)
{
	c->seed = c->seed * 1103515245u + 12345;
	return c->seed >> 16;
}

/* Receives on a thread's own socket: only its own echoes may arrive there. */
static void
hear_own(int fd, uint32_t sender, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct prog_msg m;
	ssize_t n;

	while (poll(&p, 1, ms) > 0) {
		n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			err(1, "recv from %d", fd);
		if (!prog_good(&m, n) || m.sender != sender)
			errx(1, "%x received %zd octets that %x sent", sender,
			    n, m.sender);
		heard++;
		if (m.seq == SAY - 1)
			break;
	}
}

static int
copied(struct churner *c, int fd)
{
	int to, copy;

	switch (any(c) % 6) {
	case 0:
		copy = dup(fd);
		break;
	case 1:
		to = prog_tmpfile();
		copy = dup2(fd, to);
		break;
	case 2:
		to = socket(AF_INET, SOCK_DGRAM, 0);
		copy = dup3(fd, to, O_CLOEXEC);
		break;
	case 3:
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		break;
	case 4:
		copy = (int)syscall(SYS_dup, fd);
		break;
	default:
		return fd;
	}
	if (copy < 0)
		err(1, "copy of %d", fd);
	close(fd);
	return copy;
}

/*
 * Binds to ports in turn, so that none is reused soon: an echo that is late for
 * a closed socket would go to the next socket with its port.
 */
static int
on_new_port(struct churner *c)
{
	struct sockaddr_in at = { .sin_family = AF_INET },
		to = prog_addr(host, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	at.sin_port = htons((uint16_t)(10000 + c->number * 5000 +
	    c->made % 5000));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "socket on port %d", ntohs(at.sin_port));
	return fd;
}

static void
udp(struct churner *c)
{
	uint32_t sender = (c->number + 1) << 24 | c->made++, i;
	int fd = copied(c, on_new_port(c));

	for (i = 0; i < SAY; i++) {
		if (!prog_say(fd, sender, i))
			err(1, "%x: send to %d", sender, fd);
		said++;
	}
	hear_own(fd, sender, any(c) % 2 ? 100 : 0);
	if (any(c) % 4 == 0)
		syscall(SYS_close, fd);
	else
		close(fd);
}

static void
pipes(struct churner *c)
{
	int p[2];

	if (pipe(p) != 0)
		err(1, "pipe");
	p[1] = copied(c, p[1]);
	prog_through(p[1], p[0], "pipe");
	close(p[0]);
	close(p[1]);
}

static void
tcp(struct churner *c)
{
	int p[2];

	prog_tcp(p);
	p[0] = copied(c, p[0]);
	prog_through(p[0], p[1], "tcp");
	prog_through(p[1], p[0], "tcp");
	close(p[1]);
	close(p[0]);
}

static void
file(struct churner *c)
{
	int fd = copied(c, prog_tmpfile());

	prog_file(fd);
	close(fd);
}

/* Sends on the common socket, by a copy of its descriptor and by itself. */
static void
share(struct churner *c)
{
	uint32_t sender = (c->number + 1) << 24 | 0xffffff;
	int fd = dup(common);

	if (!prog_say(fd, sender, c->shared++) ||
	    !prog_say(common, sender, c->shared++))
		err(1, "%x: send to %d, %d", sender, fd, common);
	said += 2;
	close(fd);
}

static void *
churn(void *arg)
{
	struct churner *c = arg;

	while (prog_now_ms() < end_ms) {
		switch (any(c) % 6) {
		case 0:
			share(c);
			break;
		case 5:
			udp(c);
			break;
		case 1:
			pipes(c);
			break;
		case 2:
			tcp(c);
			break;
		default:
			file(c);
		}
		turns++;
		usleep(200);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct churner churners[THREADS];
	unsigned lost, seq;

	if (argc != 4)
		errx(2, "usage: churn SECONDS ADDRESS PORT");
	host = argv[2], port = argv[3];
	common = prog_open(host, port);
	lost = prog_talk(common, 0xffffff, 0, 3);
	end_ms = prog_now_ms() + (uint64_t)atoi(argv[1]) * 1000;
	for (uint32_t i = 0; i < THREADS; i++) {
		churners[i].number = churners[i].seed = i;
		if (pthread_create(&churners[i].thread, NULL, churn,
			&churners[i]) != 0)
			errx(1, "thread");
	}
	for (seq = 3; prog_now_ms() < end_ms; seq++)
		lost += prog_talk(common, 0xffffff, seq, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(churners[i].thread, NULL);
	printf("said %lu heard %lu talked %u lost %u turns %lu\n", said, heard,
	    seq, lost, turns);
	return 0;
}
