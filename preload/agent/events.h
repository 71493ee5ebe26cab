/* SPDX-License-Identifier: ISC */
/*
 * Tells readers what happens, as rows with an event (ipc.h).
 *
 * Nothing is noted while it happens: soon after a port was pumped, or the
 * host's addresses changed, the present state is compared with the one that
 * was told last.  While there is no reader, nothing is done.
 *
 * A reader gets what its socket has room for.  Events that have no room are
 * lost to that reader, and it is told how many when there is room again; the
 * agent waits for no reader.
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
	EVENTS_GAP_US = 10 * 1000,    /* between two comparisons, at least */
	EVENTS_ALL_US = 1000 * 1000,  /* then all ports are compared, touched or
				       * not: some values change with time */
	EVENTS_SHARE = 20, /* at most this part of the time is spent so */
};

struct events {
	struct agent *agent;
	struct reader_list readers;
	unsigned n;
	struct alarm tick;
	uint64_t next;	 /* no comparison before then */
	uint64_t all_at; /* when all ports are compared */
	uint64_t last;	 /* of the last event: no later one is earlier */
	bool net_touched;
	struct status *net; /* links and addresses that readers were told of */
};

/* 0, or -ENOMEM. */
int events_init(struct events *, struct agent *);
/* One more reader, of a port or (0) of all.  Its socket is owned here from now
 * on; false: there are too many readers, or no memory. */
bool events_join(struct events *, int fd, uint32_t port);
/* The worker ends, since nothing is left to serve. */
void events_end(struct events *);

/* The port was pumped; the host's addresses or links changed. */
void events_touch(struct port *);
void events_touch_net(struct events *);
/* The port is being closed, with all that is in it. */
void events_port_gone(struct port *);
/* An error of a port, or (0) of the agent. */
void events_error(struct events *, uint32_t port, const char *text);

#endif
