/* SPDX-License-Identifier: ISC */
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "ipc.h"

enum { AT_ONCE = 64 }; /* sessions that are looked at under one lock */

struct status {
	struct ipc_row *row;
	size_t n, room, sent;
	uint64_t now;
	bool failed; /* no memory for more */
};

/* One row more; NULL: no memory. */
static struct ipc_row *
add(struct status *s, enum ipc_row_kind kind, const struct port *p)
{
	struct ipc_row *row;
	size_t room;

	if (s->n == s->room) {
		room = s->room == 0 ? 64 : s->room * 2;
		row = reallocarray(s->row, room, sizeof(*row));
		if (row == NULL) {
			s->failed = true;
			return NULL;
		}
		s->row = row;
		s->room = room;
	}
	row = &s->row[s->n++];
	memset(row, 0, sizeof(*row));
	row->kind = kind;
	row->port = p != NULL ? p->number : 0;
	row->now = s->now;
	return row;
}

/* [lock] */
static void
add_slots(struct status *s, const struct port *p)
{
	struct ipc_row *row;
	uint32_t i;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (!p->slot[i].used)
			continue;
		row = add(s, IPC_ROW_SLOT, p);
		if (row == NULL)
			return;
		row->u.slot_row.slot = i;
		row->u.slot_row.is = p->map.arena->slot[i];
		row->u.slot_row.is.program[ARENA_NAME - 1] = '\0';
	}
}

/* [lock] */
static void
add_flows(struct status *s, const struct port *p, uint32_t session)
{
	struct mp_flow_info info;
	struct ipc_row *row;
	uint32_t i;

	for (i = 0; i < MP_FLOWS_MAX; i++) {
		if (mp_flow_info(&p->map.mp, s->now, session, i, &info) != 0)
			continue;
		row = add(s, IPC_ROW_FLOW, p);
		if (row == NULL)
			return;
		row->session = session;
		row->flow = i;
		row->u.flow_row.is = info;
		snprintf(row->u.flow_row.interface,
		    sizeof(row->u.flow_row.interface), "%s",
		    netmon_name(&p->agent->netmon, info.path.ifindex));
	}
}

/* [lock] */
static void
add_session(struct status *s, const struct port *p, uint32_t session)
{
	struct mp_session_info info;
	struct ipc_row *row;

	if (mp_session_info(&p->map.mp, session, &info) != 0)
		return;
	row = add(s, IPC_ROW_SESSION, p);
	if (row == NULL)
		return;
	row->session = session;
	snprintf(row->u.session_row.suite, sizeof(row->u.session_row.suite),
	    "%s", info.suite);
	snprintf(row->u.session_row.key, sizeof(row->u.session_row.key), "%s",
	    ring_name(p->ring, info.key_id));
	row->u.session_row.mtu = mp_session_mtu(&p->map.mp, session);
	info.suite = NULL; /* means nothing elsewhere */
	row->u.session_row.is = info;
	add_flows(s, p, session);
}

/* [lock] */
static void
add_counters(struct status *s, const struct port *p)
{
	struct ipc_row *row;
	int c;

	for (c = 0; c < MP_C_MAX; c++) {
		row = add(s, IPC_ROW_COUNTER, p);
		if (row == NULL)
			return;
		snprintf(row->u.counter_row.name,
		    sizeof(row->u.counter_row.name), "%s",
		    mp_counter_name((enum mp_counter)c));
		row->u.counter_row.value = mp_counter(&p->map.mp,
		    (enum mp_counter)c);
	}
}

static void
add_port(struct status *s, struct port *p)
{
	uint32_t i, end, n = p->map.mp.limits.sessions;
	struct ipc_row *row = add(s, IPC_ROW_PORT, p);

	if (row == NULL || !port_lock(p))
		return;
	row->u.port_row.id = p->id;
	row->u.port_row.worker = (uint32_t)getpid();
	row->u.port_row.restarts = p->agent->restarts;
	add_slots(s, p);
	add_counters(s, p);
	for (i = 0; i < n && !s->failed; i = end) {
		if (i > 0) { /* others want the lock as well */
			port_unlock(p);
			if (!port_lock(p))
				return;
		}
		end = i + AT_ONCE < n ? i + AT_ONCE : n;
		for (; i < end; i++)
			add_session(s, p, i);
	}
	port_unlock(p);
}

struct status *
status_new(struct agent *a)
{
	struct status *s = calloc(1, sizeof(*s));
	struct port *p;

	if (s == NULL)
		return NULL;
	s->now = arena_now();
	LIST_FOREACH(p, &a->ports, entry)
		add_port(s, p);
	(void)add(s, IPC_ROW_END, NULL);
	if (!s->failed)
		return s;
	status_free(s);
	return NULL;
}

bool
status_send(struct status *s, int fd)
{
	int error;

	for (; s->sent < s->n; s->sent++) {
		error = ipc_send(fd, &s->row[s->sent], sizeof(s->row[0]),
		    NULL, 0);
		if (error != 0)
			return error != -EAGAIN;
	}
	return true;
}

void
status_free(struct status *s)
{
	if (s == NULL)
		return;
	free(s->row);
	free(s);
}
