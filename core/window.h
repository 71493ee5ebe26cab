/* SPDX-License-Identifier: ISC */
/* Which of the last 2048 sequence numbers of a flow were seen (RFC 6479); of
 * a former key the last 1024. */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdint.h>

enum { WINDOW_BITS = 2048, WINDOW_TAIL_BITS = 1024 };

struct window {
	uint64_t hi; /* highest seen, 0: none; numbers start at 1 */
	uint64_t bits[WINDOW_BITS / 64];
};

struct window_tail {
	uint64_t hi;
	uint64_t bits[WINDOW_TAIL_BITS / 64];
};

enum window_says { WINDOW_NEW, WINDOW_SEEN, WINDOW_OLD };

/* Asks; takes note of a number that window_check() calls new. */
enum window_says window_check(const struct window *, uint64_t seq);
void window_take(struct window *, uint64_t seq);
enum window_says window_tail_check(const struct window_tail *, uint64_t seq);
void window_tail_take(struct window_tail *, uint64_t seq);
/* The newest numbers of a window. */
void window_cut(struct window_tail *, const struct window *);

#endif
