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
		path = "../shared/vectors/noise_ik_sha256.json";
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
	uint8_t ei[32], er[32], psk[32], hash[32];
	uint8_t si[32], sr[32], pi[32], pr[32]; /* secrets, public keys */
};

static void
vector_load(struct vector *v, const char *p, const char *end)
{
	uint8_t prologue[256], same[32];
	size_t n;

	json_bytes(p, end, "init_static", v->si, 32);
	json_bytes(p, end, "resp_static", v->sr, 32);
	crypto_public(v->pi, v->si);
	crypto_public(v->pr, v->sr);
	json_bytes(p, end, "init_remote_static", same, 32);
	ck_assert_mem_eq(v->pr, same, 32);
	n = json_bytes(p, end, "init_prologue", prologue, sizeof(prologue));
	noise_init(&v->i, prologue, n, v->pr);
	n = json_bytes(p, end, "resp_prologue", prologue, sizeof(prologue));
	noise_init(&v->r, prologue, n, v->pr);
	ck_assert_uint_eq(json_bytes(p, end, "init_psks", v->psk, 32), 32);
	json_bytes(p, end, "init_ephemeral", v->ei, 32);
	json_bytes(p, end, "resp_ephemeral", v->er, 32);
	json_bytes(p, end, "handshake_hash", v->hash, 32);
}

