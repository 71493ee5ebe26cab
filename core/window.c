/* SPDX-License-Identifier: ISC */
/* In a window of n bits number `seq' has bit seq mod n.  Bits of numbers above
 * `hi' are stale and cleared when `hi' passes them. */
#include <string.h>

#include "window.h"

enum { WORD_BITS = 64 };

static unsigned
word_of(uint64_t seq, unsigned size)
{
	return (unsigned)(seq % size / WORD_BITS);
}

/* Clears the bits of n < size numbers from `seq' on. */
static void
clear(uint64_t *bits, unsigned size, uint64_t seq, uint64_t n)
{
	while (n > 0) {
		unsigned first = (unsigned)(seq % WORD_BITS);
		uint64_t here = WORD_BITS - first;
		uint64_t mask = UINT64_MAX << first;

		if (here > n) {
			mask &= UINT64_MAX >> (here - n);
			here = n;
		}
		bits[word_of(seq, size)] &= ~mask;
		seq += here;
		n -= here;
	}
}

static enum window_says
check(uint64_t hi, const uint64_t *bits, unsigned size, uint64_t seq)
{
	if (seq > hi)
		return WINDOW_NEW;
	if (seq == 0 || hi - seq >= size)
		return WINDOW_OLD;
	if (bits[word_of(seq, size)] >> seq % WORD_BITS & 1)
		return WINDOW_SEEN;
	return WINDOW_NEW;
}

static void
take(uint64_t *hi, uint64_t *bits, unsigned size, uint64_t seq)
{
	if (check(*hi, bits, size, seq) != WINDOW_NEW)
		return;
	if (seq > *hi) {
		if (seq - *hi >= size)
			memset(bits, 0, size / 8);
		else
			clear(bits, size, *hi + 1, seq - *hi);
		*hi = seq;
	}
	bits[word_of(seq, size)] |= UINT64_C(1) << seq % WORD_BITS;
}

enum window_says
window_check(const struct window *w, uint64_t seq)
{
	return check(w->hi, w->bits, WINDOW_BITS, seq);
}

void
window_take(struct window *w, uint64_t seq)
{
	take(&w->hi, w->bits, WINDOW_BITS, seq);
}

enum window_says
window_tail_check(const struct window_tail *w, uint64_t seq)
{
	return check(w->hi, w->bits, WINDOW_TAIL_BITS, seq);
}

void
window_tail_take(struct window_tail *w, uint64_t seq)
{
	take(&w->hi, w->bits, WINDOW_TAIL_BITS, seq);
}

void
window_cut(struct window_tail *tail, const struct window *w)
{
	uint64_t seq = w->hi, below;
	unsigned i;

	memset(tail, 0, sizeof(*tail));
	tail->hi = w->hi;
	for (i = 0; i < WINDOW_TAIL_BITS / WORD_BITS; i++) {
		tail->bits[word_of(seq, WINDOW_TAIL_BITS)] =
		    w->bits[word_of(seq, WINDOW_BITS)];
		if (seq < WORD_BITS)
			return;
		seq -= WORD_BITS;
	}
	/* The oldest numbers share a word with the newest. */
	below = UINT64_MAX >> (WORD_BITS - 1 - w->hi % WORD_BITS);
	i = word_of(w->hi, WINDOW_TAIL_BITS);
	tail->bits[i] = (tail->bits[i] & below) |
	    (w->bits[word_of(seq, WINDOW_BITS)] & ~below);
}
