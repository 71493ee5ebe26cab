/* SPDX-License-Identifier: ISC */
/* How many handshakes are answered, and the cookies that are asked for above
 * that (PROTOCOL.md 2, load). */
#ifndef RATELIMIT_H
#define RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct mp;
struct mp_addr;

enum ratelimit_limit {
	RATELIMIT_FREE = 200,	  /* a second without a cookie, ... */
	RATELIMIT_CROWD = 600,	  /* ... and at once: a server's clients after
				   * its restart */
	RATELIMIT_SOURCE = 20,    /* with a cookie, a second and source ... */
	RATELIMIT_BURST = 5,	     /* ... and at once */
	RATELIMIT_SLOW = 6250,	  /* curve operations of a core in a second, to
				   * which the next ones belong */
	RATELIMIT_FAST = 1000000, /* no machine does more */
	RATELIMIT_CURVE = 1250,	  /* curve operations for strangers, a second
				   * and at once, ... */
	RATELIMIT_PEERS = 2080,	  /* ... for who has a key, a second and at
				   * once, ... */
	RATELIMIT_PEER = 30,	  /* ... of which one has so many a second ... */
	RATELIMIT_PEER_CROWD = 60, /* ... and at once, ... */
	RATELIMIT_KNOWN = 1500,	  /* ... and beside that a second, ... */
	RATELIMIT_KNOWN_CROWD = 3000, /* ... and at once */
	RATELIMIT_INIT = 2,	  /* of them: to read an INIT, ... */
	RATELIMIT_ANSWER = 3,	  /* ... to answer it, ... */
	RATELIMIT_RESP = 2,	  /* ... and to read a RESP */
	RATELIMIT_SECRET = 120 * 1000 * 1000, /* us until another secret */
};

enum ratelimit_says { RATELIMIT_OK, RATELIMIT_COOKIE, RATELIMIT_DROP };

/* What is done with an INIT whose mac1 is right? */
enum ratelimit_says ratelimit_admit(struct mp *, uint64_t now,
    const struct mp_addr *,
    const uint8_t packet[WIRE_INIT]);
/* Takes n curve operations from the budget for strangers, or for a peer, by its
 * key's id, that has proven to be it or answers us; false: it is used up, or is
 * kept for other peers. */
bool ratelimit_curve(struct mp *, uint64_t now, uint32_t n);
bool ratelimit_known(struct mp *, uint64_t now, uint64_t key_id, uint32_t n);
/* Is mac2 zero, or made with a cookie of ours?  No honest peer sends
 * another. */
bool ratelimit_mac2_ok(const struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t packet[WIRE_INIT]);
/* Writes the COOKIE that answers an INIT. */
void ratelimit_cookie(struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t init[WIRE_INIT], const uint8_t key[32],
    uint8_t out[WIRE_COOKIE]);

#endif
