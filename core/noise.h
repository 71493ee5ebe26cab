/* SPDX-License-Identifier: ISC */
/*
 * Noise_NNpsk0_25519_ChaChaPoly_SHA256, strictly by the Noise Protocol
 * Framework, revision 34:
 *
 *	-> psk, e
 *	<- e, ee
 *
 * Secrets and random numbers come from the caller.
 */
#ifndef NOISE_H
#define NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NOISE_E = 32, NOISE_TAG = 16 };

struct noise {
	uint8_t h[32];	/* handshake hash */
	uint8_t ck[32]; /* chaining key */
	uint8_t k[32];	/* cipher key */
	uint64_t n;	/* its nonce */
	uint8_t e[32];	/* our ephemeral secret */
	uint8_t re[32]; /* the peer's ephemeral public key */
};

/* Both ends, before the first message. */
void noise_init(struct noise *, const void *prologue, size_t len,
    const uint8_t psk[32]);
/* Initiator: out = e (32) + sealed payload (len + 16). */
void noise_write1(struct noise *, const uint8_t e_secret[32],
    const void *payload, size_t len, uint8_t *out);
/* Responder: in = e + sealed payload, `inlen' bytes; opens it into `payload'
 * (inlen - 48 bytes).  No curve operation.  False: forged or too short. */
bool noise_read1(struct noise *, const uint8_t *in, size_t inlen,
    void *payload);
/* Responder: out = e (32) + sealed payload.  False: the DH was zero. */
bool noise_write2(struct noise *, const uint8_t e_secret[32],
    const void *payload, size_t len, uint8_t *out);
/* Initiator.  False: forged, too short, or the DH was zero; the state is
 * then unchanged, so that a forged answer cannot end a handshake. */
bool noise_read2(struct noise *, const uint8_t *in, size_t inlen,
    void *payload);
/* After the last message: a secret besides the transport keys, which tells
 * nothing of them. */
void noise_secret(const struct noise *, const void *label, size_t len,
    uint8_t out[32]);
/* Transport keys: [0] initiator to responder, [1] back.  Wipes the state. */
void noise_split(struct noise *, uint8_t key[2][32]);
void noise_wipe(struct noise *);

#endif
