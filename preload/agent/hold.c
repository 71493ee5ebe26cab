/* SPDX-License-Identifier: ISC */
#include "hold.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyfile.h"

enum { ANSWER_MS = 2000 };

static void
close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

int
hold_ask(int channel, const struct hold_ask *ask, const int *pass, int n,
    struct hold_answer *answer, int *got)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };
	int error, came[IPC_PASS];

	*got = -1;
	memset(answer, 0, sizeof(*answer));
	if (channel < 0)
		return -EPIPE;
	error = ipc_send(channel, ask, sizeof(*ask), pass, n);
	if (error != 0)
		return error;
	if (poll(&p, 1, ANSWER_MS) <= 0)
		return -ETIMEDOUT;
	error = ipc_recv(channel, answer, sizeof(*answer), came);
	if (error < 0)
		return error;
	close_one(came[1]);
	if (error != (int)sizeof(*answer)) {
		close_one(came[0]);
		return -EPIPE;
	}
	answer->text[IPC_TEXT - 1] = '\0';
	*got = came[0];
	return answer->error;
}

static void
forget(struct held_list *list, uint64_t id)
{
	struct held *h, *next;

	LIST_FOREACH_SAFE(h, list, entry, next) {
		if (h->id != id)
			continue;
		LIST_REMOVE(h, entry);
		close(h->memfd);
		close(h->control);
		free(h);
	}
}

static int
keep(struct held_list *list, const struct hold_ask *ask, int got[IPC_PASS])
{
	struct held *h;

	if (got[0] < 0 || got[1] < 0)
		return -EBADF;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->id = ask->id;
	h->how = ask->how;
	h->memfd = got[0];
	h->control = got[1];
	got[0] = got[1] = -1;
	LIST_INSERT_HEAD(list, h, entry);
	return 0;
}

int
hold_serve(int channel, struct held_list *list, int (*bye)(void *), void *arg)
{
	struct hold_answer answer = { .error = 0 };
	struct hold_ask ask;
	int n, fd = -1, got[IPC_PASS];

	n = ipc_recv(channel, &ask, sizeof(ask), got);
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	if (n != (int)sizeof(ask))
		ask.kind = 0;
	switch (ask.kind) {
	case HOLD_READY:
		break;
	case HOLD_STORE:
		answer.error = keep(list, &ask, got);
		break;
	case HOLD_DROP:
		forget(list, ask.id);
		break;
	case HOLD_KEY:
		ask.how.keys[IPC_KEYS - 1] = '\0';
		fd = keyfile_open(ask.how.keys, answer.text);
		answer.error = fd < 0 ? fd : 0;
		break;
	case HOLD_BYE:
		answer.error = bye(arg);
		break;
	default:
		answer.error = -EINVAL;
	}
	close_one(got[0]);
	close_one(got[1]);
	(void)ipc_send(channel, &answer, sizeof(answer), &fd, fd >= 0);
	close_one(fd);
	return (int)ask.kind;
}
