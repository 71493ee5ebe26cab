/* SPDX-License-Identifier: ISC */
#include "status_diff.h"

#include <string.h>

#include "mp.h"
#include "shared/ipc.h"

/* --- Order ---------------------------------------------------------------- */

static int
status_diff_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* A session's row is followed by its flows' rows; these come last. */
static uint32_t
status_diff_group(const struct ipc_row *r)
{
	switch (r->kind) {
	case IPC_ROW_SESSION:
	case IPC_ROW_FLOW:
		return IPC_ROW_END;
	default:
		return r->kind;
	}
}

static int
status_diff_order_addresses(const struct ipc_row *a, const struct ipc_row *b)
{
	int c = status_diff_compare(a->u.address_row.ifindex,
	    b->u.address_row.ifindex);

	return c != 0 ? c : memcmp(a->u.address_row.addr.ip,
	    b->u.address_row.addr.ip, 16);
}

static int
status_diff_order_sessions(const struct ipc_row *a, const struct ipc_row *b)
{
	int c = status_diff_compare(a->session, b->session);

	if (c == 0) /* of two sessions of one index, the older first */
		c = status_diff_compare(a->gen, b->gen);
	if (c == 0)
		c = status_diff_compare(a->kind, b->kind);
	return c != 0 ? c : status_diff_compare(a->flow, b->flow);
}

int
status_diff_order(const void *left, const void *right)
{
	const struct ipc_row *a = left, *b = right;
	int c = status_diff_compare(status_diff_group(a), status_diff_group(b));

	if (c != 0)
		return c;
	switch (a->kind) {
	case IPC_ROW_SLOT:
		return status_diff_compare(a->u.slot_row.slot,
		    b->u.slot_row.slot);
	case IPC_ROW_COUNTER:
		return status_diff_compare(a->flow, b->flow);
	case IPC_ROW_LINK:
		return status_diff_compare(a->u.link_row.ifindex,
		    b->u.link_row.ifindex);
	case IPC_ROW_ADDRESS:
		return status_diff_order_addresses(a, b);
	case IPC_ROW_SESSION:
	case IPC_ROW_FLOW:
		return status_diff_order_sessions(a, b);
	default:
		return 0;
	}
}

/* --- Events --------------------------------------------------------------- */

/* Tells the row as an event of that time; 0, or after the row: of the row's. */
static void
status_diff_say(struct status_diff *c, const struct ipc_row *row,
    enum ipc_event event, uint64_t at)
{
	struct ipc_row r = *row;

	r.event = event;
	r.at = at != 0 && at < row->now ? at : row->now;
	c->say(c->arg, &r);
}

static void
status_diff_slot(struct status_diff *c, const struct ipc_row *old,
    const struct ipc_row *now)
{
	if (old->u.slot_row.record.cookie == now->u.slot_row.record.cookie)
		return;
	status_diff_say(c, old, IPC_EVENT_socket_close, 0);
	status_diff_say(c, now, IPC_EVENT_socket_open, 0);
}

static void
status_diff_session(struct status_diff *c, const struct ipc_row *r)
{
	static const enum ipc_event is[] = {
		[MP_S_CONNECTING] = IPC_EVENT_session_connecting,
		[MP_S_UP] = IPC_EVENT_session_up,
		[MP_S_DOWN] = IPC_EVENT_session_down,
		[MP_S_CLOSING] = IPC_EVENT_session_closing,
	};
	enum mp_session_state state = r->u.session_row.info.state;

	if (state < sizeof(is) / sizeof(is[0]) && is[state] != IPC_EVENT_NONE)
		status_diff_say(c, r, is[state], state == MP_S_UP ?
		    r->u.session_row.info.up_at : 0);
}

/* Tells which flow a session took into use.  `left' rows follow the
 * session's. */
static void
status_diff_choice(struct status_diff *c, const struct ipc_row *session,
    size_t left, uint32_t before)
{
	const struct mp_session_info *is = &session->u.session_row.info;
	struct ipc_row r;
	size_t i;

	for (i = 1; i <= left && session[i].kind == IPC_ROW_FLOW; i++) {
		if (session[i].flow != is->current)
			continue;
		r = session[i];
		r.why = is->why;
		r.before = before;
		status_diff_say(c, &r, IPC_EVENT_choice, is->why_at);
	}
}

