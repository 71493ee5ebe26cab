/* SPDX-License-Identifier: ISC */
/*
 * The status for programs is an interface: names of fields stay, new fields may
 * be added, and `version' grows when the meaning of one changes.
 */
#include "status.h"

#include <string.h>

#include "fields.h"
#include "json.h"
#include "shared/ipc.h"

enum { STATUS_VERSION = 1 };

static void
status_put_fields(struct json *j, const struct ipc_row *r)
{
	struct field_list l;

	fields_read(&l, r);
	json_fields(j, &l, FIELD_JSON);
}

static void
status_put_row(struct json *j, const struct ipc_row *r)
{
	json_open(j, NULL, '{');
	status_put_fields(j, r);
	json_close(j, '}');
}

/* A session and its flows; returns how many rows. */
static size_t
status_put_session(struct json *j, const struct ipc_row *r, size_t n)
{
	size_t i;

	json_open(j, NULL, '{');
	status_put_fields(j, r);
	json_open(j, "flows", '[');
	for (i = 1; i < n && r[i].kind == IPC_ROW_FLOW &&
	    r[i].session == r->session; i++)
		status_put_row(j, &r[i]);
	json_close(j, ']');
	json_close(j, '}');
	return i;
}

static void
status_put_counters(struct json *j, const struct ipc_row *r, size_t n)
{
	size_t i;

	json_open(j, "counters", '{');
	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_COUNTER &&
		    memchr(r[i].u.counter_row.name, 0,
		    sizeof(r[i].u.counter_row.name)) != NULL)
			json_number(j, r[i].u.counter_row.name,
			    r[i].u.counter_row.value);
	json_close(j, '}');
}

/* The rows of one port, of which the first is IPC_ROW_PORT, if the agent sent
 * it. */
static void
status_put_port(struct json *j, const struct ipc_row *r, size_t n)
{
	size_t i;

	json_open(j, NULL, '{');
	if (r->kind == IPC_ROW_PORT)
		status_put_fields(j, r);
	else
		json_number(j, "port", r->port);
	json_open(j, "sockets", '[');
	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_SLOT)
			status_put_row(j, &r[i]);
	json_close(j, ']');
	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_SUM) {
			json_open(j, "sum", '{');
			status_put_fields(j, &r[i]);
			json_close(j, '}');
		}
	json_open(j, "sessions", '[');
	for (i = 0; i < n;)
		if (r[i].kind == IPC_ROW_SESSION)
			i += status_put_session(j, &r[i], n - i);
		else
			i++;
	json_close(j, ']');
	status_put_counters(j, r, n);
	json_close(j, '}');
}

void
status_put_json(const struct ipc_row *row, size_t n)
{
	struct json j = { 0 };
	size_t i, end;

	json_open(&j, NULL, '{');
	json_number(&j, "version", STATUS_VERSION);
	json_open(&j, "ports", '[');
	for (i = 0; i < n; i = end) {
		for (end = i; end < n && row[end].port == row[i].port; end++)
			;
		status_put_port(&j, &row[i], end - i);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_end(&j);
}
