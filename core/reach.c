/* SPDX-License-Identifier: ISC */
/* Which key is for a peer at an address (mp.h): the longest prefix decides. */
#include <string.h>

#include "mp.h"

static bool
reach_fits(const struct mp_reach *r, const uint8_t ip[16])
{
	uint8_t whole = r->bits / 8, rest = r->bits % 8;

	return memcmp(r->ip, ip, whole) == 0 && (rest == 0 ||
	    (r->ip[whole] ^ ip[whole]) >> (8 - rest) == 0);
}

int
mp_keyring_reach(struct mp_keyring *ring, const uint8_t ip[16], uint8_t bits)
{
	struct mp_reach *r = &ring->reach[ring->n_reach];

	if (bits > 128 || ring->n == 0)
		return MP_EINVAL;
	if (ring->n_reach >= MP_REACH_MAX)
		return MP_ENOMEM;
	memcpy(r->ip, ip, 16);
	r->bits = bits;
	r->key = ring->n - 1;
	ring->n_reach++;
	return 0;
}

/* The prefixes are in the order of their peers. */
void
mp_keyring_rest(struct mp_keyring *ring, bool named)
{
	uint32_t i, r = 0, n = 0;

	ring->rest = 0;
	if (named || ring->n <= 1)
		return;
	for (i = 0; i < ring->n; i++) {
		if (r < ring->n_reach && ring->reach[r].key == i)
			while (r < ring->n_reach && ring->reach[r].key == i)
				r++;
		else if (n++ == 0)
			ring->rest = i;
	}
	if (n != 1)
		ring->rest = MP_NONE;
}

uint64_t
mp_keyring_choose(const struct mp_keyring *ring, const struct mp_addr *a)
{
	const struct mp_reach *r, *best = NULL;
	const struct mp_key *key;

	if (ring == NULL)
		return 0;
	for (r = ring->reach; r < ring->reach + ring->n_reach; r++)
		if ((best == NULL || r->bits > best->bits) &&
		    reach_fits(r, a->ip))
			best = r;
	key = mp_keyring_at(ring, best != NULL ? best->key : ring->rest);
	return key != NULL ? key->id : 0;
}
