/* SPDX-License-Identifier: ISC */
/*
 * The socket that programs knock at, and the file beside it whose lock says who
 * may make or remove it; and the side door (see ipc.h), which goes with it.
 */
#ifndef DOOR_H
#define DOOR_H

#include "ipc.h"
#include <stdbool.h>
#include <sys/types.h>

struct door {
	char path[IPC_PATH];
	int listener;
	dev_t dev; /* which file it is: another agent's may have its name */
	ino_t ino;
	int side; /* the side door's socket; -1: there is none */
	char name[IPC_DOOR]; /* its name, or "" */
	uint8_t secret[32];  /* of its tokens */
};

/* Takes the lock, waiting at most so long: a descriptor that holds it until it
 * is closed, or a negative errno (-EWOULDBLOCK: another has it). */
int door_lock(const struct door *, int wait_ms);
/* Begins to listen; the caller holds the lock: 0, or a negative errno. */
int door_open(struct door *);
/* Removes the socket unless somebody is waiting there: was it removed? */
bool door_shut(const struct door *);

/* The token of who may ask with these keys. */
void door_token(const struct door *, const char *keys,
    uint8_t token[IPC_TOKEN]);
/* Is this it? */
bool door_knows(const struct door *, const char *keys,
    const uint8_t token[IPC_TOKEN]);

#endif
