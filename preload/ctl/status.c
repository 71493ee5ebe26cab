/* SPDX-License-Identifier: ISC */
/* mpctl status. */
#include <stdio.h>

#include "ask.h"
#include "ctl.h"
#include "links.h"
#include "rows.h"
#include "say.h"
#include "status.h"

static int
status_show(struct rows *rows, enum ctl_form form, uint32_t pid)
{
	if (form == CTL_JSON)
		status_put_json(rows->row, rows->n);
	else if (rows->n > 0 && form == CTL_SHORT)
		status_put_short(rows->row, rows->n);
	else if (rows->n > 0) {
		status_put_text(rows->row, rows->n);
		links_put(rows->row, rows->n);
	} else if (pid == 0)
		puts("no program is running under mpshim here");
	else {
		say_line("process %u does not run under mpshim here", pid);
		return CTL_FAILED;
	}
	return CTL_OK;
}

int
ctl_status(enum ctl_form form, uint32_t pid, const struct ipc_view *view)
{
	struct rows rows = { 0 };
	int error, status = CTL_FAILED;

	error = rows_get(&rows, pid, view);
	if (error == 0)
		status = status_show(&rows, form, pid);
	else
		ask_say_error(error, NULL);
	rows_free(&rows);
	return status;
}
