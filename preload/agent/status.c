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

/* --- Sessions of a port, some of very many -------------------------------- */

/* A session that fits the view. */
struct status_found {
	uint64_t order; /* the lowest first */
	uint32_t session;
};

struct status_list {
	struct status_found *found;
	size_t n, room;
	struct ipc_row sum;
};

static int
status_found_order(const void *left, const void *right)
{
	const struct status_found *a = left, *b = right;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return (a->session > b->session) - (a->session < b->session);
}

static bool
status_has_prefix(const uint8_t ip[16], const struct ipc_view *v)
{
	uint32_t bits = v->bits <= 128 ? v->bits : 128, bytes = bits / 8;

	if (memcmp(ip, v->ip, bytes) != 0)
		return false;
	return bits % 8 == 0 || (ip[bytes] ^ v->ip[bytes]) >> (8 - bits % 8) ==
	    0;
}

static bool
status_fits(const struct port *p, const struct mp_session_info *i,
    const struct ipc_view *v)
{
	return (v->key[0] == '\0' || strncmp(v->key, keyring_name(p->keyring,
	    i->key_id), sizeof(v->key)) == 0) &&
	    status_has_prefix(i->shown.ip, v);
}

static uint64_t
status_order_of(const struct mp_session_info *i, uint32_t sort)
{
	switch ((enum ipc_sort)sort) {
	case IPC_SORT_BYTES:
		return UINT64_MAX - (i->tx_bytes + i->rx_bytes);
	case IPC_SORT_AGE:
		return UINT64_MAX - i->up_at;
	case IPC_SORT_SILENCE:
		return UINT64_MAX - i->last_in_at;
	case IPC_SORT_NONE:
		break;
	}
	return 0;
}

/* False: no memory. */
static bool
status_list_add(struct status_list *l, const struct mp_session_info *i,
    uint32_t session, uint32_t sort)
{
	struct status_found *grown;
	size_t room = l->room == 0 ? 64 : l->room * 2;

	if (l->n == l->room) {
		grown = reallocarray(l->found, room, sizeof(*grown));
		if (grown == NULL)
			return false;
		l->found = grown;
		l->room = room;
	}
	l->found[l->n++] = (struct status_found) {
		status_order_of(i, sort), session };
	l->sum.u.sum_row.sessions++;
	l->sum.u.sum_row.state[i->state % IPC_STATES]++;
	l->sum.u.sum_row.flows += i->flows;
	l->sum.u.sum_row.tx_datagrams += i->tx_datagrams;
	l->sum.u.sum_row.rx_datagrams += i->rx_datagrams;
	l->sum.u.sum_row.tx_bytes += i->tx_bytes;
	l->sum.u.sum_row.rx_bytes += i->rx_bytes;
	return true;
}

/* Lets programs have the lock for a moment; false: it is not available now. */
static bool
status_breathe(struct port *p)
{
	port_unlock(p);
	return port_lock(p);
}

/* Looks at all sessions.  False: no memory, or the lock is not available and
 * not held.  [lock] */
static bool
status_find(struct status *s, struct port *p, const struct ipc_view *v,
    struct status_list *l)
{
	struct mp_session_info info;
	uint32_t i;

	for (i = 0; i < mp_session_end(&p->map.mp); i++) {
		if (i % AT_ONCE == AT_ONCE - 1 && !status_breathe(p))
			return false;
		if (mp_session_get(&p->map.mp, i, &info) != 0 ||
		    !status_fits(p, &info, v))
			continue;
		if (!status_list_add(l, &info, i, v->sort)) {
			s->failed = true;
			break;
		}
	}
	/* qsort(3) calls sysinfo(2), which the sandbox forbids. */
	if (v->sort != IPC_SORT_NONE && l->n > 1 && heapsort(l->found, l->n,
	    sizeof(*l->found), status_found_order) != 0)
		s->failed = true;
	return true;
}

static uint32_t
status_most(const struct ipc_view *v)
{
	return v->most == 0 ? IPC_MOST : v->most;
}

/* The sessions of the view.  False: the lock is not available and not held.
 * [lock] */
static bool
status_add_sessions(struct status *s, struct port *p, const struct ipc_view *v,
    const struct status_list *l)
{
	size_t i, k, first, end = l->n, most = status_most(v);

	if (most < l->n && v->from < l->n - most)
		end = v->from + most;
	for (i = v->from; i < end && !s->failed; i++) {
		if (i % AT_ONCE == AT_ONCE - 1 && !status_breathe(p))
			return false;
		first = s->n;
		status_add_session(s, p, l->found[i].session);
		for (k = first; k < s->n; k++)
			s->row[k].rank = (uint32_t)i;
	}
	return true;
}

static void
status_add_sum(struct status *s, const struct port *p,
    const struct ipc_view *v, const struct status_list *l)
{
	struct ipc_row *row = status_append(s, IPC_ROW_SUM, p);

	if (row == NULL)
		return;
	row->u = l->sum.u;
	row->u.sum_row.from = v->from;
	row->u.sum_row.most = status_most(v);
}

/* False: the lock is not available. */
static bool
status_add_port(struct status *s, struct port *p, const struct ipc_view *v,
    bool sum)
{
	struct ipc_row *row = status_append(s, IPC_ROW_PORT, p);
	struct status_list l;
	bool locked;

	memset(&l, 0, sizeof(l)); /* its sum goes out, padding and all */
	if (row == NULL || !port_lock(p))
		return false;
	row->u.port_row.id = p->id;
	row->u.port_row.worker = (uint32_t)getpid();
	row->u.port_row.restarts = p->agent->restarts;
	status_add_slots(s, p);
	status_add_counters(s, p);
	locked = status_find(s, p, v, &l) && status_add_sessions(s, p, v, &l);
	if (locked)
		port_unlock(p);
	if (sum)
		status_add_sum(s, p, v, &l);
	free(l.found);
	return locked;
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
status_new(struct agent *a, const struct ipc_view *v)
{
	struct status *s = status_empty();
	struct port *p;

	if (s == NULL)
		return NULL;
	LIST_FOREACH(p, &a->ports, entry)
		(void)status_add_port(s, p, v, true);
	(void)status_append(s, IPC_ROW_END, NULL);
	return status_if_whole(s);
}

struct status *
status_of_port(struct port *p)
{
	static const struct ipc_view all = { .most = UINT32_MAX };
	struct status *s = status_empty();

	if (s != NULL && !status_add_port(s, p, &all, false))
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
