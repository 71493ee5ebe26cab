/* SPDX-License-Identifier: ISC */
/* core/seal.c: where sid, nonce, text and tag lie, and that all of it is
 * authenticated. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "hex.h"
#include "seal.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const uint8_t key[32] = { 1, 2, 3, 4, [31] = 9 };

static bool
suite_here(unsigned suite)
{
	if (suite != SEAL_AES || crypto_aead_aes256gcm_is_available() != 0)
		return true;
	printf("skipped: no AES hardware here\n");
	return false;
}

/* Head 00 01 .. 0b, text 40 41 ...; returns the packet's length. */
static size_t
make(uint8_t *packet, size_t len, unsigned suite)
{
	size_t i;

	for (i = 0; i < WIRE_AD; i++)
		packet[i] = (uint8_t)i;
	for (i = 0; i < len; i++)
		packet[WIRE_AD + i] = (uint8_t)(0x40 + i);
	return seal_packet(packet, 0, len, suite, key);
}

/* Made by python3-cryptography's ChaCha20Poly1305 and AESGCM: key, head and
 * text of make(), nonce 0000000004050607 08090a0b, the head as its data. */
static const char *const known[SEAL_SUITES] = {
	[SEAL_CHACHA] =
	    "000102030405060708090a0b3d984c5a250c9024bc1d"
	    "b1a19b170c5233ec1db66dcf2e71c513",
	[SEAL_AES] =
	    "000102030405060708090a0b84911c6d18d3adf11582"
	    "151bb26ac625e9ac929255927c0ef71e",
};

START_TEST(known_answer)
{
	uint8_t packet[64], want[64];
	size_t len;

	if (!suite_here((unsigned)_i))
		return;
	len = make(packet, 10, (unsigned)_i);
	ck_assert_uint_eq(len, 38);
	ck_assert_uint_eq(hex_bytes(want, sizeof(want), known[_i]), len);
	ck_assert_mem_eq(packet, want, 38);
}
END_TEST

/* Every length from 0 to a few blocks, in place and into another buffer. */
START_TEST(there_and_back)
{
	uint8_t packet[256], copy[256], out[256];
	size_t len, n, i;

	if (!suite_here((unsigned)_i))
		return;
	for (len = 0; len <= 200; len++) {
		n = make(packet, len, (unsigned)_i);
		ck_assert_uint_eq(n, len + 28);
		memcpy(copy, packet, n);
		ck_assert_int_eq(seal_open(out, packet, 0, n, (unsigned)_i, key),
		    (int)len);
		ck_assert(memcmp(copy, packet, n) == 0);
		for (i = 0; i < len; i++)
			ck_assert_uint_eq(out[i], (uint8_t)(0x40 + i));
		ck_assert_int_eq(seal_open(packet + WIRE_AD, packet, 0, n,
		    (unsigned)_i, key), (int)len);
		ck_assert(memcmp(packet + WIRE_AD, out, len) == 0);
	}
}
END_TEST

/* Over the packet itself, which begins before its ciphertext does: at lengths
 * of which libsodium has several blocks under way at once. */
START_TEST(over_itself)
{
	uint8_t packet[2100];
	size_t len, n, i;

	if (!suite_here((unsigned)_i))
		return;
	for (len = 0; len <= 2000; len++) {
		n = make(packet, len, (unsigned)_i);
		ck_assert_int_eq(seal_open(packet, packet, 0, n, (unsigned)_i,
		    key), (int)len);
		for (i = 0; i < len && packet[i] == (uint8_t)(0x40 + i); i++)
			;
		ck_assert_msg(i == len, "byte %zu of %zu", i, len);
	}
}
END_TEST

START_TEST(forged)
{
	uint8_t packet[64], out[64], other[32];
	size_t n, i;

	if (!suite_here((unsigned)_i))
		return;
	n = make(packet, 20, (unsigned)_i);
	for (i = 0; i < n; i++) {
		packet[i] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(seal_open(out, packet, 0, n, (unsigned)_i, key),
		    -1);
		packet[i] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < n; i++)
		ck_assert_int_eq(seal_open(out, packet, 0, i, (unsigned)_i, key),
		    -1);
	memcpy(other, key, sizeof(other));
	other[31] ^= 0x80;
	ck_assert_int_eq(seal_open(out, packet, 0, n, (unsigned)_i, other), -1);
	ck_assert_int_eq(seal_open(out, packet, 0, n, (unsigned)_i, key), 20);
}
END_TEST

