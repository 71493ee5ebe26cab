/* SPDX-License-Identifier: ISC */
/*
 * The socket that programs connect to in the runtime directory, a lock file
 * beside it for those who make or remove it, and the abstract socket (see
 * ipc.h), which belongs to it.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/ipc.h"

struct listener {
	char path[IPC_PATH];
	int listener;
	dev_t dev; /* which file it is: another agent's may get its name */
	ino_t ino;
	int abstract; /* -1: there is none */
	char name[IPC_ABSTRACT]; /* the abstract socket's, or "" */
	uint8_t secret[32];  /* of its tokens */
};

/* Takes the lock, waiting at most so long: a descriptor that holds it until it
 * is closed, or a negative errno (-EWOULDBLOCK: another process holds it). */
int listener_lock(const struct listener *, int wait_ms);
/* Makes both sockets; the caller holds the lock: 0, or a negative errno. */
int listener_open(struct listener *);
/* Removes the socket unless a client is connecting: was it removed? */
bool listener_shut(const struct listener *);

/* The token of clients that may use these keys. */
void listener_token(const struct listener *, const char *keys,
    uint8_t token[IPC_TOKEN]);
/* Is it that token? */
bool listener_knows(const struct listener *, const char *keys,
    const uint8_t token[IPC_TOKEN]);

#endif
