/* SPDX-License-Identifier: ISC */
/* What programs ask (ipc.h), and what they are told. */
#ifndef QUESTION_H
#define QUESTION_H

#include <stdbool.h>
#include <sys/types.h>

#include "ipc.h"

struct agent;

/* A question under way. */
struct question {
	struct agent *agent;
	int client; /* who asks: his connection */
	pid_t pid;
	bool side;  /* he came by the side door, with the token for his keys */
	struct ipc_ask ask;
	int got[IPC_PASS]; /* descriptors that came with it; -1 */
	struct ipc_answer answer;
	int give; /* goes with the answer; not ours to close */
};

/* Does what is asked for, and fills in the answer.  What it wants of the
 * descriptors it takes out of got[]. */
void question_answer(struct question *);

#endif
