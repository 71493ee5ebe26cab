/* SPDX-License-Identifier: ISC */
/*
 * core/noise.c: the published vectors of the pattern, packets of another
 * implementation (noise_kat.py), and everything that must be refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "hex.h"
#include "mp.h"
#include "noise.h"
#include "noise_kat.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* --- Published vectors ---------------------------------------------------- */

/* The file as a string; NULL: there is none. */
static const char *
vectors_read(void)
{
	static char text[65536];
	const char *path = getenv("MP_VECTORS");
	size_t n;
	FILE *f;

	if (path == NULL || *path == '\0')
		path = "../shared/vectors/noise_nnpsk0_sha256.json";
	f = fopen(path, "r");
	if (f == NULL)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	ck_assert_uint_lt(n, sizeof(text) - 1);
	text[n] = '\0';
	return text;
}

/* The place after the next `"key":' of the text before `end', or NULL. */
static const char *
json_find(const char *p, const char *end, const char *key)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	p = strstr(p, quoted);
	if (p == NULL || (end != NULL && p >= end))
		return NULL;
	p += strlen(quoted);
	return p + strspn(p, " \t\r\n:");
}

/* Decodes the first string after `key'; returns its number of bytes. */
static size_t
json_bytes(const char *p, const char *end, const char *key, uint8_t *out,
    size_t max)
{
	p = json_find(p, end, key);
	ck_assert_msg(p != NULL, "no \"%s\"", key);
	p += strspn(p, " \t\r\n[");
	ck_assert_int_eq(*p, '"');
	return hex_bytes(out, max, p + 1);
}

struct vector {
	struct noise i, r; /* both ends */
	uint8_t ei[32], er[32], hash[32];
};

static void
vector_load(struct vector *v, const char *p, const char *end)
{
	uint8_t prologue[256], psk[32];
	size_t n;

	n = json_bytes(p, end, "init_prologue", prologue, sizeof(prologue));
	ck_assert_uint_eq(json_bytes(p, end, "init_psks", psk, 32), 32);
	noise_init(&v->i, prologue, n, psk);
	n = json_bytes(p, end, "resp_prologue", prologue, sizeof(prologue));
	ck_assert_uint_eq(json_bytes(p, end, "resp_psks", psk, 32), 32);
	noise_init(&v->r, prologue, n, psk);
	json_bytes(p, end, "init_ephemeral", v->ei, 32);
	json_bytes(p, end, "resp_ephemeral", v->er, 32);
	json_bytes(p, end, "handshake_hash", v->hash, 32);
}

/* Messages 0 and 1. */
static void
vector_handshake(struct vector *v, int n, const uint8_t *text, size_t len,
    const uint8_t *sealed)
{
	uint8_t out[512], back[512];

	if (n == 0) {
		noise_write1(&v->i, v->ei, text, len, out);
		ck_assert(noise_read1(&v->r, out, len + 48, back));
	} else {
		ck_assert(noise_write2(&v->r, v->er, text, len, out));
		ck_assert(noise_read2(&v->i, out, len + 48, back));
		ck_assert_mem_eq(v->i.h, v->hash, 32);
		ck_assert_mem_eq(v->r.h, v->hash, 32);
	}
	ck_assert(memcmp(out, sealed, len + 48) == 0);
	ck_assert(memcmp(back, text, len) == 0);
}

/* The transport messages, in turns: nonce 4 zero bytes + a little-endian
 * counter. */
static void
vector_transport(uint8_t key[2][32], int n, const uint8_t *text, size_t len,
    const uint8_t *sealed)
{
	uint8_t out[512], nonce[12] = { 0 };

	nonce[4] = (uint8_t)(n / 2 - 1);
	crypto_chacha_seal(out, text, len, NULL, 0, nonce, key[n % 2]);
	ck_assert(memcmp(out, sealed, len + 16) == 0);
}

/* One vector, from `p' to `end' (NULL: the end of the text). */
static void
vector_run(const char *p, const char *end)
{
	uint8_t text[256], sealed[512], key[2][32], same[2][32];
	struct vector v;
	size_t len, n;
	int i;

	vector_load(&v, p, end);
	p = json_find(p, end, "messages");
	ck_assert_ptr_nonnull(p);
	for (i = 0; (p = json_find(p, end, "payload")) != NULL; i++) {
		len = hex_bytes(text, sizeof(text), p + 1);
		n = json_bytes(p, end, "ciphertext", sealed, sizeof(sealed));
		ck_assert_uint_eq(n, len + (i < 2 ? 48 : 16));
		if (i < 2)
			vector_handshake(&v, i, text, len, sealed);
		else
			vector_transport(key, i, text, len, sealed);
		if (i == 1) {
			noise_split(&v.i, key);
			noise_split(&v.r, same);
			ck_assert_mem_eq(key, same, sizeof(key));
		}
	}
	ck_assert_int_ge(i, 2);
}

