/* SPDX-License-Identifier: ISC */
/* Which of the last 2048 sequence numbers of a flow were seen (RFC 6479); of
 * a former key the last 1024. */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdint.h>

enum { REPLAY_BITS = 2048, REPLAY_TAIL_BITS = 1024 };

struct replay_window {
	uint64_t hi; /* highest seen, 0: none; numbers start at 1 */
	uint64_t bits[REPLAY_BITS / 64];
};

struct replay_tail {
	uint64_t hi;
	uint64_t bits[REPLAY_TAIL_BITS / 64];
};

enum replay_says { REPLAY_NEW, REPLAY_SEEN, REPLAY_OLD };

/* Asks; takes note of a number that replay_check() calls new. */
enum replay_says replay_check(const struct replay_window *, uint64_t seq);
void replay_take(struct replay_window *, uint64_t seq);
enum replay_says replay_tail_check(const struct replay_tail *, uint64_t seq);
void replay_tail_take(struct replay_tail *, uint64_t seq);
/* The newest numbers of a window. */
void replay_cut(struct replay_tail *, const struct replay_window *);

#endif
