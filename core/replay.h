/* SPDX-License-Identifier: ISC */
/* Which of the last 2048 sequence numbers of a flow arrived (RFC 6479), and some
 * older ones that did not; under the former key, and of control packets, of the
 * last 1024. */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdint.h>

enum {
	REPLAY_BITS = 2048,
	REPLAY_TAIL_BITS = 1024,
	REPLAY_HOLES = 8,
	REPLAY_FAR = 65536, /* numbers that may still be new, behind `hi' */
};

/* Numbers older than the window that never arrived: first, first + 1 ... */
struct replay_hole {
	uint32_t first, n; /* the lowest bits of one, how many */
};

struct replay_window {
	uint64_t hi; /* highest number taken, 0: none; numbers begin at 1 */
	uint64_t bits[REPLAY_BITS / 64];
	struct replay_hole hole[REPLAY_HOLES]; /* [0] still grows */
};

struct replay_tail {
	uint64_t hi;
	uint64_t bits[REPLAY_TAIL_BITS / 64];
};

enum replay_says { REPLAY_NEW, REPLAY_SEEN, REPLAY_OLD };

/* check: what is this number? take: it has arrived now; no-op unless new. */
enum replay_says replay_check(const struct replay_window *, uint64_t seq);
void replay_take(struct replay_window *, uint64_t seq);
enum replay_says replay_tail_check(const struct replay_tail *, uint64_t seq);
void replay_tail_take(struct replay_tail *, uint64_t seq);
/* Keeps the newest 1024 numbers of a window. */
void replay_cut(struct replay_tail *, const struct replay_window *);

#endif
