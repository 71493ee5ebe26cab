/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "events.h"
#include "ipc_server.h"
#include "journal.h"
#include "keeper_ipc.h"
#include "listener.h"
#include "local_addr.h"
#include "loop.h"
#include "netmon.h"
#include "parent.h"
#include "port.h"
#include "sandbox.h"
#include "serving.h"
#include "socket_end.h"
#include "socket_gc.h"
#include "socket_scan.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/uapi.h"

enum { BUSY_US = 1000000 }; /* until BYE is tried again */

struct worker {
	struct agent agent;
	struct events events;
	struct netmon netmon;
	struct socket_scan scan;
	struct socket_end end;
	struct watch keeper;
	struct alarm heartbeat;
};

/* --- The end ------------------------------------------------------------ */

static void
on_bye(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, bye);
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_BYE };
	struct keeper_ipc_answer answer;
	int got;

	/* Without a keeper the listener's socket stays in its directory; the
	 * next agent replaces a socket that nobody answers at. */
	if (a->channel < 0 ||
	    keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &got) == 0)
		a->loop.stop = true;
	else
		alarm_set(&a->loop, alarm, now + BUSY_US);
}

static void
on_heartbeat(struct alarm *alarm, uint64_t now)
{
	struct agent *a = &OWNER(alarm, struct worker, heartbeat)->agent;
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_ALIVE };

	if (keeper_ipc_tell(a->channel, &ask, NULL, 0) == -EPIPE)
		return;
	alarm_set(&a->loop, alarm, now + KEEPER_IPC_HEARTBEAT_US);
}

/* Late answers, or the end of the keeper, which never speaks first.  The worker
 * goes on without it. */
static void
on_keeper(struct watch *w, uint32_t events)
{
	struct agent *a = &OWNER(w, struct worker, keeper)->agent;

	(void)events;
	if (keeper_ipc_late(w->fd))
		return;
	journal("the keeper died");
	events_error(a->events, 0, "the keeper died: the next worker will "
	    "find nothing");
	watch_end(&a->loop, w);
	close(a->channel);
	a->channel = -1;
}

/* --- The host's network ------------------------------------------------- */

static void
on_network(struct netmon *nm, const struct netmon_change *change)
{
	struct agent *a = &OWNER(nm, struct worker, netmon)->agent;
	struct port *p;
	unsigned i;

	if (change->lost)
		events_error(a->events, 0, "rtnetlink lost events");
	if (change->lists)
		events_touch_net(a->events);
	LIST_FOREACH(p, &a->ports, entry) {
		if (change->lists)
			local_addr_tell(nm, p);
		for (i = 0; i < change->nevents; i++)
			port_note_link(p, change->event[i]);
		if (change->nevents > 0) /* addresses on no interface */
			port_note_link(p, 0);
		if (p->locals_new || change->nevents > 0)
			port_due(p);
	}
}

/* --- The beginning ------------------------------------------------------ */

static int
worker_read_netns(struct agent *a, int listener)
{
	socklen_t len = sizeof(a->netns);

	return getsockopt(listener, SOL_SOCKET, SO_NETNS_COOKIE, &a->netns,
	    &len) == 0 ? 0 : -errno;
}

static int
worker_begin_loop(struct worker *w)
{
	struct agent *a = &w->agent;
	int error;

	error = loop_init(&a->loop);
	if (error == 0)
		error = alarm_begin(&a->loop, &a->bye, on_bye);
	if (error == 0)
		error = alarm_begin(&a->loop, &w->heartbeat, on_heartbeat);
	if (error == 0)
		error = socket_gc_init(a);
	if (error == 0)
		error = serving_init(a);
	if (error == 0)
		error = events_init(&w->events, a);
	if (error == 0)
		error = watch_begin(&a->loop, &w->keeper, a->channel, EPOLLIN,
		    on_keeper);
	return error;
}

/* Everything that needs rights, and then the sandbox: 0, or a negative errno
 * with what failed in *what. */
