/* SPDX-License-Identifier: ISC */
/* Starting the agent without the program noticing. */
#ifndef SPAWN_AGENT_H
#define SPAWN_AGENT_H

#include <stdbool.h>

/* Finds the agent beside the library and keeps what of the environment it
 * shall have.  At the start. */
void spawn_agent_setup(char **envp);
/*
 * Starts it and waits until it listens: 0, or a negative errno.  No SIGCHLD, no
 * child to wait for, no descriptor left.  `quiet': nobody hears why not.
 */
int spawn_agent(bool quiet);

#endif
