/* SPDX-License-Identifier: ISC */
/*
 * Runs every suite that suites.h declares.  Randomness is a sequence that the
 * seed determines: MP_SEED in the environment, else always the same.  Check
 * forks for each test, so each begins at the start of that sequence, however
 * many ran before; CK_FORK=no runs all in this process.
 */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

#define SEED_DEFAULT 2015 /* the paper's year */

static unsigned char random_state[randombytes_SEEDBYTES];

static const char *
random_name(void)
{
	return "fixed seed";
}

/* Half of each output is the next state, so lengths do not matter. */
static void
random_buf(void *out, size_t len)
{
	unsigned char next[2 * randombytes_SEEDBYTES];

	randombytes_buf_deterministic(next, sizeof(next), random_state);
	memcpy(random_state, next, sizeof(random_state));
	randombytes_buf_deterministic(out, len, next + randombytes_SEEDBYTES);
}

static uint32_t
random_u32(void)
{
	uint32_t v;

	random_buf(&v, sizeof(v));
	return v;
}

static randombytes_implementation random_fixed = {
	.implementation_name = random_name,
	.random = random_u32,
	.buf = random_buf,
};

static uint64_t
seed_get(void)
{
	const char *s = getenv("MP_SEED");
	char *end;
	uint64_t seed;

	if (s == NULL || *s == '\0')
		return SEED_DEFAULT;
	errno = 0;
	seed = strtoull(s, &end, 0);
	if (errno != 0 || *end != '\0') {
		fprintf(stderr, "check: MP_SEED is no number: %s\n", s);
		exit(2);
	}
	return seed;
}

int
main(void)
{
	static Suite *(*const suites[])(void) = {
#define SUITE(name) suite_##name,
#include "suites.inc"
#undef SUITE
	};
	uint64_t seed = seed_get();
	SRunner *runner = srunner_create(NULL);
	int failed;

	memcpy(random_state, &seed, sizeof(seed));
	if (randombytes_set_implementation(&random_fixed) != 0 ||
	    sodium_init() < 0) {
		fprintf(stderr, "check: libsodium does not start\n");
		return 2;
	}
	/* A busy machine is no failure; an endless loop is. */
	setenv("CK_DEFAULT_TIMEOUT", "120", 0);
	printf("MP_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout); /* before Check forks */
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
