/* SPDX-License-Identifier: ISC */
#include "fields.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "mp.h"
#include "shared/ipc.h"
#include "shared/net.h"

/* A field's value, in the lists below. */
#define NUMBER(n) .type = FIELD_NUMBER, .number = (n)
#define KNOWN(n, known) .type = (known) ? FIELD_NUMBER : FIELD_NULL, \
    .number = (n)
#define BOOL(b) .type = FIELD_BOOL, .number = (b)
#define HEX(n) .type = FIELD_HEX, .number = (n)
#define STRING(s) .type = FIELD_STRING, .string = (s), .size = SIZE_MAX
#define ARRAY(a) .type = FIELD_STRING, .string = (a), .size = sizeof(a)
#define IP(a) .type = FIELD_IP, .addr = (a)
/* Port 0: there is none. */
#define ADDR(a) .type = (a)->port != 0 ? FIELD_ADDR : FIELD_NULL, .addr = (a)
/* Microseconds since `at'; 0 and MP_NEVER: it did not happen. */
#define AGE(now, at) KNOWN((now) > (at) ? (now) - (at) : 0, \
    (at) != 0 && (at) != MP_NEVER)

/* The outputs that a field is in. */
#define ALL FIELD_ALL
#define JSON FIELD_JSON
#define EVENT FIELD_EVENT
#define TEXT FIELD_TEXT

/* Adds a list, an array, to the fields. */
#define FIELDS_ADD(l, list) \
	fields_add(l, list, sizeof(list) / sizeof((list)[0]))

static void
fields_add(struct field_list *l, const struct field *field, size_t n)
{
	if (n > FIELDS_MAX - l->n)
		n = FIELDS_MAX - l->n;
	memcpy(l->field + l->n, field, n * sizeof(*field));
	l->n += n;
}

/* --- States --------------------------------------------------------------- */

const char *
fields_flow_state(const struct ipc_row *row)
{
	const struct mp_flow_info *f = &row->u.flow_row.info;

	if (f->failed)
		return "failed";
	if (f->in_use)
		return "in use";
	if (f->doubt)
		return "doubt";
	return f->validated ? "ok" : "untried";
}

const char *
fields_session_state(const struct ipc_row *row)
{
	switch (row->u.session_row.info.state) {
	case MP_S_CONNECTING:
		return "connecting";
	case MP_S_UP:
		return "up";
	case MP_S_DOWN:
		return "down";
	case MP_S_CLOSING:
		return "closing";
	case MP_S_CLOSED:
	case MP_S_FREE:
		break;
	}
	return "free";
}

/* --- The lists ------------------------------------------------------------ */

