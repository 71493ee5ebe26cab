/* SPDX-License-Identifier: ISC */
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "loop.h"
#include "port.h"
#include "status.h"
#include "status_diff.h"
#include "shared/arena.h"
#include "shared/ipc.h"

enum { BUFFER = 512 * 1024 }; /* bytes, of a reader's socket, where allowed */

struct reader {
	LIST_ENTRY(reader) entry;
	struct events *events;
	struct watch watch;
	int fd;
	uint32_t port; /* 0: all */
	struct status *first; /* the state at its beginning, still to be sent */
	uint64_t lost; /* events */
};

/* Where a list of changes goes. */
struct audience {
	struct events *events;
	struct status *first; /* a new reader's list; NULL: to all readers */
};

/* --- Readers -------------------------------------------------------------- */

/* There is no reader: nothing is kept. */
static void
events_rest(struct events *e)
{
	struct port *p;

	alarm_set(&e->agent->loop, &e->tick, MP_NEVER);
	LIST_FOREACH(p, &e->agent->ports, entry) {
		status_free(p->told);
		p->told = NULL;
		p->touched = false;
	}
	status_free(e->net);
	e->net = NULL;
}

static void
reader_free(struct reader *r)
{
	struct events *e = r->events;

	watch_end(&e->agent->loop, &r->watch);
	close(r->fd);
	LIST_REMOVE(r, entry);
	status_free(r->first);
	free(r);
	if (--e->n == 0)
		events_rest(e);
}

/* Sends one row; false: there is no room, and on_reader() is called when there
 * is. */
static bool
reader_send(struct reader *r, const struct ipc_row *row)
{
	if (ipc_send(r->fd, row, sizeof(*row), NULL, 0) == 0)
		return true;
	/* A closed socket is noticed by the same watch. */
	watch_change(&r->events->agent->loop, &r->watch, EPOLLIN | EPOLLOUT);
	return false;
}

/* The same moment in us since 1970. */
static uint64_t
events_wall(uint64_t at)
{
	struct timespec ts;
	uint64_t now = arena_now();

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 -
	    (now > at ? now - at : 0);
}

static struct ipc_row
events_row(enum ipc_row_kind kind, enum ipc_event event)
{
	const uint64_t now = arena_now();

	return (struct ipc_row) { .kind = kind, .event = event, .now = now,
		.at = now, .wall = events_wall(now) };
}

/* The reader's socket has room, is closed, or has sent unexpected data. */
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
		row = events_row(IPC_ROW_LOST, IPC_EVENT_lost);
		row.u.lost_row.lines = r->lost;
		if (!reader_send(r, &row))
			return;
		r->lost = 0;
	}
	watch_change(&r->events->agent->loop, w, EPOLLIN);
}

/* --- Events --------------------------------------------------------------- */

/* Sends to every reader of the row's port.  A reader that already lags loses
 * this event too, so that its order stays. */
