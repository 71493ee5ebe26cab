/* SPDX-License-Identifier: ISC */
/*
 * The socket that programs knock at, and the file beside it whose lock says who
 * may make or remove it; and the abstract socket (see ipc.h), which goes with
 * it.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "shared/ipc.h"
#include <stdbool.h>
#include <sys/types.h>

struct listener {
	char path[IPC_PATH];
	int listener;
	dev_t dev; /* which file it is: another agent's may have its name */
	ino_t ino;
	int abstract; /* the abstract socket's socket; -1: there is none */
	char name[IPC_ABSTRACT]; /* its name, or "" */
	uint8_t secret[32];  /* of its tokens */
};

/* Takes the lock, waiting at most so long: a descriptor that holds it until it
 * is closed, or a negative errno (-EWOULDBLOCK: another has it). */
int listener_lock(const struct listener *, int wait_ms);
/* Begins to listen; the caller holds the lock: 0, or a negative errno. */
int listener_open(struct listener *);
/* Removes the socket unless somebody is waiting there: was it removed? */
bool listener_shut(const struct listener *);

/* The token of who may ask with these keys. */
void listener_token(const struct listener *, const char *keys,
    uint8_t token[IPC_TOKEN]);
/* Is this it? */
bool listener_knows(const struct listener *, const char *keys,
    const uint8_t token[IPC_TOKEN]);

#endif
