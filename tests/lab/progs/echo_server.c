/* SPDX-License-Identifier: ISC */
/*
 * Sends back what comes, and tells at SIGTERM what it was: echo_server PORT, or
 * echo_server fd=N for a descriptor that it has been given.
 * Prints received N alien N twice N missing N; alien is what no t??_*.c sent,
 * missing what lies between the numbers that came.
 */
#include "prog.h"

#include <signal.h>
#include <sys/mman.h>

enum { SEEN = 1 << 23, WHOS = 1 << 16 };

static struct who {
	uint32_t who, count, next;
} whos[WHOS];
static uint64_t *seen; /* who and seq, and 1 */
static volatile sig_atomic_t told;
static unsigned long received, alien, twice;

static void
on_term(int sig)
{
	(void)sig;
	told = 1;
}

static bool
seen_before(const struct prog_msg *m)
{
	uint64_t key = ((uint64_t)m->who << 32 | m->seq) + 1;
	uint64_t at = key * 0x9e3779b97f4a7c15u >> 41;

	for (; seen[at] != 0; at = (at + 1) % SEEN)
		if (seen[at] == key)
			return true;
	seen[at] = key;
	return false;
}

static struct who *
who_of(const struct prog_msg *m)
{
	uint32_t at = m->who * 2654435761u % WHOS;

	while (whos[at].count != 0 && whos[at].who != m->who)
		at = (at + 1) % WHOS;
	whos[at].who = m->who;
	return &whos[at];
}

static void
count(const struct prog_msg *m, ssize_t n)
{
	struct who *w;

	if (!prog_good(m, n)) {
		fprintf(stderr, "alien: %zd octets: %.*s\n", n, (int)n,
		    (const char *)m);
		alien++;
		return;
	}
	if (seen_before(m)) {
		fprintf(stderr, "twice: %u of %x\n", m->seq, m->who);
		twice++;
		return;
	}
	w = who_of(m);
	w->count++;
	if (m->seq >= w->next)
		w->next = m->seq + 1;
	if (++received > SEEN * 7 / 8)
		errx(1, "too many");
}

static unsigned long
missing(void)
{
	unsigned long n = 0;
	int i;

	for (i = 0; i < WHOS; i++)
		n += whos[i].next - whos[i].count;
	return n;
}

static int
bound(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;

	at.sin_port = htons((uint16_t)atoi(port));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		err(1, "bind");
	return fd;
}

int
main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	struct sockaddr_storage from;
	union {
		struct prog_msg m;
		char bytes[65536];
	} u;
	socklen_t len;
	ssize_t n;
	int fd;

	if (argc != 2)
		errx(2, "usage: echo_server PORT | fd=N");
	seen = mmap(NULL, SEEN * sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		err(1, "mmap");
	sigaction(SIGTERM, &act, NULL);
	fd = strncmp(argv[1], "fd=", 3) == 0 ? atoi(argv[1] + 3) :
					       bound(argv[1]);
	while (!told) {
		len = sizeof(from);
		n = recvfrom(fd, &u, sizeof(u), 0, (struct sockaddr *)&from,
		    &len);
		if (n < 0)
			continue;
		count(&u.m, n);
		(void)sendto(fd, &u, (size_t)n, 0, (struct sockaddr *)&from,
		    len);
	}
	printf("received %lu alien %lu twice %lu missing %lu\n", received,
	    alien, twice, missing());
	return 0;
}