static int
worker_prepare(struct worker *w, const struct worker_start *start,
    const char **what)
{
	int error;

	*what = "event loop";
	error = worker_begin_loop(w);
	if (error == 0) {
		*what = "network namespace";
		error = worker_read_netns(&w->agent, start->listener->listener);
	}
	if (error == 0) {
		*what = "/proc/self/net/udp";
		error = socket_scan_open(&w->scan, &w->agent);
	}
	if (error == 0 && socket_end_open(&w->end, &w->agent) != 0)
		journal("this kernel does not tell which sockets are gone");
	if (error == 0) {
		*what = "rtnetlink";
		error = netmon_init(&w->netmon, &w->agent.loop, on_network);
	}
	if (error == 0) {
		*what = "sandbox";
		error = sandbox_enter();
	}
	return error;
}

/* Goes on with the ports of the worker before. */
static void
worker_recover(struct agent *a, struct kept_port_list *list)
{
	char why[IPC_TEXT] = "";
	struct kept_port *h;
	struct port *p;
	int error, i;

	LIST_FOREACH(h, list, entry) {
		error = serving_recover(a, &h->how, h->id, h->memfd, h->control,
		    &p, why);
		journal("port %u: %s %s", h->how.port, error == 0 ?
		    "recovered" : strerror(-error), why);
		if (error != 0)
			continue;
		for (i = 0; i < MP_SLOTS_MAX; i++)
			if (p->slot[i].used)
				socket_gc_watch(a, -1, (pid_t)
				    p->map.arena->slot[i].pid, false);
	}
}

/* Tells the keeper, and the process that started the agent, that it serves. */
static void
worker_say_ready(struct agent *a, int ready)
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_READY };
	struct keeper_ipc_answer answer;
	int got;

	(void)keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &got);
	if (ready < 0)
		return;
	if (write(ready, "", 1) != 1)
		journal("no process waits for the agent");
	close(ready);
}

static void
worker_fail(const struct worker_start *start, const char *what, int error)
{
	journal("%s: %s", what, strerror(-error));
	if (start->ready >= 0)
		(void)dprintf(start->ready, "%s: %s", what, strerror(-error));
	_exit(1);
}

static void
worker_init(struct worker *w, const struct worker_start *start)
{
	struct agent *a = &w->agent;
	struct rlimit files;

	a->channel = start->channel;
	(void)fcntl(a->channel, F_SETFL, O_NONBLOCK);
	a->restarts = start->restarts;
	a->uid = geteuid();
	a->file_most = getrlimit(RLIMIT_FSIZE, &files) == 0 &&
	    files.rlim_cur != RLIM_INFINITY ? files.rlim_cur : UINT64_MAX;
	a->listener = start->listener;
	a->events = &w->events;
	a->netmon = &w->netmon;
	a->scan = &w->scan;
	LIST_INIT(&a->ports);
	LIST_INIT(&a->rings);
	TAILQ_INIT(&a->parents);
	LIST_INIT(&a->clients);
	LIST_INIT(&a->processes);
}

static int
worker_accept_clients(struct agent *a)
{
	int error;

	error = watch_begin(&a->loop, &a->accept, a->listener->listener,
	    EPOLLIN, ipc_server_accept);
	if (error == 0 && a->listener->abstract >= 0)
		error = watch_begin(&a->loop, &a->accept_abstract,
		    a->listener->abstract, EPOLLIN,
		    ipc_server_accept_abstract);
	return error;
}

void
worker_run(const struct worker_start *start)
{
	static struct worker w;
	struct agent *a = &w.agent;
	const char *what;
	int error;

	(void)prctl(PR_SET_NAME, "mpshim-worker");
	worker_init(&w, start);
	error = worker_prepare(&w, start, &what);
	if (error != 0)
		worker_fail(start, what, error);
	(void)socket_end_listen(&w.end);
	worker_recover(a, start->kept);
	worker_say_ready(a, start->ready);
	error = worker_accept_clients(a);
	if (error != 0)
		worker_fail(start, "event loop", error);
	agent_settle(a);
	alarm_set(&a->loop, &w.heartbeat, arena_now() +
	    KEEPER_IPC_HEARTBEAT_US);
	loop_run(&a->loop);
	events_end(&w.events);
	parent_end(a);
	_exit(0);
}
