/* SPDX-License-Identifier: ISC */
#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "ear.h"
#include "events.h"
#include "journal.h"
#include "net.h"
#include "output.h"
#include "rule.h"
#include "slots.h"
#include "status.h"

enum {
	CLIENTS = 1024,
	PATIENCE_US = IPC_WAIT_MS * 1000, /* with one who says nothing */
};

struct client {
	LIST_ENTRY(client) entry;
	struct agent *agent;
	struct watch watch;
	struct alarm alarm;
	int fd;
	pid_t pid;
	struct status *status; /* what is still to be sent of it */
};

/* A question under way. */
struct question {
	struct agent *agent;
	const struct client *client;
	struct ipc_ask ask;
	int got[IPC_PASS]; /* descriptors that came with it; -1 */
	struct ipc_answer answer;
	int give; /* goes with the answer; not ours to close */
};

/* --- Questions ---------------------------------------------------------- */

/* The port that is asked for; NULL: there is none. */
static struct port *
port_of(const struct question *q)
{
	return q->ask.port > 0 && q->ask.port < AGENT_PORTS ?
	    q->agent->port[q->ask.port] : NULL;
}

/* Takes a descriptor that came. */
static int
take(struct question *q, int i)
{
	int fd = q->got[i];

	q->got[i] = -1;
	return fd;
}

static int
found(struct question *q, struct port *p, int slot)
{
	q->answer.slot = (uint32_t)slot;
	q->give = p->memfd;
	look_watch(q->agent, q->client->fd, q->client->pid);
	return 0;
}

/* A socket more on a port that we serve. */
static int
open_more(struct question *q, struct port *p, bool raced)
{
	int slot = slots_find(p, q->ask.cookie);

	if (slot >= 0)
		return found(q, p, slot); /* asked twice */
	if (strcmp(p->how.keys, q->ask.keys) != 0) {
		snprintf(q->answer.text, IPC_TEXT,
		    "port %u is in use under other keys", p->number);
		return -EADDRINUSE;
	}
	slot = slots_add(p, &q->ask, q->client->pid, raced);
	if (slot < 0)
		return slot;
	output_send(p);
	return found(q, p, slot);
}

static int
open_new(struct question *q)
{
	struct port *p;
	int slot, error;

	error = port_open(q->agent, &q->ask, take(q, 0), &p, q->answer.text);
	if (error != 0)
		return error;
	slot = slots_add(p, &q->ask, q->client->pid, false);
	if (slot < 0) {
		port_close(p);
		return slot;
	}
	output_send(p);
	journal("port %u: opened by %s, %d", p->number,
	    p->map.arena->slot[slot].program, (int)q->client->pid);
	return found(q, p, slot);
}

static int
on_open(struct question *q)
{
	struct port *p = port_of(q);
	unsigned before = p != NULL ? p->nslots : 0;

	if (q->ask.port == 0 || q->ask.port >= AGENT_PORTS ||
	    q->ask.cookie == 0)
		return -EINVAL;
	if (p == NULL)
		return open_new(q);
	look_now(q->agent);
	if (port_of(q) == NULL) /* its last socket had gone */
		return open_new(q);
	return open_more(q, p, p->nslots != before);
}

static int
on_find(struct question *q)
{
	struct port *p;
	int slot;

	LIST_FOREACH(p, &q->agent->ports, entry) {
		slot = slots_find(p, q->ask.cookie);
		if (slot >= 0)
			return found(q, p, slot);
	}
	return -ENOENT;
}

/* -EADDRINUSE: a socket of the port rules it out. */
static int
judge(struct port *p, const struct ipc_ask *ask)
{
	struct slot is;
	int i, error = 0;

	if (!port_lock(p))
		return -EAGAIN;
	for (i = 0; i < MP_SLOTS_MAX && error == 0; i++) {
		if (!p->slot[i].used)
			continue;
		is = p->map.arena->slot[i];
		if (!rule_allows(&is, ask))
			error = -EADDRINUSE;
	}
	port_unlock(p);
	return error;
}

