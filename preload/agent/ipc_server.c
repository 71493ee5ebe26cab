/* SPDX-License-Identifier: ISC */
#include "ipc_server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "events.h"
#include "ipc_handler.h"
#include "listener.h"
#include "loop.h"
#include "port.h"
#include "socket_gc.h"
#include "status.h"
#include "shared/arena.h"
#include "shared/ipc.h"

enum {
	CLIENTS = 1024,
	ABSTRACT_CLIENTS = 64, /* of them; any user may connect there */
	PATIENCE_US = IPC_WAIT_MS * 1000, /* with a silent client */
};

struct client {
	LIST_ENTRY(client) entry;
	struct agent *agent;
	struct watch watch;
	struct alarm alarm;
	int fd;
	pid_t pid;
	bool abstract; /* of the abstract socket */
	struct status *status; /* of which rows are still to be sent */
};

static void
client_free(struct client *c)
{
	struct agent *a = c->agent;

	watch_end(&a->loop, &c->watch);
	alarm_end(&a->loop, &c->alarm);
	LIST_REMOVE(c, entry);
	a->nabstract -= c->abstract;
	if (c->fd >= 0)
		close(c->fd);
	status_free(c->status);
	free(c);
	a->nclients--;
	agent_settle(a);
}

static void
on_client_silent(struct alarm *alarm, uint64_t now)
{
	(void)now;
	client_free(OWNER(alarm, struct client, alarm));
}

static void
client_writable(struct watch *w, uint32_t events)
{
	struct client *c = OWNER(w, struct client, watch);

	(void)events;
	alarm_set(&c->agent->loop, &c->alarm, arena_now() + PATIENCE_US);
	if (status_send(c->status, c->fd))
		client_free(c);
}

/* Begins to send the status; false: no memory. */
static bool
client_begin_status(struct client *c, const struct ipc_view *view)
{
	socket_gc_run(c->agent); /* counts what the kernel dropped */
	c->status = status_new(c->agent, view);
	if (c->status == NULL)
		return false;
	c->watch.ready = client_writable;
	watch_change(&c->agent->loop, &c->watch, EPOLLOUT);
	return true;
}

/* The client becomes a reader of events; false: there are too many. */
static bool
client_begin_events(struct client *c, uint32_t port)
{
	watch_end(&c->agent->loop, &c->watch);
	if (!events_join(c->agent->events, c->fd, port))
		return false;
	c->fd = -1;
	client_free(c);
	return true;
}

/* The first port of that number, whichever devices its sockets have. */
static struct port *
ipc_server_port_of(const struct ipc_question *q)
{
	return q->ask.port < AGENT_PORTS ? q->agent->port[q->ask.port] : NULL;
}

/*
 * Does a client of the abstract socket have the token for what it requests?
 * The message is looked at without receiving it: a stranger's descriptor might
 * be of a file whose close(2) never ends.
 */
static bool
client_has_token(const struct client *c, struct ipc_question *q)
{
	struct ipc_request *ask = &q->ask;
	int n = ipc_peek(c->fd, ask, sizeof(*ask));
	const char *keys = ask->keys;

	if (n == IPC_SHORT && ask->kind == IPC_WAKE && ipc_server_port_of(q) !=
	    NULL)
		keys = ipc_server_port_of(q)->how.keys;
	else if (n != (int)sizeof(*ask))
		return false;
	ask->keys[sizeof(ask->keys) - 1] = '\0';
	return listener_knows(c->agent->listener, keys, ask->token);
}

static void
ipc_server_close_rest(struct ipc_question *q)
{
	int i;

	for (i = 0; i < IPC_PASS; i++) {
		if (q->got[i] >= 0)
			close(q->got[i]);
		q->got[i] = -1;
	}
}

