/* SPDX-License-Identifier: ISC */
/* Number `seq' has bit seq mod 2048.  Bits of numbers above `hi' are stale and
 * cleared when `hi' passes them. */
#include <string.h>

#include "window.h"

enum { WORD_BITS = 64 };

static unsigned
word_of(uint64_t seq)
{
	return (unsigned)(seq % WINDOW_BITS / WORD_BITS);
}

/* Clears the bits of n < WINDOW_BITS numbers from `seq' on. */
static void
window_clear(struct window *w, uint64_t seq, uint64_t n)
{
	while (n > 0) {
		unsigned first = (unsigned)(seq % WORD_BITS);
		uint64_t here = WORD_BITS - first;
		uint64_t mask = UINT64_MAX << first;

		if (here > n) {
			mask &= UINT64_MAX >> (here - n);
			here = n;
		}
		w->bits[word_of(seq)] &= ~mask;
		seq += here;
		n -= here;
	}
}

enum window_says
window_check(const struct window *w, uint64_t seq)
{
	if (seq > w->hi)
		return WINDOW_NEW;
	if (seq == 0 || w->hi - seq >= WINDOW_BITS)
		return WINDOW_OLD;
	if (w->bits[word_of(seq)] >> seq % WORD_BITS & 1)
		return WINDOW_SEEN;
	return WINDOW_NEW;
}

void
window_take(struct window *w, uint64_t seq)
{
	if (window_check(w, seq) != WINDOW_NEW)
		return;
	if (seq > w->hi) {
		if (seq - w->hi >= WINDOW_BITS)
			memset(w->bits, 0, sizeof(w->bits));
		else
			window_clear(w, w->hi + 1, seq - w->hi);
		w->hi = seq;
	}
	w->bits[word_of(seq)] |= UINT64_C(1) << seq % WORD_BITS;
}
