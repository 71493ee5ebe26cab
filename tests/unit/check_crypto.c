/* SPDX-License-Identifier: ISC */
/* core/crypto.c against published vectors. */
#define _GNU_SOURCE /* memmem */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "hex.h"
#include "suites.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* "Ladies and Gentlemen of the class of '99 ..." of RFC 8439, 2.8.2. */
#define SUNSCREEN                                                             \
	"4c616469657320616e642047656e746c656d656e206f662074686520636c6173"    \
	"73206f66202739393a204966204920636f756c64206f6666657220796f75206f"    \
	"6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"    \
	"637265656e20776f756c642062652069742e"
#define KEY_80                                                                \
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
#define ZERO_32                                                               \
	"0000000000000000000000000000000000000000000000000000000000000000"

/* --- Authenticated encryption -------------------------------------------- */

static const struct aead_row {
	const char *name;
	void (*seal)(uint8_t *, const uint8_t *, size_t, const uint8_t *,
	    size_t, const uint8_t *, const uint8_t *);
	bool (*open)(uint8_t *, const uint8_t *, size_t, const uint8_t *,
	    size_t, const uint8_t *, const uint8_t *);
	bool aes;
	const char *key, *nonce, *ad, *text, *sealed;
} aeads[] = {
	{ "ChaCha20-Poly1305, RFC 8439 2.8.2",
	    crypto_chacha_seal, crypto_chacha_open, false,
	    KEY_80, "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	    SUNSCREEN,
	    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	    "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	    "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	    "3ff4def08e4b7a9de576d26586cec64b6116"
	    "1ae10b594f09e26a7e902ecbd0600691" },
	{ "XChaCha20-Poly1305, draft-irtf-cfrg-xchacha A.3.1",
	    crypto_xchacha_seal, crypto_xchacha_open, false,
	    KEY_80, "404142434445464748494a4b4c4d4e4f5051525354555657",
	    "50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
	    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
	    "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
	    "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
	    "21f9664c97637da9768812f615c68b13b52e"
	    "c0875924c1c7987947deafd8780acf49" },
	{ "AES-256-GCM, test case 13 of the GCM submission to NIST: empty",
	    crypto_aes_seal, crypto_aes_open, true,
	    ZERO_32, "000000000000000000000000", "", "",
	    "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "AES-256-GCM, test case 14: one block",
	    crypto_aes_seal, crypto_aes_open, true,
	    ZERO_32, "000000000000000000000000", "",
	    "00000000000000000000000000000000",
	    "cea7403d4d606b6e074ec5d3baf39d18"
	    "d0d1c8a799996bf0265b98b5d48ab919" },
	{ "AES-256-GCM, test case 16: associated data",
	    crypto_aes_seal, crypto_aes_open, true,
	    "feffe9928665731c6d6a8f9467308308"
	    "feffe9928665731c6d6a8f9467308308",
	    "cafebabefacedbaddecaf888",
	    "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	    "76fc6ece0f4e1768cddf8853bb2d551b" },
};

struct aead {
	uint8_t key[32], nonce[24], ad[32], text[128], sealed[144];
	size_t adlen, len;
};

/* False: this CPU cannot run the suite. */
static bool
aead_load(const struct aead_row *r, struct aead *v)
{
	if (r->aes && crypto_aead_aes256gcm_is_available() == 0) {
		printf("skipped: no AES hardware here: %s\n", r->name);
		return false;
	}
	ck_assert_uint_eq(hex_bytes(v->key, 32, r->key), 32);
	hex_bytes(v->nonce, sizeof(v->nonce), r->nonce);
	v->adlen = hex_bytes(v->ad, sizeof(v->ad), r->ad);
	v->len = hex_bytes(v->text, sizeof(v->text), r->text);
	ck_assert_uint_eq(hex_bytes(v->sealed, sizeof(v->sealed), r->sealed),
	    v->len + CRYPTO_TAG);
	return true;
}

START_TEST(aead_vector)
{
	const struct aead_row *r = &aeads[_i];
	uint8_t out[144];
	struct aead v;

	if (!aead_load(r, &v))
		return;
	r->seal(out, v.text, v.len, v.ad, v.adlen, v.nonce, v.key);
	ck_assert_msg(memcmp(out, v.sealed, v.len + CRYPTO_TAG) == 0, "%s",
	    r->name);
	memset(out, 0xaa, sizeof(out));
	ck_assert(r->open(out, v.sealed, v.len + CRYPTO_TAG, v.ad, v.adlen,
	    v.nonce, v.key));
	ck_assert(memcmp(out, v.text, v.len) == 0);
}
END_TEST

START_TEST(aead_in_place)
{
	const struct aead_row *r = &aeads[_i];
	uint8_t buf[144];
	struct aead v;

	if (!aead_load(r, &v))
		return;
	memcpy(buf, v.text, v.len);
	r->seal(buf, buf, v.len, v.ad, v.adlen, v.nonce, v.key);
	ck_assert(memcmp(buf, v.sealed, v.len + CRYPTO_TAG) == 0);
	ck_assert(r->open(buf, buf, v.len + CRYPTO_TAG, v.ad, v.adlen,
	    v.nonce, v.key));
	ck_assert(memcmp(buf, v.text, v.len) == 0);
}
END_TEST

/* One bit changed in each authenticated byte. */
START_TEST(aead_forged)
{
	const struct aead_row *r = &aeads[_i];
	uint8_t out[144];
	struct aead v;
	struct {
		uint8_t *p;
		size_t len;
	} part[4];
	size_t full, i, j;

	if (!aead_load(r, &v))
		return;
	full = v.len + CRYPTO_TAG;
	part[0].p = v.sealed, part[0].len = full;
	part[1].p = v.ad, part[1].len = v.adlen;
	part[2].p = v.nonce, part[2].len = strlen(r->nonce) / 2;
	part[3].p = v.key, part[3].len = 32;
	for (i = 0; i < 4; i++)
		for (j = 0; j < part[i].len; j++) {
			part[i].p[j] ^= (uint8_t)(1 << j % 8);
			ck_assert(!r->open(out, v.sealed, full, v.ad, v.adlen,
			    v.nonce, v.key));
			part[i].p[j] ^= (uint8_t)(1 << j % 8);
		}
	for (i = 0; i < full; i++)
		ck_assert(!r->open(out, v.sealed, i, v.ad, v.adlen, v.nonce,
		    v.key));
	ck_assert(r->open(out, v.sealed, full, v.ad, v.adlen, v.nonce, v.key));
}
END_TEST

/* --- X25519 --------------------------------------------------------------- */

static const struct dh_row {
	const char *secret, *pub, *out; /* out NULL: refused */
} dhs[] = {
	/* RFC 7748, 5.2 */
	{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
	{ "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
	/* RFC 7748, 6.1 */
	{ "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	{ "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	/* points of small order: 0, 1, two of order 8, p - 1, p, p + 1 */
	{ KEY_80, ZERO_32, NULL },
	{ KEY_80,
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    NULL },
	{ KEY_80,
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    NULL },
	{ KEY_80,
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	    NULL },
	{ KEY_80,
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    NULL },
	{ KEY_80,
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    NULL },
	{ KEY_80,
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    NULL },
};

START_TEST(dh_vector)
{
	static const uint8_t zero[32];
	const struct dh_row *r = &dhs[_i];
	uint8_t secret[32], pub[32], want[32], out[32];
	bool ok;

	hex_bytes(secret, 32, r->secret);
	hex_bytes(pub, 32, r->pub);
	memset(out, 0xaa, sizeof(out));
	ok = crypto_dh(out, secret, pub);
	ck_assert_int_eq(ok, r->out != NULL);
	if (ok) {
		hex_bytes(want, 32, r->out);
		ck_assert_mem_eq(out, want, 32);
	} else
		ck_assert_mem_eq(out, zero, 32);
}
END_TEST

/* The two key pairs of RFC 7748, 6.1, each the peer of the other. */
START_TEST(dh_public)
{
	uint8_t secret[32], want[32], out[32];

	hex_bytes(secret, 32, dhs[2].secret);
	hex_bytes(want, 32, dhs[3].pub);
	crypto_public(out, secret);
	ck_assert_mem_eq(out, want, 32);
	hex_bytes(secret, 32, dhs[3].secret);
	hex_bytes(want, 32, dhs[2].pub);
	crypto_public(out, secret);
	ck_assert_mem_eq(out, want, 32);
}
END_TEST

/* --- Hashes --------------------------------------------------------------- */

static const struct hash_row {
	const char *text, *hash;
} hashes[] = {
	/* FIPS 180-2, appendix B, and the empty string */
	{ "",
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc",
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

START_TEST(hash_vector)
{
	const struct hash_row *r = &hashes[_i];
	size_t len = strlen(r->text), i;
	uint8_t out[32], want[32];

	hex_bytes(want, 32, r->hash);
	for (i = 0; i <= len; i++) {
		crypto_hash2(out, r->text, i, r->text + i, len - i);
		ck_assert_mem_eq(out, want, 32);
	}
	crypto_hash2(out, r->text, len, NULL, 0);
	ck_assert_mem_eq(out, want, 32);
}
END_TEST

/* Noise hashes into its own input. */
START_TEST(hash_in_place)
{
	uint8_t a[32], b[32];

	memset(a, 7, sizeof(a));
	crypto_hash2(b, a, sizeof(a), "x", 1);
	crypto_hash2(a, a, sizeof(a), "x", 1);
	ck_assert_mem_eq(a, b, 32);
	crypto_hmac2(b, a, "x", 1, NULL, 0);
	crypto_hmac2(a, a, "x", 1, NULL, 0);
	ck_assert_mem_eq(a, b, 32);
}
END_TEST

static const struct hmac_row {
	const char *key, *text, *out; /* hexadecimal */
} hmacs[] = {
	/* RFC 4231, 4.2: "Hi There" */
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	/* 4.3: "Jefe", "what do ya want for nothing?" */
	{ "4a656665",
	    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	/* 4.4: 50 times dd */
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "dddddddddddddddddddddddddddddddddddddddddddddddddd"
	    "dddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	/* 4.5: 50 times cd */
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
	    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
};

/* HMAC pads its key with zeros, so a shorter key equals the padded one. */
START_TEST(hmac_vector)
{
	const struct hmac_row *r = &hmacs[_i];
	uint8_t key[32] = { 0 }, text[64], want[32], out[32];
	size_t len, i;

	hex_bytes(key, sizeof(key), r->key);
	len = hex_bytes(text, sizeof(text), r->text);
	hex_bytes(want, 32, r->out);
	for (i = 0; i <= len; i++) {
		crypto_hmac2(out, key, text, i, text + i, len - i);
		ck_assert_mem_eq(out, want, 32);
	}
}
END_TEST

/* The SipHash reference code: key 00..0f, input 00 01 02 ... */
static const struct sip_row {
	size_t len;
	const char *mac, *shorter;
} sips[] = {
	{ 0, "a3817f04ba25a8e66df67214c7550293", "310e0edd47db6f72" },
	{ 1, "da87c1d86b99af44347659119b22fc45", "fd67dc93c539f874" },
	{ 15, "5493e99933b0a8117e08ec0f97cfc3d9", "e545be4961ca29a1" },
};

START_TEST(sip_vector)
{
	const struct sip_row *r = &sips[_i];
	uint8_t key[16], in[16], want[16], out[16];
	size_t i;

	for (i = 0; i < 16; i++)
		key[i] = in[i] = (uint8_t)i;
	hex_bytes(want, 16, r->mac);
	crypto_mac(out, in, r->len, key);
	ck_assert_mem_eq(out, want, 16);
	hex_bytes(want, 8, r->shorter);
	put64(out, crypto_short(in, r->len, key));
	ck_assert_mem_eq(out, want, 8);
}
END_TEST

START_TEST(equal_and_wipe)
{
	uint8_t a[16] = { 1, 2, 3 }, b[16] = { 1, 2, 3 };
	size_t i;

	ck_assert(crypto_equal(a, b, 16));
	for (i = 0; i < 16; i++) {
		b[i] ^= 0x80;
		ck_assert(!crypto_equal(a, b, 16));
		ck_assert(crypto_equal(a, b, i));
		b[i] ^= 0x80;
	}
	crypto_wipe(a, 2);
	ck_assert_uint_eq(a[0], 0);
	ck_assert_uint_eq(a[1], 0);
	ck_assert_uint_eq(a[2], 3);
}
END_TEST

/* --- Random numbers ------------------------------------------------------- */

static void
rng_fixed(struct rng *r)
{
	uint8_t seed[32];
	size_t i;

	for (i = 0; i < 32; i++)
		seed[i] = (uint8_t)i;
	rng_init(r, seed);
}

/* ChaCha20 streams made by python3-cryptography: bytes 32..47 and 240..255 of
 * the one keyed by the seed, then 32..47 of the one keyed by its first 32. */
START_TEST(rng_vector)
{
	static const struct {
		size_t at;
		const char *bytes;
	} rows[] = {
		{ 0, "2b23cce7a26023ab3f0eef693ac87f64" },
		{ 208, "4acbf8ff1fd1a7c806d81ca8e4ae3b2c" },
		{ 224, "2d41a59c90e41a8e7a4dccaa1c460699" },
	};
	uint8_t out[240] = { 0 }, want[16] = { 0 };
	struct rng r;
	size_t i;

	rng_fixed(&r);
	rng_bytes(&r, out, sizeof(out));
	for (i = 0; i < 3; i++) {
		hex_bytes(want, 16, rows[i].bytes);
		ck_assert_mem_eq(out + rows[i].at, want, 16);
	}
}
END_TEST

/* The stream does not depend on the sizes of the requests. */
START_TEST(rng_cut)
{
	uint8_t all[700], out[700];
	struct rng r;
	size_t at, n;

	rng_fixed(&r);
	rng_bytes(&r, all, sizeof(all));
	rng_fixed(&r);
	for (at = 0, n = 0; at + n <= sizeof(out); at += n, n++)
		rng_bytes(&r, out + at, n);
	rng_bytes(&r, out + at, sizeof(out) - at);
	ck_assert_mem_eq(out, all, sizeof(out));
	rng_fixed(&r);
	ck_assert_uint_eq(rng_u32(&r), get32(all));
	ck_assert_uint_eq(rng_u32(&r), get32(all + 4));
}
END_TEST

/* The state holds nothing that was put out. */
START_TEST(rng_erases)
{
	uint8_t out[300], seed[32];
	struct rng r;
	size_t i;

	memset(seed, 0x5a, sizeof(seed));
	rng_init(&r, seed);
	rng_bytes(&r, out, sizeof(out));
	ck_assert_mem_ne(r.key, seed, 32);
	ck_assert_uint_eq(r.used, sizeof(out) - sizeof(r.buf));
	for (i = 0; i < r.used; i++)
		ck_assert_uint_eq(r.buf[i], 0);
	for (i = 0; i + 8 <= sizeof(out); i++)
		ck_assert_ptr_null(memmem(&r, sizeof(r), out + i, 8));
	rng_bytes(&r, out, 1);
	rng_stir(&r, seed);
	for (i = 0; i < sizeof(r.buf); i++)
		ck_assert_uint_eq(r.buf[i], 0);
}
END_TEST

/* The old key and the new seed both count. */
START_TEST(rng_stirred)
{
	uint8_t zero[32] = { 0 }, one[32] = { 1 }, key[32];
	uint8_t out[5][16];
	struct rng r;
	int i, j;

	rng_init(&r, zero);
	rng_bytes(&r, out[0], 16);
	rng_init(&r, one);
	rng_bytes(&r, out[1], 16);
	rng_init(&r, zero);
	rng_stir(&r, zero);
	rng_bytes(&r, out[2], 16);
	rng_init(&r, zero);
	rng_stir(&r, one);
	rng_bytes(&r, out[3], 16);
	rng_init(&r, one);
	rng_stir(&r, one);
	rng_bytes(&r, out[4], 16);
	for (i = 0; i < 5; i++)
		for (j = 0; j < i; j++)
			ck_assert_mem_ne(out[i], out[j], 16);
	crypto_hmac2(key, zero, one, 32, NULL, 0);
	rng_init(&r, key);
	rng_bytes(&r, out[0], 16);
	ck_assert_mem_eq(out[0], out[3], 16);
}
END_TEST

/* Another process may write any value into the state. */
START_TEST(rng_hostile)
{
	static const uint32_t used[] = { 224, 225, 1U << 31, UINT32_MAX };
	uint8_t out[16];
	struct rng r;
	size_t i;

	for (i = 0; i < 4; i++) {
		rng_fixed(&r);
		r.used = used[i];
		rng_bytes(&r, out, sizeof(out));
		ck_assert_uint_eq(r.used, 16);
	}
}
END_TEST

static const uint32_t belows[] = { 1, 2, 3, 7, 10, 256, 1000003, 0x80000000,
	0x80000001, 0xc0000000, UINT32_MAX };

/* Against the plain method, which draws again above the last whole multiple of
 * n; rng_below() draws again below 2^32 mod n. */
START_TEST(rng_below_range)
{
	uint32_t n = belows[_i], v, got;
	uint64_t low = (UINT64_C(1) << 32) % n;
	struct rng r, model;
	int i, redrawn = 0;

	rng_fixed(&r);
	rng_fixed(&model);
	for (i = 0; i < 1000; i++) {
		got = rng_below(&r, n);
		ck_assert_uint_lt(got, n);
		while ((v = rng_u32(&model)) < low)
			redrawn++;
		ck_assert_uint_eq(got, v % n);
	}
	if (n == 0x80000001) /* about half are drawn again */
		ck_assert(redrawn > 800 && redrawn < 1200);
}
END_TEST

START_TEST(rng_below_even)
{
	int seen[3] = { 0 }, i;
	struct rng r;

	rng_fixed(&r);
	for (i = 0; i < 3000; i++)
		seen[rng_below(&r, 3)]++;
	for (i = 0; i < 3; i++)
		ck_assert(seen[i] > 900 && seen[i] < 1100);
}
END_TEST

Suite *
suite_crypto(void)
{
	Suite *s = suite_create("crypto");
	TCase *tc = tcase_create("aead");

	tcase_add_loop_test(tc, aead_vector, 0, COUNT(aeads));
	tcase_add_loop_test(tc, aead_in_place, 0, COUNT(aeads));
	tcase_add_loop_test(tc, aead_forged, 0, COUNT(aeads));
	suite_add_tcase(s, tc);
	tc = tcase_create("dh");
	tcase_add_loop_test(tc, dh_vector, 0, COUNT(dhs));
	tcase_add_test(tc, dh_public);
	suite_add_tcase(s, tc);
	tc = tcase_create("hash");
	tcase_add_loop_test(tc, hash_vector, 0, COUNT(hashes));
	tcase_add_test(tc, hash_in_place);
	tcase_add_loop_test(tc, hmac_vector, 0, COUNT(hmacs));
	tcase_add_loop_test(tc, sip_vector, 0, COUNT(sips));
	tcase_add_test(tc, equal_and_wipe);
	suite_add_tcase(s, tc);
	tc = tcase_create("rng");
	tcase_add_test(tc, rng_vector);
	tcase_add_test(tc, rng_cut);
	tcase_add_test(tc, rng_erases);
	tcase_add_test(tc, rng_stirred);
	tcase_add_test(tc, rng_hostile);
	tcase_add_loop_test(tc, rng_below_range, 0, COUNT(belows));
	tcase_add_test(tc, rng_below_even);
	suite_add_tcase(s, tc);
	return s;
}
