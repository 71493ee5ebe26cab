/* SPDX-License-Identifier: ISC */
/*
 * The agent's long-term keys (mp.h): our identities, and the peers.
 *
 * Peers are records, the first ones in the keyring itself, the others in a block
 * that the caller gives.  Two hash tables find them, by identity and public key,
 * and by id; a bucket holds the number of its first record + 1, and each record
 * that of the next.  Both use SipHash under a key that only this host can
 * compute: a peer who is known to many may choose his public key.
 */
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

/* SHA-256 of the label and a key, as far as it is needed. */
static void
mac_key(uint8_t *out, size_t len, const char *label, const uint8_t key[32])
{
	uint8_t hash[CRYPTO_HASH];

	crypto_hash2(hash, label, strlen(label), key, 32);
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
	if (i == 0) {
		mac_key(ring->hash_key, sizeof(ring->hash_key),
		    "mpshim1 table", secret);
	}
	ring->n_own++;
	return i;
}

void
mp_keyring_public(uint8_t pub[32], const uint8_t secret[32])
{
	crypto_public(pub, secret);
}

/* --- Records and hash tables --------------------------------------------- */

enum { BY_PUB, BY_ID, TABLES };

static uint32_t
keyring_records(const struct mp_keyring *ring)
{
	return MP_KEYS_FEW + ring->room;
}

static struct mp_key *
keyring_at(const struct mp_keyring *ring, uint32_t i)
{
	if (i < MP_KEYS_FEW)
		return (struct mp_key *)(uintptr_t)&ring->key[i];
	return i < keyring_records(ring) ? &ring->more[i - MP_KEYS_FEW] : NULL;
}

const struct mp_key *
mp_keyring_at(const struct mp_keyring *ring, uint32_t place)
{
	return place < ring->n ? keyring_at(ring, place) : NULL;
}

/* The bucket of a hash in one of the tables. */
static uint32_t *
keyring_head(const struct mp_keyring *ring, int table, uint64_t hash)
{
	uint32_t *all;

	if (ring->more == NULL)
		return (uint32_t *)(uintptr_t)
		    &ring->few[table][hash % MP_KEYS_FEW];
	all = (uint32_t *)(void *)(ring->more + ring->room);
	return &all[(size_t)table * ring->buckets + hash % ring->buckets];
}

static uint32_t *
head_of_pub(const struct mp_keyring *ring, uint32_t own, const uint8_t pub[32])
{
	uint8_t name[36];

	put32(name, own);
	memcpy(name + 4, pub, 32);
	return keyring_head(ring, BY_PUB, crypto_short(name, sizeof(name),
	    ring->hash_key));
}

static uint32_t *
head_of_id(const struct mp_keyring *ring, uint64_t id)
{
	uint8_t name[8];

	put64(name, id);
	return keyring_head(ring, BY_ID, crypto_short(name, sizeof(name),
	    ring->hash_key));
}

static void
keyring_link(struct mp_keyring *ring, uint32_t i)
{
	struct mp_key *k = keyring_at(ring, i);
	uint32_t *head[TABLES] = { head_of_pub(ring, k->own, k->pub),
		head_of_id(ring, k->id) };
	int t;

	for (t = 0; t < TABLES; t++) {
		k->next[t] = *head[t];
		*head[t] = i + 1;
	}
}

const struct mp_key *
mp_keyring_find(const struct mp_keyring *ring, uint64_t id)
{
	const struct mp_key *k;
	uint32_t at;

	if (ring == NULL || ring->n == 0)
		return NULL;
	if (id == 0)
		return keyring_at(ring, 0);
	for (at = *head_of_id(ring, id); at != 0; at = k->next[BY_ID]) {
		k = keyring_at(ring, at - 1);
		if (k == NULL || k->id == id)
			return k;
	}
	return NULL;
}

