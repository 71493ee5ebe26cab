/* SPDX-License-Identifier: ISC */
#include "agent.h"

#include "mp.h"
#include "shared/arena.h"

const char agent_version[] = "mpshim-agent " MPSHIM_VERSION;

void
agent_settle(struct agent *a)
{
	if (a->nports > 0)
		alarm_by(&a->loop, &a->scan_all, arena_now() + AGENT_SCAN_US);
	alarm_set(&a->loop, &a->bye, a->nports > 0 || a->nclients > 0 ||
	    a->staying > 0 ? MP_NEVER : arena_now() + AGENT_LINGER_US);
}
