/* SPDX-License-Identifier: ISC */
/* core/rollback.c: a block that is brought back from a copy, or of another boot,
 * sends no nonce twice. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

enum { SEEN = 20000 };

/* The nonces that an end used: key, flow with its bits, number. */
static struct {
	int end;
	unsigned n, twice;
	struct {
		uint8_t key[CRYPTO_KEY];
		uint64_t seq;
		uint16_t flow;
		bool dir;
	} one[SEEN];
} nonces;

static enum duo_verdict
watch(struct duo *d, struct duo_packet *p, void *arg)
{
	struct session *s = duo_session(d, p->from);
	struct wire_ad ad;
	unsigned i;

	(void)arg;
	if (p->from != nonces.end || p->len < WIRE_AD + CRYPTO_TAG ||
	    wire_is_handshake(p->data, p->len) || s == NULL ||
	    !state_keys(s)->live || !wire_get_ad(p->data, p->len, &ad))
		return DUO_PASS;
	ck_assert_uint_lt(nonces.n, SEEN);
	i = nonces.n++;
	memset(&nonces.one[i], 0, sizeof(nonces.one[i]));
	memcpy(nonces.one[i].key, state_keys(s)->tx, CRYPTO_KEY);
	nonces.one[i].seq = ad.seq;
	nonces.one[i].flow = ad.flow;
	nonces.one[i].dir = ad.dir;
	while (i-- > 0)
		nonces.twice += memcmp(&nonces.one[i], &nonces.one[nonces.n -
		    1], sizeof(nonces.one[i])) == 0;
	return DUO_PASS;
}

static struct duo *
watched(int e)
{
	struct duo *d = duo_new(2, 1);

	memset(&nonces, 0, sizeof(nonces));
	nonces.end = e;
	d->tap = watch;
	duo_up(d);
	return d;
}

/* The block of either end is what it was a second ago: no nonce comes twice, and
 * both talk again soon. */
START_TEST(restored)
{
	int e = _i % 2;
	struct duo *d = watched(e);
	size_t size = d->end[e].size;
	uint8_t *copy = malloc(size);
	uint32_t n = 2;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, d->end[e].block, size);
	duo_chat(d, d->now + SEC, 20 * MS, &n);
	memcpy(d->end[e].block, copy, size);
	if (_i >= 2) /* it only hears, at first */
		duo_run(d, d->now + SEC);
	mp_stir(&d->end[e].mp, (const uint8_t[32]) { 1, 2, 3 });
	duo_chat(d, d->now + 5 * SEC, 20 * MS, &n);
	ck_assert_uint_gt(nonces.n, 100);
	ck_assert_uint_eq(nonces.twice, 0);
	ck_assert_uint_eq(duo_count(d, e, MP_C_rolled_back), 1);
	n = 10000;
	duo_chat(d, d->now + SEC, 100 * MS, &n);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_missing(d, 10000, n), 0);
	ck_assert_int_eq(duo_twice(d, 10000, n), 0);
	free(copy);
	duo_free(d);
}
END_TEST

/* Another view that saw less does not undo it, and finds nothing again. */
START_TEST(views)
{
	struct duo *d = watched(0);
	struct mp other = d->end[0].mp;
	struct mp_tx tx[MP_TX_MAX];
	uint32_t n = 2;

	duo_chat(d, d->now + SEC, 20 * MS, &n);
	ck_assert_int_ge(mp_send_begin(&other, duo_time(d, 0), 0,
	    &d->end[0].peer, 0, 8, 0, tx), 1);
	duo_chat(d, d->now + SEC, 20 * MS, &n);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_rolled_back), 0);
	duo_free(d);
}
END_TEST

/* The clock is that of a later boot. */
START_TEST(rebooted)
{
	struct duo *d = watched(0);
	struct mp *m = &d->end[0].mp;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_addr to = d->end[0].peer;

	ck_assert_int_gt(mp_send_begin(m, duo_time(d, 0) - SEC / 2, 0, &to, 0,
	    8, 0, tx), 0);
	ck_assert_int_eq(mp_send_begin(m, duo_time(d, 0) - 3 * SEC, 0, &to, 0,
	    8, 0, tx), MP_EAGAIN);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_rolled_back), 1);
	duo_free(d);
}
END_TEST

Suite *
suite_rollback(void)
{
	Suite *s = suite_create("rollback");
	TCase *t = tcase_create("rollback");

	tcase_add_loop_test(t, restored, 0, 4);
	tcase_add_test(t, views);
	tcase_add_test(t, rebooted);
	suite_add_tcase(s, t);
	return s;
}
