/* SPDX-License-Identifier: ISC */
#include "emu.h"

#include <netinet/in.h>

enum {
	MILLION = 1000000,
	QUEUE_NS = 100 * MILLION,
	IP6_HEADER = 40,
	UDP_HEADER = 8,
	UDP_SUM = 6, /* offset of the checksum in the header */
};

/* splitmix64 (Steele, Lea, Flood 2014): fast and reproducible, not secret. */
static uint64_t
direction_random(struct direction *d)
{
	uint64_t z = d->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void
direction_init(struct direction *d, uint64_t seed)
{
	const char *p;

	d->random = seed;
	for (p = d->link->name; *p != '\0'; p++) {
		d->random ^= (uint8_t)*p;
		direction_random(d);
	}
	d->random ^= d == &d->link->direction[0];
}

void
direction_changed(struct direction *d)
{
	d->last_due = 0;
	d->free_at = 0;
	d->losing = false;
}

bool
direction_chance(struct direction *d, uint64_t ppm)
{
	return ppm != 0 && direction_random(d) % MILLION < ppm;
}

/*
 * Without a burst each packet is lost independently of the others.  With one,
 * losses follow Gilbert's model of two states: a run of losses ends with
 * probability 1/burst at each packet, and begins with the probability that
 * makes the share of lost packets loss_ppm.
 */
static bool
direction_loses(struct direction *d)
{
	uint64_t begin, loss = d->impair.loss_ppm, burst = d->impair.burst;

	if (burst <= 1 || loss == 0 || loss >= MILLION)
		return direction_chance(d, loss);
	begin = loss * MILLION / ((MILLION - loss) * burst);
	if (d->losing)
		d->losing = !direction_chance(d, MILLION / burst);
	else
		d->losing = direction_chance(d, begin);
	return d->losing;
}

/* Adds a packet to the queue of the rate; false if the queue is full. */
static bool
direction_queue(struct direction *d, uint64_t now, size_t len, uint64_t *at)
{
	const struct impair *impair = &d->impair;
	uint64_t limit = impair->queue_ns;

	if (impair->queue_bytes != 0)
		limit = impair->queue_bytes * 8000 * MILLION / impair->rate_bps;
	else if (limit == 0)
		limit = QUEUE_NS;
	if (d->free_at < now)
		d->free_at = now;
	if (d->free_at - now > limit)
		return false;
	d->free_at += len * 8000 * MILLION / impair->rate_bps;
	*at = d->free_at;
	return true;
}

/* When a packet arrives that leaves the queue at `at'. */
static uint64_t
direction_fly(struct direction *d, uint64_t at)
{
	const struct impair *impair = &d->impair;
	uint64_t delay = impair->delay_ns;

	if (impair->jitter_ns != 0) {
		delay += direction_random(d) % (2 * impair->jitter_ns + 1);
		delay -= delay < impair->jitter_ns ? delay : impair->jitter_ns;
	}
	at += delay;
	if (direction_chance(d, impair->reorder_ppm)) {
		d->n.reordered++;
		return at + impair->reorder_by_ns;
	}
	if (at < d->last_due)
		at = d->last_due;
	d->last_due = at;
	return at;
}

enum cause
direction_admit(struct direction *d, uint64_t now, size_t len, uint64_t *at)
{
	if (!d->to->carrier)
		return C_CARRIER;
	if (d->impair.black)
		return C_BLACKHOLE;
	if (d->impair.pmtu != 0 && len > d->impair.pmtu)
		return C_PMTU;
	if (direction_loses(d))
		return C_LOST;
	if (d->in_flight >= IN_FLIGHT_MAX ||
	    d->in_flight_bytes + len > IN_FLIGHT_BYTES)
		return C_FULL;
	*at = now;
	if (d->impair.rate_bps != 0 && !direction_queue(d, now, len, at))
		return C_QUEUE;
	*at = direction_fly(d, *at);
	return ARRIVES;
}

/* The offset of the UDP header; 0 for another packet, or without payload. */
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
direction_corrupt(struct direction *d, uint8_t *p, size_t len)
{
	size_t udp = udp_offset(p, len), at, word;
	uint32_t sum, old;

	if (udp == 0)
		return;
	d->n.corrupted++;
	at = udp + UDP_HEADER +
	    direction_random(d) % (len - udp - UDP_HEADER);
	word = at - ((at - udp) & 1);
	old = (uint32_t)p[word] << 8 | (word + 1 < len ? p[word + 1] : 0);
	p[at] ^= (uint8_t)(1 << direction_random(d) % 8);
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
