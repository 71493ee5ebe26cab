/* SPDX-License-Identifier: ISC */
/* Names of functions follow the Noise specification, section 5. */
#include <string.h>

#include "crypto.h"
#include "noise.h"

static const char noise_name[] = "Noise_IKpsk2_25519_ChaChaPoly_SHA256";

/* HKDF with `n' (2 or 3) outputs. */
static void
hkdf(uint8_t out[][32], uint8_t n, const uint8_t ck[32], const void *ikm,
    size_t len)
{
	uint8_t temp[32], i;

	crypto_hmac2(temp, ck, ikm, len, NULL, 0);
	for (i = 1; i <= n; i++)
		crypto_hmac2(out[i - 1], temp, i > 1 ? out[i - 2] : NULL,
		    i > 1 ? 32 : 0, &i, 1);
	crypto_wipe(temp, sizeof(temp));
}

static void
mix_hash(struct noise *s, const void *data, size_t len)
{
	crypto_hash2(s->h, s->h, sizeof(s->h), data, len);
}

static void
mix_key(struct noise *s, const uint8_t ikm[32])
{
	uint8_t out[2][32];

	hkdf(out, 2, s->ck, ikm, 32);
	memcpy(s->ck, out[0], sizeof(s->ck));
	memcpy(s->k, out[1], sizeof(s->k));
	s->n = 0;
	crypto_wipe(out, sizeof(out));
}

static void
mix_key_and_hash(struct noise *s, const uint8_t psk[32])
{
	uint8_t out[3][32];

	hkdf(out, 3, s->ck, psk, 32);
	memcpy(s->ck, out[0], sizeof(s->ck));
	mix_hash(s, out[1], 32);
	memcpy(s->k, out[2], sizeof(s->k));
	s->n = 0;
	crypto_wipe(out, sizeof(out));
}

/* The token "e" in a pattern with a psk: the public key is also mixed into the
 * key. */
static void
mix_e(struct noise *s, const uint8_t pub[NOISE_E])
{
	mix_hash(s, pub, NOISE_E);
	mix_key(s, pub);
}

