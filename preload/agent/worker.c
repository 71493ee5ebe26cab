/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "events.h"
#include "journal.h"
#include "sandbox.h"
#include "shared/uapi.h"

const char worker_version[] = "mpshim-agent " MPSHIM_VERSION;

enum {
	LINGER_US = 10 * 1000000, /* after the last port */
	BUSY_US = 1000000,	  /* when somebody came as we went */
};

/* --- The end ------------------------------------------------------------ */

void
agent_settle(struct agent *a)
{
	socket_scan_settle(a);
	alarm_set(&a->loop, &a->bye, a->nports > 0 || a->nclients > 0 ||
	    a->scan.staying > 0 ? MP_NEVER : arena_now() + LINGER_US);
}

static void
on_bye(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, bye);
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_BYE };
	struct keeper_ipc_answer answer;
	int got;

	/* Without a keeper nobody can take the socket away: who finds that
	 * none answers there replaces it. */
	if (a->channel < 0 ||
	    keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &got) == 0)
		a->loop.stop = true;
	else
		alarm_set(&a->loop, alarm, now + BUSY_US);
}

static void
on_alive(struct alarm *alarm, uint64_t now)
{
	struct agent *a = OWNER(alarm, struct agent, alive);

	if (a->channel < 0)
		return;
	keeper_ipc_alive(a->channel);
	alarm_set(&a->loop, alarm, now + KEEPER_IPC_HEARTBEAT_US);
}

/* The keeper never speaks first.  When it has died, we go on alone. */
static void
on_keeper(struct watch *w, uint32_t events)
{
	struct agent *a = OWNER(w, struct agent, keeper);

	(void)events;
	if (keeper_ipc_late(w->fd))
		return;
	journal("the keeper died");
	events_error(a, 0, "the keeper died: the next worker will find "
	    "nothing");
	watch_end(&a->loop, w);
	close(a->channel);
	a->channel = -1;
}

/* --- The beginning ------------------------------------------------------ */

static int
read_netns(struct agent *a, int listener)
{
	socklen_t len = sizeof(a->netns);

	return getsockopt(listener, SOL_SOCKET, SO_NETNS_COOKIE, &a->netns,
	    &len) == 0 ? 0 : -errno;
}

/* Everything that needs rights. */
static int
prepare(struct agent *a, const struct worker_start *start, const char **what)
{
	int error;

	*what = "event loop";
	error = loop_init(&a->loop);
	if (error == 0)
		error = alarm_begin(&a->loop, &a->bye, on_bye);
	if (error == 0)
		error = alarm_begin(&a->loop, &a->alive, on_alive);
	if (error == 0)
		error = events_init(a);
	if (error == 0) {
		*what = "network namespace";
		error = read_netns(a, start->listener->listener);
	}
	if (error == 0) {
		*what = "/proc/self/net/udp";
		error = socket_scan_init(a);
	}
	if (error == 0) {
		*what = "rtnetlink";
		error = netmon_init(a);
	}
	if (error == 0) {
		*what = "sandbox";
		error = sandbox_enter();
	}
	return error;
}

/* Goes on with what another worker served. */
static void
recover(struct agent *a, struct kept_port_list *list)
{
	char why[IPC_TEXT] = "";
	struct kept_port *h;
	struct port *p;
	int error, i;

	LIST_FOREACH(h, list, entry) {
		error = port_recover(a, &h->how, h->id, h->memfd, h->control,
		    &p, why);
		journal("port %u: %s %s", h->how.port, error == 0 ?
		    "recovered" : strerror(-error), why);
		if (error != 0)
			continue;
		for (i = 0; i < MP_SLOTS_MAX; i++)
			if (p->slot[i].used)
				socket_scan_watch(a, -1, (pid_t)
				    p->map.arena->slot[i].pid, false);
	}
}

/* Says that we work: to who started the agent, and to the keeper. */
static void
say_ready(struct agent *a, int ready)
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_READY };
	struct keeper_ipc_answer answer;
	int got;

	(void)keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &got);
	if (ready < 0)
		return;
	if (write(ready, "", 1) != 1)
		journal("nobody waits for us");
	close(ready);
}

static void
fail(const struct worker_start *start, const char *what, int error)
{
	journal("%s: %s", what, strerror(-error));
	if (start->ready >= 0)
		(void)dprintf(start->ready, "%s: %s", what, strerror(-error));
	_exit(1);
}

void
worker_run(const struct worker_start *start)
{
	static struct agent a;
	const char *what;
	int error;

	(void)prctl(PR_SET_NAME, "mpshim-worker");
	a.channel = start->channel;
	(void)fcntl(a.channel, F_SETFL, O_NONBLOCK);
	a.restarts = start->restarts;
	a.uid = geteuid();
	LIST_INIT(&a.ports);
	LIST_INIT(&a.rings);
	LIST_INIT(&a.clients);
	error = prepare(&a, start, &what);
	if (error == 0) {
		what = "event loop";
		error = watch_begin(&a.loop, &a.keeper, a.channel, EPOLLIN,
		    on_keeper);
	}
	if (error != 0)
		fail(start, what, error);
	recover(&a, start->kept);
	say_ready(&a, start->ready);
	a.at = start->listener;
	error = watch_begin(&a.loop, &a.accept, a.at->listener, EPOLLIN,
	    ipc_server_accept);
	if (error == 0 && a.at->abstract >= 0)
		error = watch_begin(&a.loop, &a.accept_abstract, a.at->abstract,
		    EPOLLIN,
		    ipc_server_accept_abstract);
	if (error != 0)
		fail(start, "event loop", error);
	agent_settle(&a);
	alarm_set(&a.loop, &a.alive, arena_now() + KEEPER_IPC_HEARTBEAT_US);
	loop_run(&a.loop);
	events_end(&a);
	_exit(0);
}