static int
on_ask(struct question *q)
{
	struct port *p = port_of(q);
	int error;

	if (p == NULL)
		return -ENOENT;
	error = judge(p, &q->ask);
	if (error != -EADDRINUSE)
		return error;
	look_now(q->agent); /* is who rules it out still there? */
	p = port_of(q);
	return p == NULL ? -ENOENT : judge(p, &q->ask);
}

static int
on_adopt(struct question *q)
{
	struct port *p = port_of(q);
	int slot, error, control, memfd;

	if (q->ask.port == 0 || q->ask.port >= AGENT_PORTS)
		return -EINVAL;
	if (p != NULL) { /* another process of the port was first */
		slot = slots_find(p, q->ask.cookie);
		return slot >= 0 ? found(q, p, slot) : -EADDRINUSE;
	}
	control = take(q, 0);
	memfd = take(q, 1);
	error = port_recover(q->agent, &q->ask, 0, memfd, control, &p,
	    q->answer.text);
	if (error != 0)
		return error;
	journal("port %u: adopted", p->number);
	slot = slots_find(p, q->ask.cookie);
	look_now(q->agent);
	if (port_of(q) != p || slot < 0)
		return -ENOENT;
	return found(q, p, slot);
}

static int
on_hear(struct question *q)
{
	struct port *p = port_of(q);
	int slot = p != NULL ? slots_find(p, q->ask.cookie) : -1;
	struct mp_addr at;

	if (slot < 0)
		return -ENOENT;
	/* One at the port's own address would be of its group. */
	if (q->got[0] < 0 || !port_fits(q->agent, q->got[0], &q->ask, &at) ||
	    net_equal(&at, &p->bound))
		return -EBADF;
	return ear_open(p, (uint32_t)slot, take(q, 0));
}

static int
on_look(struct question *q)
{
	look_now(q->agent);
	return 0;
}

/* Those who could be heard do not come here. */
static int
on_events(struct question *q)
{
	snprintf(q->answer.text, IPC_TEXT, "%d others follow the events already",
	    EVENTS_READERS);
	return -EBUSY;
}

static int
on_hello(struct question *q)
{
	(void)q;
	return 0;
}

static int (*const handler[])(struct question *) = {
	[IPC_HELLO] = on_hello,
	[IPC_OPEN] = on_open,
	[IPC_FIND] = on_find,
	[IPC_ASK] = on_ask,
	[IPC_ADOPT] = on_adopt,
	[IPC_LOOK] = on_look,
	[IPC_HEAR] = on_hear,
	[IPC_EVENTS] = on_events,
};

enum { HANDLERS = sizeof(handler) / sizeof(handler[0]) };

/* --- Those who ask ------------------------------------------------------ */

static void
client_free(struct client *c)
{
	struct agent *a = c->agent;

	watch_end(&a->loop, &c->watch);
	alarm_end(&a->loop, &c->alarm);
	LIST_REMOVE(c, entry);
	if (c->fd >= 0)
		close(c->fd);
	status_free(c->status);
	free(c);
	a->nclients--;
	agent_settle(a);
}

static void
on_patience(struct alarm *alarm, uint64_t now)
{
	(void)now;
	client_free(OWNER(alarm, struct client, alarm));
}

/* Strings from outside end somewhere. */
static void
tidy(struct ipc_ask *ask)
{
	ask->keys[sizeof(ask->keys) - 1] = '\0';
	ask->interfaces[sizeof(ask->interfaces) - 1] = '\0';
	ask->no_interfaces[sizeof(ask->no_interfaces) - 1] = '\0';
	ask->program[sizeof(ask->program) - 1] = '\0';
}

