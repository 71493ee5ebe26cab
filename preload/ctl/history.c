/* SPDX-License-Identifier: ISC */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "shared/ipc.h"

enum { SECOND_US = 1000000 };

static struct trace *
history_find(const struct history *h, const struct ipc_row *r)
{
	struct trace *t;
	size_t i;

	for (i = 0; i < h->n; i++) {
		t = &h->trace[i];
		if (t->port == r->port && t->session == r->session &&
		    t->gen == r->gen && t->flow == r->flow)
			return t;
	}
	return NULL;
}

/* Begins the trace of a flow; NULL: no memory. */
static struct trace *
history_add_trace(struct history *h, const struct ipc_row *r, uint64_t second)
{
	size_t room = h->room == 0 ? 16 : h->room * 2;
	struct trace *t;

	if (h->n == h->room) {
		t = reallocarray(h->trace, room, sizeof(*t));
		if (t == NULL)
			return NULL;
		h->trace = t;
		h->room = room;
	}
	t = &h->trace[h->n++];
	memset(t, 0, sizeof(*t));
	t->port = r->port;
	t->session = r->session;
	t->gen = r->gen;
	t->flow = r->flow;
	t->second = second;
	return t;
}

/* Moves a trace on to a second; the cells of seconds in between stay empty. */
static void
history_advance(struct trace *t, uint64_t second)
{
	bool used = t->cell[t->second % HISTORY_CELLS].used;

	if (second > t->second + HISTORY_CELLS)
		t->second = second - HISTORY_CELLS;
	while (t->second < second) {
		t->second++;
		t->cell[t->second % HISTORY_CELLS] = (struct history_cell) {
			.used = used && t->second == second };
	}
}

static enum history_state
history_state_of(const struct mp_flow_info *f)
{
	if (f->failed)
		return HISTORY_FAILED;
	if (f->doubt)
		return HISTORY_DOUBT;
	return f->validated ? HISTORY_OK : HISTORY_NONE;
}

static void
history_add_flow(struct history *h, const struct ipc_row *r, uint64_t second)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;
	struct trace *t = history_find(h, r);
	bool first = t == NULL;
	struct history_cell *c;

	if (first && (t = history_add_trace(h, r, second)) == NULL)
		return;
	history_advance(t, second);
	c = &t->cell[second % HISTORY_CELLS];
	if (history_state_of(f) > c->state)
		c->state = (uint8_t)history_state_of(f);
	if (f->srtt_us != 0)
		c->srtt_us = f->srtt_us;
	if (f->in_use && !c->used && !first)
		c->taken = true;
	c->used = f->in_use;
}

void
history_add(struct history *h, const struct ipc_row *row, size_t n,
    uint64_t now)
{
	uint64_t second = now / SECOND_US;
	size_t i;

	for (i = 0; i < n; i++)
		if (row[i].kind == IPC_ROW_FLOW)
			history_add_flow(h, &row[i], second);
	for (i = 0; i < h->n;)
		if (h->trace[i].second + HISTORY_CELLS < second)
			h->trace[i] = h->trace[--h->n];
		else
			i++;
}

struct history_cell
history_get(const struct history *h, const struct ipc_row *r, uint64_t now,
    unsigned ago)
{
	const struct trace *t = history_find(h, r);
	uint64_t second = now / SECOND_US;

	if (t == NULL || ago > second || second - ago > t->second ||
	    second - ago + HISTORY_CELLS <= t->second)
		return (struct history_cell) { .state = HISTORY_NONE };
	return t->cell[(second - ago) % HISTORY_CELLS];
}

void
history_free(struct history *h)
{
	free(h->trace);
	*h = (struct history) { 0 };
}