START_TEST(published)
{
	static const char name[] = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";
	const char *text = vectors_read(), *p, *next;
	int ran = 0;

	if (text == NULL) {
		printf("skipped: no published vectors here\n");
		return;
	}
	for (p = json_find(text, NULL, "protocol_name"); p != NULL; p = next) {
		next = json_find(p, NULL, "protocol_name");
		if (strncmp(p + 1, name, strlen(name)) == 0) {
			vector_run(p, next);
			ran++;
		}
	}
	ck_assert_int_ge(ran, 1);
}
END_TEST

/* --- Packets of noise_kat.py ---------------------------------------------- */

static struct mp_key
kat_key(const struct noise_kat *kat, char end)
{
	static struct mp_keyring ring;
	struct mp_key key;

	memset(&ring, 0, sizeof(ring));
	ck_assert_int_eq(mp_keyring_add(&ring, "kat", end, kat->secret), 0);
	key = ring.key[0];
	return key;
}

static void
kat_noise(struct noise *s, const struct noise_kat *kat, const uint8_t *init)
{
	struct mp_key key = kat_key(kat, kat->end);
	uint8_t prologue[8 + WIRE_SHAKE];

	memcpy(prologue, "mpshim1", 8);
	memcpy(prologue + 8, init, WIRE_SHAKE);
	noise_init(s, prologue, sizeof(prologue), key.psk[kat->end == 'B']);
}

static void
kat_init(struct noise *s, const struct noise_kat *kat, uint8_t *out)
{
	struct wire_shake head = { WIRE_T_INIT, kat->isid };
	struct wire_init inner = { .previous = kat->previous,
		.features = kat->ifeatures };
	struct mp_key key = kat_key(kat, kat->end);
	uint8_t text[WIRE_INNER];

	memset(out, 0, WIRE_INIT);
	memcpy(inner.assoc, kat->assoc, sizeof(inner.assoc));
	wire_put_handshake(out, &head);
	wire_put_init(text, &inner);
	kat_noise(s, kat, out);
	noise_write1(s, kat->ei, text, sizeof(text), out + WIRE_SHAKE);
	crypto_mac(out + WIRE_MAC1_INIT, out, WIRE_MAC1_INIT,
	    key.init_mac[kat->end == 'B']);
}

static void
kat_resp(struct noise *s, const struct noise_kat *kat, uint8_t *out)
{
	struct wire_shake head = { WIRE_T_RESP, kat->isid };
	struct wire_resp inner = { .sid = kat->rsid,
		.features = kat->rfeatures, .max_flows = kat->flows };
	struct mp_key key = kat_key(kat, kat->end == 'A' ? 'B' : 'A');
	uint8_t text[WIRE_INNER];

	memcpy(inner.yours.ip, kat->ip, 16);
	inner.yours.port = kat->port;
	wire_put_handshake(out, &head);
	wire_put_resp(text, &inner);
	ck_assert(noise_write2(s, kat->er, text, sizeof(text),
	    out + WIRE_SHAKE));
	crypto_mac(out + WIRE_MAC1_RESP, out, WIRE_MAC1_RESP,
	    key.resp_mac[kat->end == 'B']);
}

START_TEST(kat_write)
{
	const struct noise_kat *kat = &noise_kats[_i];
	uint8_t init[WIRE_INIT], resp[WIRE_RESP], text[WIRE_INNER];
	uint8_t key[2][32];
	struct noise i, r;

	kat_init(&i, kat, init);
	ck_assert_mem_eq(init, kat->init, WIRE_INIT);
	kat_noise(&r, kat, kat->init);
	ck_assert(noise_read1(&r, kat->init + WIRE_SHAKE, WIRE_NOISE, text));
	kat_resp(&r, kat, resp);
	ck_assert_mem_eq(resp, kat->resp, WIRE_RESP);
	ck_assert_mem_eq(r.h, kat->hash, 32);
	noise_split(&r, key);
	ck_assert_mem_eq(key, kat->key, sizeof(key));
	ck_assert(noise_read2(&i, kat->resp + WIRE_SHAKE, WIRE_NOISE, text));
	ck_assert_mem_eq(i.h, kat->hash, 32);
	noise_split(&i, key);
	ck_assert_mem_eq(key, kat->key, sizeof(key));
}
END_TEST

