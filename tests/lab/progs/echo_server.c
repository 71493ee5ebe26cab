/* SPDX-License-Identifier: ISC */
/*
 * Echoes datagrams, and counts them until SIGTERM: echo_server PORT [ADDRESS],
 * or echo_server fd=N for a socket that it inherits.  Prints received N alien N
 * twice N missing N, in datagrams: each counted once; not made by prog_fill();
 * received again; and numbers that were skipped, of all senders.
 */
#include "prog.h"

#include <netdb.h>
#include <signal.h>
#include <sys/mman.h>

enum { SEEN = 1 << 23, SENDERS = 1 << 16 };

static struct sender {
	uint32_t sender, count, next;
} senders[SENDERS];
static uint64_t *seen; /* hash table of (sender << 32 | seq) + 1; 0: empty */
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
	uint64_t key = ((uint64_t)m->sender << 32 | m->seq) + 1;
	uint64_t at = key * 0x9e3779b97f4a7c15u >> 41;

	for (; seen[at] != 0; at = (at + 1) % SEEN)
		if (seen[at] == key)
			return true;
	seen[at] = key;
	return false;
}

static struct sender *
sender_of(const struct prog_msg *m)
{
	uint32_t at = m->sender * 2654435761u % SENDERS;

	while (senders[at].count != 0 && senders[at].sender != m->sender)
		at = (at + 1) % SENDERS;
	senders[at].sender = m->sender;
	return &senders[at];
}

static void
count(const struct prog_msg *m, ssize_t n)
{
	struct sender *w;

	if (!prog_good(m, n)) {
		fprintf(stderr, "alien: %zd octets: %.*s\n", n, (int)n,
		    (const char *)m);
		alien++;
		return;
	}
	if (seen_before(m)) {
		fprintf(stderr, "twice: %u of %x\n", m->seq, m->sender);
		twice++;
		return;
	}
	w = sender_of(m);
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

	for (i = 0; i < SENDERS; i++)
		n += senders[i].next - senders[i].count;
	return n;
}

static int
bound(const char *port, const char *address)
{
	struct addrinfo how = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *at;
	int fd, size = 4 << 20;

	if (getaddrinfo(address, port, &how, &at) != 0)
		errx(2, "%s: no address", address);
	fd = socket(at->ai_family, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, at->ai_addr, at->ai_addrlen) != 0)
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

	if (argc < 2 || argc > 3)
		errx(2, "usage: echo_server PORT [ADDRESS] | fd=N");
	seen = mmap(NULL, SEEN * sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		err(1, "mmap");
	sigaction(SIGTERM, &act, NULL);
	fd = strncmp(argv[1], "fd=", 3) == 0 ? atoi(argv[1] + 3) :
					       bound(argv[1],
	    argc == 3 ? argv[2] : "0.0.0.0");
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
