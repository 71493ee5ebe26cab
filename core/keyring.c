/* SPDX-License-Identifier: ISC */
/* The agent's long-term keys (mp.h): our identities, and the peers. */
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "mp.h"

/* The length of a name of 1 to 31 characters of [A-Za-z0-9._-]; 0: it is
 * none. */
static size_t
name_len(const char *name)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strspn(name, ok);

	if (name[n] != '\0' || n >= sizeof(((struct mp_key *)NULL)->name))
		return 0;
	return n;
}

/* SHA-256 of the label and a public key, as far as it is needed. */
static void
mac_key(uint8_t *out, size_t len, const char *label, const uint8_t pub[32])
{
	uint8_t hash[CRYPTO_HASH];

	crypto_hash2(hash, label, strlen(label), pub, 32);
	memcpy(out, hash, len);
}

static void
mac_keys(struct mp_mac_keys *k, const uint8_t pub[32])
{
	mac_key(k->init, sizeof(k->init), "mpshim1 init", pub);
	mac_key(k->resp, sizeof(k->resp), "mpshim1 resp", pub);
	mac_key(k->cookie, sizeof(k->cookie), "mpshim1 cookie", pub);
}

/* The same at both ends; never 0, which means any key. */
static uint64_t
key_id(const uint8_t a[32], const uint8_t b[32])
{
	bool in_order = memcmp(a, b, 32) < 0;
	uint8_t hash[CRYPTO_HASH];
	uint64_t id;

	crypto_hash2(hash, in_order ? a : b, 32, in_order ? b : a, 32);
	id = get64(hash);
	return id + (id == 0);
}

/* The place of the identity with this secret; MP_KEYS_MAX: there is no room. */
static uint32_t
keyring_own(struct mp_keyring *ring, const uint8_t secret[32])
{
	struct mp_identity *own;
	uint32_t i;

	for (i = 0; i < ring->n_own && i < MP_KEYS_MAX; i++)
		if (crypto_equal(ring->own[i].secret, secret, 32))
			return i;
	if (i == MP_KEYS_MAX)
		return i;
	own = &ring->own[i];
	memcpy(own->secret, secret, 32);
	crypto_public(own->pub, secret);
	mac_keys(&own->mac, own->pub);
	ring->n_own++;
	return i;
}

void
mp_keyring_public(uint8_t pub[32], const uint8_t secret[32])
{
	crypto_public(pub, secret);
}

int
mp_keyring_add(struct mp_keyring *ring, const char *name,
    const uint8_t secret[32], const uint8_t peer[32], const uint8_t psk[32])
{
	static const uint8_t none[32];
	size_t len = name_len(name);
	uint8_t pub[32];
	struct mp_key *k;
	uint64_t id;
	uint32_t i;

	crypto_public(pub, secret);
	if (len == 0 || memcmp(pub, peer, 32) == 0 ||
	    memcmp(peer, none, 32) == 0)
		return MP_EINVAL;
	id = key_id(pub, peer);
	for (i = 0; i < ring->n && i < MP_KEYS_MAX; i++)
		if (ring->key[i].id == id)
			return MP_EEXIST;
	if (i == MP_KEYS_MAX)
		return MP_ENOMEM;
	k = &ring->key[i];
	memset(k, 0, sizeof(*k));
	memcpy(k->name, name, len);
	k->id = id;
	k->own = keyring_own(ring, secret);
	k->wins = memcmp(pub, peer, 32) < 0;
	memcpy(k->pub, peer, 32);
	if (psk != NULL)
		memcpy(k->psk, psk, 32);
	mac_keys(&k->mac, peer);
	ring->n++;
	return 0;
}

void
mp_keyring_wipe(struct mp_keyring *ring)
{
	crypto_wipe(ring, sizeof(*ring));
}
