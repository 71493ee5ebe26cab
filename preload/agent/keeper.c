/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The agent is two processes.  The worker does everything: it reads packets of
 * strangers and requests of programs, in a sandbox that opens no file.  The
 * keeper above it reads neither, so that what kills a worker does not kill it.
 * It has
 *	a copy of each port's arena memfd and control socket.  While a worker
 *	is dead, the arena stays as it is, programs go on sending and
 *	receiving, and control packets wait in the socket's queue; the next
 *	worker goes on with them (serving_recover()).
 *	the right to read files of keys, and opens no other file: see
 *	keeper_ipc.c.
 *	the listener, so that programs can connect and wait meanwhile.
 *
 * States
 *	starting   until the first READY: the process that started the agent
 *		   waits for it, and a worker that dies ends the agent
 *	serving	   each message of the worker is one request (keeper_ipc.h).  A
 *		   worker that says nothing for SILENT heartbeats hangs, and is
 *		   killed like one that died.
 *	restarting the worker is reaped, and forked anew from this process,
 *		   which has never run any of its code.  After DEATHS deaths
 *		   within DEATHS_US there is a pause of PAUSE_S first.
 *	shut	   the worker said BYE, no port is kept, and nobody was
 *		   connecting: the listener's socket is removed, the worker
 *		   exits, and so does the keeper.
 * If the keeper dies, the worker goes on alone with the ports that it has.  If
 * both die, a program starts another agent and gives it a copy of its arena.
 *
 * Invariants
 *	one worker at a time; the channel is a new pair for each, so that no
 *	message of a dead worker is taken for one of the next
 *	a port is kept from the worker's STORE to its DROP, and no longer: its
 *	number is free for others then
 *	what a worker sent before it died is done before the next one starts
 *
 * It must never read from a control socket, map an arena, or take a worker's
 * message for more than keeper_ipc.c allows: a worker may be an attacker's.
 * No lock: the two processes share no memory.
 * Source: doc/design.md, section 2.
 */
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

#include "journal.h"
#include "keeper_ipc.h"
#include "listener.h"
#include "worker.h"
#include "shared/arena.h"

enum { DEATHS = 5, DEATHS_US = 5 * 1000000, PAUSE_S = 1 };

enum { SILENT = 5 }; /* heartbeats without a message: the worker hangs */

struct keeper {
	struct listener *listener;
	int ready;   /* -1: the first worker has said that it serves */
	int channel; /* to the worker */
	pid_t worker;
	bool shut;   /* the listener is closed, the worker exits */
	uint32_t restarts;
	uint64_t died[DEATHS]; /* times of the last deaths, a ring */
	struct kept_port_list kept;
};

static void
keeper_start_worker(struct keeper *k)
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
keeper_close_ready(struct keeper *k)
{
	if (k->ready >= 0)
		close(k->ready);
	k->ready = -1;
}

/* The worker has nothing left to serve: may it exit? */
static int
on_worker_bye(void *arg)
{
	struct keeper *k = arg;

	k->shut = LIST_EMPTY(&k->kept) && listener_shut(k->listener);
	return k->shut ? 0 : -EBUSY;
}

/* Waits for a message of the worker; false: it hangs.  In slices of one
 * heartbeat: while both processes are stopped only one slice passes. */
static bool
keeper_await_message(const struct keeper *k)
{
	struct pollfd p = { .fd = k->channel, .events = POLLIN };
	int i;

	for (i = 0; i < SILENT; i++)
		if (poll(&p, 1, KEEPER_IPC_HEARTBEAT_US / 1000) > 0)
			return true;
	journal("the worker is silent");
	return false;
}

/* Serves one worker; true: it died or hangs, false: the agent ends. */
static bool
keeper_serve(struct keeper *k)
{
	int kind;

	for (;;) {
		if (!keeper_await_message(k))
			break;
		kind = keeper_ipc_serve(k->channel, &k->kept,
		    on_worker_bye, k);
		if (kind == KEEPER_IPC_READY)
			keeper_close_ready(k);
		if (kind < 0)
			break;
	}
	return !k->shut;
}

static void
keeper_reap_worker(struct keeper *k)
{
	uint64_t now = arena_now(), *oldest = &k->died[k->restarts % DEATHS];
	int status = 0;

	(void)kill(k->worker, SIGKILL); /* should it hang */
	(void)waitpid(k->worker, &status, 0);
	close(k->channel);
	journal("worker %d died (status %#x)", (int)k->worker,
	    (unsigned)status);
	if (*oldest != 0 && now - *oldest < DEATHS_US)
		(void)nanosleep(&(struct timespec) { .tv_sec = PAUSE_S }, NULL);
	*oldest = now;
	k->restarts++;
}

/*
 * The kernel stamps datagrams on arrival only from some 20 ms after the first
 * socket of the host asked for it; until then a stamp is the time of reading
 * (kernel fact K33).  One socket that asks from here on, as long as there is an
 * agent, spares all others that time.
 */
static void
keeper_want_stamps(void)
{
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on,
		    sizeof(on));
}

void
keeper_run(struct listener *listener, int ready)
{
	static struct keeper k;

	k.listener = listener;
	k.ready = ready;
	LIST_INIT(&k.kept);
	(void)prctl(PR_SET_NAME, "mpshim-agent");
	keeper_want_stamps();
	keeper_start_worker(&k);
	while (keeper_serve(&k)) {
		keeper_reap_worker(&k);
		if (k.ready >= 0) /* it never served */
			exit(1);
		keeper_start_worker(&k);
	}
	(void)waitpid(k.worker, NULL, 0);
	journal("gone");
	exit(0);
}
