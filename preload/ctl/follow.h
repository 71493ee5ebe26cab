/* SPDX-License-Identifier: ISC */
/* Listening to events, for as long as somebody wants them. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

struct follow {
	uint32_t port; /* 0: all */
	bool samples;
	uint32_t pid;  /* until this process has ended, and the sockets that it
			* opened are closed; 0: for ever */
	int pidfd;     /* of it, or -1 */
	void (*waits)(void); /* is called when there is no agent; or NULL */
	void (*ended)(void); /* the same when the process has ended */
	unsigned own;  /* sockets that it opened */
	char said[256]; /* by the agent, of why not */
};

/*
 * Writes a line for each event to standard output.  Agents come and go.  Ends
 * with a negative errno: -ECANCELED, the program ended; -EIO, it cannot be
 * written; or what went wrong with the agent.
 */
int follow_events(struct follow *);

#endif
