/* SPDX-License-Identifier: ISC */
/*
 * Receives only when a readiness call says so: readiness HOW ADDRESS PORT COUNT
 * [RATE].
 *
 * HOW is poll, ppoll, select or pselect; level, edge, oneshot, nested or mod,
 * all of epoll(7); or uring, the poll of io_uring.  COUNT datagrams are echoed,
 * RATE per second (default: as fast as possible, at most 400 without an echo at
 * a time).  Prints said N heard N empty N silent N ms N: datagrams sent and
 * received; how often the socket was said to be readable and was not; how often
 * a datagram was queued that no call reported for 200 ms; and the duration.
 */
#include "prog.h"

#include <linux/io_uring.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>

enum { WINDOW = 400, SILENCE_MS = 200, GIVE_UP = 15 };

static const char *how;
static int sock, inner = -1, outer = -1;
static unsigned said, heard, empty, silent;
static unsigned long waits;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

/* --- io_uring, by bare system calls --------------------------------------- */

static struct {
	int fd;
	_Atomic uint32_t *sq_tail, *cq_head, *cq_tail;
	uint32_t *sq_mask, *sq_array, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
} ring;

static void
ring_make(void)
{
	struct io_uring_params p = { .flags = 0 };
	uint8_t *sq, *cq;

	ring.fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (ring.fd < 0) {
		printf("no io_uring: %s\n", strerror(errno));
		exit(77);
	}
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4,
	    PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*ring.cqes),
	    PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_CQ_RING);
	ring.sqes = mmap(NULL, p.sq_entries * sizeof(*ring.sqes),
	    PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || ring.sqes == MAP_FAILED)
		err(1, "mmap");
	ring.sq_tail = (void *)(sq + p.sq_off.tail);
	ring.sq_mask = (void *)(sq + p.sq_off.ring_mask);
	ring.sq_array = (void *)(sq + p.sq_off.array);
	ring.cq_head = (void *)(cq + p.cq_off.head);
	ring.cq_tail = (void *)(cq + p.cq_off.tail);
	ring.cq_mask = (void *)(cq + p.cq_off.ring_mask);
	ring.cqes = (void *)(cq + p.cq_off.cqes);
}

static void
ring_add(uint8_t op, int fd, uint64_t name, const void *addr)
{
	uint32_t tail = *ring.sq_tail, at = tail & *ring.sq_mask;
	struct io_uring_sqe *e = &ring.sqes[at];

	memset(e, 0, sizeof(*e));
	e->opcode = op;
	e->fd = fd;
	e->user_data = name;
	if (op == IORING_OP_POLL_ADD)
		e->poll32_events = POLLIN;
	else {
		e->addr = (uintptr_t)addr;
		e->len = 1;
	}
	ring.sq_array[at] = at;
	*ring.sq_tail = tail + 1;
}

/* Submits a one-shot poll and a timeout; true if the poll completes first. */
static bool
ring_wait(void)
{
	static const struct __kernel_timespec t = {
		.tv_nsec = SILENCE_MS * 1000000 };
	static bool polling, timing;
	bool ready = false, over = false;
	unsigned n = 0;

	if (!polling && ++n)
		ring_add(IORING_OP_POLL_ADD, sock, 1, NULL);
	if (!timing && ++n)
		ring_add(IORING_OP_TIMEOUT, -1, 2, &t);
	polling = timing = true;
	while (!ready && !over) {
		if (syscall(SYS_io_uring_enter, ring.fd, n, 1,
			IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR)
			err(1, "io_uring_enter");
		n = 0;
		while (*ring.cq_head != *ring.cq_tail) {
			const struct io_uring_cqe *c =
			    &ring.cqes[*ring.cq_head & *ring.cq_mask];

			if (c->user_data == 1) {
				polling = false;
				ready |= c->res > 0 && (c->res & POLLIN) != 0;
			} else {
				timing = false;
				over = true;
			}
			*ring.cq_head = *ring.cq_head + 1;
		}
	}
	return ready;
}

/* --- The other calls ------------------------------------------------------ */

static void
watch(int ep, int op, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (epoll_ctl(ep, op, fd, &e) != 0)
		err(1, "epoll_ctl");
}

static uint32_t
wanted(void)
{
	return EPOLLIN | (is("edge") ? EPOLLET : 0) |
	    (is("oneshot") ? EPOLLONESHOT : 0);
}

static void
prepare(void)
{
	if (is("uring"))
		ring_make();
	inner = epoll_create1(EPOLL_CLOEXEC);
	outer = epoll_create1(EPOLL_CLOEXEC);
	watch(inner, EPOLL_CTL_ADD, sock, wanted());
	watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN);
}

