/* SPDX-License-Identifier: ISC */
/*
 * hurry: datagrams sent one by one, in a hurry, and what becomes of them.
 *
 *	hurry take PORT SECONDS		receives until nothing came for so long
 *	hurry HOW ADDR PORT TURNS N SIZE
 *
 * The sender sends TURNS bursts of N datagrams, each by a sendto() of its own.
 * HOW is what it does after each burst, without another call of a socket:
 *
 *	spin	computes for 1 ms
 *	sleep	sleeps for 1 ms
 *	stop	stops itself; its parent lets it go on after 20 ms
 *	exit	ends, and a child of the same parent goes on with the socket
 *	kill	is killed at any moment of the burst, and another goes on
 *	exec	becomes another program, which goes on with the socket
 *	fork	has a child that sends the next burst, and waits for it
 *	last	ends with the only socket, in one burst
 *
 * Each datagram has a number and the time of its sending.  The receiver prints
 * how many came, were lost, came twice or out of order, and how late they were;
 * it answers the first one.
 * A number whose send had not returned when the sender was killed is `open': it
 * may come or not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 21, FD = 9 };

struct head {
	uint64_t number, sent_ns;
	uint64_t after_open; /* so many numbers before this one are open */
};

/* What the processes of one sender share. */
struct common {
	volatile uint64_t next; /* the next number */
	volatile uint64_t done; /* all below it were accepted, or are open */
	volatile uint64_t opened;
	volatile uint64_t after_open;
};

static uint8_t seen[MOST], excused[MOST];
static uint32_t late_us[MOST];
static uint8_t buf[65536];
static struct sockaddr_in to = { .sin_family = AF_INET };
static unsigned size;

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* --- The receiver --------------------------------------------------------- */

/* Is the datagram as it was sent? */
static bool
whole(const struct head *h, size_t n)
{
	size_t i;

	for (i = sizeof(*h); i < n; i++)
		if (buf[i] != h->number % 251 + 1)
			break;
	if (i == n)
		return true;
	fprintf(stderr, "altered at %zu of %zu: number %llu:", i, n,
	    (unsigned long long)h->number);
	for (i = 0; i < 64 && i < n; i++)
		fprintf(stderr, " %02x", buf[i]);
	fprintf(stderr, "\n");
	return false;
}

static int
take(int fd, int seconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t came = 0, altered = 0, twice = 0, back = 0, most = 0, i,
		 missing = 0, late = 0, first = 0;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct head h;
	ssize_t n;

	while (poll(&p, 1, came > 0 ? seconds * 1000 : 20000) > 0) {
		while ((n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &len)) >= (ssize_t)sizeof(h)) {
			memcpy(&h, buf, sizeof(h));
			if (h.number == 0)
				(void)sendto(fd, buf, (size_t)n, 0,
				    (struct sockaddr *)&from, len);
			if (!whole(&h, (size_t)n)) {
				altered++;
				continue;
			}
			if (h.number >= MOST)
				continue;
			twice += seen[h.number];
			back += came > 0 && h.number < most;
			most = h.number > most ? h.number : most;
			seen[h.number] = 1;
			for (i = 1; i <= h.after_open && i <= h.number; i++)
				excused[h.number - i] = 1;
			came++;
			if (h.number > 0) /* not the one that begins */
				late_us[late < MOST ? late++ : 0] = (uint32_t)
				    ((now_ns() - h.sent_ns) / 1000);
			else
				first = (now_ns() - h.sent_ns) / 1000;
		}
	}
	for (i = 0; i <= most; i++)
		missing += !seen[i] && !excused[i];
	qsort(late_us, late, sizeof(late_us[0]), by_size);
	printf("altered %llu came %llu missing %llu twice %llu back %llu "
	    "late_first %llu late_median %u late_p99 %u late_most %u\n",
	    (unsigned long long)altered, (unsigned long long)came,
	    (unsigned long long)missing, (unsigned long long)twice,
	    (unsigned long long)back, (unsigned long long)first,
	    late_us[late / 2], late_us[late * 99 / 100],
	    late > 0 ? late_us[late - 1] : 0);
	return 0;
}

