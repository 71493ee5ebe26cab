/* SPDX-License-Identifier: ISC */
/* core/ratelimit.c: the limits of PROTOCOL.md 2, and cookies. */
#include "ratelimit.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define T0 (UINT64_C(5000) * SEC)

static struct mp m;
static const uint8_t key[32] = "cookies under this";
static uint8_t init[WIRE_INIT];
static struct mp_addr home;

static void
setup(void)
{
	duo_bare(&m, NULL);
	memset(init, 0x5a, sizeof(init));
	wire_put_handshake(init, &(struct wire_handshake) { WIRE_T_INIT,
	    0x01020304 });
	memset(init + WIRE_MAC2_INIT, 0, WIRE_MAC);
	home = duo_ip4(192, 0, 2, 1, 4000);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

/* Uses up the handshakes of this second. */
static void
flood(uint64_t now)
{
	uint8_t stranger[WIRE_INIT] = { 0 };

	for (int i = 0; i < RATELIMIT_CROWD; i++)
		(void)ratelimit_admit(&m, now, &home, stranger);
}

/* Gets a cookie for that address and puts mac2 into the INIT. */
static void
fetch_cookie(uint64_t now, const struct mp_addr *from)
{
	uint8_t packet[WIRE_COOKIE], cookie[CRYPTO_MAC];
	struct wire_handshake h;

	ratelimit_cookie(&m, now, from, init, key, packet);
	ck_assert(wire_get_handshake(packet, sizeof(packet), &h));
	ck_assert_int_eq(h.type, WIRE_T_COOKIE);
	ck_assert_uint_eq(h.isid, 0x01020304);
	ck_assert(crypto_xchacha_open(cookie,
	    packet + WIRE_HANDSHAKE + CRYPTO_XNONCE, CRYPTO_MAC + CRYPTO_TAG,
	    init + WIRE_MAC1_INIT, WIRE_MAC, packet + WIRE_HANDSHAKE, key));
	crypto_mac(init + WIRE_MAC2_INIT, init, WIRE_MAC2_INIT, cookie);
}

/* 600 at once are free, and 200 a second; then a cookie is required. */
START_TEST(fresh)
{
	int i;

	for (i = 0; i < RATELIMIT_CROWD; i++)
		ck_assert_int_eq(ratelimit_admit(&m, T0, &home, init),
		    RATELIMIT_OK);
	ck_assert_int_eq(ratelimit_admit(&m, T0, &home, init),
	    RATELIMIT_COOKIE);
	/* 5 ms later there is one token more */
	ck_assert_int_eq(ratelimit_admit(&m, T0 + 5 * MS, &home, init),
	    RATELIMIT_OK);
	ck_assert_int_eq(ratelimit_admit(&m, T0 + 5 * MS, &home, init),
	    RATELIMIT_COOKIE);
	/* a clock that goes back neither adds nor takes tokens */
	ck_assert_int_eq(ratelimit_admit(&m, T0 - SEC, &home, init),
	    RATELIMIT_COOKIE);
	ck_assert_int_eq(ratelimit_admit(&m, T0 + 1000 * SEC, &home, init),
	    RATELIMIT_OK);
}
END_TEST

/* A cookie holds for the address that it was sent to, while its secret
 * lives. */
static const struct cookie_row {
	const char *name;
	uint64_t after;
	uint8_t last_byte;
	uint16_t port;
	enum ratelimit_says says;
} cookies[] = {
	{ "at once", 0, 1, 4000, RATELIMIT_OK },
	{ "another address", 0, 2, 4000, RATELIMIT_COOKIE },
	{ "another port", 0, 1, 4001, RATELIMIT_COOKIE },
	{ "as long as its secret", 119 * SEC, 1, 4000, RATELIMIT_OK },
	{ "the secret turned once", 121 * SEC, 1, 4000, RATELIMIT_OK },
	{ "the secret turned twice", 241 * SEC, 1, 4000, RATELIMIT_COOKIE },
};

START_TEST(cookie)
{
	const struct cookie_row *r = &cookies[_i];
	struct mp_addr from = duo_ip4(192, 0, 2, r->last_byte, r->port);

	fetch_cookie(T0, &home);
	flood(T0 + r->after);
	ck_assert_msg(ratelimit_admit(&m, T0 + r->after, &from, init) ==
	    r->says,
	    "%s", r->name);
}
END_TEST

/* The secret turns twice, each turn caused by a packet. */
START_TEST(cookie_turned)
{
	fetch_cookie(T0, &home);
	for (int i = 1; i <= 2; i++) {
		flood(T0 + (uint64_t)i * 120 * SEC);
		ck_assert_int_eq(ratelimit_admit(&m, T0 + (uint64_t)i * 120 *
		    SEC,
		    &home, init), i == 1 ? RATELIMIT_OK : RATELIMIT_COOKIE);
	}
}
END_TEST

/* mac2 covers everything before it. */
START_TEST(mac2)
{
	fetch_cookie(T0, &home);
	flood(T0);
	for (size_t i = WIRE_HANDSHAKE; i < WIRE_INIT; i++) {
		init[i] ^= 1;
		ck_assert_msg(ratelimit_admit(&m, T0, &home, init) ==
		    RATELIMIT_COOKIE,
		    "byte %zu", i);
		init[i] ^= 1;
	}
	ck_assert_int_eq(ratelimit_admit(&m, T0, &home, init), RATELIMIT_OK);
}
END_TEST

/* With a cookie: 20 a second for each source, 5 at once. */
START_TEST(source)
{
	int i;

	fetch_cookie(T0, &home);
	flood(T0);
	for (i = 0; i < RATELIMIT_BURST; i++)
		ck_assert_int_eq(ratelimit_admit(&m, T0, &home, init),
		    RATELIMIT_OK);
	ck_assert_int_eq(ratelimit_admit(&m, T0, &home, init), RATELIMIT_DROP);
	flood(T0 + 50 * MS);
	ck_assert_int_eq(ratelimit_admit(&m, T0 + 50 * MS, &home, init),
	    RATELIMIT_OK);
	ck_assert_int_eq(ratelimit_admit(&m, T0 + 50 * MS, &home, init),
	    RATELIMIT_DROP);
}
END_TEST

/* One source is an IPv4 address or an IPv6 /64, with any port. */
static const struct mp_addr six = { { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0,
    0, 0, 0, 0, 0, 1 }, 4000 };
static const struct source_row {
	const char *name;
	bool v6;
	int byte; /* byte in which the other address differs */
	bool same;
} sources[] = {
	{ "IPv4, another port", false, -1, true },
	{ "IPv4, another address", false, 15, false },
	{ "IPv6, another port", true, -1, true },
	{ "IPv6, the same /64", true, 15, true },
	{ "IPv6, the same /64, its first bit", true, 8, true },
	{ "IPv6, another /64", true, 7, false },
};

START_TEST(sources_apart)
{
	const struct source_row *r = &sources[_i];
	struct mp_addr from = r->v6 ? six : home;
	int i;

	fetch_cookie(T0, &from);
	flood(T0);
	for (i = 0; i < RATELIMIT_BURST; i++)
		ck_assert_int_eq(ratelimit_admit(&m, T0, &from, init),
		    RATELIMIT_OK);
	ck_assert_int_eq(ratelimit_admit(&m, T0, &from, init), RATELIMIT_DROP);
	if (r->byte >= 0)
		from.ip[r->byte] ^= 0x80;
	else
		from.port++;
	memset(init + WIRE_MAC2_INIT, 0, WIRE_MAC);
	fetch_cookie(T0, &from);
	ck_assert_msg(ratelimit_admit(&m, T0, &from, init) ==
	    (r->same ? RATELIMIT_DROP : RATELIMIT_OK), "%s", r->name);
}
END_TEST

START_TEST(curve)
{
	uint64_t each = SEC / RATELIMIT_CURVE;
	int i;

	for (i = 0; i < RATELIMIT_CURVE / 2; i++)
		ck_assert(ratelimit_curve(&m, T0, 2));
	ck_assert(!ratelimit_curve(&m, T0, 1));
	ck_assert(ratelimit_curve(&m, T0 + each, 1));
	ck_assert(!ratelimit_curve(&m, T0 + each, 1));
	ck_assert(!ratelimit_curve(&m, T0 + 2 * each, 2)); /* takes none */
	ck_assert(ratelimit_curve(&m, T0 + 2 * each, 1));
}
END_TEST

/* Strangers do not keep out who has a key: 1000 answers at once, 500 a second. */
START_TEST(known)
{
	uint64_t each = SEC / RATELIMIT_KNOWN;
	int i;

	while (ratelimit_curve(&m, T0, RATELIMIT_INIT))
		;
	for (i = 0; i < RATELIMIT_KNOWN_CROWD / RATELIMIT_ANSWER; i++)
		ck_assert(ratelimit_known(&m, T0, 0, RATELIMIT_ANSWER));
	ck_assert_int_eq(i, 1000);
	ck_assert(!ratelimit_known(&m, T0, 0, 1));
	ck_assert(ratelimit_known(&m, T0 + each + 1, 0, 1));
	ck_assert(!ratelimit_known(&m, T0 + each + 1, 0, 1));
}
END_TEST

/* A peer that begins all it can does not keep another one out, nor a thousand
 * others that begin at once. */
START_TEST(fair)
{
	int i, done = 0;

	while (ratelimit_known(&m, T0, 7, RATELIMIT_ANSWER))
		done += RATELIMIT_ANSWER;
	ck_assert_int_ge(done, RATELIMIT_KNOWN_CROWD);
	ck_assert_int_le(done, RATELIMIT_KNOWN_CROWD + RATELIMIT_PEER_CROWD +
	    RATELIMIT_ANSWER);
	ck_assert(!ratelimit_known(&m, T0, 7, RATELIMIT_ANSWER));
	for (i = 0, done = 0; i < 600; i++)
		done += ratelimit_known(&m, T0, 1000 + (uint64_t)i,
		    RATELIMIT_ANSWER);
	ck_assert_int_ge(done, 580); /* two or three share its bucket */
}
END_TEST

/* On a machine four times as fast all budgets are four times as large. */
START_TEST(faster)
{
	int strangers = 0, base = 0;

	mp_curve_rate(&m, 4 * RATELIMIT_SLOW);
	while (ratelimit_curve(&m, T0, 1))
		strangers++;
	while (ratelimit_known(&m, T0, 0, 1))
		base++;
	ck_assert_int_le(abs(strangers - 4 * RATELIMIT_CURVE), 4);
	ck_assert_int_le(abs(base - 4 * RATELIMIT_KNOWN_CROWD), 4);
	mp_curve_rate(&m, UINT32_MAX); /* a program wrote that */
	ck_assert(ratelimit_curve(&m, T0 + SEC, 1));
}
END_TEST

/* A peer that takes all it can, for 10 s: another one that begins 5 sessions a
 * second is answered each time.  600 sessions of one peer may begin at once. */
START_TEST(known_shares)
{
	uint64_t at;
	int i, hog = 0, others = 0;

	for (i = 0; i < 600; i++)
		ck_assert(ratelimit_known(&m, T0, 7, RATELIMIT_ANSWER));
	for (at = T0; at < T0 + 10 * SEC; at += MS) {
		for (i = 0; i < 10; i++)
			hog += ratelimit_known(&m, at, 7, RATELIMIT_ANSWER);
		if ((at - T0) % (200 * MS) == 0)
			others += ratelimit_known(&m, at, 8, RATELIMIT_ANSWER);
	}
	ck_assert_int_eq(others, 50);
	ck_assert_int_ge(hog, 4900);
	ck_assert_uint_eq(mp_hog(&m), 7);
	ck_assert_uint_gt(mp_counter_get(&m, MP_C_drop_share), 1000);
}
END_TEST

/* PROTOCOL.md 2: in no second more than 2500 curve operations for strangers. */
START_TEST(curve_second)
{
	uint64_t at;
	int done = 0;

	while (ratelimit_curve(&m, T0, 1))
		done++;
	for (at = T0; at < T0 + SEC; at += 200)
		done += ratelimit_curve(&m, at, 1);
	ck_assert_int_le(done, 2500);
	ck_assert_int_ge(done, 1250); /* nor much less */
}
END_TEST

/* Five times as many clients as a fast core can answer ask for 2 s, each from an
 * address of its own, with a cookie: as many are let in as if no more asked than
 * it can answer, since clients do not share the part of one source. */
START_TEST(overload)
{
	enum { CORE = 100 * 1000, ANSWERS = CORE / 5 / RATELIMIT_INIT };
	int i, done = 0;

	fetch_cookie(T0, &home);
	flood(T0);
	mp_curve_rate(&m, CORE);
	while (ratelimit_curve(&m, T0, RATELIMIT_INIT))
		;
	for (i = 0; i < 2 * 5 * ANSWERS; i++) {
		uint64_t at = T0 + (uint64_t)i * SEC / (5 * ANSWERS);
		struct mp_addr from = duo_ip4(10, (uint8_t)(i >> 16),
		    (uint8_t)(i >> 8), (uint8_t)i, 4000);

		if (i % 1000 == 0)
			flood(at);
		fetch_cookie(at, &from);
		done += ratelimit_admit(&m, at, &from, init) == RATELIMIT_OK &&
		    ratelimit_curve(&m, at, RATELIMIT_INIT);
	}
	ck_assert_int_ge(done, 2 * ANSWERS * 4 / 5);
	ck_assert_int_le(done, 2 * ANSWERS);
}
END_TEST

Suite *
suite_ratelimit(void)
{
	Suite *s = suite_create("ratelimit");
	TCase *t = tcase_create("ratelimit");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, fresh);
	tcase_add_loop_test(t, cookie, 0, COUNT(cookies));
	tcase_add_test(t, cookie_turned);
	tcase_add_test(t, mac2);
	tcase_add_test(t, source);
	tcase_add_loop_test(t, sources_apart, 0, COUNT(sources));
	tcase_add_test(t, curve);
	tcase_add_test(t, curve_second);
	tcase_add_test(t, fair);
	tcase_add_test(t, faster);
	tcase_add_test(t, known);
	tcase_add_test(t, overload);
	tcase_add_test(t, known_shares);
	suite_add_tcase(s, t);
	return s;
}
