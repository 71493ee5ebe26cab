/* SPDX-License-Identifier: ISC */
/* The worker: all that the agent does, in one thread, in a sandbox. */
#ifndef WORKER_H
#define WORKER_H

#include <stdint.h>

#include "listener.h"
#include "keeper_ipc.h"

extern const char worker_version[]; /* "mpshim-agent 1.2.3" */

struct worker_start {
	const struct listener *listener;
	int channel; /* to the keeper */
	int ready;   /* told when the first worker works; -1 */
	uint32_t restarts;
	struct kept_port_list *kept; /* ports to go on with */
};

void worker_run(const struct worker_start *) __attribute__((noreturn));

#endif
