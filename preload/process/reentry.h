/* SPDX-License-Identifier: ISC */
/* The lock and the buffers of a thread whose hooks a signal handler may
 * interrupt and call again (reentry.c). */
#ifndef REENTRY_H
#define REENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum {
	REENTRY_PAYLOAD = 65536 + 128, /* bytes, for a datagram */
	REENTRY_PACKET = 65536 + 256,  /* bytes, for its packet */
};

struct reentry_buf {
	uint8_t payload[REENTRY_PAYLOAD];
	uint8_t packet[REENTRY_PACKET];
};

/* At the start and in the child of a fork. */
void reentry_setup(void);
/* Is the frame of this mark gone, as seen from the caller's frame: left by
 * siglongjmp(3), or by a cancelled thread? */
bool reentry_frame_gone(uintptr_t mark, uintptr_t frame);
/* Takes the arena's lock.  False: an outer call of this thread holds one, or
 * the arena has moved, or arena_lock() failed. */
bool reentry_lock(struct arena *);
/* The same, also if the arena has moved. */
bool reentry_lock_moved(struct arena *);
void reentry_unlock(struct arena *);
/* Does this thread hold an arena's lock? */
bool reentry_busy(void);
/* Runs the function once, right after this thread's next unlock. */
void reentry_run_after_unlock(void (*)(void));
/* A buffer of this thread until reentry_give().  NULL: too many nested calls,
 * or no memory. */
struct reentry_buf *reentry_take(void);
void reentry_give(struct reentry_buf *);
/* This thread's spare buffer (tx_deferred.c's); NULL: no buffer was taken
 * yet. */
struct reentry_buf *reentry_spare(void);

#endif
