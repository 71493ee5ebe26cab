/* SPDX-License-Identifier: ISC */
/*
 * Keyrings in memory of their own: locked, never dumped, wiped at the end.
 * Ports with the same keys share one.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "shared/ipc.h"

struct agent;
struct mp_keyring;

struct keyring {
	LIST_ENTRY(keyring) entry;
	unsigned users;
	struct mp_keyring *keys;
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
/* The name of a key, or "". */
const char *keyring_name(const struct keyring *, uint64_t key_id);

#endif
