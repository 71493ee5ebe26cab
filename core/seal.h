/* SPDX-License-Identifier: ISC */
/*
 * Cipher suites for data, and the sealing of one packet of a session with one
 * of them (PROTOCOL.md 1).  Another suite costs one table row.
 */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

enum seal_suite {
	SEAL_CHACHA, /* ChaCha20-Poly1305 (RFC 8439) */
	SEAL_AES,    /* AES-256-GCM, where both ends have the hardware */
	SEAL_SUITES
};

/* As crypto_chacha_seal() and crypto_chacha_open(). */
typedef void seal_function(uint8_t *, const uint8_t *, size_t, const uint8_t *,
    size_t, const uint8_t *, const uint8_t *);
typedef bool seal_open_function(uint8_t *, const uint8_t *, size_t,
    const uint8_t *, size_t, const uint8_t *, const uint8_t *);

struct seal_row {
	const char *name;
	uint32_t feature; /* handshake feature bit; 0: always offered */
	seal_function *seal;
	seal_open_function *open;
	/* with a key made ready; NULL: that is the key itself */
	void (*ready)(uint8_t *, const uint8_t *);
	seal_function *ready_seal;
	seal_open_function *ready_open;
};

/* The row of a suite; numbers out of range give SEAL_CHACHA's. */
const struct seal_row *seal_get(unsigned suite);
/* The best suite whose feature bit is in `features'. */
enum seal_suite seal_choose(uint32_t features);

/*
 * A packet is `frame' bytes in clear (WIRE_CHILD of a child's, else 0), sid4
 * nonce8 (WIRE_AD bytes), all set by the caller; ciphertext, tag. seal_packet()
 * encrypts the `len' bytes behind that in place, appends the tag and returns the
 * packet's length.
 */
size_t seal_packet(uint8_t *packet, size_t frame, size_t len, unsigned suite,
    const uint8_t key[32]);
/* Opens a packet of `len' bytes into `out' (may be the packet itself, or
 * where its ciphertext is).
 * Returns the length of the plaintext; -1: forged, or shorter than frame and 28
 * bytes. */
int seal_open(uint8_t *out, const uint8_t *packet, size_t frame, size_t len,
    unsigned suite, const uint8_t key[32]);

/*
 * Several packets under one key: that is made ready once, for this process
 * alone, at a multiple of 16 bytes; whoever has it wipes it.  As
 * seal_packet() and seal_open(), for packets without a frame.
 */
void seal_ready(uint8_t ready[CRYPTO_READY], unsigned suite,
    const uint8_t key[32]);
size_t seal_ready_packet(uint8_t *packet, size_t len, unsigned suite,
    const uint8_t ready[CRYPTO_READY]);
int seal_ready_open(uint8_t *out, const uint8_t *packet, size_t len,
    unsigned suite, const uint8_t ready[CRYPTO_READY]);

#endif
