/* SPDX-License-Identifier: ISC */
#include "status.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "keyring.h"
#include "netmon.h"
#include "port.h"
#include "status_diff.h"
#include "shared/arena.h"
#include "shared/ipc.h"

enum { AT_ONCE = 64 }; /* sessions that are read under one lock */

struct status {
	struct ipc_row *row;
	size_t n, room, sent;
	uint64_t now;
	bool failed; /* no memory for more */
};

/* One more row; NULL: no memory. */
static struct ipc_row *
status_append(struct status *s, enum ipc_row_kind kind, const struct port *p)
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
status_add_slots(struct status *s, const struct port *p)
{
	struct ipc_row *row;
	uint32_t i;

	for (i = 0; i < MP_SLOTS_MAX; i++) {
		if (!p->slot[i].used)
			continue;
		row = status_append(s, IPC_ROW_SLOT, p);
		if (row == NULL)
			return;
		row->u.slot_row.slot = i;
		row->u.slot_row.record = p->map.arena->slot[i];
		row->u.slot_row.drops = p->slot[i].drops;
		row->u.slot_row.record.program[ARENA_NAME - 1] = '\0';
	}
}

/* [lock] */
static void
status_add_flows(struct status *s, const struct port *p, uint32_t session,
    uint32_t gen)
{
	struct mp_flow_info info;
	struct ipc_row *row;
	uint32_t i;

	for (i = 0; i < MP_FLOWS_MAX; i++) {
		if (mp_flow_get(&p->map.mp, s->now, session, i, &info) != 0)
			continue;
		row = status_append(s, IPC_ROW_FLOW, p);
		if (row == NULL)
			return;
		row->session = session;
		row->gen = gen;
		row->flow = i;
		row->u.flow_row.info = info;
		snprintf(row->u.flow_row.interface,
		    sizeof(row->u.flow_row.interface), "%s",
		    netmon_name(p->agent->netmon, info.leaves_by));
	}
}

/* The program whose socket has the session.  [lock] */
static void
status_add_program(struct ipc_row *row, const struct port *p, uint32_t slot)
{
	const struct slot *is;

	if (slot >= MP_SLOTS_MAX || !p->slot[slot].used)
		return;
	is = &p->map.arena->slot[slot];
	row->u.session_row.pid = is->pid;
	memcpy(row->u.session_row.program, is->program, ARENA_NAME - 1);
}

/* [lock] */
static void
status_add_session(struct status *s, const struct port *p, uint32_t session)
{
	struct mp_session_info info;
	struct ipc_row *row;

	if (mp_session_get(&p->map.mp, session, &info) != 0)
		return;
	row = status_append(s, IPC_ROW_SESSION, p);
	if (row == NULL)
		return;
	row->session = session;
	row->gen = info.gen;
	status_add_program(row, p, info.slot);
	snprintf(row->u.session_row.suite, sizeof(row->u.session_row.suite),
	    "%s", info.suite);
	snprintf(row->u.session_row.key, sizeof(row->u.session_row.key), "%s",
	    keyring_name(p->keyring, info.key_id));
	row->u.session_row.mtu = mp_session_mtu(&p->map.mp, session);
	info.suite = NULL; /* an address of this process */
	row->u.session_row.info = info;
	status_add_flows(s, p, session, info.gen);
}

/* [lock] */
static void
status_add_counters(struct status *s, const struct port *p)
{
	struct ipc_row *row;
	int c;

	for (c = 0; c < MP_C_MAX; c++) {
		row = status_append(s, IPC_ROW_COUNTER, p);
		if (row == NULL)
			return;
		row->flow = (uint32_t)c; /* see status_diff_order() */
		snprintf(row->u.counter_row.name,
		    sizeof(row->u.counter_row.name), "%s",
		    mp_counter_name((enum mp_counter)c));
		row->u.counter_row.value = mp_counter_get(&p->map.mp,
		    (enum mp_counter)c);
	}
}

/* False: the lock is not available. */
static bool
status_add_port(struct status *s, struct port *p)
{
	uint32_t i, end, n = p->map.mp.limits.sessions;
	struct ipc_row *row = status_append(s, IPC_ROW_PORT, p);

	if (row == NULL || !port_lock(p))
		return false;
	row->u.port_row.id = p->id;
	row->u.port_row.worker = (uint32_t)getpid();
	row->u.port_row.restarts = p->agent->restarts;
	status_add_slots(s, p);
	status_add_counters(s, p);
	for (i = 0; i < n && !s->failed; i = end) {
		if (i > 0) { /* programs wait for the lock meanwhile */
			port_unlock(p);
			if (!port_lock(p))
				return false;
		}
		end = i + AT_ONCE < n ? i + AT_ONCE : n;
		for (; i < end; i++)
			status_add_session(s, p, i);
	}
	port_unlock(p);
	return true;
}

static void
status_add_net(struct status *s, const struct netmon *nm)
{
	struct ipc_row *row;
	size_t i;

	for (i = 0; i < nm->nlinks; i++) {
		if (nm->link[i].nowhere)
			continue;
		row = status_append(s, IPC_ROW_LINK, NULL);
		if (row == NULL)
			return;
		row->u.link_row.ifindex = nm->link[i].ifindex;
		row->u.link_row.mtu = nm->link[i].mtu;
		row->u.link_row.up = nm->link[i].up;
		memcpy(row->u.link_row.name, nm->link[i].name, IFNAMSIZ);
	}
	for (i = 0; i < nm->naddresses; i++) {
		row = status_append(s, IPC_ROW_ADDRESS, NULL);
		if (row == NULL)
			return;
		memcpy(row->u.address_row.addr.ip, nm->address[i].ip, 16);
		row->u.address_row.ifindex = nm->address[i].ifindex;
		snprintf(row->u.address_row.interface, IFNAMSIZ, "%s",
		    netmon_name(nm, nm->address[i].ifindex));
	}
}

/* --- Lists ---------------------------------------------------------------- */

struct status *
status_empty(void)
{
	struct status *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->now = arena_now();
	return s;
}

/* The list, if all rows went into it; else NULL, and it is freed. */
static struct status *
status_if_whole(struct status *s)
{
	if (s == NULL || !s->failed)
		return s;
	status_free(s);
	return NULL;
}

struct status *
status_new(struct agent *a)
{
	struct status *s = status_empty();
	struct port *p;

	if (s == NULL)
		return NULL;
	LIST_FOREACH(p, &a->ports, entry)
		(void)status_add_port(s, p);
	(void)status_append(s, IPC_ROW_END, NULL);
	return status_if_whole(s);
}

struct status *
status_of_port(struct port *p)
{
	struct status *s = status_empty();

	if (s != NULL && !status_add_port(s, p))
		s->failed = true;
	return status_if_whole(s);
}

struct status *
status_of_net(struct agent *a)
{
	struct status *s = status_empty();

	if (s == NULL)
		return NULL;
	status_add_net(s, a->netmon);
	/* qsort(3) calls sysinfo(2), which the sandbox forbids. */
	if (s->n > 0 && heapsort(s->row, s->n, sizeof(*s->row),
	    status_diff_order) != 0)
		s->failed = true;
	return status_if_whole(s);
}

bool
status_add(struct status *s, const struct ipc_row *row)
{
	struct ipc_row *to = status_append(s, (enum ipc_row_kind)row->kind,
	    NULL);

	if (to != NULL)
		*to = *row;
	return to != NULL;
}

struct ipc_row *
status_rows(struct status *s, size_t *n)
{
	*n = s != NULL ? s->n : 0;
	return s != NULL ? s->row : NULL;
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
