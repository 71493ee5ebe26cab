/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A replay window remembers which of the last sequence numbers of a flow
 * arrived, so that a packet is delivered once, however often it is sent or
 * copied, and in whatever order it comes.
 *
 * A window of n bits (2048 for the present key, 1024 for the former) is a
 * bitmap used as a ring: sequence number `seq' has bit seq mod n.  `hi' is the
 * highest number taken; the bits stand for hi - n + 1 to hi.  When `hi' moves
 * up, the bits of the numbers in between are cleared first, a word at a time
 * (RFC 6479 shows why a ring needs no shifting).
 *
 * A number is REPLAY_NEW above `hi', within the window with its bit clear, or in
 * a hole; REPLAY_SEEN with its bit set; REPLAY_OLD below the window, and 0, which
 * no packet has.  Old is treated as seen: it may have been.
 *
 * Holes.  A failure loses many datagrams in a row.  While they are resent,
 * oldest first, newer ones arrive as copies, too, and move the window on: at
 * 300 Mbit/s by 2048 numbers in 80 ms.  So runs of numbers that leave the
 * window without having arrived are kept, as first number and length: the one
 * that grows, as its next number may leave the window, too, and of the others
 * the longest.  What arrives of a hole is taken out of it.  A hole that is
 * forgotten makes its numbers old, which is safe.  The former key has none.
 *
 * Control packets.  Datagrams wait in the program's queue until it reads them,
 * and a full queue drops those behind; control packets are read by the agent at
 * once.  In one window with datagrams their numbers would leave the waiting ones
 * behind, in more runs than there are holes.  So they have a window of their
 * own, of 1024 bits without holes, and those of datagrams are not in it: a
 * number is one kind's, by the C bit, which is authenticated.
 *
 * A new key begins with an empty window, as its numbers begin at 1 again; the
 * newest 1024 of the old window stay for the former key (replay_cut()).
 *
 * Invariant: a number that was taken is never new again.  Never: taking a
 * number before its packet has passed authentication, for a forged high number
 * would push honest ones out of the window.
 *
 * Nothing here knows keys, flows or time.  The caller's lock is held.
 *
 * Sources: RFC 6479, RFC 4303 (section 3.4.3); PROTOCOL.md 1.
 */
#include <stdbool.h>
#include <string.h>

#include "replay.h"

enum { WORD_BITS = 64 };

static unsigned
word_of(uint64_t seq, unsigned size)
{
	return (unsigned)(seq % size / WORD_BITS);
}

/* Is the number in that hole? */
static bool
hole_has(const struct replay_hole *h, uint64_t seq)
{
	return (uint32_t)((uint32_t)seq - h->first) < h->n;
}

/* Keeps one more hole, in the place of the shortest if it is longer. */
static void
hole_keep(struct replay_window *w, uint32_t first, uint32_t n)
{
	struct replay_hole *h, *least = &w->hole[1];

	for (h = &w->hole[1]; h < w->hole + REPLAY_HOLES; h++) {
		if ((uint32_t)((uint32_t)w->hi - h->first) >=
		    REPLAY_FAR + h->n)
			h->n = 0; /* none of it counts any more */
		if (h->n < least->n)
			least = h;
	}
	if (n > least->n)
		*least = (struct replay_hole) { first, n };
}

/* n numbers from `seq' on leave the window, and never arrived. */
static void
hole_grow(struct replay_window *w, uint64_t seq, uint64_t n)
{
	struct replay_hole *h = &w->hole[0];

	if (n > REPLAY_FAR) {
		seq += n - REPLAY_FAR;
		n = REPLAY_FAR;
	}
	if (h->n == 0 || h->first + h->n != (uint32_t)seq ||
	    h->n > REPLAY_FAR) {
		if (h->n > 0)
			hole_keep(w, h->first, h->n);
		*h = (struct replay_hole) { (uint32_t)seq, 0 };
	}
	h->n += (uint32_t)n;
}

