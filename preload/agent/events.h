/* SPDX-License-Identifier: ISC */
/*
 * Tells those who listen what happens, as rows with an event (ipc.h).
 *
 * Nothing is written down as it happens: soon after a port was served, or the
 * host's addresses changed, what is there now is compared with what was told
 * last.  While nobody listens, nothing is done.
 *
 * A reader has what fits into his socket.  What does not is lost to him, and he
 * is told how much when there is room; nobody waits for him.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct agent;
struct port;
struct reader;
struct status;
LIST_HEAD(reader_list, reader);

enum events_bound {
	EVENTS_READERS = 8,
	EVENTS_GAP_US = 10 * 1000,    /* between two looks, at least */
	EVENTS_ALL_US = 1000 * 1000,  /* then at all, since time passes, too */
	EVENTS_SHARE = 20, /* of the time, one part at most is spent so */
};

struct events {
	struct reader_list readers;
	unsigned n;
	struct alarm tick;
	uint64_t next;	 /* no look before then */
	uint64_t all_at; /* when to look at all */
	uint64_t last;	 /* of the last event: no later one is earlier */
	bool net_touched;
	struct status *net; /* links and addresses that were told of */
};

/* 0, or -ENOMEM. */
int events_init(struct agent *);
/* Somebody listens to a port, 0: to all.  His socket is ours from now on; false:
 * there are too many, or no memory. */
bool events_join(struct agent *, int fd, uint32_t port);
/* The worker goes, since nothing is left to serve. */
void events_end(struct agent *);

/* The port was served, the host's addresses or links changed. */
void events_touch(struct port *);
void events_touch_net(struct agent *);
/* The port goes, with all that is in it. */
void events_port_gone(struct port *);
/* Something went wrong, of a port or 0. */
void events_error(struct agent *, uint32_t port, const char *text);

#endif
