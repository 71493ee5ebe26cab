/* SPDX-License-Identifier: ISC */
/* Begins to serve a port, and ends it. */
#ifndef SERVING_H
#define SERVING_H

#include <stdint.h>

#include "shared/ipc.h"

struct agent;
struct port;

/* 0, or -ENOMEM. */
int serving_init(struct agent *);
/*
 * Serves a port by this control socket, which the port owns from now on, even
 * where this fails: 0, or a negative errno with the reason in `why'.  It has no
 * slot yet.
 */
int serving_open(struct agent *, const struct ipc_request *, int control,
    struct port **, char why[IPC_TEXT]);
/* The same with an arena that has served already, and its slots.  `id' is the
 * keeper's name for it; 0: the keeper does not hold it yet. */
int serving_recover(struct agent *, const struct ipc_request *, uint64_t id,
    int memfd, int control, struct port **, char why[IPC_TEXT]);
/* A memory file of that many bytes, of which nobody can change the number: a
 * descriptor, or a negative errno. */
int serving_new_file(size_t size);
/* Sends what is due, and closes the port; the keeper does so, too, in a
 * moment. */
void serving_close(struct port *);
/* Waits until the keeper has closed them: their numbers are free then. */
void serving_await_closed(struct agent *);
/* Serves the port by another control socket: 0, or a negative errno, and the
 * port is closed.  Linux takes a socket that is bound to another interface out
 * of its reuseport group, and a new control socket makes a new one with it. */
int serving_replace(struct port **, int control);

#endif
