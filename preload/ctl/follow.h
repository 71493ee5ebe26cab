/* SPDX-License-Identifier: ISC */
/* Follows the events of the agent, and of the agents after it. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ask.h"

struct follow {
	uint32_t port; /* 0: all */
	bool samples;
	const char *name; /* of the peer that events must be about, or NULL */
	bool text; /* for people, not JSON */
	/* Until this process has ended and its sockets are closed; 0: for
	 * ever. */
	uint32_t pid;
	int pidfd; /* pidfd_open(2) of that process, or -1 */
	void (*on_wait)(void); /* called once when no agent runs; or NULL */
	void (*on_end)(void);  /* called once when the process ends; or NULL */
	unsigned nsockets;	/* open sockets of that process */
	char refusal[ASK_TEXT]; /* the agent's message, where it refuses */
};

/*
 * Prints each event as a line, for as long as agents come and go.  Returns a
 * negative errno: -ECANCELED, the process has ended; -EIO, stdout cannot be
 * written; any other, the agent's or its connection's.
 */
int follow_events(struct follow *);

#endif
