/* SPDX-License-Identifier: ISC */
/* core/keyring.c: its subkeys against those of noise_kat.py. */
#include <stdio.h>
#include <string.h>

#include "mp.h"
#include "noise_kat.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Too large for the stack. */
static struct mp_keyring ring;

static void
secret_n(uint8_t secret[32], uint32_t n)
{
	memset(secret, 0, 32);
	secret[0] = (uint8_t)n;
	secret[31] = 1;
}

START_TEST(subkeys)
{
	const struct noise_kat *kat = &noise_kats[_i];
	const struct mp_key *k = &ring.key[0];
	char end = kat->end == 'A' ? 'B' : 'A';
	int i;

	memset(&ring, 0, sizeof(ring));
	memset(&ring.key[0], 0xaa, sizeof(ring.key[0]));
	ck_assert_int_eq(mp_keyring_add(&ring, "home", end, kat->secret), 0);
	ck_assert_uint_eq(ring.n, 1);
	ck_assert_str_eq(k->name, "home");
	ck_assert_uint_eq(k->id, kat->id);
	ck_assert_int_eq(k->end, end);
	for (i = 0; i < 2; i++) {
		ck_assert_mem_eq(k->psk[i], kat->psk[i], 32);
		ck_assert_mem_eq(k->init_mac[i], kat->init_mac[i], 16);
		ck_assert_mem_eq(k->resp_mac[i], kat->resp_mac[i], 16);
	}
	ck_assert_mem_eq(k->cookie, kat->cookie, 32);
}
END_TEST

static const struct name_row {
	const char *name;
	char end;
	int result;
} names[] = {
	{ "a", 'A', 0 },
	{ "home", 'B', 0 },
	{ "AZaz09._-", 'A', 0 },
	{ "1234567890123456789012345678901", 'A', 0 },		  /* 31 */
	{ "12345678901234567890123456789012", 'A', MP_EINVAL },	  /* 32 */
	{ "1234567890123456789012345678901234567890123456789012345678901234"
	  "1234567890123456789012345678901234567890123456789012345678901234",
	    'A', MP_EINVAL },
	{ "", 'A', MP_EINVAL },
	{ "a b", 'A', MP_EINVAL },
	{ "a/b", 'A', MP_EINVAL },
	{ "a\n", 'A', MP_EINVAL },
	{ "\x7f", 'A', MP_EINVAL },
	{ "\xc3\xa4", 'A', MP_EINVAL },
	{ "a@", 'A', MP_EINVAL },
	{ "[a", 'A', MP_EINVAL },
	{ "a`", 'A', MP_EINVAL },
	{ "{a", 'A', MP_EINVAL },
	{ ":", 'A', MP_EINVAL },
	{ "home", 'C', MP_EINVAL },
	{ "home", 'a', MP_EINVAL },
	{ "home", 0, MP_EINVAL },
};

START_TEST(name)
{
	const struct name_row *r = &names[_i];
	uint8_t secret[32];
	int result;

	memset(&ring, 0, sizeof(ring));
	secret_n(secret, 1);
	result = mp_keyring_add(&ring, r->name, r->end, secret);
	ck_assert_msg(result == r->result, "\"%s\" %d: %d", r->name, r->end,
	    result);
	ck_assert_uint_eq(ring.n, result == 0);
	if (result == 0)
		ck_assert_str_eq(ring.key[0].name, r->name);
}
END_TEST

/* A call that fails leaves the keyring unchanged. */
START_TEST(full)
{
	static struct mp_keyring before;
	uint8_t secret[32];
	char text[32];
	uint32_t i;

	memset(&ring, 0, sizeof(ring));
	for (i = 0; i < MP_KEYS_MAX; i++) {
		snprintf(text, sizeof(text), "key%u", i);
		secret_n(secret, i);
		ck_assert_int_eq(mp_keyring_add(&ring, text,
		    i % 2 ? 'A' : 'B', secret), 0);
		ck_assert_uint_eq(ring.n, i + 1);
		before = ring;
		ck_assert_int_eq(mp_keyring_add(&ring, "x", 'A', secret),
		    MP_EEXIST);
		ck_assert_int_eq(mp_keyring_add(&ring, "x", 'B', secret),
		    MP_EEXIST);
		ck_assert_mem_eq(&ring, &before, sizeof(ring));
	}
	secret_n(secret, MP_KEYS_MAX);
	ck_assert_int_eq(mp_keyring_add(&ring, "x", 'A', secret), MP_ENOMEM);
	ck_assert_int_eq(mp_keyring_add(&ring, "", 'A', secret), MP_EINVAL);
	secret_n(secret, 0);
	ck_assert_int_eq(mp_keyring_add(&ring, "x", 'A', secret), MP_EEXIST);
	ck_assert_mem_eq(&ring, &before, sizeof(ring));
	for (i = 0; i < MP_KEYS_MAX; i++) {
		snprintf(text, sizeof(text), "key%u", i);
		ck_assert_str_eq(ring.key[i].name, text);
	}
}
END_TEST

START_TEST(wipe)
{
	static const struct mp_keyring zero;
	uint8_t secret[32];

	memset(&ring, 0, sizeof(ring));
	secret_n(secret, 1);
	ck_assert_int_eq(mp_keyring_add(&ring, "home", 'A', secret), 0);
	mp_keyring_wipe(&ring);
	ck_assert_mem_eq(&ring, &zero, sizeof(ring));
}
END_TEST

Suite *
suite_keyring(void)
{
	Suite *s = suite_create("keyring");
	TCase *tc = tcase_create("keyring");

	tcase_add_loop_test(tc, subkeys, 0, COUNT(noise_kats));
	tcase_add_loop_test(tc, name, 0, COUNT(names));
	tcase_add_test(tc, full);
	tcase_add_test(tc, wipe);
	suite_add_tcase(s, tc);
	return s;
}
