/* SPDX-License-Identifier: ISC */
/*
 * An agent that does not answer in time (it is stopped, begins anew, the machine
 * is busy) refuses nothing: the socket stays SOCK_FRESH, and the agent is asked
 * again, by a call of the program's, but not more often than each PATIENCE_US.
 * Until then calls say what the kernel says where it has no room, or wait.
 *
 * A lack of memory, descriptors or processes, the agent's or our own, goes by
 * too, but may be a limit that stays (ulimit): the reason is said, and what sends
 * is refused at once.  A program that gets EAGAIN of a socket that is writable
 * would ask for ever.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct sock;

enum patience_limit {
	PATIENCE_US = 1000 * 1000, /* between two questions about a socket */
	PATIENCE_MS = 100, /* longest wait for the answer to another one */
	PATIENCE_TRIES = 5, /* where a call cannot go on without the answer */
};

/* Does what this error of a question says go by? */
bool patience_passes(int error);
/* The same of one that was not answered, or could not be. */
bool patience_unanswered(int error);
/* The same of one that says that something is lacking. */
bool patience_lacks(int error);
/* The agent was late just now, or something was lacking. */
void patience_begin(struct sock *);
/* May the agent be asked about the socket now? */
bool patience_due(const struct sock *);
/* How long to wait for its answer, ms. */
unsigned patience_ms(const struct sock *);
/* May the program's call with these flags wait? */
bool patience_waits(int fd, int flags);
/* Waits until the agent may be asked: 0, or -EINTR. */
int patience_sleep(const struct sock *);
/* Has the time passed that the program lets a receive take, since `begun'? */
bool patience_over(int fd, uint64_t begun);

#endif
