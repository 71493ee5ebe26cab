/* SPDX-License-Identifier: ISC */
/*
 * What a thread is in the middle of, for hooks that a signal handler calls.
 *
 * A hook that is interrupted while it holds an arena's lock, or while it uses
 * the thread's buffer, is known by the address of its frame.  Frames of a
 * handler lie deeper; a mark that lies deeper than the asker, or where it is,
 * was left behind by siglongjmp(3) or by a thread cancelled, and is taken back.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum {
	GUARD_PAYLOAD = 65536 + 128, /* room for a datagram */
	GUARD_PACKET = 65536 + 256,  /* and for what it becomes */
};

struct guard_buf {
	uint8_t payload[GUARD_PAYLOAD];
	uint8_t packet[GUARD_PACKET];
};

/* At the start and in the child of a fork. */
void guard_setup(void);
/* Was the frame that left this mark left without a word, as the frame that asks
 * can tell? */
bool guard_gone(uintptr_t mark, uintptr_t frame);
/* Takes the arena's lock; false: this thread holds one already, further out, or
 * another arena took this one's place, or a seccomp filter keeps us from it. */
bool guard_lock(struct arena *);
/* The same of an arena that has moved, of which guard_lock() gives false. */
bool guard_lock_moved(struct arena *);
void guard_unlock(struct arena *);
/* Does this thread hold one? */
bool guard_busy(void);
/* That is run when it has given it back. */
void guard_after(void (*)(void));
/* A buffer of this thread until guard_give(), or NULL: too deep, no memory. */
struct guard_buf *guard_take(void);
void guard_give(struct guard_buf *);
/* One more of this thread, for whoever has it; NULL: none was taken yet. */
struct guard_buf *guard_spare(void);

#endif
