/* SPDX-License-Identifier: ISC */
/* How many handshakes are answered, and cookies for when they are many
 * (PROTOCOL.md 2, load). */
#ifndef LOAD_H
#define LOAD_H

#include "state.h"

enum load_limit {
	LOAD_FREE = 200,     /* new handshakes a second without a cookie */
	LOAD_SOURCE = 20,    /* a second and source with one ... */
	LOAD_BURST = 5,	     /* ... and at once */
	LOAD_CURVE = 500,    /* curve operations at once, and a second: never
			      * more than 1000 in any one */
	LOAD_SECRET = 120 * 1000 * 1000, /* us that a cookie secret lives */
};

enum load_says { LOAD_OK, LOAD_COOKIE, LOAD_DROP };

/* May this INIT, whose mac1 is right, go on? */
enum load_says load_admit(struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t packet[WIRE_INIT]);
/* May n curve operations be spent? */
bool load_curve(struct mp *, uint64_t now, uint32_t n);
/* Is mac2 what an honest peer sends: zero, or made with a cookie of ours? */
bool load_mac2_ok(const struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t packet[WIRE_INIT]);
/* Writes the COOKIE that answers an INIT. */
void load_cookie(struct mp *, uint64_t now, const struct mp_addr *,
    const uint8_t init[WIRE_INIT], const uint8_t key[32],
    uint8_t out[WIRE_COOKIE]);

#endif
