/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "crypto.h"
#include "seal.h"
#include "wire.h"

/* Each row is preferred to the ones before it. */
static const struct seal_row rows[SEAL_SUITES] = {
	[SEAL_CHACHA] = { "ChaCha20-Poly1305", 0, crypto_chacha_seal,
	    crypto_chacha_open, NULL, crypto_chacha_seal,
	    crypto_chacha_open },
	[SEAL_AES] = { "AES-256-GCM", WIRE_F_AES, crypto_aes_seal,
	    crypto_aes_open, crypto_aes_ready, crypto_aes_ready_seal,
	    crypto_aes_ready_open },
};

const struct seal_row *
seal_get(unsigned suite)
{
	return &rows[suite < SEAL_SUITES ? suite : SEAL_CHACHA];
}

enum seal_suite
seal_choose(uint32_t features)
{
	unsigned i = SEAL_SUITES - 1;

	while (i > SEAL_CHACHA && (rows[i].feature & features) == 0)
		i--;
	return (enum seal_suite)i;
}

/* The nonce of a packet: 4 zero bytes + its 8 nonce bytes. */
static void
seal_nonce(uint8_t nonce[CRYPTO_NONCE], const uint8_t *packet)
{
	memset(nonce, 0, 4);
	memcpy(nonce + 4, packet + 4, 8);
}

/* Seals with that function, and the key that it takes. */
static size_t
seal_by(seal_function *seal, uint8_t *packet, size_t frame, size_t len,
    const uint8_t *key)
{
	uint8_t nonce[CRYPTO_NONCE];
	size_t ad = frame + WIRE_AD;
	uint8_t *text = packet + ad;

	seal_nonce(nonce, packet + frame);
	seal(text, text, len, packet, ad, nonce, key);
	return ad + len + WIRE_TAG;
}

/* libsodium works on several blocks at once, so text and ciphertext are the same
 * bytes or share none: over the packet itself it opens in place, and the text
 * moves to the packet's begin then. */
static int
seal_open_by(seal_open_function *open, uint8_t *out, const uint8_t *packet,
    size_t frame, size_t len, const uint8_t *key)
{
	uint8_t nonce[CRYPTO_NONCE], *text = out;
	size_t ad = frame + WIRE_AD;

	/* No UDP datagram is longer than 65535 bytes. */
	if (len < ad + WIRE_TAG || len > UINT16_MAX)
		return -1;
	if (out == packet)
		text = out + ad;
	seal_nonce(nonce, packet + frame);
	if (!open(text, packet + ad, len - ad, packet, ad, nonce, key))
		return -1;
	if (text != out)
		memmove(out, text, len - ad - WIRE_TAG);
	return (int)(len - ad - WIRE_TAG);
}

size_t
seal_packet(uint8_t *packet, size_t frame, size_t len, unsigned suite,
    const uint8_t key[32])
{
	return seal_by(seal_get(suite)->seal, packet, frame, len, key);
}

int
seal_open(uint8_t *out, const uint8_t *packet, size_t frame, size_t len,
    unsigned suite, const uint8_t key[32])
{
	return seal_open_by(seal_get(suite)->open, out, packet, frame, len, key);
}

void
seal_ready(uint8_t ready[CRYPTO_READY], unsigned suite, const uint8_t key[32])
{
	const struct seal_row *row = seal_get(suite);

	if (row->ready != NULL)
		row->ready(ready, key);
	else
		memcpy(ready, key, CRYPTO_KEY);
}

size_t
seal_ready_packet(uint8_t *packet, size_t len, unsigned suite,
    const uint8_t ready[CRYPTO_READY])
{
	return seal_by(seal_get(suite)->ready_seal, packet, 0, len, ready);
}

int
seal_ready_open(uint8_t *out, const uint8_t *packet, size_t len,
    unsigned suite, const uint8_t ready[CRYPTO_READY])
{
	return seal_open_by(seal_get(suite)->ready_open, out, packet, 0, len,
	    ready);
}
