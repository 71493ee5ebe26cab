/* SPDX-License-Identifier: ISC */
#include "rng.h"

static uint64_t
splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void
rng_seed(struct dice *r, uint64_t seed)
{
	int i;

	for (i = 0; i < 4; i++)
		r->s[i] = splitmix(&seed);
}

static uint64_t
rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* xoshiro256**, public domain, by Blackman and Vigna. */
uint64_t
rng_next(struct dice *r)
{
	uint64_t out = rotl(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotl(r->s[3], 45);
	return out;
}

uint64_t
rng_upto(struct dice *r, uint64_t n)
{
	return n == UINT64_MAX ? rng_next(r) : rng_next(r) % (n + 1);
}

bool
rng_chance(struct dice *r, uint32_t ppm)
{
	return ppm != 0 && rng_next(r) % PPM < ppm;
}

uint64_t
rng_mix(uint64_t seed, const char *word)
{
	for (; *word != '\0'; word++)
		seed = splitmix(&seed) ^ (uint8_t)*word;
	return splitmix(&seed);
}
