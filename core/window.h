/* SPDX-License-Identifier: ISC */
/* Which of the last 2048 sequence numbers of a flow were seen (RFC 6479). */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdint.h>

enum { WINDOW_BITS = 2048 };

struct window {
	uint64_t hi; /* highest seen, 0: none; numbers start at 1 */
	uint64_t bits[WINDOW_BITS / 64];
};

enum window_says { WINDOW_NEW, WINDOW_SEEN, WINDOW_OLD };

/* Asks; takes note of a number that window_check() calls new. */
enum window_says window_check(const struct window *, uint64_t seq);
void window_take(struct window *, uint64_t seq);

#endif
