/* SPDX-License-Identifier: ISC */
/* core/keyring.c: what it derives, against noise_kat.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp.h"
#include "noise_kat.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Too large for the stack. */
static struct mp_keyring ring;

/* The secret of an identity, and the public key of peer n. */
static const uint8_t own[32] = { 0, 9, [31] = 0x40 };

static void
peer_n(uint8_t pub[32], uint32_t n)
{
	uint8_t secret[32] = { 0, (uint8_t)n, 1, [31] = 0x40 };

	mp_keyring_public(pub, secret);
}

START_TEST(derived)
{
	const struct noise_kat *kat = &noise_kats[_i];
	const struct mp_key *k = &ring.key[0];

	memset(&ring, 0, sizeof(ring));
	memset(&ring.key[0], 0xaa, sizeof(ring.key[0]));
	ck_assert_int_eq(mp_keyring_add(&ring, "home", kat->si, kat->pr,
	    kat->psk), 0);
	ck_assert_uint_eq(ring.n, 1);
	ck_assert_uint_eq(ring.n_own, 1);
	ck_assert_str_eq(k->name, "home");
	ck_assert_uint_eq(k->id, kat->id);
	ck_assert_uint_eq(k->own, 0);
	ck_assert(k->wins == (memcmp(kat->pi, kat->pr, 32) < 0));
	ck_assert_mem_eq(k->pub, kat->pr, 32);
	ck_assert_mem_eq(k->psk, kat->psk, 32);
	ck_assert_mem_eq(k->mac.init, kat->init_mac, 16);
	ck_assert_mem_eq(k->mac.cookie, kat->cookie, 32);
	ck_assert_mem_eq(ring.own[0].secret, kat->si, 32);
	ck_assert_mem_eq(ring.own[0].pub, kat->pi, 32);
	ck_assert_mem_eq(ring.own[0].mac.resp, kat->resp_mac, 16);
}
END_TEST

/* The other end has the same id, and the other answer to who wins. */
START_TEST(other_end)
{
	const struct noise_kat *kat = &noise_kats[_i];
	static struct mp_keyring other;

	memset(&ring, 0, sizeof(ring));
	memset(&other, 0, sizeof(other));
	ck_assert_int_eq(mp_keyring_add(&ring, "a", kat->si, kat->pr, NULL),
	    0);
	ck_assert_int_eq(mp_keyring_add(&other, "b", kat->sr, kat->pi, NULL),
	    0);
	ck_assert_uint_eq(ring.key[0].id, other.key[0].id);
	ck_assert(ring.key[0].wins != other.key[0].wins);
	ck_assert_mem_eq(&ring.key[0].mac, &other.own[0].mac,
	    sizeof(ring.key[0].mac));
}
END_TEST

static const struct name_row {
	const char *name;
	int result;
} names[] = {
	{ "a", 0 },
	{ "home", 0 },
	{ "AZaz09._-", 0 },
	{ "1234567890123456789012345678901", 0 },		  /* 31 */
	{ "12345678901234567890123456789012", MP_EINVAL },	  /* 32 */
	{ "1234567890123456789012345678901234567890123456789012345678901234"
	  "1234567890123456789012345678901234567890123456789012345678901234",
	    MP_EINVAL },
	{ "", MP_EINVAL },
	{ "a b", MP_EINVAL },
	{ "a/b", MP_EINVAL },
	{ "a\n", MP_EINVAL },
	{ "\x7f", MP_EINVAL },
	{ "\xc3\xa4", MP_EINVAL },
	{ "a@", MP_EINVAL },
	{ "[a", MP_EINVAL },
	{ "a`", MP_EINVAL },
	{ "{a", MP_EINVAL },
	{ ":", MP_EINVAL },
};

START_TEST(name)
{
	const struct name_row *r = &names[_i];
	uint8_t pub[32];
	int result;

	memset(&ring, 0, sizeof(ring));
	peer_n(pub, 1);
	result = mp_keyring_add(&ring, r->name, own, pub, NULL);
	ck_assert_msg(result == r->result, "\"%s\": %d", r->name, result);
	ck_assert_uint_eq(ring.n, result == 0);
	if (result == 0)
		ck_assert_str_eq(ring.key[0].name, r->name);
}
END_TEST