/* 4 zero bytes + the counter n, little-endian; then n is the next. */
static void
next_nonce(struct noise *s, uint8_t nonce[CRYPTO_NONCE])
{
	int i;

	memset(nonce, 0, 4);
	for (i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(s->n >> 8 * i);
	s->n++;
}

static void
encrypt_and_hash(struct noise *s, const void *payload, size_t len,
    uint8_t *out)
{
	uint8_t nonce[CRYPTO_NONCE];

	next_nonce(s, nonce);
	crypto_chacha_seal(out, payload, len, s->h, sizeof(s->h), nonce, s->k);
	mix_hash(s, out, len + NOISE_TAG);
}

static bool
decrypt_and_hash(struct noise *s, const uint8_t *in, size_t inlen,
    void *payload)
{
	uint8_t nonce[CRYPTO_NONCE], ad[32];

	next_nonce(s, nonce);
	memcpy(ad, s->h, sizeof(ad));
	mix_hash(s, in, inlen); /* first: `payload' may overlap `in' */
	return crypto_chacha_open(payload, in, inlen, ad, sizeof(ad), nonce,
	    s->k);
}

/* The tokens "ee", "es", "se" and "ss". */
static bool
mix_dh(struct noise *s, const uint8_t secret[32], const uint8_t pub[32])
{
	uint8_t dh[32];
	bool ok;

	ok = crypto_dh(dh, secret, pub);
	mix_key(s, dh);
	crypto_wipe(dh, sizeof(dh));
	return ok;
}

/* Keeps the state `next' if all went well. */
static bool
noise_settle(struct noise *s, struct noise *next, bool ok)
{
	if (ok)
		*s = *next;
	noise_wipe(next);
	return ok;
}

void
noise_init(struct noise *s, const void *prologue, size_t len,
    const uint8_t responder[32])
{
	memset(s, 0, sizeof(*s));
	crypto_hash2(s->h, noise_name, sizeof(noise_name) - 1, NULL, 0);
	memcpy(s->ck, s->h, sizeof(s->ck));
	mix_hash(s, prologue, len);
	mix_hash(s, responder, 32);
}

bool
noise_write1(struct noise *s, const uint8_t e_secret[32],
    const uint8_t secret[32], const uint8_t pub[32],
    const uint8_t responder[32], const void *payload, size_t len, uint8_t *out)
{
	struct noise next = *s;

	memcpy(next.e, e_secret, sizeof(next.e));
	crypto_public(out, next.e);
	mix_e(&next, out);
	if (!mix_dh(&next, next.e, responder))
		return noise_settle(s, &next, false);
	encrypt_and_hash(&next, pub, 32, out + NOISE_E);
	if (!mix_dh(&next, secret, responder))
		return noise_settle(s, &next, false);
	encrypt_and_hash(&next, payload, len, out + NOISE_E + NOISE_S);
	return noise_settle(s, &next, true);
}

bool
noise_read1_from(struct noise *s, const uint8_t secret[32], const uint8_t *in,
    size_t inlen, uint8_t initiator[32])
{
	struct noise next = *s;

	if (inlen < NOISE_MORE1)
		return noise_settle(s, &next, false);
	memcpy(next.re, in, NOISE_E);
	mix_e(&next, next.re);
	if (!mix_dh(&next, secret, next.re))
		return noise_settle(s, &next, false);
	return noise_settle(s, &next, decrypt_and_hash(&next, in + NOISE_E,
	    NOISE_S, initiator));
}

bool
noise_read1(struct noise *s, const uint8_t secret[32],
    const uint8_t initiator[32], const uint8_t *in, size_t inlen, void *payload)
{
	struct noise next = *s;

	if (inlen < NOISE_MORE1 || !mix_dh(&next, secret, initiator))
		return noise_settle(s, &next, false);
	return noise_settle(s, &next, decrypt_and_hash(&next,
	    in + NOISE_E + NOISE_S, inlen - NOISE_E - NOISE_S, payload));
}

bool
noise_write2(struct noise *s, const uint8_t e_secret[32],
    const uint8_t initiator[32], const uint8_t psk[32], const void *payload,
    size_t len, uint8_t *out)
{
	struct noise next = *s;

	crypto_public(out, e_secret);
	mix_e(&next, out);
	if (!mix_dh(&next, e_secret, s->re) ||
	    !mix_dh(&next, e_secret, initiator))
		return noise_settle(s, &next, false);
	mix_key_and_hash(&next, psk);
	encrypt_and_hash(&next, payload, len, out + NOISE_E);
	return noise_settle(s, &next, true);
}

bool
noise_read2(struct noise *s, const uint8_t secret[32], const uint8_t psk[32],
    const uint8_t *in, size_t inlen, void *payload)
{
	struct noise next = *s;

	if (inlen < NOISE_MORE2)
		return noise_settle(s, &next, false);
	memcpy(next.re, in, NOISE_E);
	mix_e(&next, next.re);
	if (!mix_dh(&next, next.e, next.re) ||
	    !mix_dh(&next, secret, next.re))
		return noise_settle(s, &next, false);
	mix_key_and_hash(&next, psk);
	return noise_settle(s, &next, decrypt_and_hash(&next, in + NOISE_E,
	    inlen - NOISE_E, payload));
}

void
noise_secret(const struct noise *s, const void *label, size_t len,
    uint8_t out[32])
{
	/* noise_split() hashes nothing at this place. */
	crypto_hmac2(out, s->ck, label, len, NULL, 0);
}

void
noise_split(struct noise *s, uint8_t key[2][32])
{
	hkdf(key, 2, s->ck, NULL, 0);
	noise_wipe(s);
}

void
noise_wipe(struct noise *s)
{
	crypto_wipe(s, sizeof(*s));
}
