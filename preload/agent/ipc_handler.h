/* SPDX-License-Identifier: ISC */
/* Does what programs request (ipc.h), and makes the answer. */
#ifndef IPC_HANDLER_H
#define IPC_HANDLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "shared/ipc.h"

struct agent;

/* A request, and its answer while it is made. */
struct ipc_question {
	struct agent *agent;
	int client; /* the connection that it came by */
	pid_t pid;  /* of the client */
	bool abstract; /* by the abstract socket, with the token for its keys */
	struct ipc_request ask;
	int got[IPC_PASS]; /* descriptors that came with it; -1 */
	struct ipc_answer answer;
	int give; /* goes with the answer, and stays open; or -1 */
	int made; /* the same, and is closed then */
};

/* The answer that the agent has no descriptors left. */
void ipc_handler_no_descriptors(struct ipc_question *);
/* Does what is requested, and fills in the answer.  Descriptors that are kept
 * are taken out of got[]; the caller closes the rest. */
void ipc_handler_answer(struct ipc_question *);

#endif