/* A call that fails leaves the keyring unchanged. */
START_TEST(full)
{
	static struct mp_keyring before;
	uint8_t pub[32];
	char text[32];
	uint32_t i;

	memset(&ring, 0, sizeof(ring));
	for (i = 0; i < MP_KEYS_FEW; i++) {
		snprintf(text, sizeof(text), "key%u", i);
		peer_n(pub, i);
		ck_assert_int_eq(mp_keyring_add(&ring, text, own, pub,
		    NULL), 0);
		ck_assert_uint_eq(ring.n, i + 1);
		before = ring;
		ck_assert_int_eq(mp_keyring_add(&ring, "x", own, pub, NULL),
		    MP_EEXIST);
		ck_assert_mem_eq(&ring, &before, sizeof(ring));
	}
	peer_n(pub, MP_KEYS_FEW);
	ck_assert_int_eq(mp_keyring_add(&ring, "x", own, pub, NULL), MP_ENOMEM);
	ck_assert_int_eq(mp_keyring_add(&ring, "", own, pub, NULL), MP_EINVAL);
	peer_n(pub, 0);
	ck_assert_int_eq(mp_keyring_add(&ring, "x", own, pub, NULL), MP_EEXIST);
	ck_assert_mem_eq(&ring, &before, sizeof(ring));
	for (i = 0; i < MP_KEYS_FEW; i++) {
		snprintf(text, sizeof(text), "key%u", i);
		ck_assert_str_eq(ring.key[i].name, text);
	}
}
END_TEST

/* Identities are kept once each; a peer may be known to several of them. */
START_TEST(identities)
{
	static const uint8_t second[32] = { 0, 8, [31] = 0x40 };
	uint8_t pub[32];

	memset(&ring, 0, sizeof(ring));
	peer_n(pub, 1);
	ck_assert_int_eq(mp_keyring_add(&ring, "a", own, pub, NULL), 0);
	ck_assert_int_eq(mp_keyring_add(&ring, "b", second, pub, NULL), 0);
	peer_n(pub, 2);
	ck_assert_int_eq(mp_keyring_add(&ring, "c", own, pub, NULL), 0);
	ck_assert_uint_eq(ring.n, 3);
	ck_assert_uint_eq(ring.n_own, 2);
	ck_assert_uint_eq(ring.key[0].own, 0);
	ck_assert_uint_eq(ring.key[1].own, 1);
	ck_assert_uint_eq(ring.key[2].own, 0);
}
END_TEST

/* One's own public key, and no key. */
START_TEST(no_peer)
{
	static const uint8_t none[32];
	uint8_t pub[32];

	memset(&ring, 0, sizeof(ring));
	mp_keyring_public(pub, own);
	ck_assert_int_eq(mp_keyring_add(&ring, "a", own, pub, NULL), MP_EINVAL);
	ck_assert_int_eq(mp_keyring_add(&ring, "a", own, none, NULL),
	    MP_EINVAL);
	ck_assert_uint_eq(ring.n, 0);
	ck_assert_uint_eq(ring.n_own, 0);
}
END_TEST

/* --- Which peer is at an address ------------------------------------------ */

static struct mp_addr
address(uint8_t a, uint8_t d)
{
	return (struct mp_addr) { .ip = { [10] = 0xff, 0xff, a, 0, 0, d } };
}

/* Adds peer n, reached at a.0.0.d with so many bits; 0: anywhere. */
static void
add_at(uint32_t n, uint8_t a, uint8_t d, uint8_t bits)
{
	struct mp_addr at = address(a, d);
	char text[16];
	uint8_t pub[32];

	peer_n(pub, n);
	snprintf(text, sizeof(text), "p%u", n);
	ck_assert_int_eq(mp_keyring_add(&ring, text, own, pub, NULL), 0);
	if (bits > 0)
		ck_assert_int_eq(mp_keyring_reach(&ring, at.ip, bits), 0);
}

/* The place of the peer that is chosen, or -1. */
static int
chosen(uint8_t a, uint8_t d)
{
	struct mp_addr to = address(a, d);
	uint64_t id = mp_keyring_choose(&ring, &to);
	uint32_t i;

	for (i = 0; i < ring.n; i++)
		if (ring.key[i].id == id)
			return (int)i;
	ck_assert_uint_eq(id, 0);
	return -1;
}