START_TEST(kat_read)
{
	const struct noise_kat *kat = &noise_kats[_i];
	uint8_t init[WIRE_INIT], text[WIRE_INNER];
	struct wire_shake head;
	struct wire_init in;
	struct wire_resp re;
	struct noise i, r;

	ck_assert(wire_get_handshake(kat->init, WIRE_INIT, &head));
	ck_assert_int_eq(head.type, WIRE_T_INIT);
	ck_assert_uint_eq(head.isid, kat->isid);
	kat_noise(&r, kat, kat->init);
	ck_assert(noise_read1(&r, kat->init + WIRE_SHAKE, WIRE_NOISE, text));
	wire_get_init(text, &in);
	ck_assert_uint_eq(in.previous, kat->previous);
	ck_assert_uint_eq(in.features, kat->ifeatures);
	ck_assert_mem_eq(in.assoc, kat->assoc, 8);

	kat_init(&i, kat, init);
	ck_assert(wire_get_handshake(kat->resp, WIRE_RESP, &head));
	ck_assert_int_eq(head.type, WIRE_T_RESP);
	ck_assert_uint_eq(head.isid, kat->isid);
	ck_assert(noise_read2(&i, kat->resp + WIRE_SHAKE, WIRE_NOISE, text));
	ck_assert(wire_get_resp(text, &re));
	ck_assert_uint_eq(re.sid, kat->rsid);
	ck_assert_uint_eq(re.features, kat->rfeatures);
	ck_assert_uint_eq(re.max_flows, kat->flows);
	ck_assert_mem_eq(re.yours.ip, kat->ip, 16);
	ck_assert_uint_eq(re.yours.port, kat->port);
}
END_TEST

/* --- What must be refused ------------------------------------------------- */

static const uint8_t psk[32] = { 3, 1, 4, 1, 5 };
static const uint8_t ei[32] = { 2, 7, 1, 8, [31] = 0x40 };
static const uint8_t er[32] = { 1, 4, 1, 4, [31] = 0x40 };

/* States after message 1 of 5 bytes; messages 1 and 2 of 5 bytes. */
struct pair {
	struct noise i, r, r0; /* r0: the responder before message 1 */
	uint8_t m1[53], m2[53];
};

static void
pair_make(struct pair *p)
{
	uint8_t text[5];
	struct noise r;

	noise_init(&p->i, "pro", 3, psk);
	noise_init(&p->r0, "pro", 3, psk);
	noise_write1(&p->i, ei, "hello", 5, p->m1);
	p->r = p->r0;
	ck_assert(noise_read1(&p->r, p->m1, sizeof(p->m1), text));
	ck_assert_mem_eq(text, "hello", 5);
	r = p->r;
	ck_assert(noise_write2(&r, er, "again", 5, p->m2));
}

typedef bool (*reader)(struct noise *, const uint8_t *, size_t, void *);

/* Every changed byte and every shorter length is refused, and the state stays
 * usable. */
static void
refuses(reader read, const struct noise *start, uint8_t *m, size_t len,
    const char *want)
{
	struct noise s = *start;
	uint8_t text[64];
	size_t i;

	for (i = 0; i < len; i++) {
		m[i] ^= (uint8_t)(1 << i % 7);
		ck_assert_msg(!read(&s, m, len, text), "byte %zu", i);
		ck_assert_mem_eq(&s, start, sizeof(s));
		m[i] ^= (uint8_t)(1 << i % 7);
	}
	for (i = 0; i < len; i++) {
		ck_assert_msg(!read(&s, m, i, text), "length %zu", i);
		ck_assert_mem_eq(&s, start, sizeof(s));
	}
	ck_assert(read(&s, m, len, text));
	ck_assert_mem_eq(text, want, 5);
}

START_TEST(refused1)
{
	struct pair p;

	pair_make(&p);
	refuses(noise_read1, &p.r0, p.m1, sizeof(p.m1), "hello");
}
END_TEST

START_TEST(refused2)
{
	struct pair p;

	pair_make(&p);
	refuses(noise_read2, &p.i, p.m2, sizeof(p.m2), "again");
}
END_TEST

/* What the two ends may disagree on: each is fatal. */
static const struct differ_row {
	const char *name, *prologue;
	uint8_t psk_byte;
} differs[] = {
	{ "same", "pro", 0 },
	{ "other prologue", "prp", 0 },
	{ "other psk", "pro", 1 },
};