static void
events_tell(struct events *e, const struct ipc_row *row)
{
	struct reader *r;

	LIST_FOREACH(r, &e->readers, entry) {
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
	struct events *e = to->events;
	struct ipc_row r = *row;

	if (r.at < e->last)
		r.at = e->last;
	e->last = r.at;
	r.wall = events_wall(r.at);
	if (to->first != NULL) {
		r.already = 1;
		(void)status_add(to->first, &r);
	} else
		events_tell(e, &r);
}

/* Tells readers how the state `now' differs from `old', which is freed; true:
 * some of that is to be told a little later. */
static bool
events_compare(struct events *e, struct status *old, struct status *now,
    bool counters)
{
	struct audience all = { .events = e };
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

/* Compares a port; true: again soon. */
static bool
events_compare_port(struct port *p, bool counters)
{
	struct status *now = status_of_port(p), *old = p->told;

	if (now == NULL)
		return true;
	p->touched = false;
	p->told = now;
	return events_compare(p->agent->events, old, now, counters);
}

static bool
events_compare_net(struct events *e)
{
	struct status *now = status_of_net(e->agent), *old = e->net;

	if (now == NULL)
		return true;
	e->net_touched = false;
	e->net = now;
	return events_compare(e, old, now, false);
}

/* Compares what was touched, or all. */
static void
events_compare_all(struct events *e)
{
	uint64_t began = arena_now(), at, took;
	bool all = began >= e->all_at, again = false;
	struct port *p;

	if (all)
		e->all_at = began + EVENTS_ALL_US;
	LIST_FOREACH(p, &e->agent->ports, entry)
		if (all || p->touched)
			again |= events_compare_port(p, all);
	if (e->net_touched)
		again |= events_compare_net(e);
	at = arena_now();
	took = (at - began) * EVENTS_SHARE;
	e->next = at + (took > EVENTS_GAP_US ? took : EVENTS_GAP_US);
	if (e->all_at < e->next)
		e->all_at = e->next;
	alarm_set(&e->agent->loop, &e->tick, again ? e->next : e->all_at);
}

static void
on_events_tick(struct alarm *alarm, uint64_t now)
{
	(void)now;
	events_compare_all(OWNER(alarm, struct events, tick));
}

int
events_init(struct events *e, struct agent *a)
{
	e->agent = a;
	LIST_INIT(&e->readers);
	return alarm_begin(&a->loop, &e->tick, on_events_tick);
}

/* --- What is touched ------------------------------------------------------ */

static void
events_compare_soon(struct events *e)
{
	uint64_t at = arena_now() + EVENTS_GAP_US;

	alarm_by(&e->agent->loop, &e->tick, at > e->next ? at : e->next);
}

void
events_touch(struct port *p)
{
	if (p->agent->events->n == 0 || p->touched)
		return;
	p->touched = true;
	events_compare_soon(p->agent->events);
}

void
events_touch_net(struct events *e)
{
	if (e->n == 0)
		return;
	e->net_touched = true;
	events_compare_soon(e);
}

void
events_port_gone(struct port *p)
{
	struct status *old = p->told;

	p->told = NULL;
	if (old != NULL)
		events_compare(p->agent->events, old, NULL, false);
}

void
events_error(struct events *e, uint32_t port, const char *text)
{
	struct ipc_row row;

	if (e->n == 0)
		return;
	row = events_row(IPC_ROW_ERROR, IPC_EVENT_error);
	e->last = row.at;
	row.port = port;
	snprintf(row.u.error_row.text, sizeof(row.u.error_row.text), "%s",
	    text);
	events_tell(e, &row);
}

/* --- A reader's beginning ------------------------------------------------- */

/* What the agent is, and the present state, as events. */
static struct status *
events_first(struct events *e, uint32_t port)
{
	struct audience one = { .events = e, .first = status_empty() };
	struct status_diff c = { .say = on_change, .arg = &one };
	struct ipc_row row = events_row(IPC_ROW_AGENT, IPC_EVENT_agent_up);
	struct ipc_row *is;
	struct port *p;
	size_t n;

	if (one.first == NULL)
		return NULL;
	e->last = row.at; /* what is so already is told with this time */
	row.u.agent_row.pid = (uint32_t)getpid();
	row.u.agent_row.restarts = e->agent->restarts;
	snprintf(row.u.agent_row.version, sizeof(row.u.agent_row.version),
	    "%s", MPSHIM_VERSION);
	(void)status_add(one.first, &row);
	is = status_rows(e->net, &n);
	status_diff_find(&c, NULL, 0, is, n);
	LIST_FOREACH(p, &e->agent->ports, entry) {
		if (port != 0 && port != p->number)
			continue;
		is = status_rows(p->told, &n);
		status_diff_find(&c, NULL, 0, is, n);
	}
	return one.first;
}

bool
events_join(struct events *e, int fd, uint32_t port)
{
	struct reader *r;
	int size = BUFFER;

	if (e->n >= EVENTS_READERS || (r = calloc(1, sizeof(*r))) == NULL)
		return false;
	e->all_at = 0;
	e->net_touched = true;
	/* The other readers are told; the new one gets the state after it. */
	events_compare_all(e);
	*r = (struct reader) { .events = e, .fd = fd, .port = port,
		.first = events_first(e, port) };
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (r->first == NULL || watch_begin(&e->agent->loop, &r->watch, fd,
	    EPOLLIN | EPOLLOUT, on_reader) != 0) {
		status_free(r->first);
		free(r);
		if (e->n == 0)
			events_rest(e);
		return false;
	}
	LIST_INSERT_HEAD(&e->readers, r, entry);
	e->n++;
	return true;
}

void
events_end(struct events *e)
{
	struct ipc_row end = events_row(IPC_ROW_END, IPC_EVENT_NONE);

	if (e->n > 0)
		events_tell(e, &end);
}
