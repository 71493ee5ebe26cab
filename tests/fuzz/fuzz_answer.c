/* SPDX-License-Identifier: ISC */
/*
 * The library's door: what an agent answers, and the arena that it gives.  The
 * input is the answer's message, with bytes of the input in one of the right
 * length, descriptors, and an arena in which another process writes.
 *
 * The call ends with 0 or an error, a text that ends and a descriptor or none;
 * an arena that is mapped can be used: datagrams go out and packets come in
 * without an access beyond it.
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "shared/arena.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

enum { ANSWER_SIZE = 2 << 20, ANSWER_STEPS = 10 };

static int answer_fd;
int __wrap_connect_agent_open_by(const struct connect_agent_abstract **);

int
__wrap_connect_agent_open_by(const struct connect_agent_abstract **abstract)
{
	*abstract = NULL;
	return answer_fd;
}

/* Writes somewhere, as any process may that has the arena. */
static void
answer_scribble(struct feed *f, int fd, unsigned n)
{
	uint8_t bytes[8];
	off_t at;

	while (n-- > 0 && f->left > 0) {
		at = (off_t)feed_number(f, 3) % ANSWER_SIZE;
		feed_fill(f, bytes, sizeof(bytes));
		(void)!pwrite(fd, bytes, 1 + ((size_t)at & 7), at);
	}
}

/* A sealed memory file with an arena as an agent makes it: made once, copied. */
static int
answer_arena(void)
{
	static uint8_t first[1 << 18];
	static struct mp_limits limits = { .sessions = 4, .flows = 32,
		.flows_each = 16, .pool = 16384, .pool_each = 8192,
		.staged = 8192 };
	struct mp_setup setup = { .limits = limits, .port = 7000 };
	size_t size = arena_size(&limits);
	struct arena_map map;
	uint8_t random[96] = { 1 };
	int fd = memfd_create("arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	FUZZ_ASSERT(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	if (first[0] == 0) {
		FUZZ_ASSERT(arena_make(&map, fd, size, &setup, random) == 0);
		FUZZ_ASSERT(mp_slot_open(&map.mp, 0, MP_DUAL) == 0);
		arena_unmap(&map);
		FUZZ_ASSERT(pread(fd, first, sizeof(first), 0) > 0);
		FUZZ_ASSERT(first[0] != 0);
	} else
		FUZZ_ASSERT(pwrite(fd, first, sizeof(first), 0) ==
		    sizeof(first));
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	return fd;
}

/* What a program does with its arena, while another process writes there. */
static void
answer_use(struct feed *f, struct arena_map *map, int fd)
{
	static uint8_t packet[2048], opened[2048];
	struct mp_addr to = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 10,
		[15] = 1 }, .port = 7000 };
	struct mp_rx rx = { .path = { .remote = to, .local = to } };
	struct mp_tx tx[MP_TX_MAX];
	struct mp_tx_option option;
	uint64_t now = 1000000;
	size_t len;
	int i, n;

	for (i = 0; i < ANSWER_STEPS && f->left > 0; i++) {
		now += 1000 * feed_number(f, 1);
		answer_scribble(f, fd, feed_byte(f) & 3);
		n = mp_send_begin(&map->mp, now, 0, &to, 0, 100, 0, tx);
		FUZZ_ASSERT(n <= MP_TX_MAX);
		if (n == MP_EAGAIN)
			(void)!mp_stage(&map->mp, now, 0, &to, NULL, packet,
			    100);
		else if (n > 0)
			(void)!mp_send_commit(&map->mp, now, tx, n, packet,
			    100);
		n = mp_staged_begin(&map->mp, now, 0, &to, tx, &option,
		    opened, sizeof(opened), &len);
		FUZZ_ASSERT(n <= MP_TX_MAX && (n <= 0 || len <=
		    sizeof(opened)));
		if (n > 0)
			(void)!mp_staged_commit(&map->mp, now, tx, n, opened,
			    len);
		len = feed_take(f, packet, 80);
		packet[0] = mp_sid_prefix(&map->mp);
		if (mp_recv_begin(&map->mp, now, &rx, packet, len) ==
		    MP_SEALED) {
			n = mp_open(&rx, packet, len, opened);
			(void)mp_recv_commit(&map->mp, now, &rx, opened, n);
		}
	}
}

static void
answer_take(struct feed *f, int memfd)
{
	struct arena_map map;

	if (arena_open(&map, memfd) != 0)
		return;
	fuzz_count("arenas");
	answer_use(f, &map, memfd);
	arena_unmap(&map);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct ipc_request ask;
	struct ipc_answer sent = { .version = IPC_VERSION }, answer;
	struct feed f = { data, len };
	uint8_t how = feed_byte(&f), n;
	int pair[2], pass[IPC_PASS] = { -1, -1, -1 }, got, i, error;
	size_t at;

	if (sodium_init() < 0)
		return -1;
	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair) == 0);
	pass[0] = how & 1 ? memfd_create("none", MFD_CLOEXEC) : answer_arena();
	if ((how & 1) == 0)
		answer_scribble(&f, pass[0], how >> 5);
	for (i = 1; i < IPC_PASS; i++)
		pass[i] = dup(pass[0]);
	for (n = feed_byte(&f) & 3; n > 0; n--) {
		at = feed_number(&f, 2) % (sizeof(sent) - 8);
		feed_fill(&f, (uint8_t *)&sent + at, 8);
	}
	if (how & 16)
		(void)!send(pair[1], &sent, feed_number(&f, 2) %
		    sizeof(sent), MSG_NOSIGNAL);
	else
		(void)ipc_send(pair[1], &sent, sizeof(sent), pass,
		    how >> 1 & 3);
	answer_fd = pair[0];
	shutdown(pair[1], SHUT_WR);
	error = ipc_call(&ask, NULL, 0, -1, &answer, &got);
	FUZZ_ASSERT(error <= 0 && (error == 0 || got < 0));
	if (error == 0)
		FUZZ_ASSERT(memchr(answer.text, '\0', IPC_TEXT) != NULL);
	close(pair[1]);
	for (i = 0; i < IPC_PASS; i++)
		close(pass[i]);
	if (got >= 0) {
		answer_take(&f, got);
		close(got);
	}
	return 0;
}