START_TEST(differ)
{
	const struct differ_row *d = &differs[_i];
	uint8_t other[32], text[5];
	struct noise r;
	struct pair p;

	pair_make(&p);
	memcpy(other, psk, sizeof(other));
	other[31] ^= d->psk_byte;
	noise_init(&r, d->prologue, 3, other);
	ck_assert_msg(noise_read1(&r, p.m1, sizeof(p.m1), text) == (_i == 0),
	    "%s", d->name);
}
END_TEST

/* From a holder of the psk: points of small order. */
static const char *const points[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

START_TEST(zero_dh)
{
	struct noise before;
	uint8_t out[64];
	struct pair p;

	pair_make(&p);
	hex_bytes(p.r.re, 32, points[_i]);
	before = p.r;
	ck_assert(!noise_write2(&p.r, er, "again", 5, out));
	ck_assert_mem_eq(&p.r, &before, sizeof(before));
	hex_bytes(p.m2, 32, points[_i]);
	before = p.i;
	ck_assert(!noise_read2(&p.i, p.m2, sizeof(p.m2), out));
	ck_assert_mem_eq(&p.i, &before, sizeof(before));
}
END_TEST

/*
 * Message 2 is sealed correctly for a DH of zero: it is refused although the
 * tag fits, because libsodium refuses the DH.
 */
START_TEST(zero_dh_sealed)
{
	uint8_t zero[32] = { 0 }, one = 1, two[33], temp[32], ck[32], k[32];
	uint8_t m[48], text[1], nonce[12] = { 0 }, h[32];
	struct pair p;
	int i;

	pair_make(&p);
	memset(m, 0, 32);
	crypto_hash2(h, p.i.h, 32, m, 32);
	memcpy(ck, p.i.ck, 32);
	for (i = 0; i < 2; i++) { /* MixKey(e), MixKey(zero) */
		crypto_hmac2(temp, ck, zero, 32, NULL, 0);
		crypto_hmac2(ck, temp, &one, 1, NULL, 0);
		memcpy(two, ck, 32);
		two[32] = 2;
		crypto_hmac2(k, temp, two, 33, NULL, 0);
	}
	crypto_chacha_seal(m + 32, NULL, 0, h, 32, nonce, k);
	ck_assert(crypto_chacha_open(text, m + 32, 16, h, 32, nonce, k));
	ck_assert(!noise_read2(&p.i, m, sizeof(m), text));
}
END_TEST

/* Empty payloads; payloads opened over the message itself. */
START_TEST(in_place)
{
	static const uint8_t text[15] = { 's', 'e', 'a', 'l', [14] = 1 };
	uint8_t m[128], key[2][32], same[2][32];
	struct noise i, r;

	noise_init(&i, NULL, 0, psk);
	noise_init(&r, NULL, 0, psk);
	noise_write1(&i, ei, NULL, 0, m);
	ck_assert(noise_read1(&r, m, 48, m + 32));
	memcpy(m + 32, text, 15);
	ck_assert(noise_write2(&r, er, m + 32, 15, m));
	ck_assert(noise_read2(&i, m, 63, m + 32));
	ck_assert_mem_eq(m + 32, text, 15);
	ck_assert_mem_eq(i.h, r.h, 32);
	noise_split(&i, key);
	noise_split(&r, same);
	ck_assert_mem_eq(key, same, sizeof(key));
	ck_assert_mem_ne(key[0], key[1], 32);
}
END_TEST

START_TEST(wiped)
{
	static const struct noise zero;
	uint8_t key[2][32];
	struct pair p;

	pair_make(&p);
	noise_wipe(&p.r0);
	ck_assert_mem_eq(&p.r0, &zero, sizeof(zero));
	noise_split(&p.i, key);
	ck_assert_mem_eq(&p.i, &zero, sizeof(zero));
}
END_TEST

Suite *
suite_noise(void)
{
	Suite *s = suite_create("noise");
	TCase *tc = tcase_create("vectors");

	tcase_add_test(tc, published);
	tcase_add_loop_test(tc, kat_write, 0, COUNT(noise_kats));
	tcase_add_loop_test(tc, kat_read, 0, COUNT(noise_kats));
	suite_add_tcase(s, tc);
	tc = tcase_create("refused");
	tcase_add_test(tc, refused1);
	tcase_add_test(tc, refused2);
	tcase_add_loop_test(tc, differ, 0, COUNT(differs));
	tcase_add_loop_test(tc, zero_dh, 0, COUNT(points));
	tcase_add_test(tc, zero_dh_sealed);
	tcase_add_test(tc, in_place);
	tcase_add_test(tc, wiped);
	suite_add_tcase(s, tc);
	return s;
}
