/* SPDX-License-Identifier: ISC */
/* Strangers and attackers on the path: packets with flipped bits, cut,
 * lengthened and invented. */
#include <string.h>

#include "../keys.h"
#include "bytes.h"
#include "duo.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

/* --- Flipped, cut and longer ---------------------------------------------- */

static void
maul(struct duo *d, int to, const struct mp_path *path,
    const uint8_t *packet, size_t len)
{
	static const size_t more[] = { 1, 2, 4, 16, 34, 1000 };
	uint8_t bad[2048];
	struct copy c;
	size_t i;

	memset(bad, 0, sizeof(bad));
	memcpy(bad, packet, len);
	copy_keep(&c, d, to);
	for (i = 0; i < len * 8; i++) {
		bad[i / 8] ^= (uint8_t)(1U << i % 8);
		copy_assert(&c, d, to, hostile_give(d, to, path, bad, len),
		    "flipped bit", i);
		bad[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (i = 0; i < len; i++)
		copy_assert(&c, d, to, hostile_give(d, to, path, bad, i),
		    "cut to", i);
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		copy_assert(&c, d, to, hostile_give(d, to, path, bad,
		    len + more[i]), "longer by", more[i]);
	copy_drop(&c);
}

/* Each kind in each direction: no mauled copy has an effect, and the true
 * packet does, even after them. */
START_TEST(flip_sealed)
{
	const struct kind *k = &kinds[_i / 2];
	int from = _i % 2, to = !from;
	struct duo *d = hostile_world(2, 1);
	struct mp_path path;
	uint8_t packet[512];
	size_t len;

	duo_up(d);
	path = duo_path(d, to, 0, from, 0);
	len = kind_make(d, from, k, 3, packet);
	maul(d, to, &path, packet, len);
	ck_assert_msg(hostile_give(d, to, &path, packet, len) == k->verdict,
	    "%s from %d", k->name, from);
	duo_free(d);
}
END_TEST

/* --- Handshake packets ---------------------------------------------------- */

START_TEST(flip_handshake)
{
	enum wire_type type = (enum wire_type)_i;
	struct catch c = { .types = 0 };
	struct duo *d = catch_world(&c, type);
	struct duo_packet *p = c.kept[type];
	struct copy was;

	maul(d, p->to, &p->path, p->data, p->len);
	copy_keep(&was, d, p->to);
	hostile_give(d, p->to, &p->path, p->data, p->len);
	ck_assert(!copy_same(&was, d, p->to));
	copy_drop(&was);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* Mauled copies of an INIT that was answered get no answer. */
START_TEST(flip_init_again)
{
	struct catch c = { .types = 0 };
	struct duo *d = catch_world(&c, WIRE_T_INIT);
	struct duo_packet *p = c.kept[WIRE_T_INIT];

	d->end[CLIENT].off = true;
	hostile_give(d, SERVER, &p->path, p->data, p->len);
	ck_assert_uint_eq(d->sent[SERVER], 1);
	maul(d, SERVER, &p->path, p->data, p->len);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* RESP and COOKIE that answer no INIT. */
START_TEST(late_answer)
{
	enum wire_type type = (enum wire_type)_i;
	struct catch c = { .types = 0 };
	struct duo *d = catch_world(&c, type);
	struct duo_packet *p = c.kept[type];
	struct copy was;
	int i;

	c.types = 0;
	if (type == WIRE_T_COOKIE)
		d->end[SERVER].mp.sh->ratelimit.fresh.at = 0;
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	copy_keep(&was, d, CLIENT);
	for (i = 0; i < 10; i++)
		hostile_give(d, CLIENT, &p->path, p->data, p->len);
	ck_assert(copy_same(&was, d, CLIENT));
	copy_drop(&was);
	catch_free(&c);
	duo_free(d);
}
END_TEST

static const enum wire_type all_types[] = { WIRE_T_INIT, WIRE_T_RESP,
	WIRE_T_COOKIE };

/* Handshake packets reflected to their sender. */
START_TEST(reflect_handshake)
{
	enum wire_type type = all_types[_i];
	struct catch c = { .types = 0 };
	struct duo *d = catch_world(&c, type);
	struct duo_packet *p = c.kept[type];
	struct mp_path back = duo_path(d, p->from, 0, p->to, 0);
	struct copy was;
	int i;

	copy_keep(&was, d, p->from);
	for (i = 0; i < 10; i++)
		copy_assert(&was, d, p->from, hostile_give(d, p->from, &back,
		    p->data, p->len), "reflected", (size_t)i);
	copy_drop(&was);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* Copies of an INIT get the cached RESP, 4 for each source at most; the
 * session, once up, does not change. */
START_TEST(replay_init)
{
	struct catch c = { .types = 0 };
	struct duo *d = catch_world(&c, WIRE_T_INIT);
	struct duo_packet *p = c.kept[WIRE_T_INIT];
	struct mp_path path = p->path;
	struct copy was;
	uint64_t sent;
	int i, source;

	for (source = 0; source < 3; source++) {
		path.remote.port = (uint16_t)(p->path.remote.port + source);
		sent = d->sent[SERVER];
		for (i = 0; i < 10; i++)
			hostile_give(d, SERVER, &path, p->data, p->len);
		ck_assert_uint_eq(d->sent[SERVER] - sent, 4);
	}
	c.types = 0;
	duo_run(d, d->now + 4 * SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 1);
	/* long after: from its source, and from others */
	for (source = 0; source < 3; source++) {
		duo_run(d, d->now + 10 * SEC);
		path.remote.port = (uint16_t)(p->path.remote.port + source);
		copy_keep(&was, d, SERVER);
		sent = d->sent[SERVER];
		for (i = 0; i < 10; i++)
			hostile_give(d, SERVER, &path, p->data, p->len);
		ck_assert_uint_eq(d->sent[SERVER] - sent, 4);
		ck_assert(copy_same_live(&was, d, SERVER));
		copy_drop(&was);
	}
	duo_run(d, d->now + 10 * SEC);
	ck_assert_int_eq(duo_say(d, CLIENT, 2), 0);
	ck_assert_int_eq(duo_say(d, SERVER, 3), 0);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, SERVER, 2), 1);
	ck_assert_int_eq(duo_heard(d, CLIENT, 3), 1);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->session_used, 1);
	catch_free(&c);
	duo_free(d);
}
END_TEST

/* No key of the other end is there: not a byte is sent back. */
START_TEST(same_ends)
{
	struct duo *d = hostile_world(1, 1);
	struct copy was;
	static const uint8_t secret[32] = "both hold end A of this";
	int e;

	for (e = 0; e < 2; e++) {
		mp_keyring_wipe(&d->end[e].keys);
		ck_assert_int_eq(test_keys_add(&d->end[e].keys, "x", "AB"[_i],
		    secret), 0);
	}
	copy_keep(&was, d, SERVER);
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 20 * SEC);
	ck_assert_uint_gt(d->sent[CLIENT], 4);
	ck_assert_uint_eq(d->sent[SERVER], 0);
	ck_assert(copy_same(&was, d, SERVER));
	ck_assert_int_eq(duo_heard(d, SERVER, 0), 0);
	copy_drop(&was);
	duo_free(d);
}
END_TEST

/* Random packets of a stranger, some of them shaped like real ones: no memory,
 * no answer. */
START_TEST(garbage)
{
	struct duo *d = hostile_world(2, 1);
	struct mp_path path = duo_path(d, SERVER, 0, CLIENT, 1);
	uint8_t packet[2048];
	struct copy was;
	uint32_t sid, i;
	size_t len;

	dice_seed((uint64_t)_i);
	if (_i > 0) /* a server that has a session */
		duo_up(d);
	sid = _i > 0 ? state_keys(duo_session(d, CLIENT))->sid_out : 0;
	copy_keep(&was, d, SERVER);
	for (i = 0; i < 4000; i++) {
		len = dice(10) == 0 ? dice(sizeof(packet)) : dice(200);
		dice_bytes(packet, len);
		if (len >= 12 && dice(3) == 0) { /* like a handshake */
			put32(packet, WIRE_MAGIC);
			packet[4] = (uint8_t)(1 + dice(3));
			packet[5] = WIRE_VERSION;
			put16(packet + 6, 0);
			len = (const size_t[]) { WIRE_INIT, WIRE_RESP,
			    WIRE_COOKIE }[packet[4] - 1];
			dice_bytes(packet + 8, len - 8);
			if (dice(2) == 0)
				put32(packet + 8, sid);
		} else if (len >= 12 && dice(2) == 0) { /* like a session's */
			put32(packet, sid | dice(2));
			put64(packet + 4, (uint64_t)dice(3) << 48 |
			    (1 + dice(100)));
		}
		copy_assert(&was, d, SERVER, hostile_give(d, SERVER, &path,
		    packet, len), "garbage", i);
	}
	copy_drop(&was);
	duo_free(d);
}
END_TEST

Suite *
suite_hostile(void)
{
	Suite *s = suite_create("hostile");
	TCase *tc = tcase_create("hostile");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, flip_sealed, 0, 2 * KINDS);
	tcase_add_loop_test(tc, flip_handshake, WIRE_T_INIT, WIRE_T_COOKIE + 1);
	tcase_add_test(tc, flip_init_again);
	tcase_add_loop_test(tc, late_answer, WIRE_T_RESP, WIRE_T_COOKIE + 1);
	tcase_add_loop_test(tc, reflect_handshake, 0, COUNT(all_types));
	tcase_add_test(tc, replay_init);
	tcase_add_loop_test(tc, same_ends, 0, 2);
	tcase_add_loop_test(tc, garbage, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
