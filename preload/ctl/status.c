/* SPDX-License-Identifier: ISC */
/* mpctl status, and what it calls the states. */
#include <stdio.h>

#include "ctl.h"
#include "shared/ipc.h"

const char *
ctl_flow_state(const struct ipc_row *row)
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
ctl_session_state(const struct ipc_row *row)
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

/* --- The command ---------------------------------------------------------- */

static int
status_show(struct ctl_rows *rows, bool json, uint32_t pid)
{
	if (json)
		ctl_json(rows->row, rows->n);
	else if (rows->n > 0)
		ctl_text(rows->row, rows->n);
	else if (pid == 0)
		puts("no program is running under mpshim here");
	else {
		ctl_error("process %u does not run under mpshim here", pid);
		return CTL_FAILED;
	}
	return CTL_OK;
}

int
ctl_status(bool json, uint32_t pid)
{
	struct ctl_rows rows = { 0 };
	int error, status = CTL_FAILED;

	error = ctl_rows_get(&rows, pid);
	if (error == 0)
		status = status_show(&rows, json, pid);
	else
		ctl_ask_error(error, NULL);
	ctl_rows_free(&rows);
	return status;
}
