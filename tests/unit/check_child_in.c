/* SPDX-License-Identifier: ISC */
/* core/child_in.c: CHILD that arrives, and attackers (PROTOCOL.md 2). */
#include <check.h>
#include <string.h>

#include "child.h"
#include "duo.h"
#include "family.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"

/* --- Attackers ------------------------------------------------------------ */

/* Every bit that is flipped makes it nothing: no session, no answer. */
START_TEST(flipped)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	uint8_t packet[256];
	uint64_t sent;
	size_t i, len;

	family_watch(d);
	seen.lose_child = seen.lose_init = true;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 5 * MS);
	ck_assert_ptr_nonnull(seen.first);
	len = seen.first->len;
	ck_assert_uint_le(len, sizeof(packet));
	sent = d->sent[SERVER];
	for (i = 0; i < len * 8; i++) {
		memcpy(packet, seen.first->data, len);
		packet[i / 8] ^= (uint8_t)(1U << i % 8);
		ck_assert_int_ne(duo_inject(d, SERVER, &seen.first->path,
		    packet, len), MP_DELIVER);
		ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	}
	for (i = 0; i < len; i++)
		ck_assert_int_ne(duo_inject(d, SERVER, &seen.first->path,
		    seen.first->data, i), MP_DELIVER);
	ck_assert_int_eq(duo_sessions(d, SERVER), 1);
	ck_assert_uint_eq(d->sent[SERVER], sent);
	/* the true one still counts */
	ck_assert_int_eq(duo_inject(d, SERVER, &seen.first->path,
	    seen.first->data, len), MP_DELIVER);
	family_done(d);
}
END_TEST

/* A replay does nothing: while the session lives, after it, and from
 * elsewhere. */
START_TEST(replayed)
{
	struct mp_parent p;
	struct duo *d = family_new(2, 1, &p);
	struct mp_path elsewhere;
	struct copy before;
	enum mp_verdict v;

	family_watch(d);
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + SEC);
	elsewhere = hostile_elsewhere(&seen.first->path);
	for (int i = 0; i < 4; i++) {
		if (i == 2) {
			mp_slot_close(&d->end[SIBLING].mp, d->now, 0);
			duo_run(d, d->now + 170 * SEC);
		}
		copy_keep(&before, d, SERVER);
		v = duo_inject(d, SERVER, i % 2 == 0 ? &seen.first->path :
		    &elsewhere, seen.first->data, seen.first->len);
		ck_assert_int_eq(v, MP_DROPPED);
		copy_assert(&before, d, SERVER, v, "replay", (size_t)i);
		copy_drop(&before);
	}
	ck_assert_int_eq(duo_heard(d, SERVER, 100), 1);
	family_done(d);
}
END_TEST

/* A CHILD that arrives from an address that the parent never had moves little
 * there before that is proven. */
START_TEST(redirected)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct mp_path elsewhere;
	uint8_t big[1000] = { 1 };
	uint64_t bytes;
	struct session *s;

	family_watch(d);
	seen.lose_child = seen.lose_init = true;
	ck_assert_int_eq(duo_say(d, SIBLING, 100), 0);
	duo_run(d, d->now + 5 * MS);
	elsewhere = hostile_elsewhere(&seen.first->path);
	bytes = d->sent_bytes[SERVER];
	ck_assert_int_eq(duo_inject(d, SERVER, &elsewhere, seen.first->data,
	    seen.first->len), MP_DELIVER);
	duo_cut(d, 0, 0, true); /* the parent is not heard meanwhile */
	for (int i = 0; i < 10; i++)
		(void)duo_send(d, SERVER, big, sizeof(big));
	duo_run(d, d->now + 300 * MS);
	s = family_child(d);
	ck_assert_ptr_nonnull(s);
	ck_assert(state_flow(&d->end[SERVER].mp, s, 0)->unproven);
	ck_assert_uint_le(d->sent_bytes[SERVER] - bytes,
	    3 * seen.first->len + 600);
	family_done(d);
}
END_TEST

/* What one child proved serves the next: its answer waits for a challenge only
 * where no child came from before. */
START_TEST(proven_by_sibling)
{
	struct mp_parent p;
	struct duo *d = duo_new(2, 1);
	uint8_t big[800] = { 1 };
	size_t before;

	duo_cut_addr(d, CLIENT, 1, true);
	duo_up(d);
	duo_cut_addr(d, CLIENT, 1, false);
	p = family_parent(d);
	mp_slot_close(&d->end[CLIENT].mp, d->now, 0);
	duo_run(d, d->now + SEC);
	/* the parent knows of address 0 alone */
	p.peer.flow[0].path.local = duo_addr(d, CLIENT, 1);
	p.peer.flow[0].path.ifindex = 2;
	p.peer.nflows = 1;
	family_add(d);
	duo_cut_addr(d, SIBLING, 0, true);
	for (uint32_t i = 0; i < 3; i++) {
		d->end[SIBLING].port = (uint16_t)(10000 + i);
		family_ticket(d, SIBLING, &p);
		ck_assert_int_eq(duo_say(d, SIBLING, 100 + 2 * i), 0);
		duo_run(d, d->now + 2 * DUO_DELAY);
		ck_assert_int_eq(duo_heard(d, SERVER, 100 + 2 * i), 1);
		before = d->end[SIBLING].n_got;
		ck_assert_int_eq(duo_send(d, SERVER, big, sizeof(big)), 0);
		duo_run(d, d->now + 2 * DUO_DELAY);
		ck_assert_uint_eq(d->end[SIBLING].n_got, before + (i > 0));
		duo_run(d, d->now + SEC);
		mp_slot_close(&d->end[SIBLING].mp, d->now, 0);
		duo_run(d, d->now + SEC);
		ck_assert_int_eq(mp_slot_open(&d->end[SIBLING].mp, 0,
		    MP_DUAL), 0);
	}
	duo_free(d);
}
END_TEST

/* Whoever has one ticket can make no packet of another child. */
START_TEST(one_ticket)
{
	struct mp_parent p;
	struct duo *d = family_new(1, 1, &p);
	struct mp_ticket a, b;
	uint8_t from[2][32], to[2][32], assoc[2][8];

	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &a), 0);
	ck_assert_int_eq(mp_parent_ticket(&p, d->now, &b), 0);
	ck_assert_uint_eq(b.number, a.number + 1);
	ck_assert_mem_ne(a.seed, b.seed, 32);
	ck_assert_mem_ne(a.seed, p.secret, 32);
	child_derive(a.seed, a.number, from[0], to[0], assoc[0]);
	child_derive(b.seed, b.number, from[1], to[1], assoc[1]);
	ck_assert_mem_ne(from[0], to[0], 32);
	ck_assert_mem_ne(from[0], from[1], 32);
	ck_assert_mem_ne(assoc[0] + 4, assoc[1] + 4, 4);
	duo_free(d);
}
END_TEST

Suite *
suite_child_in(void)
{
	Suite *s = suite_create("child_in");
	TCase *tc = tcase_create("child_in");

	tcase_add_test(tc, flipped);
	tcase_add_test(tc, replayed);
	tcase_add_test(tc, redirected);
	tcase_add_test(tc, proven_by_sibling);
	tcase_add_test(tc, one_ticket);
	suite_add_tcase(s, tc);
	return s;
}