static void
answer(struct client *c, struct question *q)
{
	q->answer.version = IPC_VERSION;
	q->answer.pid = (uint32_t)getpid();
	if (q->ask.version != IPC_VERSION) {
		q->answer.error = -EPROTO;
		snprintf(q->answer.text, IPC_TEXT,
		    "the agent that runs is of another version");
	} else if (q->ask.kind < HANDLERS && handler[q->ask.kind] != NULL) {
		tidy(&q->ask);
		q->answer.error = handler[q->ask.kind](q);
	} else
		q->answer.error = -EINVAL;
	if (q->answer.error != 0) {
		q->give = -1;
		journal("question %u of %d, port %u: %s %s", q->ask.kind,
		    (int)c->pid, q->ask.port, strerror(-q->answer.error),
		    q->answer.text);
		if (q->answer.text[0] != '\0')
			events_error(c->agent, q->ask.port, q->answer.text);
	}
	(void)ipc_send(c->fd, &q->answer, sizeof(q->answer), &q->give,
	    q->give >= 0);
}

static void
status_ready(struct watch *w, uint32_t events)
{
	struct client *c = OWNER(w, struct client, watch);

	(void)events;
	alarm_set(&c->agent->loop, &c->alarm, arena_now() + PATIENCE_US);
	if (status_send(c->status, c->fd))
		client_free(c);
}

/* Begins to stream the status: false, it cannot. */
static bool
begin_status(struct client *c)
{
	c->status = status_new(c->agent);
	if (c->status == NULL)
		return false;
	c->watch.ready = status_ready;
	watch_change(&c->agent->loop, &c->watch, EPOLLOUT);
	return true;
}

/* Makes him one who follows the events: false, he cannot. */
static bool
begin_events(struct client *c, uint32_t port)
{
	watch_end(&c->agent->loop, &c->watch);
	if (!events_join(c->agent, c->fd, port))
		return false;
	c->fd = -1;
	client_free(c);
	return true;
}

static void
client_ready(struct watch *w, uint32_t events)
{
	struct client *c = OWNER(w, struct client, watch);
	static struct question q;
	int n, i;

	(void)events;
	memset(&q, 0, sizeof(q));
	q.agent = c->agent;
	q.client = c;
	q.give = -1;
	n = ipc_recv(c->fd, &q.ask, sizeof(q.ask), q.got);
	if (n == -EAGAIN)
		return;
	if (n == (int)sizeof(q.ask) && q.ask.version == IPC_VERSION &&
	    q.ask.kind == IPC_STATUS && begin_status(c))
		return;
	if (n == (int)sizeof(q.ask) && q.ask.version == IPC_VERSION &&
	    q.ask.kind == IPC_EVENTS && begin_events(c, q.ask.port))
		return;
	if (n == IPC_SHORT && q.ask.version == IPC_VERSION &&
	    q.ask.kind == IPC_WAKE && port_of(&q) != NULL)
		output_send(port_of(&q));
	if (n == (int)sizeof(q.ask))
		answer(c, &q);
	for (i = 0; n >= 0 && i < IPC_PASS; i++)
		if (q.got[i] >= 0)
			close(q.got[i]);
	client_free(c);
}

/* Programs of our user, and root's. */
static bool
welcome(const struct agent *a, int fd, struct ucred *who)
{
	socklen_t len = sizeof(*who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len) == 0 &&
	    (who->uid == a->uid || who->uid == 0) && a->nclients < CLIENTS;
}

static bool
client_new(struct agent *a, int fd, pid_t pid)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->agent = a;
	c->fd = fd;
	c->pid = pid;
	if (alarm_begin(&a->loop, &c->alarm, on_patience) != 0 ||
	    watch_begin(&a->loop, &c->watch, fd, EPOLLIN, client_ready) != 0) {
		alarm_end(&a->loop, &c->alarm);
		free(c);
		return false;
	}
	alarm_set(&a->loop, &c->alarm, arena_now() + PATIENCE_US);
	LIST_INSERT_HEAD(&a->clients, c, entry);
	a->nclients++;
	agent_settle(a);
	return true;
}

void
serve_knock(struct watch *w, uint32_t events)
{
	struct agent *a = OWNER(w, struct agent, door);
	struct ucred who;
	int fd;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		if (!welcome(a, fd, &who) || !client_new(a, fd, who.pid))
			close(fd);
}
