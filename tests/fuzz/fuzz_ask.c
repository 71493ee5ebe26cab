/* SPDX-License-Identifier: ISC */
/*
 * The agent's doors: requests of programs, by the runtime directory's socket or
 * by the abstract one.  Above the played kernel of tests/agent_unit/ the agent
 * serves a port with two sockets; each step is a request that a program could
 * make, with bytes of the input here and there, and descriptors of any kind.
 *
 * The agent answers with what it may: a text that ends, a descriptor only
 * without an error, and to the abstract door nothing that is not for it.  No
 * descriptor is left open in the end.
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/ipc_handler.h"
#include "agent/listener.h"
#include "agent/port.h"
#include "agent/serving.h"
#include "agent/status.h"
#include "fuzz.h"
#include "kernel.h"
#include "world.h"

enum { ASK_STEPS = 12, ASK_PORT = 7000, ASK_PORTS = 4, ASK_BINDS = 24 };

static unsigned ask_binds; /* the played kernel has room for a few */

/* The agent watches each program that asks: here that is this one. */
void __wrap_socket_gc_watch(struct agent *, int, pid_t, bool);

void
__wrap_socket_gc_watch(struct agent *a, int client, pid_t pid, bool stay)
{
	(void)a;
	(void)client;
	(void)pid;
	(void)stay;
}

/* A memory file: the arena of the port, altered; or zeros of any size. */
static int
ask_memfd(struct feed *f, const struct port *p)
{
	static uint8_t bytes[4096];
	uint8_t how = feed_byte(f);
	size_t size = p != NULL ? p->map.size : 65536, at;
	int fd, n;

	if (how & 1)
		size = feed_number(f, 3);
	fd = serving_new_file(size);
	if (fd < 0 || p == NULL)
		return fd;
	for (at = 0; at < size && at < p->map.size; at += sizeof(bytes)) {
		n = (int)pread(p->memfd, bytes, sizeof(bytes), (off_t)at);
		/* Most of it was never touched. */
		if (n > 0 && !sodium_is_zero(bytes, (size_t)n))
			(void)!pwrite(fd, bytes, (size_t)n, (off_t)at);
	}
	for (n = how >> 4; n > 0; n--) {
		at = feed_number(f, how & 2 ? 3 : 2);
		feed_fill(f, bytes, 8);
		if (at + 8 < size)
			(void)!pwrite(fd, bytes, 1U + (how >> 2 & 3) * 2U,
			    (off_t)at);
	}
	return fd;
}

static int
ask_descriptor(struct feed *f, const struct port *p, uint32_t number)
{
	uint8_t how = feed_byte(f);

	switch (how & 7) {
	case 1:
	case 2:
		return number - ASK_PORT < ASK_PORTS &&
		    ask_binds++ < ASK_BINDS ?
		    kernel_bind_control((uint16_t)number) : -1;
	case 3:
	case 4:
		return ask_memfd(f, p);
	case 5:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return -1;
	}
}

static void
ask_patch(struct feed *f, struct ipc_request *ask)
{
	unsigned n = feed_byte(f) & 7;
	size_t at, len;

	while (n-- > 0) {
		at = feed_number(f, 2) % sizeof(*ask);
		len = feed_byte(f) % 40;
		feed_fill(f, (uint8_t *)ask + at, len < sizeof(*ask) - at ?
		    len : sizeof(*ask) - at);
	}
}

/* Fills in what a program asks, mostly. */
static void
ask_make(struct feed *f, struct ipc_question *q, struct port *p)
{
	uint8_t kind = feed_byte(f), how = feed_byte(f);
	uint16_t number = ASK_PORT + (how & 3);
	int i;

	memset(q, 0, sizeof(*q));
	q->agent = world;
	q->client = -1;
	q->pid = getpid();
	q->abstract = how & 4;
	q->give = q->made = -1;
	q->ask = *world_request(number);
	q->ask.kind = kind & 15;
	q->ask.cookie = p != NULL ? p->slot[how >> 3 & 1].cookie : 0;
	if (how & 16 && ask_binds++ < ASK_BINDS)
		q->ask.cookie = q->ask.inode = kernel_bind(number);
	q->ask.connected = how >> 5 & 1;
	q->ask.peer = world_addr(2, 7000);
	q->ask.len = feed_byte(f);
	if (how & 64)
		ask_patch(f, &q->ask);
	for (i = 0; i < IPC_PASS; i++)
		q->got[i] = how & 128 || q->ask.kind == IPC_ADOPT ||
		    q->ask.kind == IPC_OPEN ? ask_descriptor(f, p,
		    q->ask.port) : -1;
}

static void
ask_step(struct feed *f)
{
	static struct ipc_question q;
	struct port *p = LIST_FIRST(&world->ports);
	int i;

	ask_make(f, &q, p);
	fuzz_count("requests");
	if (q.ask.kind == IPC_STATUS) {
		status_free(status_new(world, &q.ask.view));
	} else {
		ipc_handler_answer(&q);
		FUZZ_ASSERT(memchr(q.answer.text, '\0', IPC_TEXT) != NULL);
		FUZZ_ASSERT(q.answer.error <= 0);
		FUZZ_ASSERT(q.answer.error == 0 || (q.give < 0 && q.made < 0));
		FUZZ_ASSERT(!q.abstract || q.made < 0);
		FUZZ_ASSERT(q.give < 0 || q.answer.slot < MP_SLOTS_MAX);
	}
	for (i = 0; i < IPC_PASS; i++)
		if (q.got[i] >= 0)
			close(q.got[i]);
	if (q.made >= 0)
		close(q.made);
	kernel_now += 1000;
}

/* The lowest descriptor that is free: where some are left open it is another. */
static int
ask_lowest(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	close(fd);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct listener listener = { .listener = -1, .abstract = -1,
		.name = "door" };
	struct feed f = { data, len };
	struct port *p;
	int i, lowest;

	if (sodium_init() < 0)
		return -1;
	lowest = ask_lowest();
	ask_binds = 0;
	world_begin();
	world->listener = &listener;
	p = world_port(ASK_PORT);
	(void)world_socket(p);
	for (i = 0; i < ASK_STEPS && f.left > 0; i++)
		ask_step(&f);
	world_end();
	FUZZ_ASSERT(ask_lowest() == lowest);
	return 0;
}
