/* SPDX-License-Identifier: ISC */
/*
 * mpctl metrics: counters and sums in the text format that Prometheus reads
 * (its "exposition formats", version 0.0.4): of each metric a line of help, one
 * of its type, and a line for each port, one after the other.  A file is written
 * beside its name and renamed, so that node_exporter's textfile collector never
 * reads a part of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mp.h"
#include "ask.h"
#include "ctl.h"
#include "rows.h"
#include "say.h"
#include "shared/ipc.h"

enum { METRICS_PATH = 4096 };

static void
metrics_head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP mpshim_%s %s\n# TYPE mpshim_%s %s\n", name, help,
	    name, type);
}

/* --- Sums ------------------------------------------------------------------ */

static void
metrics_put_states(FILE *f, const struct rows *rows)
{
	static const char *const names[IPC_STATES] = {
		[MP_S_CONNECTING] = "connecting", [MP_S_UP] = "up",
		[MP_S_DOWN] = "down", [MP_S_CLOSING] = "closing",
	};
	const struct ipc_row *r;
	int i;

	metrics_head(f, "sessions", "gauge", "Peers of a port, by state.");
	for (r = rows->row; r < rows->row + rows->n; r++)
		for (i = 0; r->kind == IPC_ROW_SUM && i < IPC_STATES; i++)
			if (names[i] != NULL)
				fprintf(f, "mpshim_sessions{port=\"%" PRIu32
				    "\",state=\"%s\"} %" PRIu32 "\n", r->port,
				    names[i], r->u.sum_row.state[i]);
}

static uint64_t
metrics_flows(const struct ipc_row *r)
{
	return r->u.sum_row.flows;
}

static uint64_t
metrics_restarts(const struct ipc_row *r)
{
	return r->u.port_row.restarts;
}

static uint64_t
metrics_drops(const struct ipc_row *r)
{
	return r->u.slot_row.drops;
}

/* What is a number of one row. */
static const struct metrics_row {
	const char *name, *type, *help;
	enum ipc_row_kind kind;
	uint64_t (*value)(const struct ipc_row *);
} metrics_rows[] = {
	{ "flows", "gauge", "Address pairs of all peers of a port.",
	    IPC_ROW_SUM, metrics_flows },
	{ "agent_restarts_total", "counter", "Workers of the agent that died.",
	    IPC_ROW_PORT, metrics_restarts },
	{ "kernel_drops_total", "counter", "Packets that the kernel dropped at "
	    "a socket.", IPC_ROW_SLOT, metrics_drops },
};

static void
metrics_put_row(FILE *f, const struct metrics_row *m, const struct rows *rows)
{
	const struct ipc_row *r;

	metrics_head(f, m->name, m->type, m->help);
	for (r = rows->row; r < rows->row + rows->n; r++) {
		if (r->kind != (uint32_t)m->kind)
			continue;
		fprintf(f, "mpshim_%s{port=\"%" PRIu32 "\"", m->name, r->port);
		if (m->kind == IPC_ROW_SLOT)
			fprintf(f, ",socket=\"%" PRIu32 "\"",
			    r->u.slot_row.slot);
		fprintf(f, "} %" PRIu64 "\n", m->value(r));
	}
}

/* --- Counters -------------------------------------------------------------- */

static void
metrics_put_counter(FILE *f, enum mp_counter c, const struct rows *rows)
{
	const char *name = mp_counter_name(c);
	const struct ipc_row *r;
	char full[64];

	snprintf(full, sizeof(full), "%s_total", name);
	metrics_head(f, full, "counter", mp_counter_what(c));
	for (r = rows->row; r < rows->row + rows->n; r++)
		if (r->kind == IPC_ROW_COUNTER && strncmp(name,
		    r->u.counter_row.name, sizeof(r->u.counter_row.name)) == 0)
			fprintf(f, "mpshim_%s{port=\"%" PRIu32 "\"} %" PRIu64
			    "\n", full, r->port, r->u.counter_row.value);
}

static void
metrics_put(FILE *f, const struct rows *rows)
{
	size_t i;
	int c;

	metrics_put_states(f, rows);
	for (i = 0; i < sizeof(metrics_rows) / sizeof(metrics_rows[0]); i++)
		metrics_put_row(f, &metrics_rows[i], rows);
	for (c = 0; c < MP_C_MAX; c++)
		metrics_put_counter(f, (enum mp_counter)c, rows);
}

/* --- Files ----------------------------------------------------------------- */

static int
metrics_fail(const char *file, int error)
{
	say_line("%s: %s", file, strerror(error));
	return CTL_FAILED;
}

static int
metrics_put_file(const char *file, const struct rows *rows)
{
	char part[METRICS_PATH];
	FILE *f;
	bool bad;

	if (snprintf(part, sizeof(part), "%s.part", file) >=
	    (int)sizeof(part))
		return metrics_fail(file, ENAMETOOLONG);
	f = fopen(part, "we");
	if (f == NULL)
		return metrics_fail(part, errno);
	metrics_put(f, rows);
	bad = ferror(f) != 0;
	bad |= fclose(f) != 0;
	if (!bad && rename(part, file) == 0)
		return CTL_OK;
	(void)metrics_fail(file, errno);
	unlink(part);
	return CTL_FAILED;
}

int
ctl_metrics(const char *file)
{
	/* The sums alone: no session is told. */
	static const struct ipc_view none = { .from = UINT32_MAX, .most = 1 };
	struct rows rows = { 0 };
	int status = CTL_OK, error = rows_get(&rows, 0, &none);

	if (error != 0) {
		ask_say_error(error, NULL);
		status = CTL_FAILED;
	} else if (file != NULL)
		status = metrics_put_file(file, &rows);
	else
		metrics_put(stdout, &rows);
	rows_free(&rows);
	return status;
}