static bool
status_diff_same_path(const struct mp_path *a, const struct mp_path *b)
{
	return memcmp(a->local.ip, b->local.ip, 16) == 0 &&
	    memcmp(a->remote.ip, b->remote.ip, 16) == 0 &&
	    a->remote.port == b->remote.port && a->ifindex == b->ifindex;
}

static void
status_diff_flow(struct status_diff *c, const struct ipc_row *old,
    const struct ipc_row *now)
{
	const struct mp_flow_info *was = &old->u.flow_row.info;
	const struct mp_flow_info *is = &now->u.flow_row.info;

	if (!status_diff_same_path(&was->path, &is->path) ||
	    was->leaves_by != is->leaves_by)
		status_diff_say(c, now, IPC_EVENT_flow_moved, 0);
	if (!was->validated && is->validated)
		status_diff_say(c, now, IPC_EVENT_flow_validated, 0);
	if (!was->failed && is->failed)
		status_diff_say(c, now, IPC_EVENT_flow_failed, 0);
	else if (!is->failed && !was->doubt && is->doubt)
		status_diff_say(c, now, IPC_EVENT_flow_doubt, 0);
	else if ((was->failed || was->doubt) && !is->failed && !is->doubt)
		status_diff_say(c, now, IPC_EVENT_flow_ok, 0);
	if (was->bundles != MP_BUNDLES_OFF && is->bundles == MP_BUNDLES_OFF)
		status_diff_say(c, now, IPC_EVENT_bundles_off, 0);
	if (was->bundles == MP_BUNDLES_OFF && is->bundles != MP_BUNDLES_OFF)
		status_diff_say(c, now, IPC_EVENT_bundles_again, 0);
}

/* Tells a sample: an answer came, or did not come for longer. */
static void
status_diff_sample(struct status_diff *c, const struct ipc_row *old,
    struct ipc_row *now)
{
	const struct mp_flow_info *was = &old->u.flow_row.info;
	struct mp_flow_info *is = &now->u.flow_row.info;

	now->at = old->at; /* time of the last sample */
	if (was->answer_at == is->answer_at && was->idle_us == is->idle_us &&
	    was->srtt_us == is->srtt_us)
		return;
	if (now->now >= old->at + STATUS_DIFF_SAMPLE_US) {
		now->at = now->now;
		status_diff_say(c, now, IPC_EVENT_sample,
		    is->idle_us == 0 ? is->answer_at : 0);
		return;
	}
	is->answer_at = was->answer_at;
	is->idle_us = was->idle_us;
	is->srtt_us = was->srtt_us;
	c->more = true;
}

static void
status_diff_counter(struct status_diff *c, const struct ipc_row *old,
    struct ipc_row *now)
{
	uint64_t was = old != NULL ? old->u.counter_row.value : 0;
	struct ipc_row r = *now;

	if (!c->counters && old != NULL)
		now->u.counter_row.value = was;
	r.u.counter_row.more = now->u.counter_row.value - was;
	if (now->u.counter_row.value > was &&
	    strncmp(now->u.counter_row.name, "drop_", 5) == 0)
		status_diff_say(c, &r, IPC_EVENT_dropped, 0);
}

static void
status_diff_link(struct status_diff *c, const struct ipc_row *r)
{
	status_diff_say(c, r, r->u.link_row.up ? IPC_EVENT_link_up :
	    IPC_EVENT_link_down, 0);
}

/* --- Rows that are new, gone, or in both ---------------------------------- */

static void
status_diff_new(struct status_diff *c, struct ipc_row *r)
{
	switch (r->kind) {
	case IPC_ROW_SLOT:
		status_diff_say(c, r, IPC_EVENT_socket_open, 0);
		break;
	case IPC_ROW_COUNTER:
		status_diff_counter(c, NULL, r);
		break;
	case IPC_ROW_SESSION:
		status_diff_session(c, r);
		break;
	case IPC_ROW_FLOW:
		status_diff_say(c, r, IPC_EVENT_flow_new, 0);
		if (r->u.flow_row.info.bundles == MP_BUNDLES_OFF)
			status_diff_say(c, r, IPC_EVENT_bundles_off, 0);
		break;
	case IPC_ROW_LINK:
		status_diff_link(c, r);
		break;
	case IPC_ROW_ADDRESS:
		status_diff_say(c, r, IPC_EVENT_address_new, 0);
		break;
	}
}