static void
client_ready(struct watch *w, uint32_t events)
{
	struct client *c = OWNER(w, struct client, watch);
	static struct ipc_question q;
	struct port *p;
	int n;

	(void)events;
	memset(&q, 0, sizeof(q));
	q.agent = c->agent;
	q.client = c->fd;
	q.pid = c->pid;
	q.abstract = c->abstract;
	q.give = q.made = -1;
	if (c->abstract && !client_has_token(c, &q)) {
		client_free(c);
		return;
	}
	n = ipc_recv(c->fd, &q.ask, sizeof(q.ask), q.got);
	if (n == -EAGAIN)
		return;
	if (n == -EMSGSIZE) { /* no room for its descriptors */
		q.answer.version = IPC_VERSION;
		ipc_handler_no_descriptors(&q);
		(void)ipc_send(c->fd, &q.answer, sizeof(q.answer), NULL, 0);
	}
	if (n == (int)sizeof(q.ask) && q.ask.version == IPC_VERSION &&
	    q.ask.kind == IPC_STATUS && !c->abstract && client_begin_status(c, &q.ask.view))
		return;
	if (n == (int)sizeof(q.ask) && q.ask.version == IPC_VERSION &&
	    q.ask.kind == IPC_EVENTS && !c->abstract &&
	    client_begin_events(c, q.ask.port))
		return;
	if (n == IPC_SHORT && q.ask.version == IPC_VERSION &&
	    q.ask.kind == IPC_WAKE)
		for (p = ipc_server_port_of(&q); p != NULL; p = p->more)
			port_due(p);
	if (n == (int)sizeof(q.ask))
		ipc_handler_answer(&q);
	/* Before the answer: the client may count on the socket's port being
	 * free then. */
	if (n >= 0)
		ipc_server_close_rest(&q);
	if (n == (int)sizeof(q.ask))
		(void)ipc_send(c->fd, &q.answer, sizeof(q.answer),
		    q.made >= 0 ? &q.made : &q.give,
		    q.made >= 0 || q.give >= 0);
	if (q.made >= 0)
		close(q.made);
	client_free(c);
}

/* Only programs of the agent's user, and root's, are served. */
static bool
ipc_server_admits(const struct agent *a, int fd, struct ucred *who)
{
	socklen_t len = sizeof(*who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len) == 0 &&
	    (who->uid == a->uid || who->uid == 0) && a->nclients < CLIENTS;
}

static bool
client_new(struct agent *a, int fd, pid_t pid, bool abstract)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->agent = a;
	c->fd = fd;
	c->pid = pid;
	c->abstract = abstract;
	if (alarm_begin(&a->loop, &c->alarm, on_client_silent) != 0 ||
	    watch_begin(&a->loop, &c->watch, fd, EPOLLIN, client_ready) != 0) {
		alarm_end(&a->loop, &c->alarm);
		free(c);
		return false;
	}
	alarm_set(&a->loop, &c->alarm, arena_now() + PATIENCE_US);
	LIST_INSERT_HEAD(&a->clients, c, entry);
	a->nclients++;
	a->nabstract += abstract;
	agent_settle(a);
	return true;
}

void
ipc_server_accept(struct watch *w, uint32_t events)
{
	struct agent *a = OWNER(w, struct agent, accept);
	struct ucred who;
	int fd;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		if (!ipc_server_admits(a, fd, &who) ||
		    !client_new(a, fd, who.pid, false))
			close(fd);
}

/* Makes room for one more client of the abstract socket: the oldest goes. */
static void
ipc_server_make_room(struct agent *a)
{
	struct client *c, *oldest = NULL;

	if (a->nabstract < ABSTRACT_CLIENTS)
		return;
	LIST_FOREACH(c, &a->clients, entry)
		if (c->abstract)
			oldest = c;
	if (oldest != NULL)
		client_free(oldest);
}

void
ipc_server_accept_abstract(struct watch *w, uint32_t events)
{
	struct agent *a = OWNER(w, struct agent, accept_abstract);
	struct ucred who = { .pid = 0 };
	socklen_t len = sizeof(who);
	int fd;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
		ipc_server_make_room(a);
		if (!client_new(a, fd, who.pid, true))
			close(fd);
	}
}
