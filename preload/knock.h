/* SPDX-License-Identifier: ISC */
/*
 * Finding the agent: by its directory, or by the side door (see ipc.h, which
 * declares what of this others use).
 */
#ifndef KNOCK_H
#define KNOCK_H

#include <sys/types.h>

#include "ipc.h"

/* The side door, as an answer told. */
struct knock_side {
	char door[IPC_DOOR];
	uint8_t token[IPC_TOKEN];
	uid_t uid; /* whose agent it is */
};

/* As ipc_connect(); *side is the side door if that was it, or NULL. */
int knock(const struct knock_side **side);
/* Remembers what an answer tells, of an agent of this user. */
void knock_learn(const struct ipc_answer *, uid_t);
/* Who is at the other end; -1: nobody knows. */
uid_t knock_user(int fd);

#endif