/* A row that is gone is told with its last values. */
static void
status_diff_gone(struct status_diff *c, const struct ipc_row *old, bool session)
{
	struct ipc_row r = *old;

	r.now = c->at > old->now ? c->at : old->now;
	switch (r.kind) {
	case IPC_ROW_SLOT:
		status_diff_say(c, &r, IPC_EVENT_socket_close, 0);
		break;
	case IPC_ROW_SESSION:
		status_diff_say(c, &r, IPC_EVENT_session_gone, 0);
		break;
	case IPC_ROW_FLOW:
		if (session) /* else its session is gone, too */
			status_diff_say(c, &r, IPC_EVENT_flow_gone, 0);
		break;
	case IPC_ROW_LINK:
		if (r.u.link_row.up)
			status_diff_say(c, &r, IPC_EVENT_link_down, 0);
		break;
	case IPC_ROW_ADDRESS:
		status_diff_say(c, &r, IPC_EVENT_address_gone, 0);
		break;
	}
}

static void
status_diff_kept(struct status_diff *c, const struct ipc_row *old,
    struct ipc_row *r)
{
	switch (r->kind) {
	case IPC_ROW_SLOT:
		status_diff_slot(c, old, r);
		break;
	case IPC_ROW_COUNTER:
		status_diff_counter(c, old, r);
		break;
	case IPC_ROW_SESSION:
		if (old->u.session_row.info.state !=
		    r->u.session_row.info.state)
			status_diff_session(c, r);
		break;
	case IPC_ROW_FLOW:
		status_diff_flow(c, old, r);
		status_diff_sample(c, old, r);
		break;
	case IPC_ROW_LINK:
		if (old->u.link_row.up != r->u.link_row.up)
			status_diff_link(c, r);
		break;
	}
}

/* All rows of one session were compared: its choice of a flow is told after the
 * events of its flows.  The rows of `now' end at `end'. */
static void
status_diff_end_session(struct status_diff *c, const struct ipc_row *old,
    const struct ipc_row *now, const struct ipc_row *end)
{
	const struct mp_session_info *was, *is = &now->u.session_row.info;

	was = old != NULL ? &old->u.session_row.info : NULL;
	if (is->current != MP_NONE && (was == NULL ||
	    was->current != is->current || was->why_at != is->why_at))
		status_diff_choice(c, now, (size_t)(end - now) - 1,
		    was != NULL ? was->current : MP_NONE);
}

/* Is the row of that session?  NULL: of none. */
static bool
status_diff_in(const struct ipc_row *session, const struct ipc_row *row)
{
	return session != NULL && session->session == row->session &&
	    session->gen == row->gen;
}

void
status_diff_find(struct status_diff *c, const struct ipc_row *old, size_t nold,
    struct ipc_row *now, size_t nnow)
{
	const struct ipc_row *was = NULL, *is = NULL; /* the present session */
	size_t i = 0, j = 0;
	int order;

	while (i < nold || j < nnow) {
		if (is != NULL && (j == nnow || !status_diff_in(is, &now[j])) &&
		    (i == nold || !status_diff_in(is, &old[i]))) {
			status_diff_end_session(c, was, is, now + nnow);
			is = NULL;
		}
		order = i == nold ? 1 : j == nnow ? -1 :
		    status_diff_order(&old[i], &now[j]);
		if (order >= 0 && now[j].kind == IPC_ROW_SESSION) {
			is = &now[j];
			was = order == 0 ? &old[i] : NULL;
		}
		if (order < 0) {
			status_diff_gone(c, &old[i],
			    status_diff_in(is, &old[i]));
			i++;
		} else if (order > 0) {
			status_diff_new(c, &now[j]);
			j++;
		} else {
			status_diff_kept(c, &old[i], &now[j]);
			i++;
			j++;
		}
	}
	if (is != NULL)
		status_diff_end_session(c, was, is, now + nnow);
}
