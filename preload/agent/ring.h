/* SPDX-License-Identifier: ISC */
/*
 * Keyrings in memory of their own: locked, never dumped, wiped at the end.
 * Ports with the same keys share one.
 */
#ifndef RING_H
#define RING_H

#include <bsd/sys/queue.h>

#include "ipc.h"
#include "mp.h"

struct agent;

struct ring {
	LIST_ENTRY(ring) entry;
	unsigned users;
	struct mp_keyring *keys;
	char files[IPC_KEYS]; /* that they came from */
};
LIST_HEAD(ring_list, ring);

/*
 * The keys of these files, one path a line, as the keeper opens them.  0, or a
 * negative errno with the reason in `why'.  Without a keeper only what is held
 * already can be given.
 */
int ring_get(struct agent *, const char files[IPC_KEYS], struct ring **,
    char why[IPC_TEXT]);
/* A ring without a key, for sessions that are up already. */
int ring_none(struct agent *, struct ring **);
/* The caller does not need it any more; NULL: nothing. */
void ring_put(struct ring *);
/* The name of a key, or "". */
const char *ring_name(const struct ring *, uint64_t key_id);

#endif
