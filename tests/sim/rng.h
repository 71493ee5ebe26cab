/* SPDX-License-Identifier: ISC */
/* rng: the world's own random numbers, the same from the same seed. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

enum { PPM = 1000000 }; /* a chance of 1, in parts per million */

struct dice {
	uint64_t s[4];
};

void rng_seed(struct dice *, uint64_t seed);
uint64_t rng_next(struct dice *);
/* Evenly 0..n; n itself included. */
uint64_t rng_upto(struct dice *, uint64_t n);
bool rng_chance(struct dice *, uint32_t ppm);
/* A number from a number and a word, to derive one seed from another. */
uint64_t rng_mix(uint64_t seed, const char *word);

#endif