/* Messages 0 and 1. */
static void
vector_handshake(struct vector *v, int n, const uint8_t *text, size_t len,
    const uint8_t *sealed)
{
	uint8_t out[512], back[512], from[32];
	size_t more = n == 0 ? NOISE_MORE1 : NOISE_MORE2;

	if (n == 0) {
		ck_assert(noise_write1(&v->i, v->ei, v->si, v->pi, v->pr, text,
		    len, out));
		ck_assert(noise_read1_from(&v->r, v->sr, out, len + more,
		    from));
		ck_assert_mem_eq(from, v->pi, 32);
		ck_assert(noise_read1(&v->r, v->sr, from, out, len + more,
		    back));
	} else {
		ck_assert(noise_write2(&v->r, v->er, v->pi, v->psk, text, len,
		    out));
		ck_assert(noise_read2(&v->i, v->si, v->psk, out, len + more,
		    back));
		ck_assert_mem_eq(v->i.h, v->hash, 32);
		ck_assert_mem_eq(v->r.h, v->hash, 32);
	}
	ck_assert(memcmp(out, sealed, len + more) == 0);
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
		ck_assert_uint_eq(n, len + (i == 0 ? NOISE_MORE1 :
		    i == 1 ? NOISE_MORE2 : NOISE_TAG));
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
	static const char name[] = "Noise_IKpsk2_25519_ChaChaPoly_SHA256";
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

/* The keyring of one end, which knows the other as a peer. */
static const struct mp_keyring *
kat_ring(const struct noise_kat *kat, bool initiator)
{
	static struct mp_keyring ring;

	memset(&ring, 0, sizeof(ring));
	ck_assert_int_eq(mp_keyring_add(&ring, "kat", initiator ? kat->si :
	    kat->sr, initiator ? kat->pr : kat->pi, kat->psk), 0);
	return &ring;
}

static void
kat_noise(struct noise *s, const struct noise_kat *kat, const uint8_t *init)
{
	uint8_t prologue[8 + WIRE_HANDSHAKE];

	memcpy(prologue, "mpshim1", 8);
	memcpy(prologue + 8, init, WIRE_HANDSHAKE);
	noise_init(s, prologue, sizeof(prologue), kat->pr);
}

static void
kat_init(struct noise *s, const struct noise_kat *kat, uint8_t *out)
{
	struct wire_handshake head = { WIRE_T_INIT, kat->isid };
	struct wire_init inner = { .previous = kat->previous,
		.features = kat->ifeatures };
	const struct mp_keyring *ring = kat_ring(kat, true);
	uint8_t text[WIRE_INNER];

	memset(out, 0, WIRE_INIT);
	memcpy(inner.assoc, kat->assoc, sizeof(inner.assoc));
	wire_put_handshake(out, &head);
	wire_put_init(text, &inner);
	kat_noise(s, kat, out);
	ck_assert(noise_write1(s, kat->ei, ring->own[0].secret,
	    ring->own[0].pub, kat->pr, text, sizeof(text),
	    out + WIRE_HANDSHAKE));
	crypto_mac(out + WIRE_MAC1_INIT, out, WIRE_MAC1_INIT,
	    ring->key[0].mac.init);
}

/* The responder reads an INIT. */
static void
kat_take(struct noise *s, const struct noise_kat *kat, uint8_t *text)
{
	const uint8_t *in = kat->init + WIRE_HANDSHAKE;
	uint8_t from[32];

	kat_noise(s, kat, kat->init);
	ck_assert(noise_read1_from(s, kat->sr, in, WIRE_NOISE1, from));
	ck_assert_mem_eq(from, kat->pi, 32);
	ck_assert(noise_read1(s, kat->sr, from, in, WIRE_NOISE1, text));
}

static void
kat_resp(struct noise *s, const struct noise_kat *kat, uint8_t *out)
{
	struct wire_handshake head = { WIRE_T_RESP, kat->isid };
	struct wire_resp inner = { .sid = kat->rsid,
		.features = kat->rfeatures, .max_flows = kat->flows };
	const struct mp_keyring *ring = kat_ring(kat, false);
	uint8_t text[WIRE_INNER];

	memcpy(inner.yours.ip, kat->ip, 16);
	inner.yours.port = kat->port;
	wire_put_handshake(out, &head);
	wire_put_resp(text, &inner);
	ck_assert(noise_write2(s, kat->er, kat->pi, kat->psk, text,
	    sizeof(text), out + WIRE_HANDSHAKE));
	crypto_mac(out + WIRE_MAC1_RESP, out, WIRE_MAC1_RESP,
	    ring->key[0].mac.resp);
}

START_TEST(kat_write)
{
	const struct noise_kat *kat = &noise_kats[_i];
	uint8_t init[WIRE_INIT], resp[WIRE_RESP], text[WIRE_INNER];
	uint8_t key[2][32];
	struct noise i, r;

	kat_init(&i, kat, init);
	ck_assert_mem_eq(init, kat->init, WIRE_INIT);
	kat_take(&r, kat, text);
	kat_resp(&r, kat, resp);
	ck_assert_mem_eq(resp, kat->resp, WIRE_RESP);
	ck_assert_mem_eq(r.h, kat->hash, 32);
	noise_split(&r, key);
	ck_assert_mem_eq(key, kat->key, sizeof(key));
	ck_assert(noise_read2(&i, kat->si, kat->psk, kat->resp + WIRE_HANDSHAKE,
	    WIRE_NOISE2, text));
	ck_assert_mem_eq(i.h, kat->hash, 32);
	noise_split(&i, key);
	ck_assert_mem_eq(key, kat->key, sizeof(key));
}
END_TEST

START_TEST(kat_read)
{
	const struct noise_kat *kat = &noise_kats[_i];
	uint8_t init[WIRE_INIT], text[WIRE_INNER];
	struct wire_handshake head;
	struct wire_init in;
	struct wire_resp re;
	struct noise i, r;

	ck_assert(wire_get_handshake(kat->init, WIRE_INIT, &head));
	ck_assert_int_eq(head.type, WIRE_T_INIT);
	ck_assert_uint_eq(head.isid, kat->isid);
	kat_take(&r, kat, text);
	wire_get_init(text, &in);
	ck_assert_uint_eq(in.previous, kat->previous);
	ck_assert_uint_eq(in.features, kat->ifeatures);
	ck_assert_mem_eq(in.assoc, kat->assoc, 8);

	kat_init(&i, kat, init);
	ck_assert(wire_get_handshake(kat->resp, WIRE_RESP, &head));
	ck_assert_int_eq(head.type, WIRE_T_RESP);
	ck_assert_uint_eq(head.isid, kat->isid);
	ck_assert(noise_read2(&i, kat->si, kat->psk, kat->resp + WIRE_HANDSHAKE,
	    WIRE_NOISE2, text));
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
static const uint8_t si[32] = { 1, 6, 1, 8, [31] = 0x40 };
static const uint8_t sr[32] = { 5, 7, 7, 2, [31] = 0x40 };

/* States after message 1 of 5 bytes; messages 1 and 2 of 5 bytes. */
struct pair {
	struct noise i, r, r0; /* r0: the responder before message 1 */
	uint8_t pi[32], pr[32]; /* public keys */
	uint8_t m1[NOISE_MORE1 + 5], m2[NOISE_MORE2 + 5];
};

/* Both halves of reading message 1. */
static bool
read1(struct noise *s, const uint8_t *in, size_t inlen, void *text)
{
	uint8_t from[32];
	struct noise next = *s;

	if (!noise_read1_from(&next, sr, in, inlen, from) ||
	    !noise_read1(&next, sr, from, in, inlen, text))
		return false;
	*s = next;
	return true;
}

static bool
read2(struct noise *s, const uint8_t *in, size_t inlen, void *text)
{
	return noise_read2(s, si, psk, in, inlen, text);
}

static void
pair_make(struct pair *p)
{
	uint8_t text[5];
	struct noise r;

	crypto_public(p->pi, si);
	crypto_public(p->pr, sr);
	noise_init(&p->i, "pro", 3, p->pr);
	noise_init(&p->r0, "pro", 3, p->pr);
	ck_assert(noise_write1(&p->i, ei, si, p->pi, p->pr, "hello", 5,
	    p->m1));
	p->r = p->r0;
	ck_assert(read1(&p->r, p->m1, sizeof(p->m1), text));
	ck_assert_mem_eq(text, "hello", 5);
	r = p->r;
	ck_assert(noise_write2(&r, er, p->pi, psk, "again", 5, p->m2));
}

typedef bool (*reader)(struct noise *, const uint8_t *, size_t, void *);

/* Every changed bit and every shorter length is refused, and the state stays
 * usable. */
static void
refuses(reader read, const struct noise *start, uint8_t *m, size_t len,
    const char *want)
{
	struct noise s = *start;
	uint8_t text[64];
	size_t i;

	for (i = 0; i < 8 * len; i++) {
		m[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_msg(!read(&s, m, len, text), "bit %zu", i);
		ck_assert_mem_eq(&s, start, sizeof(s));
		m[i / 8] ^= (uint8_t)(1 << i % 8);
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
	refuses(read1, &p.r0, p.m1, sizeof(p.m1), "hello");
}
END_TEST

START_TEST(refused2)
{
	struct pair p;

	pair_make(&p);
	refuses(read2, &p.i, p.m2, sizeof(p.m2), "again");
}
END_TEST

/* What the two ends may disagree on: each is fatal.  Message 1 tells of all but
 * the psk, message 2 of that. */
static const struct differ_row {
	const char *name, *prologue;
	uint8_t responder, initiator, psk; /* a byte that differs */
	bool one, two;
} differs[] = {
	{ "same", "pro", 0, 0, 0, true, true },
	{ "other prologue", "prp", 0, 0, 0, false, false },
	{ "other responder", "pro", 1, 0, 0, false, false },
	{ "other initiator", "pro", 0, 1, 0, false, false },
	{ "other psk", "pro", 0, 0, 1, true, false },
};

START_TEST(differ)
{
	const struct differ_row *d = &differs[_i];
	uint8_t pub[32], other[32], from[32], text[5], m2[NOISE_MORE2];
	struct noise r;
	struct pair p;
	bool one;

	pair_make(&p);
	memcpy(pub, p.pr, sizeof(pub));
	pub[7] ^= d->responder;
	memcpy(other, psk, sizeof(other));
	other[31] ^= d->psk;
	noise_init(&r, d->prologue, 3, pub);
	one = noise_read1_from(&r, sr, p.m1, sizeof(p.m1), from);
	from[7] ^= d->initiator;
	one = one && noise_read1(&r, sr, from, p.m1, sizeof(p.m1), text);
	ck_assert_msg(one == d->one, "%s", d->name);
	if (!one)
		return;
	ck_assert(noise_write2(&r, er, from, other, NULL, 0, m2));
	ck_assert_msg(noise_read2(&p.i, si, psk, m2, sizeof(m2), text) ==
	    d->two, "%s", d->name);
}
END_TEST

/* Points of small order, from whoever can seal. */
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
	uint8_t out[NOISE_MORE1 + 5], point[32];
	struct pair p;

	pair_make(&p);
	hex_bytes(point, 32, points[_i]);
	before = p.r;
	ck_assert(!noise_write2(&p.r, er, point, psk, "again", 5, out));
	ck_assert_mem_eq(&p.r, &before, sizeof(before));
	memcpy(p.r.re, point, 32);
	before = p.r;
	ck_assert(!noise_write2(&p.r, er, p.pi, psk, "again", 5, out));
	ck_assert_mem_eq(&p.r, &before, sizeof(before));
	memcpy(p.m2, point, 32);
	before = p.i;
	ck_assert(!read2(&p.i, p.m2, sizeof(p.m2), out));
	ck_assert_mem_eq(&p.i, &before, sizeof(before));
	before = p.r0;
	ck_assert(!noise_write1(&p.r0, ei, si, p.pi, point, "hello", 5, out));
	ck_assert(!noise_read1(&p.r0, sr, point, p.m1, sizeof(p.m1), out));
	memcpy(p.m1, point, 32);
	ck_assert(!noise_read1_from(&p.r0, sr, p.m1, sizeof(p.m1), out));
	ck_assert_mem_eq(&p.r0, &before, sizeof(before));
}
END_TEST

/* MixKey of zeros: as whoever sends a point of small order can compute it. */
static void
mix_zero(uint8_t ck[32], uint8_t k[32])
{
	static const uint8_t zero[32];
	uint8_t temp[32], two[33], one = 1;

	crypto_hmac2(temp, ck, zero, 32, NULL, 0);
	crypto_hmac2(ck, temp, &one, 1, NULL, 0);
	memcpy(two, ck, 32);
	two[32] = 2;
	crypto_hmac2(k, temp, two, 33, NULL, 0);
}

/*
 * Message 1 is sealed correctly for a DH of zero: it is refused although the tag
 * fits, because libsodium refuses the DH.
 */
START_TEST(zero_dh_sealed)
{
	uint8_t ck[32], k[32], m[NOISE_MORE1], text[32], nonce[12] = { 0 };
	uint8_t h[32];
	struct pair p;

	pair_make(&p);
	memset(m, 0, 32);
	crypto_hash2(h, p.r0.h, 32, m, 32);
	memcpy(ck, p.r0.ck, 32);
	mix_zero(ck, k); /* e */
	mix_zero(ck, k); /* es */
	crypto_chacha_seal(m + 32, p.pi, 32, h, 32, nonce, k);
	ck_assert(crypto_chacha_open(text, m + 32, 48, h, 32, nonce, k));
	ck_assert(!noise_read1_from(&p.r0, sr, m, sizeof(m), text));
}
END_TEST

/* Empty payloads; payloads opened over the message itself. */
START_TEST(in_place)
{
	static const uint8_t text[15] = { 's', 'e', 'a', 'l', [14] = 1 };
	uint8_t m[256], key[2][32], same[2][32], from[32];
	struct noise i, r;
	struct pair p;

	pair_make(&p);
	noise_init(&i, NULL, 0, p.pr);
	noise_init(&r, NULL, 0, p.pr);
	ck_assert(noise_write1(&i, ei, si, p.pi, p.pr, NULL, 0, m));
	ck_assert(noise_read1_from(&r, sr, m, NOISE_MORE1, from));
	ck_assert(noise_read1(&r, sr, from, m, NOISE_MORE1, m + 80));
	memcpy(m + 32, text, 15);
	ck_assert(noise_write2(&r, er, from, psk, m + 32, 15, m));
	ck_assert(read2(&i, m, 63, m + 32));
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
