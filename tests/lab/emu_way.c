/* SPDX-License-Identifier: ISC */
#include "emu.h"

#include <netinet/in.h>

enum {
	MILLION = 1000000,
	QUEUE_NS = 100 * MILLION,
	IP6_HEADER = 40,
	UDP_HEADER = 8,
	UDP_SUM = 6, /* where it lies in the header */
};

/* splitmix64 */
static uint64_t
way_random(struct way *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void
way_init(struct way *w, uint64_t seed)
{
	const char *p;

	w->random = seed;
	for (p = w->link->name; *p != '\0'; p++) {
		w->random ^= (uint8_t)*p;
		way_random(w);
	}
	w->random ^= w == &w->link->way[0];
}

void
way_changed(struct way *w)
{
	w->last_due = 0;
	w->free_at = 0;
	w->losing = false;
}

bool
way_chance(struct way *w, uint64_t ppm)
{
	return ppm != 0 && way_random(w) % MILLION < ppm;
}

/*
 * Without a burst each packet by itself.  With one, two states (Gilbert): a
 * loss ends with 1/burst after each packet, and begins so often that the share
 * of lost packets is loss_ppm.
 */
static bool
way_loses(struct way *w)
{
	uint64_t begin, loss = w->is.loss_ppm, burst = w->is.burst;

	if (burst <= 1 || loss == 0 || loss >= MILLION)
		return way_chance(w, loss);
	begin = loss * MILLION / ((MILLION - loss) * burst);
	if (w->losing)
		w->losing = !way_chance(w, MILLION / burst);
	else
		w->losing = way_chance(w, begin);
	return w->losing;
}

/* Takes a place in the rate's queue; false if it is full. */
static bool
way_queue(struct way *w, uint64_t now, size_t len, uint64_t *at)
{
	const struct impair *is = &w->is;
	uint64_t limit = is->queue_ns;

	if (is->queue_bytes != 0)
		limit = is->queue_bytes * 8000 * MILLION / is->rate_bps;
	else if (limit == 0)
		limit = QUEUE_NS;
	if (w->free_at < now)
		w->free_at = now;
	if (w->free_at - now > limit)
		return false;
	w->free_at += len * 8000 * MILLION / is->rate_bps;
	*at = w->free_at;
	return true;
}

/* The time at which a packet that left at `at' arrives. */
static uint64_t
way_fly(struct way *w, uint64_t at)
{
	const struct impair *is = &w->is;
	uint64_t delay = is->delay_ns;

	if (is->jitter_ns != 0) {
		delay += way_random(w) % (2 * is->jitter_ns + 1);
		delay -= delay < is->jitter_ns ? delay : is->jitter_ns;
	}
	at += delay;
	if (way_chance(w, is->reorder_ppm)) {
		w->n.reordered++;
		return at + is->reorder_by_ns;
	}
	if (at < w->last_due)
		at = w->last_due;
	w->last_due = at;
	return at;
}

enum cause
way_admit(struct way *w, uint64_t now, size_t len, uint64_t *at)
{
	if (!w->to->carrier)
		return C_CARRIER;
	if (w->is.black)
		return C_BLACKHOLE;
	if (w->is.pmtu != 0 && len > w->is.pmtu)
		return C_PMTU;
	if (way_loses(w))
		return C_LOST;
	if (w->flying >= FLYING_MAX || w->flying_bytes + len > FLYING_BYTES)
		return C_FULL;
	*at = now;
	if (w->is.rate_bps != 0 && !way_queue(w, now, len, at))
		return C_QUEUE;
	*at = way_fly(w, *at);
	return ARRIVES;
}

/* Where the UDP header lies, or 0. */
static size_t
udp_offset(const uint8_t *p, size_t len)
{
	size_t at = 0;

	if (len > IP6_HEADER && p[0] >> 4 == 6 && p[6] == IPPROTO_UDP)
		at = IP6_HEADER;
	else if (len > 20 && p[0] >> 4 == 4 && p[9] == IPPROTO_UDP)
		at = (size_t)(p[0] & 15) * 4;
	return at + UDP_HEADER < len ? at : 0;
}

void
way_corrupt(struct way *w, uint8_t *p, size_t len)
{
	size_t udp = udp_offset(p, len), at, word;
	uint32_t sum, old;

	if (udp == 0)
		return;
	w->n.corrupted++;
	at = udp + UDP_HEADER +
	    way_random(w) % (len - udp - UDP_HEADER);
	word = at - ((at - udp) & 1);
	old = (uint32_t)p[word] << 8 | (word + 1 < len ? p[word + 1] : 0);
	p[at] ^= (uint8_t)(1 << way_random(w) % 8);
	sum = (uint32_t)p[udp + UDP_SUM] << 8 | p[udp + UDP_SUM + 1];
	if (sum == 0)
		return;
	/* RFC 1624, equation 3 */
	sum = (~sum & 0xffff) + (~old & 0xffff) + ((uint32_t)p[word] << 8 |
	    (word + 1 < len ? p[word + 1] : 0));
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (sum == 0)
		sum = 0xffff;
	p[udp + UDP_SUM] = (uint8_t)(sum >> 8);
	p[udp + UDP_SUM + 1] = (uint8_t)sum;
}
