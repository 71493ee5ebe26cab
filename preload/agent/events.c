/* SPDX-License-Identifier: ISC */
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "status_diff.h"
#include "shared/ipc.h"
#include "status.h"

enum { BUFFER = 512 * 1024 }; /* of a reader's socket, where it is allowed */

struct reader {
	LIST_ENTRY(reader) entry;
	struct agent *agent;
	struct watch watch;
	int fd;
	uint32_t port; /* 0: all */
	struct status *first; /* what was there already, still to be sent */
	uint64_t lost;
};

/* Whom a list of changes is told to. */
struct audience {
	struct agent *agent;
	struct status *first; /* NULL: all who listen */
};

/* --- Those who listen ----------------------------------------------------- */

/* Nobody listens: nothing is kept. */
static void
events_rest(struct agent *a)
{
	struct port *p;

	alarm_set(&a->loop, &a->events.tick, MP_NEVER);
	LIST_FOREACH(p, &a->ports, entry) {
		status_free(p->told);
		p->told = NULL;
		p->touched = false;
	}
	status_free(a->events.net);
	a->events.net = NULL;
}

static void
reader_free(struct reader *r)
{
	struct agent *a = r->agent;

	watch_end(&a->loop, &r->watch);
	close(r->fd);
	LIST_REMOVE(r, entry);
	status_free(r->first);
	free(r);
	if (--a->events.n == 0)
		events_rest(a);
}

/* Sends one row: false, and has it told later, where that cannot be now. */
static bool
reader_send(struct reader *r, const struct ipc_row *row)
{
	if (ipc_send(r->fd, row, sizeof(*row), NULL, 0) == 0)
		return true;
	/* Who is gone is found by his watch. */
	watch_change(&r->agent->loop, &r->watch, EPOLLIN | EPOLLOUT);
	return false;
}

static uint64_t
wall_of(uint64_t at)
{
	struct timespec ts;
	uint64_t now = arena_now();

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 -
	    (now > at ? now - at : 0);
}

static struct ipc_row
row_now(enum ipc_row_kind kind, enum ipc_event event)
{
	const uint64_t now = arena_now();

	return (struct ipc_row) { .kind = kind, .event = event, .now = now,
		.at = now, .wall = wall_of(now) };
}

/* There is room again, or he is gone, or says what he has no reason to. */
static void
on_reader(struct watch *w, uint32_t events)
{
	struct reader *r = OWNER(w, struct reader, watch);
	struct ipc_row row;

	if ((events & ~(uint32_t)EPOLLOUT) != 0) {
		reader_free(r);
		return;
	}
	if (r->first != NULL) {
		if (!status_send(r->first, r->fd))
			return;
		status_free(r->first);
		r->first = NULL;
	}
	if (r->lost > 0) {
		row = row_now(IPC_ROW_LOST, IPC_EVENT_lost);
		row.u.lost_row.lines = r->lost;
		if (!reader_send(r, &row))
			return;
		r->lost = 0;
	}
	watch_change(&r->agent->loop, w, EPOLLIN);
}

/* --- Events --------------------------------------------------------------- */

/* To all who want it; who has not had the last ones loses this one, too. */
static void
events_tell(struct agent *a, const struct ipc_row *row)
{
	struct reader *r;

	LIST_FOREACH(r, &a->events.readers, entry) {
		if (r->port != 0 && row->port != 0 && r->port != row->port)
			continue;
		if (r->first != NULL || r->lost > 0 || !reader_send(r, row))
			r->lost++;
	}
}

static void
on_change(void *arg, const struct ipc_row *row)
{
	struct audience *to = arg;
	struct events *e = &to->agent->events;
	struct ipc_row r = *row;

	if (r.at < e->last)
		r.at = e->last;
	e->last = r.at;
	r.wall = wall_of(r.at);
	if (to->first != NULL) {
		r.already = 1;
		(void)status_add(to->first, &r);
	} else
		events_tell(to->agent, &r);
}

/* Tells what became of `old', which goes, and of `now': whether there is more to
 * tell soon. */
static bool
events_compare(struct agent *a, struct status *old, struct status *now,
    bool counters)
{
	struct audience all = { .agent = a };
	struct status_diff c = { .say = on_change, .arg = &all,
		.at = arena_now(), .counters = counters };
	struct ipc_row *was, *is;
	size_t nwas, nis;

	was = status_rows(old, &nwas);
	is = status_rows(now, &nis);
	status_diff_find(&c, was, nwas, is, nis);
	status_free(old);
	return c.more;
}

/* Looks at a port: whether to look again soon. */
static bool
look_port(struct port *p, bool counters)
{
	struct status *now = status_of_port(p), *old = p->told;

	if (now == NULL)
		return true;
	p->touched = false;
	p->told = now;
	return events_compare(p->agent, old, now, counters);
}

