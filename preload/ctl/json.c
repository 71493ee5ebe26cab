/* SPDX-License-Identifier: ISC */
/*
 * The status for programs.  Field names stay; new ones may come.  `version'
 * grows when the meaning of one changes.  Times are microseconds; what is not
 * known is null.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl.h"
#include "value.h"
#include "shared/ipc.h"

enum { JSON_VERSION = 1 };

/* --- The rows ------------------------------------------------------------- */

static void
json_slot(struct json *j, const struct ipc_row *r)
{
	const struct slot *s = &r->u.slot_row.record;
	struct mp_addr none = { .port = 0 };

	json_open(j, NULL, '{');
	json_number(j, "socket", r->u.slot_row.slot);
	json_text(j, "program", s->program, sizeof(s->program));
	json_number(j, "pid", s->pid);
	json_word(j, "family", s->family == AF_INET ? "inet" : "inet6");
	json_addr(j, "local", &s->local);
	json_addr(j, "connected", s->connected ? &s->peer : &none);
	json_number(j, "kernel_drops", r->u.slot_row.drops);
	json_close(j, '}');
}

static void
json_flow(struct json *j, const struct ipc_row *r)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;
	bool known = f->srtt_us != 0;

	json_open(j, NULL, '{');
	json_number(j, "flow", r->flow);
	json_word(j, "state", ctl_flow_state(r));
	json_bool(j, "in_use", f->in_use);
	json_bool(j, "validated", f->validated);
	json_bool(j, "doubt", f->doubt);
	json_bool(j, "failed", f->failed);
	json_ip(j, "local", &f->path.local);
	json_addr(j, "remote", &f->path.remote);
	json_text(j, "interface", r->u.flow_row.interface,
	    sizeof(r->u.flow_row.interface));
	json_maybe(j, "srtt_us", f->srtt_us, known);
	json_maybe(j, "rttvar_us", f->rttvar_us, known);
	json_maybe(j, "idle_us", f->idle_us, f->idle_us != MP_NEVER);
	json_age(j, "answer_age_us", r->now, f->answer_at);
	json_number(j, "loss_permille", f->loss_permille);
	json_number(j, "size_bytes", f->size);
	json_number(j, "tx_packets", f->tx_packets);
	json_number(j, "rx_packets", f->rx_packets);
	json_number(j, "tx_bytes", f->tx_bytes);
	json_number(j, "rx_bytes", f->rx_bytes);
	json_close(j, '}');
}

static void
json_session_fields(struct json *j, const struct ipc_row *r)
{
	const struct mp_session_info *s = &r->u.session_row.info;

	json_number(j, "session", r->session);
	json_number(j, "socket", s->slot);
	json_addr(j, "peer", &s->shown);
	json_addr(j, "seen_as", &s->reflexive);
	json_word(j, "state", ctl_session_state(r));
	json_bool(j, "initiator", s->initiator);
	json_text(j, "key", r->u.session_row.key,
	    sizeof(r->u.session_row.key));
	json_hex(j, "key_id", s->key_id);
	json_text(j, "cipher", r->u.session_row.suite,
	    sizeof(r->u.session_row.suite));
	json_maybe(j, "mtu_bytes", r->u.session_row.mtu,
	    r->u.session_row.mtu != 0);
	json_maybe(j, "flow_in_use", s->current, s->current != MP_NONE);
	json_word(j, "why", mp_reason_name(s->why));
	json_word(j, "why_text", mp_reason_what(s->why));
	json_age(j, "why_age_us", r->now, s->why_at);
	json_age(j, "up_age_us", r->now, s->up_at);
	json_age(j, "heard_age_us", r->now, s->last_in_at);
	json_age(j, "data_age_us", r->now, s->last_data_at);
	json_number(j, "tx_datagrams", s->tx_datagrams);
	json_number(j, "rx_datagrams", s->rx_datagrams);
	json_number(j, "tx_bytes", s->tx_bytes);
	json_number(j, "rx_bytes", s->rx_bytes);
}

/* The row of a session and those of its flows; returns how many. */
static size_t
json_session(struct json *j, const struct ipc_row *r, size_t n)
{
	size_t i;

	json_open(j, NULL, '{');
	json_session_fields(j, r);
	json_open(j, "flows", '[');
	for (i = 1; i < n && r[i].kind == IPC_ROW_FLOW &&
	    r[i].session == r->session; i++)
		json_flow(j, &r[i]);
	json_close(j, ']');
	json_close(j, '}');
	return i;
}

/* The rows of one port. */
static void
json_port(struct json *j, const struct ipc_row *r, size_t n)
{
	size_t i;

	json_open(j, NULL, '{');
	json_number(j, "port", r->port);
	if (r->kind == IPC_ROW_PORT) {
		json_hex(j, "id", r->u.port_row.id);
		json_number(j, "agent_pid", r->u.port_row.worker);
		json_number(j, "agent_restarts", r->u.port_row.restarts);
	}
	json_open(j, "sockets", '[');
	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_SLOT)
			json_slot(j, &r[i]);
	json_close(j, ']');
	json_open(j, "sessions", '[');
	for (i = 0; i < n;)
		if (r[i].kind == IPC_ROW_SESSION)
			i += json_session(j, &r[i], n - i);
		else
			i++;
	json_close(j, ']');
	json_open(j, "counters", '{');
	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_COUNTER &&
		    memchr(r[i].u.counter_row.name, 0,
		    sizeof(r[i].u.counter_row.name)) != NULL)
			json_number(j, r[i].u.counter_row.name,
			    r[i].u.counter_row.value);
	json_close(j, '}');
	json_close(j, '}');
}

void
ctl_json(const struct ipc_row *row, size_t n)
{
	struct json j = { 0 };
	size_t i, end;

	json_open(&j, NULL, '{');
	json_number(&j, "version", JSON_VERSION);
	json_open(&j, "ports", '[');
	for (i = 0; i < n; i = end) {
		for (end = i; end < n && row[end].port == row[i].port; end++)
			;
		json_port(&j, &row[i], end - i);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_end(&j);
}
