/* SPDX-License-Identifier: ISC */
/*
 * The cryptographic primitives: what the engine uses of libsodium. crypto.c is
 * the only file that includes sodium.h, so another library would cost that file
 * alone.
 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CRYPTO_KEY = 32,
	CRYPTO_TAG = 16,
	CRYPTO_NONCE = 12,
	CRYPTO_XNONCE = 24,
	CRYPTO_HASH = 32,
	CRYPTO_MAC = 16,
	CRYPTO_READY = 512, /* a key made ready, at a multiple of 16 bytes */
};

/* Authenticated encryption.  In place (out == in) is allowed.  `len' is the
 * length of `in': `seal' writes CRYPTO_TAG bytes more, `open' as many fewer.
 * `open' returns false, with `out' undefined, when the packet is forged. */
void crypto_chacha_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY]);
bool crypto_chacha_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY]);
void crypto_aes_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY]);
bool crypto_aes_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY]);
/* The same with a key that crypto_aes_ready() made ready, once for several
 * packets.  It is for this process alone: its layout is libsodium's. */
void crypto_aes_ready(uint8_t ready[CRYPTO_READY],
    const uint8_t key[CRYPTO_KEY]);
void crypto_aes_ready_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t ready[CRYPTO_READY]);
bool crypto_aes_ready_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t ready[CRYPTO_READY]);
void crypto_xchacha_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_XNONCE],
    const uint8_t key[CRYPTO_KEY]);
bool crypto_xchacha_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_XNONCE],
    const uint8_t key[CRYPTO_KEY]);

/* X25519. crypto_dh(): false where the result would be zero. */
void crypto_public(uint8_t pub[32], const uint8_t secret[32]);
bool crypto_dh(uint8_t out[32], const uint8_t secret[32],
    const uint8_t pub[32]);

/* SHA-256 of two pieces; HMAC-SHA-256 of one or two. */
void crypto_hash2(uint8_t out[CRYPTO_HASH], const void *a, size_t alen,
    const void *b, size_t blen);
void crypto_hmac2(uint8_t out[CRYPTO_HASH], const uint8_t key[CRYPTO_HASH],
    const void *a, size_t alen, const void *b, size_t blen);

/* SipHash-2-4 with 128 bits of output; with 64 bits, for hash tables. */
void crypto_mac(uint8_t out[CRYPTO_MAC], const void *in, size_t len,
    const uint8_t key[CRYPTO_MAC]);
uint64_t crypto_short(const void *in, size_t len,
    const uint8_t key[CRYPTO_MAC]);

/* Comparison in constant time; wiping that no compiler leaves out. */
bool crypto_equal(const void *, const void *, size_t len);
void crypto_wipe(void *, size_t len);

/* A random generator with fast key erasure: what it put out cannot be computed
 * from its later state.  The caller seeds it. */
struct rng {
	uint8_t key[32];
	uint8_t buf[224];
	uint32_t used; /* of buf, bytes */
};

void rng_init(struct rng *, const uint8_t seed[32]);
void rng_stir(struct rng *, const uint8_t seed[32]);
void rng_bytes(struct rng *, void *out, size_t len);
uint32_t rng_u32(struct rng *);
/* Uniform in 0..n-1, n > 0. */
uint32_t rng_below(struct rng *, uint32_t n);

#endif
