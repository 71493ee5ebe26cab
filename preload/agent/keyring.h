/* SPDX-License-Identifier: ISC */
/*
 * Keyrings in memory of their own: locked, never dumped, wiped at the end.
 * Ports with the same keys share one.
 *
 * A program that opens a thousand ports a second must not have its files read
 * as often.  So a keyring that was read less than KEYRING_FRESH_US ago serves
 * further ports, and waits that long for one when it has no port; unless one
 * of its files was written, replaced or removed since, which fstat(2) of the
 * descriptors that are kept tells.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <bsd/sys/queue.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "mp.h"
#include "shared/ipc.h"

struct agent;

enum { KEYRING_FRESH_US = 1000000 };

/* A file, as it was when it was read. */
struct keyring_file {
	int fd;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct keyring {
	LIST_ENTRY(keyring) entry;
	unsigned users;
	uint64_t read_at; /* us */
	struct keyring_file file[MP_KEYS_MAX];
	unsigned nfiles; /* that are kept; 0: the next port reads them */
	struct mp_keyring *keys;
	void *block; /* of peers beyond the first; NULL: none */
	size_t size; /* of that, bytes */
	char files[IPC_KEYS]; /* that they were read from */
};

/*
 * The keys of these files, one path a line, as the keeper opens them: 0, or a
 * negative errno with the reason in `why'.  Without a keeper, only keys of
 * files that another port has read already are available.
 */
int keyring_get(struct agent *, const char files[IPC_KEYS], struct keyring **,
    char why[IPC_TEXT]);
/* A keyring without a key, for sessions that are up already. */
int keyring_none(struct agent *, struct keyring **);
/* The caller does not need it any more; NULL: nothing. */
void keyring_put(struct keyring *);
/* Frees the keyrings that no port uses, but for fresh ones while there are
 * ports: to be called now and then, and when there is no port any more. */
void keyring_tidy(struct agent *);
/* The name of a key, or "". */
const char *keyring_name(const struct keyring *, uint64_t key_id);

#endif
