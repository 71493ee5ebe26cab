/* SPDX-License-Identifier: ISC */
/* Key pairs of two ends, A and B, made from one number: for tests alone, since
 * whoever knows it can pose as either. */
#ifndef TEST_KEYS_H
#define TEST_KEYS_H

#include <stdint.h>
#include <string.h>

#include "mp.h"

struct test_keys {
	uint8_t secret[2][32], pub[2][32], psk[32]; /* [0]: end A's */
};

/* A has the lower public key, so its handshakes win. */
static inline void
test_keys_make(struct test_keys *k, const uint8_t number[32])
{
	uint8_t n = 1;
	int i;

	memcpy(k->psk, number, 32);
	do {
		for (i = 0; i < 2; i++, n++) {
			memcpy(k->secret[i], number, 32);
			k->secret[i][8] ^= n;
			/* The curve takes no notice of three bits of the
			 * first byte. */
			k->secret[i][16] ^= number[0];
			mp_keyring_public(k->pub[i], k->secret[i]);
		}
	} while (memcmp(k->pub[0], k->pub[1], 32) > 0);
}

/* Adds the other end to the keyring of this end, 'A' or 'B': what
 * mp_keyring_add() says. */
static inline int
test_keys_add(struct mp_keyring *ring, const char *name, char end,
    const uint8_t number[32])
{
	struct test_keys k;
	int own = end == 'B';

	test_keys_make(&k, number);
	return mp_keyring_add(ring, name, k.secret[own], k.pub[!own], k.psk);
}

#endif