/* The longest prefix decides, whatever their order; then `rest'. */
START_TEST(reach)
{
	struct mp_addr six = { .ip = { 0x20 } };

	memset(&ring, 0, sizeof(ring));
	ck_assert_int_eq(chosen(10, 1), -1);
	ck_assert_uint_eq(mp_keyring_choose(NULL, &six), 0);
	add_at(1, 10, 0, 96 + 8);
	add_at(2, 10, 7, 128);
	add_at(3, 10, 6, 96 + 31);
	add_at(4, 0, 0, 96);
	ck_assert_int_eq(chosen(10, 1), 0);
	ck_assert_int_eq(chosen(10, 7), 1);
	ck_assert_int_eq(chosen(10, 6), 2);
	ck_assert_int_eq(chosen(10, 5), 0);
	ck_assert_int_eq(chosen(11, 7), 3);
	ck_assert_uint_eq(mp_keyring_choose(&ring, &six), ring.key[0].id);
	ring.rest = 2;
	ck_assert_uint_eq(mp_keyring_choose(&ring, &six), ring.key[2].id);
	ring.rest = MP_NONE;
	ck_assert_uint_eq(mp_keyring_choose(&ring, &six), 0);
	ck_assert_int_eq(mp_keyring_reach(&ring, six.ip, 0), 0);
	ck_assert_uint_eq(mp_keyring_choose(&ring, &six), ring.key[3].id);
}
END_TEST

/* `rest' of some peers, of which those with a bit have a prefix. */
static const struct {
	unsigned n, with;
	bool named;
	uint32_t rest;
} rests[] = { { 1, 0, false, 0 }, { 1, 1, false, 0 }, { 2, 0, false, MP_NONE },
	{ 2, 1, false, 1 }, { 2, 2, false, 0 }, { 2, 3, false, MP_NONE },
	{ 2, 0, true, 0 }, { 2, 1, true, 0 }, { 3, 5, false, 1 },
	{ 3, 3, false, 2 }, { 3, 1, false, MP_NONE } };

START_TEST(rest)
{
	unsigned i;

	memset(&ring, 0, sizeof(ring));
	for (i = 0; i < rests[_i].n; i++)
		add_at(i, 10, (uint8_t)i, rests[_i].with >> i & 1 ? 128 : 0);
	mp_keyring_rest(&ring, rests[_i].named);
	ck_assert_uint_eq(ring.rest, rests[_i].rest);
}
END_TEST

START_TEST(reach_full)
{
	uint8_t ip[16] = { 0 };
	int i;

	memset(&ring, 0, sizeof(ring));
	ck_assert_int_eq(mp_keyring_reach(&ring, ip, 8), MP_EINVAL);
	add_at(1, 10, 0, 0);
	ck_assert_int_eq(mp_keyring_reach(&ring, ip, 129), MP_EINVAL);
	for (i = 0; i < MP_REACH_MAX; i++)
		ck_assert_int_eq(mp_keyring_reach(&ring, ip, 8), 0);
	ck_assert_int_eq(mp_keyring_reach(&ring, ip, 8), MP_ENOMEM);
}
END_TEST

START_TEST(wipe)
{
	static const struct mp_keyring zero;
	uint8_t pub[32];

	memset(&ring, 0, sizeof(ring));
	peer_n(pub, 1);
	ck_assert_int_eq(mp_keyring_add(&ring, "home", own, pub, NULL), 0);
	mp_keyring_wipe(&ring);
	ck_assert_mem_eq(&ring, &zero, sizeof(ring));
}
END_TEST

/* --- Many peers ----------------------------------------------------------- */

enum { MANY = 3000 };

/* A public key that nobody has the secret of; the curve takes any. */
static void
made_up(uint8_t pub[32], uint32_t n)
{
	memset(pub, 0x21, 32);
	memcpy(pub, &n, sizeof(n));
}

