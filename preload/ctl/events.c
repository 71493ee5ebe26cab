/* SPDX-License-Identifier: ISC */
/* mpctl events. */
#include <errno.h>
#include <stddef.h>

#include "ask.h"
#include "ctl.h"
#include "follow.h"
#include "say.h"

static void
events_say_waiting(void)
{
	say_line("no program is running under mpshim here yet; waiting");
}

int
ctl_events(uint32_t port, const char *name, bool samples, bool text)
{
	struct follow f = { .port = port, .name = name, .samples = samples,
		.text = text,
		.pidfd = -1, .on_wait = events_say_waiting };
	int error = follow_events(&f);

	if (error == -EIO)
		return say_flush();
	ask_say_error(error, f.refusal);
	return CTL_FAILED;
}
