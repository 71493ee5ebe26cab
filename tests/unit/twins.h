/* SPDX-License-Identifier: ISC */
/*
 * twins: an engine and its copy.  The one sends or receives datagrams one by
 * one, the other one in bundles; afterwards they must not differ in a byte, nor
 * in what they put out.
 */
#ifndef TWINS_H
#define TWINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "duo.h"
#include "mp.h"

enum twins_bound {
	TWINS_MOST = 100, /* datagrams at a time */
	TWINS_LONGEST = 3000, /* bytes */
};

/* Datagrams that a program sends at a time, and what becomes of them. */
struct twins_send {
	struct mp_addr dst;
	unsigned n;
	size_t len, last;
	unsigned fails; /* the one of which sending fails; n: none */
	int error;	/* with that error, and then no more are sent */
};

/* What came of it: packets with their paths, results, one after the other. */
struct twins_out {
	size_t len;
	unsigned bundled; /* datagrams that went in bundles */
	unsigned packets;
	struct {
		struct mp_path path;
		size_t at, len;
	} packet[TWINS_MOST * MP_TX_MAX];
	int result[TWINS_MOST];
	uint8_t bytes[TWINS_MOST * MP_TX_MAX * (TWINS_LONGEST / 2 + 100)];
};

/* The payload of datagram i. */
const uint8_t *twins_payload(unsigned i);
/* Sends them one by one, or in bundles where that is possible. */
void twins_singly(struct mp *, uint64_t now, const struct twins_send *,
    struct twins_out *);
void twins_bundled(struct mp *, uint64_t now, const struct twins_send *,
    struct twins_out *);
/* Bundles are trusted on all flows, and no probe is due for them: those are sent
 * for bundles alone. */
void twins_trust(struct mp *, uint64_t now);
/* Packets that arrived together, side by side. */
struct twins_recv {
	struct mp_path path;
	uint64_t arrival;
	size_t seg, total;
	unsigned commits; /* of a bundle, at most */
	uint8_t bytes[MP_BUNDLE_MAX * 2048];
};

/* What came of them. */
struct twins_in {
	unsigned n, bundled;
	struct {
		enum mp_verdict verdict;
		struct mp_addr from; /* of those delivered */
		uint32_t slot;
		size_t len;
		uint8_t bytes[2048];
	} one[MP_BUNDLE_MAX];
};

void twins_take_singly(struct mp *, uint64_t now, const struct twins_recv *,
    struct twins_in *);
void twins_take_bundled(struct mp *, uint64_t now, const struct twins_recv *,
    struct twins_in *);

/* Fails the test where they differ, but for what is known of bundles. */
void twins_same_out(const struct twins_out *, const struct twins_out *);
void twins_same(const struct mp *, const struct mp *, size_t size);

/* Numbers that look random, the same ones for each seed. */
uint32_t twins_random(uint64_t *seed, uint32_t below);

/* Loss, breaks and repairs, as the numbers say. */
struct twins_weather {
	uint64_t seed;
	unsigned loss; /* of all packets, 1/16 */
};

/* Has it rain on the duo, from now on. */
void twins_rain(struct duo *, struct twins_weather *);
/* Something happens, or not, and some time goes by. */
void twins_happen(struct duo *, struct twins_weather *);

#endif
