/* SPDX-License-Identifier: ISC */
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper_ipc.h"
#include "journal.h"
#include "worker.h"

/* A worker that cannot live is started again after a while only. */
enum { DEATHS = 5, DEATHS_US = 5 * 1000000, PAUSE_S = 1 };

enum { SILENT = 5 }; /* beats without a word: it hangs */

struct keeper {
	struct listener *listener;
	int ready;   /* -1: said already */
	int channel; /* to the worker */
	pid_t worker;
	bool shut;   /* the door is; the worker goes */
	uint32_t restarts;
	uint64_t died[DEATHS]; /* when, in turn */
	struct kept_port_list kept;
};

static void
start_worker(struct keeper *k)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		exit(1);
	k->worker = fork();
	if (k->worker < 0)
		exit(1);
	if (k->worker == 0) {
		close(pair[0]);
		worker_run(&(struct worker_start) { .listener = k->listener,
			.channel = pair[1], .ready = k->ready,
			.restarts = k->restarts, .kept = &k->kept });
	}
	close(pair[1]);
	k->channel = pair[0];
}

static void
said(struct keeper *k)
{
	if (k->ready >= 0)
		close(k->ready);
	k->ready = -1;
}

/* The worker says that nothing is left. */
static int
bye(void *arg)
{
	struct keeper *k = arg;

	k->shut = LIST_EMPTY(&k->kept) && listener_shut(k->listener);
	return k->shut ? 0 : -EBUSY;
}

/* Waits for a word of the worker; false: it hangs.  In slices, since while both
 * are stopped only one of them passes. */
static bool
heard(const struct keeper *k)
{
	struct pollfd p = { .fd = k->channel, .events = POLLIN };
	int i;

	for (i = 0; i < SILENT; i++)
		if (poll(&p, 1, KEEPER_IPC_HEARTBEAT_US / 1000) > 0)
			return true;
	journal("the worker is silent");
	return false;
}

/* Serves one worker; true: it died, false: it has gone for good. */
static bool
serve(struct keeper *k)
{
	int kind;

	for (;;) {
		if (!heard(k))
			break;
		kind = keeper_ipc_serve(k->channel, &k->kept, bye, k);
		if (kind == KEEPER_IPC_READY)
			said(k);
		if (kind < 0)
			break;
	}
	return !k->shut;
}

static void
bury(struct keeper *k)
{
	uint64_t now = arena_now(), *oldest = &k->died[k->restarts % DEATHS];
	int status = 0;

	(void)kill(k->worker, SIGKILL); /* should it live, it is deaf */
	(void)waitpid(k->worker, &status, 0);
	close(k->channel);
	journal("worker %d died (status %#x)", (int)k->worker,
	    (unsigned)status);
	if (*oldest != 0 && now - *oldest < DEATHS_US)
		(void)nanosleep(&(struct timespec) { .tv_sec = PAUSE_S }, NULL);
	*oldest = now;
	k->restarts++;
}

void
keeper_run(struct listener *listener, int ready)
{
	static struct keeper k;

	k.listener = listener;
	k.ready = ready;
	LIST_INIT(&k.kept);
	(void)prctl(PR_SET_NAME, "mpshim-agent");
	start_worker(&k);
	while (serve(&k)) {
		bury(&k);
		if (k.ready >= 0) /* it never worked */
			exit(1);
		start_worker(&k);
	}
	(void)waitpid(k.worker, NULL, 0);
	journal("gone");
	exit(0);
}