const struct mp_key *
mp_keyring_peer(const struct mp_keyring *ring, uint32_t own,
    const uint8_t pub[32])
{
	const struct mp_key *k;
	uint32_t at;

	if (ring->n == 0)
		return NULL;
	for (at = *head_of_pub(ring, own, pub); at != 0; at = k->next[BY_PUB]) {
		k = keyring_at(ring, at - 1);
		if (k == NULL || (k->own == own &&
		    memcmp(k->pub, pub, 32) == 0))
			return k;
	}
	return NULL;
}

/* --- Memory --------------------------------------------------------------- */

/* Two buckets for each record that the block holds. */
static size_t
keyring_bytes(uint32_t room, uint32_t *buckets)
{
	*buckets = 2 * (room + MP_KEYS_FEW);
	return room * sizeof(struct mp_key) +
	    (size_t)TABLES * *buckets * sizeof(uint32_t);
}

size_t
mp_keyring_size(uint32_t peers)
{
	uint32_t buckets;

	return keyring_bytes(peers < MP_KEYS_FEW ? 0 : peers - MP_KEYS_FEW,
	    &buckets);
}

int
mp_keyring_grow(struct mp_keyring *ring, void *block, size_t size)
{
	struct mp_key *old = ring->more;
	uint32_t i, room, buckets, each = sizeof(struct mp_key) +
	    TABLES * 2 * sizeof(uint32_t);
	size_t least = keyring_bytes(0, &buckets);

	room = size < least ? 0 : (size - least) / each < UINT32_MAX / 4 ?
	    (uint32_t)((size - least) / each) : UINT32_MAX / 4;
	if (size < least || room < ring->room ||
	    (uintptr_t)block % 64 != 0)
		return MP_EINVAL;
	if (old != NULL) {
		memcpy(block, old, ring->room * sizeof(*old));
		crypto_wipe(old, keyring_bytes(ring->room, &buckets));
	}
	ring->more = block;
	ring->room = room;
	(void)keyring_bytes(room, &ring->buckets);
	for (i = 0; i < ring->n; i++)
		keyring_link(ring, i);
	return 0;
}

/* --- Peers ---------------------------------------------------------------- */

/* The public key of a secret, without curve work if the peer before had the same
 * identity of ours. */
static void
keyring_public(const struct mp_keyring *ring, uint8_t pub[32],
    const uint8_t secret[32])
{
	const struct mp_identity *last = &ring->own[(ring->n_own - 1) %
	    MP_KEYS_MAX];

	if (ring->n_own > 0 && crypto_equal(last->secret, secret, 32))
		memcpy(pub, last->pub, 32);
	else
		crypto_public(pub, secret);
}

int
mp_keyring_add(struct mp_keyring *ring, const char *name,
    const uint8_t secret[32], const uint8_t peer[32], const uint8_t psk[32])
{
	static const uint8_t none[32];
	size_t len = name_len(name);
	uint32_t i, own;
	struct mp_key *k;
	uint8_t pub[32];
	uint64_t id;

	keyring_public(ring, pub, secret);
	if (len == 0 || memcmp(pub, peer, 32) == 0 ||
	    memcmp(peer, none, 32) == 0)
		return MP_EINVAL;
	id = key_id(pub, peer);
	if (mp_keyring_find(ring, id) != NULL)
		return MP_EEXIST;
	i = ring->n;
	if (i == keyring_records(ring))
		return MP_ENOMEM;
	own = keyring_own(ring, secret);
	if (own == MP_KEYS_MAX)
		return MP_ENOMEM;
	k = keyring_at(ring, i);
	memset(k, 0, sizeof(*k));
	memcpy(k->name, name, len);
	k->id = id;
	k->own = own;
	k->wins = memcmp(pub, peer, 32) < 0;
	memcpy(k->pub, peer, 32);
	if (psk != NULL)
		memcpy(k->psk, psk, 32);
	mac_keys(&k->mac, peer);
	keyring_link(ring, i);
	ring->n++;
	return 0;
}

void
mp_keyring_wipe(struct mp_keyring *ring)
{
	uint32_t buckets;

	if (ring->more != NULL)
		crypto_wipe(ring->more, keyring_bytes(ring->room, &buckets));
	crypto_wipe(ring, sizeof(*ring));
}
