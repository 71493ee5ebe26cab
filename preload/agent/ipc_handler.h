/* SPDX-License-Identifier: ISC */
/* What programs ask (ipc.h), and what they are told. */
#ifndef IPC_HANDLER_H
#define IPC_HANDLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "shared/ipc.h"

struct agent;

/* A question under way. */
struct ipc_question {
	struct agent *agent;
	int client; /* who asks: his connection */
	pid_t pid;
	bool abstract;  /* he came by the abstract socket, with the token for his keys */
	struct ipc_request ask;
	int got[IPC_PASS]; /* descriptors that came with it; -1 */
	struct ipc_answer answer;
	int give; /* goes with the answer; not ours to close */
};

/* Does what is asked for, and fills in the answer.  What it wants of the
 * descriptors it takes out of got[]. */
void ipc_handler_answer(struct ipc_question *);

#endif