/* Adds a peer, with a larger block where there is no room. */
static void
add_grown(uint32_t n, void **block)
{
	uint8_t pub[32];
	char text[32];
	size_t size = mp_keyring_size(2 * (n + 1));
	int r;

	snprintf(text, sizeof(text), "peer%u", n);
	made_up(pub, n);
	r = mp_keyring_add(&ring, text, own, pub, NULL);
	if (r == MP_ENOMEM) {
		void *old = *block;

		size = (size + 63) & ~(size_t)63;
		*block = aligned_alloc(64, size);
		memset(*block, 0, size);
		ck_assert_int_eq(mp_keyring_grow(&ring, *block, size), 0);
		free(old);
		r = mp_keyring_add(&ring, text, own, pub, NULL);
	}
	ck_assert_int_eq(r, 0);
}

static void
look_up(uint32_t n, bool there)
{
	const struct mp_key *k;
	uint8_t pub[32];

	made_up(pub, n);
	k = mp_keyring_peer(&ring, 0, pub);
	ck_assert(there == (k != NULL));
	ck_assert_ptr_null(mp_keyring_peer(&ring, 1, pub));
	if (!there)
		return;
	ck_assert_mem_eq(k->pub, pub, 32);
	ck_assert_ptr_eq(mp_keyring_find(&ring, k->id), k);
}

/* Peers are found as the memory grows. */
START_TEST(many)
{
	void *block = NULL;
	uint32_t n;

	memset(&ring, 0, sizeof(ring));
	for (n = 0; n < MANY; n++) {
		add_grown(n, &block);
		ck_assert_uint_eq(ring.n, n + 1);
		if (n % 50 == 0)
			look_up(n / 2, true);
	}
	ck_assert_uint_eq(ring.n_own, 1);
	for (n = 0; n < 2 * MANY; n++)
		look_up(n, n < MANY);
	ck_assert_str_eq(mp_keyring_find(&ring, 0)->name, "peer0");
	ck_assert_ptr_null(mp_keyring_find(&ring, 4711));
	mp_keyring_wipe(&ring);
	free(block);
}
END_TEST

/* What a smaller block would hold is not lost; the former block is wiped. */
START_TEST(grow)
{
	size_t size = mp_keyring_size(MANY), i;
	uint8_t *block = aligned_alloc(64, (size + 63) & ~(size_t)63);
	uint8_t *other = aligned_alloc(64, (size + 63) & ~(size_t)63);
	void *none = NULL;
	uint32_t n;

	memset(&ring, 0, sizeof(ring));
	memset(block, 0, size);
	memset(other, 0, size);
	ck_assert_int_eq(mp_keyring_grow(&ring, block, 64), MP_EINVAL);
	ck_assert_int_eq(mp_keyring_grow(&ring, block + 1, size - 1),
	    MP_EINVAL);
	ck_assert_int_eq(mp_keyring_grow(&ring, block, size), 0);
	for (n = 0; n < MANY; n++)
		add_grown(n, &none);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(mp_keyring_grow(&ring, other, mp_keyring_size(100)),
	    MP_EINVAL);
	look_up(MANY - 1, true);
	ck_assert_int_eq(mp_keyring_grow(&ring, other, size), 0);
	for (i = 0; i < size && block[i] == 0; i++)
		continue;
	ck_assert_uint_eq(i, size);
	look_up(MANY - 1, true);
	mp_keyring_wipe(&ring);
	for (i = 0; i < size && other[i] == 0; i++)
		continue;
	ck_assert_uint_eq(i, size);
	free(block);
	free(other);
}
END_TEST

Suite *
suite_keyring(void)
{
	Suite *s = suite_create("keyring");
	TCase *tc = tcase_create("keyring");

	tcase_add_loop_test(tc, derived, 0, COUNT(noise_kats));
	tcase_add_loop_test(tc, other_end, 0, COUNT(noise_kats));
	tcase_add_loop_test(tc, name, 0, COUNT(names));
	tcase_add_test(tc, full);
	tcase_add_test(tc, identities);
	tcase_add_test(tc, no_peer);
	tcase_add_test(tc, reach);
	tcase_add_test(tc, reach_full);
	tcase_add_loop_test(tc, rest, 0, COUNT(rests));
	tcase_add_test(tc, wipe);
	tcase_add_test(tc, many);
	tcase_add_test(tc, grow);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}