/* The number arrives: what is behind it in the hole stays there. */
static void
hole_take(struct replay_window *w, struct replay_hole *h, uint64_t seq)
{
	uint32_t first = h->first, n = (uint32_t)seq - first;

	h->n -= n + 1;
	h->first = (uint32_t)seq + 1;
	if (n > 0)
		hole_keep(w, first, n);
}

static bool
holes_have(const struct replay_window *w, uint64_t seq)
{
	int i;

	for (i = 0; i < REPLAY_HOLES; i++)
		if (hole_has(&w->hole[i], seq))
			return w->hi - seq < REPLAY_FAR;
	return false;
}

/* Notes which numbers leave the window, when `seq' is taken, without having
 * arrived. */
static void
holes_note(struct replay_window *w, uint64_t seq)
{
	uint64_t n = w->hi < REPLAY_BITS ? 1 : w->hi - REPLAY_BITS + 1;

	for (; n + REPLAY_BITS <= seq && n <= w->hi; n++)
		if ((w->bits[n % REPLAY_BITS / WORD_BITS] >> n % WORD_BITS &
		    1) == 0)
			hole_grow(w, n, 1);
	if (n + REPLAY_BITS <= seq)
		hole_grow(w, n, seq - REPLAY_BITS - n + 1);
}

/* Clears the bits of the n < size numbers from `seq' on. */
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

static enum replay_says
replay_look_up(uint64_t hi, const uint64_t *bits, unsigned size, uint64_t seq)
{
	if (seq > hi)
		return REPLAY_NEW;
	if (seq == 0 || hi - seq >= size)
		return REPLAY_OLD;
	if (bits[word_of(seq, size)] >> seq % WORD_BITS & 1)
		return REPLAY_SEEN;
	return REPLAY_NEW;
}

static void
replay_mark(uint64_t *hi, uint64_t *bits, unsigned size, uint64_t seq)
{
	if (replay_look_up(*hi, bits, size, seq) != REPLAY_NEW)
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

enum replay_says
replay_check(const struct replay_window *w, uint64_t seq)
{
	enum replay_says says = replay_look_up(w->hi, w->bits, REPLAY_BITS,
	    seq);

	return says == REPLAY_OLD && seq != 0 && holes_have(w, seq) ?
	    REPLAY_NEW : says;
}

void
replay_take(struct replay_window *w, uint64_t seq)
{
	int i;

	if (seq > w->hi)
		holes_note(w, seq);
	else if (w->hi - seq >= REPLAY_BITS)
		for (i = 0; i < REPLAY_HOLES; i++)
			if (hole_has(&w->hole[i], seq))
				hole_take(w, &w->hole[i], seq);
	replay_mark(&w->hi, w->bits, REPLAY_BITS, seq);
}

enum replay_says
replay_tail_check(const struct replay_tail *w, uint64_t seq)
{
	return replay_look_up(w->hi, w->bits, REPLAY_TAIL_BITS, seq);
}

void
replay_tail_take(struct replay_tail *w, uint64_t seq)
{
	replay_mark(&w->hi, w->bits, REPLAY_TAIL_BITS, seq);
}

void
replay_cut(struct replay_tail *tail, const struct replay_window *w)
{
	uint64_t seq = w->hi, below;
	unsigned i;

	memset(tail, 0, sizeof(*tail));
	tail->hi = w->hi;
	for (i = 0; i < REPLAY_TAIL_BITS / WORD_BITS; i++) {
		tail->bits[word_of(seq, REPLAY_TAIL_BITS)] =
		    w->bits[word_of(seq, REPLAY_BITS)];
		if (seq < WORD_BITS)
			return;
		seq -= WORD_BITS;
	}
	/* The oldest numbers share a word with the newest ones. */
	below = UINT64_MAX >> (WORD_BITS - 1 - w->hi % WORD_BITS);
	i = word_of(w->hi, REPLAY_TAIL_BITS);
	tail->bits[i] = (tail->bits[i] & below) |
	    (w->bits[word_of(seq, REPLAY_BITS)] & ~below);
}
