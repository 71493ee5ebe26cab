/* SPDX-License-Identifier: ISC */
/*
 * Cipher suites for data, and the sealing of one packet of a session with
 * one of them (PROTOCOL.md 1).  A further suite costs one table row.
 */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum seal_suite {
	SEAL_CHACHA, /* ChaCha20-Poly1305 (RFC 8439) */
	SEAL_AES,    /* AES-256-GCM, where both ends have the hardware */
	SEAL_SUITES
};

struct seal_row {
	const char *name;
	uint32_t feature; /* handshake feature bit, 0: always there */
	void (*seal)(uint8_t *, const uint8_t *, size_t, const uint8_t *,
	    size_t, const uint8_t *, const uint8_t *);
	bool (*open)(uint8_t *, const uint8_t *, size_t, const uint8_t *,
	    size_t, const uint8_t *, const uint8_t *);
};

/* The row of a suite; out-of-range numbers give SEAL_CHACHA's. */
const struct seal_row *seal_get(unsigned suite);
/* The best suite whose feature bit is in `features'. */
enum seal_suite seal_choose(uint32_t features);

/*
 * packet = sid4 nonce8 (both set by the caller, WIRE_AD bytes) + ciphertext
 * + tag.  seal_packet encrypts `len' bytes that lie at packet + 12 in place
 * and appends the tag; returns the packet's length.
 */
size_t seal_packet(uint8_t *packet, size_t len, unsigned suite,
    const uint8_t key[32]);
/* Opens a packet of `len' bytes into `out' (may be packet + 12): the length
 * of the plaintext, or -1 when forged or shorter than 28 bytes. */
int seal_open(uint8_t *out, const uint8_t *packet, size_t len, unsigned suite,
    const uint8_t key[32]);

#endif