static bool
wait_epoll(void)
{
	struct epoll_event e;

	if (is("nested") && epoll_wait(outer, &e, 1, SILENCE_MS) != 1)
		return false;
	if (is("mod"))
		watch(inner, EPOLL_CTL_MOD, sock, EPOLLIN |
		    (waits % 2 ? EPOLLET : 0));
	if (epoll_wait(inner, &e, 1, is("nested") ? 0 : SILENCE_MS) != 1) {
		if (is("nested"))
			empty++; /* the outer one reported the inner ready */
		return false;
	}
	return (e.events & EPOLLIN) != 0;
}

static bool
wait_ready(void)
{
	struct timespec ts = { .tv_nsec = SILENCE_MS * 1000000 };
	struct timeval tv = { .tv_usec = SILENCE_MS * 1000 };
	struct pollfd p = { .fd = sock, .events = POLLIN };
	fd_set set;

	waits++;
	if (is("poll"))
		return poll(&p, 1, SILENCE_MS) == 1 && (p.revents & POLLIN);
	if (is("ppoll"))
		return ppoll(&p, 1, &ts, NULL) == 1 && (p.revents & POLLIN);
	if (is("uring"))
		return ring_wait();
	if (!is("select") && !is("pselect"))
		return wait_epoll();
	FD_ZERO(&set);
	FD_SET(sock, &set);
	if (is("select"))
		return select(sock + 1, &set, NULL, NULL, &tv) == 1;
	return pselect(sock + 1, &set, NULL, NULL, &ts, NULL) == 1;
}

/* Receives one datagram; false if none is queued. */
static bool
take(void)
{
	struct prog_msg m;
	ssize_t n = recv(sock, &m, sizeof(m), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (!prog_good(&m, n))
		errx(1, "heard %zd octets", n);
	heard++;
	return true;
}

/* Readiness was reported; with EPOLLET all datagrams must be received. */
static void
told(void)
{
	if (!take()) {
		empty++;
		return;
	}
	while (is("edge") && take())
		;
	if (is("oneshot"))
		watch(inner, EPOLL_CTL_MOD, sock, wanted());
}

/*
 * Nothing was reported.  If a datagram is queued, it may have arrived just now,
 * so only a second call without a report counts as silent.
 */
static void
untold(void)
{
	char c;

	if (recv(sock, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0)
		return;
	if (wait_ready()) {
		told();
		return;
	}
	silent++;
	(void)take();
}

int
main(int argc, char **argv)
{
	unsigned count, rate, idle = 0;
	int size = 4 << 20;
	uint64_t begin;

	if (argc < 5)
		errx(2, "usage: readiness HOW ADDRESS PORT COUNT [RATE]");
	how = argv[1];
	count = (unsigned)atoi(argv[4]);
	rate = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
	sock = prog_open(argv[2], argv[3]);
	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (prog_talk(sock, prog_sender(1), 0, 3) != 0)
		errx(1, "no echo");
	prepare();
	begin = prog_now_ms();
	while (heard < count && idle < GIVE_UP) {
		while (said < count && said < heard + WINDOW && (rate == 0 ||
		    said < 1 + (prog_now_ms() - begin) * rate / 1000))
			if (!prog_say(sock, prog_sender(0), said++))
				err(1, "send");
		idle = wait_ready() ? (told(), 0) : (untold(), idle + 1);
	}
	printf("said %u heard %u empty %u silent %u ms %llu\n", said,
	    heard, empty, silent,
	    (unsigned long long)(prog_now_ms() - begin));
	return 0;
}
