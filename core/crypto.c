/* SPDX-License-Identifier: ISC */
#include <sodium.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"

/* --- Authenticated encryption -------------------------------------------- */

void
crypto_chacha_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY])
{
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad,
	    adlen, NULL, nonce, key);
}

bool
crypto_chacha_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY])
{
	return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in,
	    len, ad, adlen, nonce, key) == 0;
}

/* The key is expanded at each call: the block, which other processes map, holds
 * no state whose layout is libsodium's. */
void
crypto_aes_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY])
{
	/* Without AES hardware libsodium only fails: never send plaintext
	 * then. */
	if (crypto_aead_aes256gcm_encrypt(out, NULL, in, len, ad, adlen, NULL,
	    nonce, key) != 0)
		crypto_wipe(out, len + CRYPTO_TAG);
}

bool
crypto_aes_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t key[CRYPTO_KEY])
{
	return crypto_aead_aes256gcm_decrypt(out, NULL, NULL, in, len, ad,
	    adlen, nonce, key) == 0;
}

_Static_assert(sizeof(crypto_aead_aes256gcm_state) <= CRYPTO_READY &&
    _Alignof(crypto_aead_aes256gcm_state) <= 16,
    "a key made ready has room");

void
crypto_aes_ready(uint8_t ready[CRYPTO_READY], const uint8_t key[CRYPTO_KEY])
{
	(void)crypto_aead_aes256gcm_beforenm(
	    (crypto_aead_aes256gcm_state *)(void *)ready, key);
}

void
crypto_aes_ready_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t ready[CRYPTO_READY])
{
	if (crypto_aead_aes256gcm_encrypt_afternm(out, NULL, in, len, ad,
	    adlen, NULL, nonce, (const void *)ready) != 0)
		crypto_wipe(out, len + CRYPTO_TAG);
}

bool
crypto_aes_ready_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_NONCE],
    const uint8_t ready[CRYPTO_READY])
{
	return crypto_aead_aes256gcm_decrypt_afternm(out, NULL, NULL, in, len,
	    ad, adlen, nonce, (const void *)ready) == 0;
}

void
crypto_xchacha_seal(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_XNONCE],
    const uint8_t key[CRYPTO_KEY])
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, in, len,
	    ad, adlen, NULL, nonce, key);
}

bool
crypto_xchacha_open(uint8_t *out, const uint8_t *in, size_t len,
    const uint8_t *ad, size_t adlen, const uint8_t nonce[CRYPTO_XNONCE],
    const uint8_t key[CRYPTO_KEY])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in,
	    len, ad, adlen, nonce, key) == 0;
}

/* --- X25519 --------------------------------------------------------------- */

void
crypto_public(uint8_t pub[32], const uint8_t secret[32])
{
	(void)crypto_scalarmult_base(pub, secret);
}

bool
crypto_dh(uint8_t out[32], const uint8_t secret[32], const uint8_t pub[32])
{
	if (crypto_scalarmult(out, secret, pub) == 0)
		return true;
	crypto_wipe(out, 32);
	return false;
}

/* --- Hashes --------------------------------------------------------------- */

void
crypto_hash2(uint8_t out[CRYPTO_HASH], const void *a, size_t alen,
    const void *b, size_t blen)
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, a, alen);
	crypto_hash_sha256_update(&st, b, blen);
	crypto_hash_sha256_final(&st, out);
	crypto_wipe(&st, sizeof(st));
}

void
crypto_hmac2(uint8_t out[CRYPTO_HASH], const uint8_t key[CRYPTO_HASH],
    const void *a, size_t alen, const void *b, size_t blen)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, key, CRYPTO_HASH);
	crypto_auth_hmacsha256_update(&st, a, alen);
	crypto_auth_hmacsha256_update(&st, b, blen);
	crypto_auth_hmacsha256_final(&st, out);
	crypto_wipe(&st, sizeof(st));
}

void
crypto_mac(uint8_t out[CRYPTO_MAC], const void *in, size_t len,
    const uint8_t key[CRYPTO_MAC])
{
	(void)crypto_shorthash_siphashx24(out, in, len, key);
}

uint64_t
crypto_short(const void *in, size_t len, const uint8_t key[CRYPTO_MAC])
{
	uint8_t out[crypto_shorthash_siphash24_BYTES];

	(void)crypto_shorthash_siphash24(out, in, len, key);
	return get64(out);
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void
crypto_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

/* --- Random numbers ------------------------------------------------------- */

/* One run of the cipher makes the next key and the next output; the key that it
 * ran under is overwritten before any output is used. */
static void
rng_refill(struct rng *r)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t out[sizeof(r->key) + sizeof(r->buf)];

	(void)crypto_stream_chacha20_ietf(out, sizeof(out), nonce, r->key);
	memcpy(r->key, out, sizeof(r->key));
	memcpy(r->buf, out + sizeof(r->key), sizeof(r->buf));
	r->used = 0;
	crypto_wipe(out, sizeof(out));
}

void
rng_init(struct rng *r, const uint8_t seed[32])
{
	memcpy(r->key, seed, sizeof(r->key));
	crypto_wipe(r->buf, sizeof(r->buf));
	r->used = sizeof(r->buf);
}

void
rng_stir(struct rng *r, const uint8_t seed[32])
{
	crypto_hmac2(r->key, r->key, seed, 32, NULL, 0);
	crypto_wipe(r->buf, sizeof(r->buf));
	r->used = sizeof(r->buf);
}

void
rng_bytes(struct rng *r, void *out, size_t len)
{
	uint8_t *p = out;
	size_t n;

	while (len > 0) {
		/* The state lies in shared memory, so `used' may be
		 * anything. */
		if (r->used >= sizeof(r->buf))
			rng_refill(r);
		n = sizeof(r->buf) - r->used;
		if (n > len)
			n = len;
		memcpy(p, r->buf + r->used, n);
		crypto_wipe(r->buf + r->used, n);
		r->used += (uint32_t)n;
		p += n;
		len -= n;
	}
}

uint32_t
rng_u32(struct rng *r)
{
	uint8_t b[4];

	rng_bytes(r, b, sizeof(b));
	return get32(b);
}

uint32_t
rng_below(struct rng *r, uint32_t n)
{
	uint32_t low = (0U - n) % n; /* 2^32 mod n; less would be unfair */
	uint32_t v;

	do
		v = rng_u32(r);
	while (v < low);
	return v % n;
}
