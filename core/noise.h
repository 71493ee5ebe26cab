/* SPDX-License-Identifier: ISC */
/*
 * Noise_IKpsk2_25519_ChaChaPoly_SHA256, strictly by the Noise Protocol
 * Framework, revision 34:
 *
 *	<- s
 *	...
 *	-> e, es, s, ss
 *	<- e, ee, se, psk
 *
 * Secrets and random numbers come from the caller; no long-term secret is kept
 * in the state, which lies where the program can read it.
 */
#ifndef NOISE_H
#define NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NOISE_E = 32,
	NOISE_TAG = 16,
	NOISE_S = 32 + NOISE_TAG, /* the initiator's sealed public key */
	NOISE_MORE1 = NOISE_E + NOISE_S + NOISE_TAG, /* message 1 - payload */
	NOISE_MORE2 = NOISE_E + NOISE_TAG,	     /* message 2 - payload */
};

struct noise {
	uint8_t h[32];	/* handshake hash */
	uint8_t ck[32]; /* chaining key */
	uint8_t k[32];	/* cipher key */
	uint64_t n;	/* its nonce */
	uint8_t e[32];	/* our ephemeral secret */
	uint8_t re[32]; /* the peer's ephemeral public key */
};

/* Both ends, before the first message, with the responder's public key. */
void noise_init(struct noise *, const void *prologue, size_t len,
    const uint8_t responder[32]);
/* Initiator: out = e, sealed public key `pub', sealed payload (len + NOISE_MORE1
 * bytes).  Two curve operations besides that of e.  False: a DH was zero. */
bool noise_write1(struct noise *, const uint8_t e_secret[32],
    const uint8_t secret[32], const uint8_t pub[32],
    const uint8_t responder[32], const void *payload, size_t len,
    uint8_t *out);
/* Responder, first half of reading message 1: whose is it?  One curve
 * operation.  False: forged or too short. */
bool noise_read1_from(struct noise *, const uint8_t secret[32],
    const uint8_t *in, size_t inlen, uint8_t initiator[32]);
/* Second half: opens the payload (inlen - NOISE_MORE1 bytes).  One curve
 * operation.  False: it is not of the initiator that it names. */
bool noise_read1(struct noise *, const uint8_t secret[32],
    const uint8_t initiator[32], const uint8_t *in, size_t inlen,
    void *payload);
/* Responder: out = e, sealed payload (len + NOISE_MORE2).  Two curve operations
 * besides that of e.  False: a DH was zero. */
bool noise_write2(struct noise *, const uint8_t e_secret[32],
    const uint8_t initiator[32], const uint8_t psk[32], const void *payload,
    size_t len, uint8_t *out);
/* Initiator: two curve operations.  False: forged, too short, or a DH was zero;
 * the state is then unchanged, so that a forged answer cannot end a
 * handshake. */
bool noise_read2(struct noise *, const uint8_t secret[32],
    const uint8_t psk[32], const uint8_t *in, size_t inlen, void *payload);
/* After the last message: a secret besides the transport keys, which tells
 * nothing of them. */
void noise_secret(const struct noise *, const void *label, size_t len,
    uint8_t out[32]);
/* Transport keys: [0] initiator to responder, [1] back.  Wipes the state. */
void noise_split(struct noise *, uint8_t key[2][32]);
void noise_wipe(struct noise *);

#endif
