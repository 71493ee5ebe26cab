/* SPDX-License-Identifier: ISC */
/* The agent's long-term keys (mp.h): names, ends and subkeys. */
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "mp.h"

/* Numbers of a key's subkeys (PROTOCOL.md 2). */
enum keyring_subkey {
	SUBKEY_PSK = 1,	     /* 1 where A initiates, 2 where B does */
	SUBKEY_INIT_MAC = 3, /* 3 where A initiates, 4 where B does */
	SUBKEY_RESP_MAC = 5, /* 5 where A initiates, 6 where B does */
	SUBKEY_COOKIE = 7,
	SUBKEY_ID = 8, /* public: 8 of 16 bytes, the least of crypto_kdf */
};

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

static uint64_t
key_id(const uint8_t secret[32])
{
	uint8_t b[16];
	uint64_t id;

	crypto_subkey(b, sizeof(b), SUBKEY_ID, secret);
	id = get64(b);
	return id + (id == 0); /* 0 means any key */
}

int
mp_keyring_add(struct mp_keyring *ring, const char *name, char end,
    const uint8_t secret[32])
{
	size_t len = name_len(name);
	uint64_t id;
	struct mp_key *k;
	uint32_t i;

	if (len == 0 || (end != 'A' && end != 'B'))
		return MP_EINVAL;
	id = key_id(secret);
	for (i = 0; i < ring->n && i < MP_KEYS_MAX; i++)
		if (ring->key[i].id == id)
			return MP_EEXIST;
	if (i == MP_KEYS_MAX)
		return MP_ENOMEM;
	k = &ring->key[i];
	memset(k, 0, sizeof(*k));
	memcpy(k->name, name, len);
	k->id = id;
	k->end = end;
	for (i = 0; i < 2; i++) {
		crypto_subkey(k->psk[i], 32, SUBKEY_PSK + i, secret);
		crypto_subkey(k->init_mac[i], 16, SUBKEY_INIT_MAC + i, secret);
		crypto_subkey(k->resp_mac[i], 16, SUBKEY_RESP_MAC + i, secret);
	}
	crypto_subkey(k->cookie, 32, SUBKEY_COOKIE, secret);
	ring->n++;
	return 0;
}

void
mp_keyring_wipe(struct mp_keyring *ring)
{
	crypto_wipe(ring, sizeof(*ring));
}