static void
fields_add_port(struct field_list *l, const struct ipc_row *r)
{
	const struct field list[] = {
		{ "port", JSON | TEXT, NUMBER(r->port) },
		{ "id", JSON, HEX(r->u.port_row.id) },
		{ "agent_pid", JSON, NUMBER(r->u.port_row.worker) },
		{ "agent_restarts", JSON | TEXT,
		    NUMBER(r->u.port_row.restarts) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_slot(struct field_list *l, const struct ipc_row *r)
{
	const struct slot *s = &r->u.slot_row.record;
	bool v4 = s->family == AF_INET;
	static const struct mp_addr none = { .port = 0 };
	const struct mp_addr *peer = s->connected ? &s->peer : &none;
	const struct field list[] = {
		{ "socket", JSON | EVENT, NUMBER(r->u.slot_row.slot) },
		{ "program", ALL, ARRAY(s->program) },
		{ "pid", ALL, NUMBER(s->pid) },
		{ "family", ALL, STRING(v4 ? "inet" : "inet6"),
		    .word = v4 ? "IPv4" : "IPv6" },
		{ "local", ALL, ADDR(&s->local),
		    .dull = net_is_any(&s->local) },
		{ "connected", JSON | TEXT, ADDR(peer) },
		{ "kernel_drops", JSON | TEXT, NUMBER(r->u.slot_row.drops) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_session(struct field_list *l, const struct ipc_row *r)
{
	const struct mp_session_info *s = &r->u.session_row.info;
	bool up = s->state == MP_S_UP;
	const struct field list[] = {
		{ "session", JSON | EVENT, NUMBER(r->session) },
		{ "socket", JSON | EVENT, NUMBER(s->slot) },
		{ "peer", ALL, ADDR(&s->shown) },
		{ "seen_as", JSON | EVENT, ADDR(&s->reflexive) },
		{ "program", EVENT, ARRAY(r->u.session_row.program) },
		{ "pid", EVENT, NUMBER(r->u.session_row.pid) },
		{ "state", JSON | TEXT, STRING(fields_session_state(r)) },
		{ "initiator", JSON | EVENT, BOOL(s->initiator) },
		{ "key", ALL, ARRAY(r->u.session_row.key) },
		{ "key_id", JSON | EVENT, HEX(s->key_id) },
		/* Without keys there is none. */
		{ "cipher", ALL, .type = up ? FIELD_STRING : FIELD_NULL,
		    .string = r->u.session_row.suite,
		    .size = sizeof(r->u.session_row.suite) },
		{ "mtu_bytes", JSON | TEXT, KNOWN(r->u.session_row.mtu,
		    r->u.session_row.mtu != 0) },
		{ "flow_in_use", JSON, KNOWN(s->current,
		    s->current != MP_NONE) },
		{ "why", JSON, STRING(mp_reason_name(s->why)) },
		{ "why_text", JSON | TEXT, STRING(mp_reason_what(s->why)),
		    .dull = s->why == MP_WHY_none },
		{ "why_age_us", JSON | TEXT, AGE(r->now, s->why_at),
		    .unit = UNIT_AGO },
		{ "up_age_us", JSON | TEXT, AGE(r->now, s->up_at),
		    .unit = UNIT_DURATION, .dull = !up },
		{ "heard_age_us", JSON | TEXT, AGE(r->now, s->last_in_at),
		    .unit = UNIT_AGO },
		{ "unheard", TEXT, STRING("never heard"),
		    .dull = s->last_in_at != 0 && s->last_in_at != MP_NEVER },
		{ "data_age_us", JSON, AGE(r->now, s->last_data_at) },
		{ "tx_datagrams", JSON | TEXT, NUMBER(s->tx_datagrams) },
		{ "rx_datagrams", JSON | TEXT, NUMBER(s->rx_datagrams) },
		{ "tx_bytes", JSON | TEXT, NUMBER(s->tx_bytes),
		    .unit = UNIT_BYTES },
		{ "rx_bytes", JSON | TEXT, NUMBER(s->rx_bytes),
		    .unit = UNIT_BYTES },
	};

	FIELDS_ADD(l, list);
}

/* Of the event `choice' alone: why this flow is in use from now on. */
static void
fields_add_choice(struct field_list *l, const struct ipc_row *r)
{
	enum mp_reason why = (enum mp_reason)r->why;
	const struct field list[] = {
		{ "flow_before", EVENT, KNOWN(r->before,
		    r->before != MP_NONE) },
		{ "why", EVENT, STRING(mp_reason_name(why)) },
		{ "why_text", EVENT, STRING(mp_reason_what(why)) },
	};

	if (r->event == IPC_EVENT_choice)
		FIELDS_ADD(l, list);
}

static const char *
fields_refusal(int error)
{
	switch (error) {
	case -EIO:
		return "EIO";
	case -EINVAL:
		return "EINVAL";
	default:
		return "not supported";
	}
}

/* Whether datagrams go in bundles; if they failed, how.  Of events, those about
 * this have it. */
static void
fields_add_bundles(struct field_list *l, const struct ipc_row *r)
{
	static const char *const states[] = { [MP_BUNDLES_TRY] = "trying",
		[MP_BUNDLES_TRUSTED] = "on", [MP_BUNDLES_CHECK] = "checking",
		[MP_BUNDLES_OFF] = "off" };
	const struct mp_flow_info *f = &r->u.flow_row.info;
	bool refused = f->bundles == MP_BUNDLES_OFF && f->bundle_error != 0;
	bool lost = f->bundles == MP_BUNDLES_OFF && f->bundle_error == 0;
	const struct field list[] = {
		{ "bundles", JSON | EVENT, STRING(states[f->bundles & 3]) },
		{ "bundles_refused", ALL,
		    .type = refused ? FIELD_STRING : FIELD_NULL,
		    .string = fields_refusal(f->bundle_error),
		    .size = SIZE_MAX },
		{ "bundles_lost", ALL, KNOWN(f->bundle_lost, lost) },
		{ "bundles_packets", ALL, KNOWN(f->bundle_n, lost) },
		{ "single_lost", JSON | EVENT, KNOWN(f->single_lost, lost) },
		{ "single_packets", ALL, KNOWN(f->single_n, lost) },
	};

	if (r->event == IPC_EVENT_NONE || r->event == IPC_EVENT_bundles_off ||
	    r->event == IPC_EVENT_bundles_again)
		FIELDS_ADD(l, list);
}

static void
fields_add_flow(struct field_list *l, const struct ipc_row *r)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;
	bool known = f->srtt_us != 0;
	const struct field which[] = {
		{ "session", EVENT, NUMBER(r->session) },
		{ "flow", ALL, NUMBER(r->flow) },
	};
	const struct field list[] = {
		{ "state", ALL, STRING(fields_flow_state(r)) },
		{ "in_use", JSON | EVENT, BOOL(f->in_use) },
		{ "validated", JSON, BOOL(f->validated) },
		{ "doubt", JSON, BOOL(f->doubt) },
		{ "failed", JSON, BOOL(f->failed) },
		{ "local", ALL, IP(&f->path.local) },
		{ "remote", ALL, ADDR(&f->path.remote) },
		{ "interface", ALL, ARRAY(r->u.flow_row.interface) },
		{ "srtt_us", ALL, KNOWN(f->srtt_us, known), .unit = UNIT_MS },
		{ "rttvar_us", ALL, KNOWN(f->rttvar_us, known),
		    .unit = UNIT_MS },
		{ "idle_us", ALL, KNOWN(f->idle_us, f->idle_us != MP_NEVER),
		    .unit = UNIT_DURATION },
		{ "answer_age_us", JSON, AGE(r->now, f->answer_at) },
		{ "loss_permille", ALL, NUMBER(f->loss_permille),
		    .unit = UNIT_PERMILLE },
		{ "size_bytes", JSON, NUMBER(f->size) },
		{ "tx_packets", ALL, NUMBER(f->tx_packets) },
		{ "rx_packets", ALL, NUMBER(f->rx_packets) },
		{ "tx_bytes", JSON, NUMBER(f->tx_bytes) },
		{ "rx_bytes", JSON, NUMBER(f->rx_bytes) },
	};

	FIELDS_ADD(l, which);
	fields_add_choice(l, r);
	FIELDS_ADD(l, list);
	fields_add_bundles(l, r);
}

/* What a counter counts, or NULL: this mpctl does not know the counter. */
static const char *
fields_counter_meaning(const char *name, size_t size)
{
	enum mp_counter c;

	for (c = 0; c < MP_C_MAX; c++)
		if (strncmp(name, mp_counter_name(c), size) == 0)
			return mp_counter_what(c);
	return NULL;
}

/* In the JSON of the status a counter is one field, whose name is the
 * counter's. */
static void
fields_add_counter(struct field_list *l, const struct ipc_row *r)
{
	const char *name = r->u.counter_row.name;
	const size_t size = sizeof(r->u.counter_row.name);
	const char *meaning = fields_counter_meaning(name, size);
	const struct field list[] = {
		{ "counter", EVENT, ARRAY(r->u.counter_row.name) },
		{ "text", EVENT | TEXT, .type = FIELD_STRING,
		    .string = meaning != NULL ? meaning : name,
		    .size = meaning != NULL ? SIZE_MAX : size },
		{ "more", EVENT, NUMBER(r->u.counter_row.more) },
		{ "total", EVENT | TEXT, NUMBER(r->u.counter_row.value) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_agent(struct field_list *l, const struct ipc_row *r)
{
	const struct field list[] = {
		{ "agent_pid", EVENT, NUMBER(r->u.agent_row.pid) },
		{ "agent_restarts", EVENT, NUMBER(r->u.agent_row.restarts) },
		{ "mpshim", EVENT, ARRAY(r->u.agent_row.version) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_link(struct field_list *l, const struct ipc_row *r)
{
	const struct field list[] = {
		{ "interface", EVENT, ARRAY(r->u.link_row.name) },
		{ "mtu_bytes", EVENT, NUMBER(r->u.link_row.mtu) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_address(struct field_list *l, const struct ipc_row *r)
{
	const struct field list[] = {
		{ "address", EVENT, IP(&r->u.address_row.addr) },
		{ "interface", EVENT, ARRAY(r->u.address_row.interface) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_error(struct field_list *l, const struct ipc_row *r)
{
	const struct field list[] = {
		{ "text", EVENT, ARRAY(r->u.error_row.text) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_lost(struct field_list *l, const struct ipc_row *r)
{
	const struct field list[] = {
		{ "lines", EVENT, NUMBER(r->u.lost_row.lines) },
	};

	FIELDS_ADD(l, list);
}

static void
fields_add_sum(struct field_list *l, const struct ipc_row *r)
{
	const uint32_t *state = r->u.sum_row.state;
	const struct field list[] = {
		{ "sessions", TEXT | JSON, NUMBER(r->u.sum_row.sessions) },
		{ "connecting", TEXT | JSON, NUMBER(state[MP_S_CONNECTING]) },
		{ "up", TEXT | JSON, NUMBER(state[MP_S_UP]) },
		{ "down", TEXT | JSON, NUMBER(state[MP_S_DOWN]) },
		{ "closing", TEXT | JSON, NUMBER(state[MP_S_CLOSING]) },
		{ "flows", TEXT | JSON, NUMBER(r->u.sum_row.flows) },
		{ "from", TEXT | JSON, NUMBER(r->u.sum_row.from) },
		{ "most", TEXT | JSON, NUMBER(r->u.sum_row.most) },
		{ "tx_datagrams", TEXT | JSON,
		    NUMBER(r->u.sum_row.tx_datagrams) },
		{ "rx_datagrams", TEXT | JSON,
		    NUMBER(r->u.sum_row.rx_datagrams) },
		{ "tx_bytes", TEXT | JSON, NUMBER(r->u.sum_row.tx_bytes),
		    .unit = UNIT_BYTES },
		{ "rx_bytes", TEXT | JSON, NUMBER(r->u.sum_row.rx_bytes),
		    .unit = UNIT_BYTES },
	};

	FIELDS_ADD(l, list);
}

/* --- All of them ---------------------------------------------------------- */

void
fields_read(struct field_list *l, const struct ipc_row *r)
{
	static void (*const add[])(struct field_list *,
	    const struct ipc_row *) = {
		[IPC_ROW_PORT] = fields_add_port,
		[IPC_ROW_SLOT] = fields_add_slot,
		[IPC_ROW_SESSION] = fields_add_session,
		[IPC_ROW_FLOW] = fields_add_flow,
		[IPC_ROW_COUNTER] = fields_add_counter,
		[IPC_ROW_LINK] = fields_add_link,
		[IPC_ROW_ADDRESS] = fields_add_address,
		[IPC_ROW_AGENT] = fields_add_agent,
		[IPC_ROW_ERROR] = fields_add_error,
		[IPC_ROW_LOST] = fields_add_lost,
		[IPC_ROW_SUM] = fields_add_sum,
	};

	l->n = 0;
	if (r->kind < sizeof(add) / sizeof(add[0]) && add[r->kind] != NULL)
		add[r->kind](l, r);
}

const struct field *
fields_find(const struct field_list *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->field[i].name, name) == 0)
			return &l->field[i];
	return NULL;
}
