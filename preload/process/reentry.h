/* SPDX-License-Identifier: ISC */
/*
 * What a thread is in the middle of, for hooks that a signal handler calls.
 *
 * A hook that is interrupted while it holds an arena's lock, or while it uses
 * the thread's buffer, is known by the address of its frame.  Frames of a
 * handler lie deeper; a mark that lies deeper than the asker, or where it is,
 * was left behind by siglongjmp(3) or by a thread cancelled, and is taken back.
 */
#ifndef REENTRY_H
#define REENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/arena.h"

enum {
	REENTRY_PAYLOAD = 65536 + 128, /* room for a datagram */
	REENTRY_PACKET = 65536 + 256,  /* and for what it becomes */
};

struct reentry_buf {
	uint8_t payload[REENTRY_PAYLOAD];
	uint8_t packet[REENTRY_PACKET];
};

/* At the start and in the child of a fork. */
void reentry_setup(void);
/* Was the frame that left this mark left without a word, as the frame that asks
 * can tell? */
bool reentry_gone(uintptr_t mark, uintptr_t frame);
/* Takes the arena's lock; false: this thread holds one already, further out, or
 * another arena took this one's place, or a seccomp filter keeps us from it. */
bool reentry_lock(struct arena *);
/* The same of an arena that has moved, of which reentry_lock() gives false. */
bool reentry_lock_moved(struct arena *);
void reentry_unlock(struct arena *);
/* Does this thread hold one? */
bool reentry_busy(void);
/* That is run when it has given it back. */
void reentry_after(void (*)(void));
/* A buffer of this thread until reentry_give(), or NULL: too deep, no memory.
 * */
struct reentry_buf *reentry_take(void);
void reentry_give(struct reentry_buf *);
/* One more of this thread, for whoever has it; NULL: none was taken yet. */
struct reentry_buf *reentry_spare(void);

#endif
