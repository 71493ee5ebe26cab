/* SPDX-License-Identifier: ISC */
/* mpctl status. */
#include <stdio.h>

#include "ctl.h"

static int
status_show(struct ctl_rows *rows, bool json, uint32_t pid)
{
	if (json)
		ctl_status_json(rows->row, rows->n);
	else if (rows->n > 0)
		ctl_status_text(rows->row, rows->n);
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
