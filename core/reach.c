/* SPDX-License-Identifier: ISC */
/* Which key is for a peer at an address (mp.h): the longest prefix decides; and
 * whether a peer may come from one. */
#include <string.h>

#include "mp.h"

static bool
reach_fits(const struct mp_prefix *p, const uint8_t ip[16])
{
	uint8_t whole = p->bits / 8, rest = p->bits % 8;

	return memcmp(p->ip, ip, whole) == 0 && (rest == 0 ||
	    (p->ip[whole] ^ ip[whole]) >> (8 - rest) == 0);
}

int
mp_keyring_reach(struct mp_keyring *ring, const uint8_t ip[16], uint8_t bits)
{
	struct mp_reach *r = &ring->reach[ring->n_reach];

	if (bits > 128 || ring->n == 0)
		return MP_EINVAL;
	if (ring->n_reach >= MP_REACH_MAX)
		return MP_ENOMEM;
	memcpy(r->prefix.ip, ip, 16);
	r->prefix.bits = bits;
	r->key = ring->n - 1;
	ring->n_reach++;
	return 0;
}

/* The peer that was added last; NULL: there is none. */
static struct mp_key *
reach_last(const struct mp_keyring *ring)
{
	return ring->n == 0 ? NULL : (struct mp_key *)(uintptr_t)
	    mp_keyring_at(ring, ring->n - 1);
}

int
mp_keyring_from(struct mp_keyring *ring, const uint8_t ip[16], uint8_t bits)
{
	struct mp_key *k = reach_last(ring);

	if (bits > 128 || k == NULL)
		return MP_EINVAL;
	if (k->nfrom == MP_FROM_MAX)
		return MP_ENOMEM;
	memcpy(k->from[k->nfrom].ip, ip, 16);
	k->from[k->nfrom].bits = bits;
	k->nfrom++;
	return 0;
}

int
mp_keyring_most(struct mp_keyring *ring, uint32_t sessions)
{
	struct mp_key *k = reach_last(ring);

	if (k == NULL)
		return MP_EINVAL;
	k->most = sessions;
	return 0;
}

bool
mp_keyring_admits(const struct mp_key *k, const struct mp_addr *a)
{
	uint8_t i;

	for (i = 0; i < k->nfrom && i < MP_FROM_MAX; i++)
		if (reach_fits(&k->from[i], a->ip))
			return true;
	return k->nfrom == 0;
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
		if ((best == NULL || r->prefix.bits > best->prefix.bits) &&
		    reach_fits(&r->prefix, a->ip))
			best = r;
	key = mp_keyring_at(ring, best != NULL ? best->key : ring->rest);
	return key != NULL ? key->id : 0;
}