/* --- The sender ----------------------------------------------------------- */

static void
burst(struct common *c, unsigned n)
{
	struct head h;
	unsigned i;

	for (i = 0; i < n; i++) {
		h = (struct head) { c->next, now_ns(), c->after_open };
		memcpy(buf, &h, sizeof(h));
		memset(buf + sizeof(h), (int)(h.number % 251 + 1), size - sizeof(h));
		c->next++;
		while (sendto(FD, buf, size, 0, (struct sockaddr *)&to,
		    sizeof(to)) < 0)
			if (errno != EAGAIN && errno != ENOBUFS)
				die("sendto");
		c->done = c->next;
		c->after_open = 0;
	}
}

static void
spin(uint64_t ns)
{
	uint64_t until = now_ns() + ns;

	while (now_ns() < until)
		;
}

static void
pause_ms(int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

/* A child sends the burst; the parent does to it what HOW says. */
static void
by_child(const char *how, struct common *c, unsigned n)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0) {
		burst(c, n);
		if (strcmp(how, "stop") == 0)
			raise(SIGSTOP);
		if (strcmp(how, "kill") == 0)
			for (;;)
				burst(c, 1);
		_exit(0);
	}
	if (strcmp(how, "stop") == 0) {
		waitpid(child, &status, WUNTRACED);
		pause_ms(20);
		kill(child, SIGCONT);
	}
	if (strcmp(how, "kill") == 0) {
		spin(50000 + (uint64_t)rand() % 1000000);
		kill(child, SIGKILL);
	}
	waitpid(child, &status, 0);
	if (c->done != c->next) {
		c->opened++;
		c->after_open++;
		c->done = c->next;
	}
	pause_ms(2); /* for the receiver's queue */
}

static void
go(const char *how, struct common *c, unsigned turns, unsigned n, char **argv)
{
	char left[16];
	unsigned i;

	for (i = 0; i < turns; i++) {
		if (strcmp(how, "kill") == 0 || strcmp(how, "stop") == 0 ||
		    strcmp(how, "exit") == 0) {
			by_child(how, c, n);
			continue;
		}
		burst(c, n);
		if (strcmp(how, "spin") == 0)
			spin(5000000);
		else if (strcmp(how, "sleep") == 0)
			pause_ms(1);
		else if (strcmp(how, "fork") == 0)
			by_child("exit", c, n);
		else if (strcmp(how, "exec") == 0 && i + 1 < turns) {
			snprintf(left, sizeof(left), "%u", turns - 1);
			argv[4] = left;
			execv("/proc/self/exe", argv);
			die("exec");
		}
	}
}

int
main(int argc, char **argv)
{
	struct common *c;
	int fd, big = 8 << 20;
	FILE *f;

	if (argc == 4 && strcmp(argv[1], "take") == 0) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		to.sin_port = htons((uint16_t)atoi(argv[2]));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big,
		    sizeof(big));
		if (bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
			die("bind");
		return take(fd, atoi(argv[3]));
	}
	if (argc != 7)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	size = (unsigned)atoi(argv[6]);
	if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 || size > 60000 ||
	    size < sizeof(struct head))
		return 2;
	c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	if (getenv("HURRY_NEXT") != NULL) {
		c->next = c->done = strtoull(getenv("HURRY_NEXT"), NULL, 10);
	} else {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (dup2(fd, FD) != FD)
			die("dup2");
		close(fd);
		burst(c, 1);
		pause_ms(500); /* a session */
	}
	f = strcmp(argv[1], "exec") == 0 ? NULL : stdout;
	if (f == NULL) {
		char next[32];

		snprintf(next, sizeof(next), "%llu", (unsigned long long)
		    c->next + (unsigned)atoi(argv[5]));
		setenv("HURRY_NEXT", next, 1);
	}
	go(argv[1], c, (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]), argv);
	printf("sent %llu open %llu\n", (unsigned long long)c->next,
	    (unsigned long long)c->opened);
	fflush(stdout);
	if (strcmp(argv[1], "last") == 0)
		_exit(0);
	pause_ms(500);
	return 0;
}
