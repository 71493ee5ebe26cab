/* SPDX-License-Identifier: ISC */
/*
 * An event as a line of JSON.  Field names are those of the status; they stay,
 * new ones may come.  `v' grows when the meaning of one changes.
 */
#include <string.h>
#include <sys/socket.h>

#include "ctl.h"
#include "value.h"
#include "shared/ipc.h"

enum { LINE_VERSION = 1 };

static const char *
event_name(uint32_t event)
{
	static const char *const names[] = { "none",
#define IPC_X(name, kind) #name,
		IPC_EVENT_LIST(IPC_X)
#undef IPC_X
	};

	return event < IPC_EVENT_MAX ? names[event] : "unknown";
}

static void
line_slot(struct json *j, const struct ipc_row *r)
{
	const struct slot *s = &r->u.slot_row.record;

	json_number(j, "socket", r->u.slot_row.slot);
	json_text(j, "program", s->program, sizeof(s->program));
	json_number(j, "pid", s->pid);
	json_word(j, "family", s->family == AF_INET ? "inet" : "inet6");
	json_addr(j, "local", &s->local);
}

static void
line_session(struct json *j, const struct ipc_row *r)
{
	const struct mp_session_info *s = &r->u.session_row.info;

	json_number(j, "session", r->session);
	json_number(j, "socket", s->slot);
	json_addr(j, "peer", &s->shown);
	json_addr(j, "seen_as", &s->reflexive);
	json_text(j, "program", r->u.session_row.program,
	    sizeof(r->u.session_row.program));
	json_number(j, "pid", r->u.session_row.pid);
	json_bool(j, "initiator", s->initiator);
	json_text(j, "key", r->u.session_row.key,
	    sizeof(r->u.session_row.key));
	json_hex(j, "key_id", s->key_id);
	if (s->state == MP_S_UP)
		json_text(j, "cipher", r->u.session_row.suite,
		    sizeof(r->u.session_row.suite));
}

static void
line_choice(struct json *j, const struct ipc_row *r)
{
	json_maybe(j, "flow_before", r->before, r->before != MP_NONE);
	json_word(j, "why", mp_reason_name((enum mp_reason)r->why));
	json_word(j, "why_text", mp_reason_what((enum mp_reason)r->why));
}

static void
line_flow(struct json *j, const struct ipc_row *r)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;
	bool known = f->srtt_us != 0;

	json_number(j, "session", r->session);
	json_number(j, "flow", r->flow);
	if (r->event == IPC_EVENT_choice)
		line_choice(j, r);
	json_word(j, "state", ctl_flow_state(r));
	json_bool(j, "in_use", f->in_use);
	json_ip(j, "local", &f->path.local);
	json_addr(j, "remote", &f->path.remote);
	json_text(j, "interface", r->u.flow_row.interface,
	    sizeof(r->u.flow_row.interface));
	json_maybe(j, "srtt_us", f->srtt_us, known);
	json_maybe(j, "rttvar_us", f->rttvar_us, known);
	json_maybe(j, "idle_us", f->idle_us, f->idle_us != MP_NEVER);
	json_number(j, "loss_permille", f->loss_permille);
	json_number(j, "tx_packets", f->tx_packets);
	json_number(j, "rx_packets", f->rx_packets);
}

static void
line_counter(struct json *j, const struct ipc_row *r)
{
	const char *name = r->u.counter_row.name;
	size_t size = sizeof(r->u.counter_row.name);
	enum mp_counter c;

	json_text(j, "counter", name, size);
	for (c = 0; c < MP_C_MAX; c++)
		if (strncmp(name, mp_counter_name(c), size) == 0)
			json_word(j, "text", mp_counter_what(c));
	json_number(j, "more", r->u.counter_row.more);
	json_number(j, "total", r->u.counter_row.value);
}

static void
line_fields(struct json *j, const struct ipc_row *r)
{
	switch (r->kind) {
	case IPC_ROW_AGENT:
		json_number(j, "agent_pid", r->u.agent_row.pid);
		json_number(j, "agent_restarts", r->u.agent_row.restarts);
		json_text(j, "mpshim", r->u.agent_row.version,
		    sizeof(r->u.agent_row.version));
		break;
	case IPC_ROW_SLOT:
		line_slot(j, r);
		break;
	case IPC_ROW_SESSION:
		line_session(j, r);
		break;
	case IPC_ROW_FLOW:
		line_flow(j, r);
		break;
	case IPC_ROW_COUNTER:
		line_counter(j, r);
		break;
	case IPC_ROW_LINK:
		json_text(j, "interface", r->u.link_row.name,
		    sizeof(r->u.link_row.name));
		json_number(j, "mtu_bytes", r->u.link_row.mtu);
		break;
	case IPC_ROW_ADDRESS:
		json_ip(j, "address", &r->u.address_row.addr);
		json_text(j, "interface", r->u.address_row.interface,
		    sizeof(r->u.address_row.interface));
		break;
	case IPC_ROW_ERROR:
		json_text(j, "text", r->u.error_row.text,
		    sizeof(r->u.error_row.text));
		break;
	case IPC_ROW_LOST:
		json_number(j, "lines", r->u.lost_row.lines);
		break;
	}
}

static void
line_begin(struct json *j, const char *event, uint64_t at, uint64_t wall)
{
	json_open(j, NULL, '{');
	json_number(j, "v", LINE_VERSION);
	json_number(j, "time_us", at);
	json_number(j, "unix_us", wall);
	json_word(j, "event", event);
}

void
ctl_line(const struct ipc_row *r)
{
	struct json j = { .line = true };

	line_begin(&j, event_name(r->event), r->at, r->wall);
	if (r->already)
		json_bool(&j, "already", true);
	if (r->port != 0)
		json_number(&j, "port", r->port);
	line_fields(&j, r);
	json_close(&j, '}');
	json_end(&j);
}

void
ctl_line_down(uint64_t at, uint64_t wall, const char *why)
{
	struct json j = { .line = true };

	line_begin(&j, "agent_down", at, wall);
	json_word(&j, "why", why);
	json_close(&j, '}');
	json_end(&j);
}