static bool
look_net(struct agent *a)
{
	struct status *now = status_of_net(a), *old = a->events.net;

	if (now == NULL)
		return true;
	a->events.net_touched = false;
	a->events.net = now;
	return events_compare(a, old, now, false);
}

/* Looks at all that was touched, or at all. */
static void
events_look(struct agent *a)
{
	struct events *e = &a->events;
	uint64_t began = arena_now(), at, took;
	bool all = began >= e->all_at, again = false;
	struct port *p;

	if (all)
		e->all_at = began + EVENTS_ALL_US;
	LIST_FOREACH(p, &a->ports, entry)
		if (all || p->touched)
			again |= look_port(p, all);
	if (e->net_touched)
		again |= look_net(a);
	at = arena_now();
	took = (at - began) * EVENTS_SHARE;
	e->next = at + (took > EVENTS_GAP_US ? took : EVENTS_GAP_US);
	if (e->all_at < e->next)
		e->all_at = e->next;
	alarm_set(&a->loop, &e->tick, again ? e->next : e->all_at);
}

static void
on_tick(struct alarm *alarm, uint64_t now)
{
	(void)now;
	events_look(OWNER(alarm, struct agent, events.tick));
}

int
events_init(struct agent *a)
{
	LIST_INIT(&a->events.readers);
	return alarm_begin(&a->loop, &a->events.tick, on_tick);
}

/* --- What is touched ------------------------------------------------------ */

static void
soon(struct agent *a)
{
	uint64_t at = arena_now() + EVENTS_GAP_US;

	alarm_by(&a->loop, &a->events.tick,
	    at > a->events.next ? at : a->events.next);
}

void
events_touch(struct port *p)
{
	if (p->agent->events.n == 0 || p->touched)
		return;
	p->touched = true;
	soon(p->agent);
}

void
events_touch_net(struct agent *a)
{
	if (a->events.n == 0)
		return;
	a->events.net_touched = true;
	soon(a);
}

void
events_port_gone(struct port *p)
{
	struct status *old = p->told;

	p->told = NULL;
	if (old != NULL)
		events_compare(p->agent, old, NULL, false);
}

void
events_error(struct agent *a, uint32_t port, const char *text)
{
	struct ipc_row row;

	if (a->events.n == 0)
		return;
	row = row_now(IPC_ROW_ERROR, IPC_EVENT_error);
	a->events.last = row.at;
	row.port = port;
	snprintf(row.u.error_row.text, sizeof(row.u.error_row.text), "%s",
	    text);
	events_tell(a, &row);
}

/* --- Coming and going ----------------------------------------------------- */

/* What the agent is, and all that is there already, as events. */
static struct status *
first_of(struct agent *a, uint32_t port)
{
	struct audience one = { .agent = a, .first = status_empty() };
	struct status_diff c = { .say = on_change, .arg = &one };
	struct ipc_row row = row_now(IPC_ROW_AGENT, IPC_EVENT_agent_up);
	struct ipc_row *is;
	struct port *p;
	size_t n;

	if (one.first == NULL)
		return NULL;
	a->events.last = row.at; /* what is already, is so then */
	row.u.agent_row.pid = (uint32_t)getpid();
	row.u.agent_row.restarts = a->restarts;
	snprintf(row.u.agent_row.version, sizeof(row.u.agent_row.version),
	    "%s", MPSHIM_VERSION);
	(void)status_add(one.first, &row);
	is = status_rows(a->events.net, &n);
	status_diff_find(&c, NULL, 0, is, n);
	LIST_FOREACH(p, &a->ports, entry) {
		if (port != 0 && port != p->number)
			continue;
		is = status_rows(p->told, &n);
		status_diff_find(&c, NULL, 0, is, n);
	}
	return one.first;
}

bool
events_join(struct agent *a, int fd, uint32_t port)
{
	struct events *e = &a->events;
	struct reader *r;
	int size = BUFFER;

	if (e->n >= EVENTS_READERS || (r = calloc(1, sizeof(*r))) == NULL)
		return false;
	e->all_at = 0;
	e->net_touched = true;
	events_look(a); /* tells the others, and has what he is told */
	*r = (struct reader) { .agent = a, .fd = fd, .port = port,
		.first = first_of(a, port) };
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (r->first == NULL || watch_begin(&a->loop, &r->watch, fd,
	    EPOLLIN | EPOLLOUT, on_reader) != 0) {
		status_free(r->first);
		free(r);
		if (e->n == 0)
			events_rest(a);
		return false;
	}
	LIST_INSERT_HEAD(&e->readers, r, entry);
	e->n++;
	return true;
}

void
events_end(struct agent *a)
{
	struct ipc_row end = row_now(IPC_ROW_END, IPC_EVENT_NONE);

	if (a->events.n > 0)
		events_tell(a, &end);
}
