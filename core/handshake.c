/* SPDX-License-Identifier: ISC */
#include "handshake.h"

#include <string.h>

#include "crypto.h"
#include "mp.h"
#include "state.h"
#include "table.h"

const struct mp_key *
handshake_key(const struct mp_keyring *ring, uint64_t id)
{
	uint32_t i;

	for (i = 0; ring != NULL && i < ring->n && i < MP_KEYS_MAX; i++)
		if (id == 0 || ring->key[i].id == id)
			return &ring->key[i];
	return NULL;
}

void
handshake_prologue(uint8_t out[HANDSHAKE_PROLOGUE], const uint8_t *packet)
{
	memcpy(out, "mpshim1", 8);
	memcpy(out + 8, packet, WIRE_SHAKE);
}

int
handshake_end(char end)
{
	return end == 'A' ? 0 : 1;
}

uint32_t
handshake_features(const struct mp *m, uint32_t more)
{
	return (m->sh->aes ? WIRE_F_AES : 0U) | more;
}

void
handshake_free(struct mp *m, struct handshake *sh)
{
	if (sh->state == HANDSHAKE_SENT || sh->state == HANDSHAKE_OPEN)
		table_unlink_sid(m, table_handshake_ref(m, sh));
	crypto_wipe(sh, sizeof(*sh));
}

struct handshake *
handshake_new(struct mp *m, uint32_t first, uint32_t n, bool oldest)
{
	struct handshake *sh, *found = NULL;
	uint32_t i;

	for (i = first; i < first + n; i++) {
		sh = &m->handshakes[i];
		if (sh->state == HANDSHAKE_FREE)
			return sh;
		if (found == NULL || sh->born_at < found->born_at)
			found = sh;
	}
	if (!oldest || found == NULL)
		return NULL;
	handshake_free(m, found);
	return found;
}

void
handshake_sweep(struct mp *m, uint64_t now)
{
	struct handshake *sh;
	uint32_t i;

	m->sh->sweep_at = MP_NEVER;
	for (i = 0; i < STATE_OPEN; i++) {
		sh = &m->handshakes[i];
		if (sh->state == HANDSHAKE_FREE)
			continue;
		if (now >= sh->born_at + HANDSHAKE_LIFE)
			handshake_free(m, sh);
		else
			m->sh->sweep_at = now + SEC;
	}
}
