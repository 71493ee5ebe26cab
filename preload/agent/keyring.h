/* SPDX-License-Identifier: ISC */
/*
 * Keyrings in memory of their own: locked, never dumped, wiped at the end.
 * Ports that want the same peers share one.
 *
 * What a port wants is a text of lines: directories, which end with a slash and
 * have an identity and a file of peers each; and names of peers, or * for all.
 * A name is looked for in the directories in their order; one with a path in
 * front, in that directory.  So a peer knows us by the identity of the
 * directory in which we know it.
 *
 * A program that opens a thousand ports a second must not have its files read
 * as often.  So a keyring that was read KEYRING_FRESH_US ago or less serves
 * further ports, and waits that long for one when it has no port; unless one
 * of its files was written, replaced or removed since, which fstat(2) of the
 * descriptors that are kept tells.
 *
 * Ports that are served follow their files: keyring_look() reads a keyring anew
 * when its files changed and have been as they are for one look, so that no
 * half-written one is read.  Files of psk are not looked at: they count when
 * the others change.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "mp.h"
#include "shared/ipc.h"

struct agent;

enum keyring_bound {
	KEYRING_FRESH_US = 1000000,
	KEYRING_COST = 20, /* and so many times what reading took */
	KEYRING_LOOK_US = 200000, /* between two looks; a change counts after
				   * three at most */
	KEYRING_DIRS = 8,
	KEYRING_FILES = 3 * KEYRING_DIRS, /* directory, identity, peers */
};

/* A file as it is at some time. */
struct keyring_stamp {
	ino_t inode;
	nlink_t links;
	off_t size;
	struct timespec changed;
};

struct keyring_file {
	int fd;
	struct keyring_stamp read, seen; /* when it was read, looked at last */
};

struct keyring {
	LIST_ENTRY(keyring) entry;
	unsigned users;
	uint64_t read_at, took_us; /* when, for how long */
	struct keyring_file file[KEYRING_FILES];
	unsigned nfiles; /* that are kept; 0: the next port reads them */
	bool renewed; /* keyring_look() has to tell */
	bool failed;  /* reading it anew failed once */
	struct mp_keyring *keys;
	void *block; /* of peers beyond the first; NULL: none */
	size_t size; /* of that, bytes */
	char files[IPC_KEYS]; /* what it was read for */
};

/*
 * The keys that a port wants, of files as the keeper opens them: 0, or a
 * negative errno with the reason in `why'.  Without a keeper, only those that
 * another port has already are available.
 */
int keyring_get(struct agent *, const char files[IPC_KEYS], struct keyring **,
    char why[IPC_TEXT]);
/* A keyring without a key, for sessions that are up already. */
int keyring_none(struct agent *, struct keyring **);
/* The caller does not need it any more; NULL: nothing. */
void keyring_put(struct keyring *);
/* Reads it anew if its files changed; true: it has other keys than before. */
bool keyring_look(struct agent *, struct keyring *);
/* Frees the keyrings that no port uses, but for fresh ones while there are
 * ports: to be called now and then, and when there is no port any more. */
void keyring_tidy(struct agent *);
/* The name of a key, or "". */
const char *keyring_name(const struct keyring *, uint64_t key_id);

#endif
