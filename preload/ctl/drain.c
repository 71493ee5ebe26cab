/* SPDX-License-Identifier: ISC */
/* mpctl drain: the programs' ports take no new peers, and how many are left. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "mp.h"
#include "ask.h"
#include "ctl.h"
#include "rows.h"
#include "say.h"
#include "shared/ipc.h"

/* Peers with whom there is a session: each port's, in a line. */
static void
drain_put_left(const struct rows *rows, bool undo)
{
	const struct ipc_row *r;
	uint32_t n;

	for (r = rows->row; r < rows->row + rows->n; r++) {
		if (r->kind != IPC_ROW_SUM)
			continue;
		n = r->u.sum_row.state[MP_S_UP];
		printf("port %" PRIu32 ": %" PRIu32 " peer%s%s\n", r->port, n,
		    n == 1 ? "" : "s", undo ? ", takes new ones" : " left");
	}
}

int
ctl_drain(bool undo)
{
	static const struct ipc_view none = { .from = UINT32_MAX, .most = 1 };
	static struct ipc_request ask = { .version = IPC_VERSION,
		.kind = IPC_DRAIN }; /* large */
	struct ipc_answer answer;
	struct rows rows = { 0 };
	int got, error;

	ask.len = !undo;
	error = ipc_call(&ask, NULL, 0, -1, &answer, &got);
	if (error == 0 && got >= 0)
		close(got);
	if (error == 0 && answer.error == 0)
		error = rows_get(&rows, 0, &none);
	if (ask_is_absent(error)) {
		puts("no program is running under mpshim here");
		return CTL_OK;
	}
	if (error == 0 && answer.error == 0)
		drain_put_left(&rows, undo);
	else
		ask_say_error(error != 0 ? error : answer.error,
		    error == 0 ? answer.text : NULL);
	rows_free(&rows);
	return error == 0 && answer.error == 0 ? CTL_OK : CTL_FAILED;
}