/* A key made ready makes and opens the same packets, and refuses the same. */
START_TEST(ready_key)
{
	uint8_t ready[CRYPTO_READY] __attribute__((aligned(16)));
	uint8_t packet[256], same[256], out[256];
	size_t len, n, i;

	if (!suite_here((unsigned)_i))
		return;
	seal_ready(ready, (unsigned)_i, key);
	for (len = 0; len <= 200; len++) {
		n = make(packet, len, (unsigned)_i);
		memcpy(same, packet, WIRE_AD);
		for (i = 0; i < len; i++)
			same[WIRE_AD + i] = (uint8_t)(0x40 + i);
		ck_assert_uint_eq(seal_ready_packet(same, len, (unsigned)_i,
		    ready), n);
		ck_assert_mem_eq(same, packet, n);
		ck_assert_int_eq(seal_ready_open(out, packet, n, (unsigned)_i,
		    ready), (int)len);
		ck_assert(len == 0 || out[len - 1] == (uint8_t)(0x3f + len));
	}
	for (i = 0; i < n; i++) {
		packet[i] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(seal_ready_open(out, packet, n, (unsigned)_i,
		    ready), -1);
		packet[i] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(seal_ready_open(out, packet, i, (unsigned)_i,
		    ready), -1);
	}
}
END_TEST

START_TEST(too_long)
{
	static uint8_t packet[70000];
	size_t n;

	n = make(packet, UINT16_MAX - 28, SEAL_CHACHA);
	ck_assert_uint_eq(n, UINT16_MAX);
	ck_assert_int_eq(seal_open(packet + WIRE_AD, packet, 0, n, SEAL_CHACHA,
	    key), UINT16_MAX - 28);
	n = make(packet, UINT16_MAX - 27, SEAL_CHACHA);
	ck_assert_int_eq(seal_open(packet + WIRE_AD, packet, 0, n, SEAL_CHACHA,
	    key), -1);
}
END_TEST

/* A packet of one suite does not open as one of another. */
START_TEST(other_suite)
{
	uint8_t packet[64], out[64];
	size_t n;

	if (!suite_here(SEAL_AES))
		return;
	n = make(packet, 20, SEAL_CHACHA);
	ck_assert_int_eq(seal_open(out, packet, 0, n, SEAL_AES, key), -1);
	n = make(packet, 20, SEAL_AES);
	ck_assert_int_eq(seal_open(out, packet, 0, n, SEAL_CHACHA, key), -1);
}
END_TEST

START_TEST(rows)
{
	const struct seal_row *r = seal_get(SEAL_CHACHA);
	uint8_t packet[64], out[64];

	ck_assert_str_eq(r->name, "ChaCha20-Poly1305");
	ck_assert_uint_eq(r->feature, 0);
	ck_assert_str_eq(seal_get(SEAL_AES)->name, "AES-256-GCM");
	ck_assert_uint_eq(seal_get(SEAL_AES)->feature, WIRE_F_AES);
	ck_assert_ptr_eq(seal_get(SEAL_SUITES), r);
	ck_assert_ptr_eq(seal_get(255), r);
	ck_assert_ptr_eq(seal_get(UINT32_MAX), r);
	ck_assert_int_eq(seal_open(out, packet, 0, make(packet, 5, 200),
	    SEAL_CHACHA, key), 5);
}
END_TEST

static const struct choose_row {
	uint32_t features;
	enum seal_suite suite;
} chooses[] = {
	{ 0, SEAL_CHACHA },
	{ WIRE_F_AES, SEAL_AES },
	{ WIRE_F_RESPONDER, SEAL_CHACHA },
	{ WIRE_F_RESPONDER | WIRE_F_AES, SEAL_AES },
	{ ~(uint32_t)WIRE_F_AES, SEAL_CHACHA },
	{ UINT32_MAX, SEAL_AES },
};

START_TEST(choose)
{
	ck_assert_int_eq(seal_choose(chooses[_i].features),
	    chooses[_i].suite);
}
END_TEST

Suite *
suite_seal(void)
{
	Suite *s = suite_create("seal");
	TCase *tc = tcase_create("seal");

	tcase_add_loop_test(tc, known_answer, 0, SEAL_SUITES);
	tcase_add_loop_test(tc, there_and_back, 0, SEAL_SUITES);
	tcase_add_loop_test(tc, over_itself, 0, SEAL_SUITES);
	tcase_add_loop_test(tc, forged, 0, SEAL_SUITES);
	tcase_add_loop_test(tc, ready_key, 0, SEAL_SUITES);
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, other_suite);
	tcase_add_test(tc, rows);
	tcase_add_loop_test(tc, choose, 0, COUNT(chooses));
	suite_add_tcase(s, tc);
	return s;
}
