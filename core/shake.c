/* SPDX-License-Identifier: ISC */
#include "shake.h"

#include <string.h>

#include "table.h"

const struct mp_key *
shake_key(const struct mp_keyring *ring, uint64_t id)
{
	uint32_t i;

	for (i = 0; ring != NULL && i < ring->n && i < MP_KEYS_MAX; i++)
		if (id == 0 || ring->key[i].id == id)
			return &ring->key[i];
	return NULL;
}

void
shake_prologue(uint8_t out[SHAKE_PROLOGUE], const uint8_t *packet)
{
	memcpy(out, "mpshim1", 8);
	memcpy(out + 8, packet, WIRE_SHAKE);
}

int
shake_end(char end)
{
	return end == 'A' ? 0 : 1;
}

uint32_t
shake_features(const struct mp *m, uint32_t more)
{
	return (m->sh->aes ? WIRE_F_AES : 0U) | more;
}

void
shake_free(struct mp *m, struct shake *sh)
{
	if (sh->state == SHAKE_SENT || sh->state == SHAKE_OPEN)
		table_unlink_sid(m, table_shake_ref(m, sh));
	crypto_wipe(sh, sizeof(*sh));
}

struct shake *
shake_new(struct mp *m, uint32_t first, uint32_t n, bool oldest)
{
	struct shake *sh, *found = NULL;
	uint32_t i;

	for (i = first; i < first + n; i++) {
		sh = &m->shakes[i];
		if (sh->state == SHAKE_FREE)
			return sh;
		if (found == NULL || sh->born_at < found->born_at)
			found = sh;
	}
	if (!oldest || found == NULL)
		return NULL;
	shake_free(m, found);
	return found;
}

void
shake_sweep(struct mp *m, uint64_t now)
{
	struct shake *sh;
	uint32_t i;

	m->sh->sweep_at = MP_NEVER;
	for (i = 0; i < STATE_OPEN; i++) {
		sh = &m->shakes[i];
		if (sh->state == SHAKE_FREE)
			continue;
		if (now >= sh->born_at + SHAKE_LIFE)
			shake_free(m, sh);
		else
			m->sh->sweep_at = now + SEC;
	}
}
