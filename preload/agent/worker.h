/* SPDX-License-Identifier: ISC */
/* The worker: all that the agent does, in one thread, in a sandbox. */
#ifndef WORKER_H
#define WORKER_H

#include <stdint.h>

struct kept_port_list;
struct listener;

struct worker_start {
	const struct listener *listener;
	int channel; /* to the keeper */
	int ready;   /* told when the first worker serves; -1 */
	uint32_t restarts;
	struct kept_port_list *kept; /* the ports that it goes on with */
};

void worker_run(const struct worker_start *) __attribute__((noreturn));

#endif
