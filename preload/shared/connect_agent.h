/* SPDX-License-Identifier: ISC */
/*
 * Where the agent of this user and network namespace listens, and connecting to
 * it: by the socket in the runtime directory, or by the abstract one (ipc.c).
 */
#ifndef CONNECT_AGENT_H
#define CONNECT_AGENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "ipc.h"

/* Takes the runtime directory's path from this environment, for good.  Without
 * this call the process's own environment is read each time. */
void connect_agent_setup(char **envp);
/* The path of the agent's socket: 0, or a negative errno (-EPERM: others could
 * write to the directory).  `make': makes the directory. */
int connect_agent_path(char path[IPC_PATH], int make);
/* The directory's path. */
int connect_agent_directory(char path[IPC_PATH], int make);

/*
 * A lock between processes for the time of a bind(2) and its IPC_OPEN, so that
 * the agent learns of a port's sockets in the order of the kernel's group.  A
 * descriptor for connect_agent_unlock(); -1: not free for a second, the caller
 * goes on without.
 */
int connect_agent_lock(void);
void connect_agent_unlock(int fd);

/* Connects to the agent, by the abstract socket if the other cannot be reached:
 * a descriptor, or a negative errno (none listens, or one that is neither the
 * user's nor root's). */
int connect_agent_open(void);

/* The abstract socket, as an answer told it. */
struct connect_agent_abstract {
	char abstract[IPC_ABSTRACT]; /* its name */
	uint8_t token[IPC_TOKEN];
	uid_t uid; /* the agent's user */
};

/* As connect_agent_open(); *abstract: the socket if it was the abstract one, or
 * NULL. */
int connect_agent_open_by(const struct connect_agent_abstract **abstract);
/* Remembers the abstract socket of an answer, of an agent of this user. */
void connect_agent_learn(const struct ipc_answer *, uid_t);
/* Is one remembered? */
bool connect_agent_abstract_known(void);
/* The user at the other end of a connection; -1: unknown. */
uid_t connect_agent_user(int fd);

#endif
