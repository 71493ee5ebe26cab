/* SPDX-License-Identifier: ISC */
/*
 * Finding the agent: by its directory, or by the abstract socket (see ipc.h,
 * which declares what of this others use).
 */
#ifndef CONNECT_AGENT_H
#define CONNECT_AGENT_H

#include <sys/types.h>

#include "ipc.h"

/* The abstract socket, as an answer told. */
struct connect_agent_abstract {
	char abstract[IPC_ABSTRACT];
	uint8_t token[IPC_TOKEN];
	uid_t uid; /* whose agent it is */
};

/* As ipc_connect(); *abstract is the abstract socket if that was it, or
 * NULL. */
int connect_agent(const struct connect_agent_abstract **abstract);
/* Remembers what an answer tells, of an agent of this user. */
void connect_agent_learn(const struct ipc_answer *, uid_t);
/* Who is at the other end; -1: nobody knows. */
uid_t connect_agent_user(int fd);

#endif
