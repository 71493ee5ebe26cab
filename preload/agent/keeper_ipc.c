/* SPDX-License-Identifier: ISC */
#include "keeper_ipc.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keyfile.h"
#include "shared/arena.h"
#include "shared/ipc.h"

enum {
	ANSWER_MS = 1500, /* longest wait for an answer */
	SLOW_MS = 10,	  /* the same, after one that did not come in time */
};

static void
keeper_ipc_close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Closes what came with a message, from the i-th descriptor on. */
static void
keeper_ipc_close_rest(const int got[IPC_PASS], int i)
{
	for (; i < IPC_PASS; i++)
		keeper_ipc_close_one(got[i]);
}

/* Reads one answer: 1, or 0: there is none, or a negative errno. */
static int
keeper_ipc_read_answer(int channel, struct keeper_ipc_answer *answer, int *got)
{
	int came[IPC_PASS], n;

	n = ipc_recv(channel, answer, sizeof(*answer), came);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return n;
	keeper_ipc_close_rest(came, 1);
	*got = came[0];
	if (n == (int)sizeof(*answer)) {
		answer->text[IPC_TEXT - 1] = '\0';
		return 1;
	}
	keeper_ipc_close_one(came[0]);
	*got = -1;
	return -EPIPE;
}

/* Waits for the answer to request `number'. */
static int
keeper_ipc_await(int channel, uint32_t number, uint64_t until,
    struct keeper_ipc_answer *answer, int *got)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };
	uint64_t now;
	int n;

	while ((now = arena_now()) < until) {
		if (poll(&p, 1, (int)((until - now) / 1000) + 1) <= 0)
			continue;
		n = keeper_ipc_read_answer(channel, answer, got);
		if (n < 0)
			return n;
		if (n > 0 && answer->number == number)
			return 0;
		keeper_ipc_close_one(*got);
		*got = -1;
	}
	return -ETIMEDOUT;
}

/* Sends a request.  The channel does not block: if it is full, the keeper gets
 * as long as for an answer. */
static int
keeper_ipc_send(int channel, const struct keeper_ipc_request *ask,
    const int *pass, int n)
{
	bool how = ask->kind == KEEPER_IPC_STORE || ask->kind == KEEPER_IPC_KEY;
	size_t len = how ? sizeof(*ask) : (size_t)KEEPER_IPC_SHORT;
	struct pollfd p = { .fd = channel, .events = POLLOUT };
	int error = ipc_send(channel, ask, len, pass, n);

	if (error != -EAGAIN)
		return error;
	return poll(&p, 1, ANSWER_MS) > 0 ?
	    ipc_send(channel, ask, len, pass, n) : -ETIMEDOUT;
}

int
keeper_ipc_call(int channel, struct keeper_ipc_request *ask, const int *pass,
    int n, struct keeper_ipc_answer *answer, int *got)
{
	static uint32_t number;
	static bool slow; /* the last answer did not come in time */
	int error;

	*got = -1;
	memset(answer, 0, sizeof(*answer));
	if (channel < 0)
		return -EPIPE;
	ask->number = ++number;
	if (ask->number == 0)
		ask->number = ++number;
	error = keeper_ipc_send(channel, ask, pass, n);
	if (error != 0)
		return error;
	error = keeper_ipc_await(channel, ask->number, arena_now() +
	    (slow ? SLOW_MS : ANSWER_MS) * 1000, answer, got);
	slow = error == -ETIMEDOUT;
	return error != 0 ? error : answer->error;
}

int
keeper_ipc_tell(int channel, struct keeper_ipc_request *ask, const int *pass,
    int n)
{
	if (channel < 0)
		return -EPIPE;
	ask->number = 0;
	return keeper_ipc_send(channel, ask, pass, n);
}

bool
keeper_ipc_late(int channel)
{
	struct keeper_ipc_answer answer;
	int n, got = -1;

	while ((n = keeper_ipc_read_answer(channel, &answer, &got)) > 0)
		keeper_ipc_close_one(got);
	return n == 0;
}

static void
keeper_ipc_drop(struct kept_port_list *list, uint64_t id)
{
	struct kept_port *h, *next;

	LIST_FOREACH_SAFE(h, list, entry, next) {
		if (h->id != id)
			continue;
		LIST_REMOVE(h, entry);
		close(h->memfd);
		close(h->control);
		free(h);
	}
}

/* The worker, which has no privileges, has made a control socket's buffers as
 * large as the system lets everybody; the keeper of root may more. */
static void
keeper_ipc_enlarge(int fd)
{
	int size = KEEPER_IPC_BUFFER;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

static int
keeper_ipc_store(struct kept_port_list *list,
    const struct keeper_ipc_request *ask, int got[IPC_PASS])
{
	struct kept_port *h;

	if (got[0] < 0 || got[1] < 0)
		return -EBADF;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->id = ask->id;
	h->how = ask->how;
	h->memfd = got[0];
	h->control = got[1];
	keeper_ipc_enlarge(h->control);
	got[0] = got[1] = -1;
	LIST_INSERT_HEAD(list, h, entry);
	return 0;
}

/* Opens a file of keys (keyfile.h), and refuses any other file: a worker under an attacker's
 * control shall not get at other secrets. */
static int
keeper_ipc_open_key(const char *path, char why[IPC_TEXT])
{
	enum keyfile_kind kind = keyfile_kind_of(path);
	int error, fd = keyfile_open(path, why);
	uint8_t secret[32];

	if (fd < 0 || kind == KEYFILE_PEERS || kind == KEYFILE_DIRECTORY)
		return fd;
	error = keyfile_secret(fd, path, secret, why);
	sodium_memzero(secret, sizeof(secret));
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int
keeper_ipc_serve(int channel, struct kept_port_list *list, int (*bye)(void *),
    void *arg)
{
	struct keeper_ipc_answer answer = { .error = 0 };
	struct keeper_ipc_request ask;
	int n, fd = -1, got[IPC_PASS];

	n = ipc_recv(channel, &ask, sizeof(ask), got);
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	if (n < (int)KEEPER_IPC_SHORT)
		ask.kind = ask.number = 0;
	if (n != (int)sizeof(ask))
		memset(&ask.how, 0, sizeof(ask.how));
	answer.number = ask.number;
	switch (ask.kind) {
	case KEEPER_IPC_READY:
	case KEEPER_IPC_ALIVE:
		break;
	case KEEPER_IPC_STORE:
		answer.error = keeper_ipc_store(list, &ask, got);
		break;
	case KEEPER_IPC_DROP:
		keeper_ipc_drop(list, ask.id);
		break;
	case KEEPER_IPC_KEY:
		ask.how.keys[IPC_KEYS - 1] = '\0';
		fd = keeper_ipc_open_key(ask.how.keys, answer.text);
		answer.error = fd < 0 ? fd : 0;
		break;
	case KEEPER_IPC_BYE:
		answer.error = bye(arg);
		break;
	default:
		answer.error = -EINVAL;
	}
	keeper_ipc_close_rest(got, 0);
	if (ask.number != 0)
		(void)ipc_send(channel, &answer, sizeof(answer), &fd, fd >= 0);
	keeper_ipc_close_one(fd);
	return (int)ask.kind;
}
