/* SPDX-License-Identifier: ISC */
/* Starts the agent without the program noticing. */
#ifndef SPAWN_AGENT_H
#define SPAWN_AGENT_H

#include <stdbool.h>

/* At the start: finds the agent's file beside the library's, and keeps the
 * variables of the environment that the agent gets. */
void spawn_agent_setup(char **envp);
/*
 * Starts the agent and waits until it listens: 0, or a negative errno.  The
 * program gets no SIGCHLD, no child to wait for and no descriptor.  `quiet': a
 * failure is logged for debugging only.  -EUSERS: there may be no more processes.
 */
int spawn_agent(bool quiet);

#endif
