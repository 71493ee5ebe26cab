/* SPDX-License-Identifier: ISC */
/* How many handshakes are answered, and cookies for when they are many
 * (PROTOCOL.md 2, load). */
#ifndef RATELIMIT_H
#define RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct mp;
struct mp_addr;

enum ratelimit_limit {
	RATELIMIT_FREE = 200,     /* new handshakes a second without a cookie */
	RATELIMIT_SOURCE = 20,    /* a second and source with one ... */
	RATELIMIT_BURST = 5,	     /* ... and at once */
	RATELIMIT_CURVE = 500,    /* curve operations at once, and a second: never
			      * more than 1000 in any one */
	RATELIMIT_SECRET = 120 * 1000 * 1000, /* us that a cookie secret lives */
};

enum ratelimit_says { RATELIMIT_OK, RATELIMIT_COOKIE, RATELIMIT_DROP };

/* May this INIT, whose mac1 is right, go on? */
enum ratelimit_says ratelimit_admit(struct mp *, uint64_t now,
    const struct mp_addr *,
    const uint8_t packet[WIRE_INIT]);
/* May n curve operations be spent? */
bool ratelimit_curve(struct mp *, uint64_t now, uint32_t n);
/* Is mac2 what an honest peer sends: zero, or made with a cookie of ours? */
bool ratelimit_mac2_ok(const struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t packet[WIRE_INIT]);
/* Writes the COOKIE that answers an INIT. */
void ratelimit_cookie(struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t init[WIRE_INIT], const uint8_t key[32],
    uint8_t out[WIRE_COOKIE]);

#endif
