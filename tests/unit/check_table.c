/* SPDX-License-Identifier: ISC */
/* core/table.c: what is linked is found, what is unlinked is not, the first
 * deadline comes first, and garbage in the block does no harm. */
#include "table.h"

#include <string.h>

#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

static struct mp m;

static void
setup(void)
{
	duo_bare(&m, NULL);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

/* --- References and sids -------------------------------------------------- */

START_TEST(refs)
{
	struct table_ref r;
	uint32_t i, slot;

	for (i = 0; i < m.limits.sessions; i++)
		for (slot = 0; slot < 2; slot++) {
			ck_assert(table_ref_of(&m, table_key_ref(&m,
			    &m.sessions[i], (int)slot), &r));
			ck_assert_ptr_eq(r.s, &m.sessions[i]);
			ck_assert_ptr_null(r.sh);
			ck_assert_uint_eq(r.slot, slot);
		}
	for (i = 0; i < STATE_HANDSHAKES; i++) {
		ck_assert(table_ref_of(&m, table_handshake_ref(&m,
		    &m.handshakes[i]),
		    &r));
		ck_assert_ptr_eq(r.sh, &m.handshakes[i]);
		ck_assert_ptr_null(r.s);
	}
	i = table_handshake_ref(&m, &m.handshakes[STATE_HANDSHAKES - 1]) + 1;
	ck_assert(!table_ref_of(&m, i, &r));
	ck_assert_ptr_null(r.s);
	ck_assert_ptr_null(r.sh);
	ck_assert(!table_ref_of(&m, MP_NONE, &r));
}
END_TEST

/* Five sids in one bucket, of sessions and handshakes, are unlinked in each of
 * these orders. */
static const uint8_t orders[][5] = {
	{ 0, 1, 2, 3, 4 }, /* oldest first */
	{ 4, 3, 2, 1, 0 }, /* newest first */
	{ 2, 0, 4, 1, 3 }, /* from the middle */
	{ 1, 3, 2, 4, 0 },
};

static uint32_t
sid_of(uint32_t i)
{
	return WIRE_SID(7, 0, 5 + i * m.buckets);
}

START_TEST(sids)
{
	const uint8_t *order = orders[_i];
	uint32_t ref[5], i, j;
	bool linked[5];

	for (i = 0; i < 5; i++) {
		if (i % 2 == 0) {
			m.sessions[i].keys[1].sid_in = sid_of(i);
			ref[i] = table_key_ref(&m, &m.sessions[i], 1);
		} else {
			m.handshakes[i].keys.sid_in = sid_of(i);
			ref[i] = table_handshake_ref(&m, &m.handshakes[i]);
		}
		ck_assert_uint_eq(table_find_sid(&m, sid_of(i)), MP_NONE);
		table_link_sid(&m, ref[i]);
		linked[i] = true;
	}
	for (i = 0; i < 5; i++) {
		table_unlink_sid(&m, ref[order[i]]);
		linked[order[i]] = false;
		for (j = 0; j < 5; j++)
			ck_assert_uint_eq(table_find_sid(&m, sid_of(j)),
			    linked[j] ? ref[j] : MP_NONE);
	}
	table_unlink_sid(&m, ref[0]); /* a second time: nothing happens */
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_corrupt), 0);
}
END_TEST

START_TEST(sid_other_bits)
{
	struct session *s = &m.sessions[1];

	s->keys[0].sid_in = WIRE_SID(7, 3, 5);
	table_link_sid(&m, table_key_ref(&m, s, 0));
	ck_assert_uint_ne(table_find_sid(&m, WIRE_SID(7, 3, 5)), MP_NONE);
	ck_assert_uint_eq(table_find_sid(&m, WIRE_SID(8, 3, 5)), MP_NONE);
	ck_assert_uint_eq(table_find_sid(&m, WIRE_SID(7, 4, 5)), MP_NONE);
	ck_assert_uint_eq(table_find_sid(&m, WIRE_SID(7, 3, 5) | WIRE_SID_C),
	    MP_NONE);
}
END_TEST

/* PROTOCOL.md 1: the endpoint's 8 bits, the slot, 18 random bits, C clear;
 * never 0, never the handshake magic; unique. */
START_TEST(sid_new)
{
	uint32_t i, sid, slot;

	ck_assert_uint_ne(m.sh->sid_prefix, 0);
	ck_assert_uint_ne(m.sh->sid_prefix, WIRE_MAGIC >> 24);
	for (i = 0; i < 8; i++) {
		slot = i * 31 / 7;
		sid = table_new_sid(&m, slot);
		ck_assert_uint_ne(sid, 0);
		ck_assert_uint_eq(sid >> 24, m.sh->sid_prefix);
		ck_assert_uint_eq(WIRE_SID_SLOT(sid), slot);
		ck_assert_uint_eq(sid & WIRE_SID_C, 0);
		ck_assert_uint_eq(table_find_sid(&m, sid), MP_NONE);
		m.sessions[i].keys[0].sid_in = sid;
		table_link_sid(&m, table_key_ref(&m, &m.sessions[i], 0));
	}
}
END_TEST

/* A sid in use is not given again, even if the generator repeats itself. */
START_TEST(sid_taken)
{
	struct rng before = m.sh->rng;
	uint32_t sid = table_new_sid(&m, 0);

	m.sessions[0].keys[0].sid_in = sid;
	table_link_sid(&m, table_key_ref(&m, &m.sessions[0], 0));
	m.sh->rng = before;
	ck_assert_uint_ne(table_new_sid(&m, 0), sid);
}
END_TEST

START_TEST(sid_garbage)
{
	struct session *s = &m.sessions[1];
	uint32_t sid = WIRE_SID(7, 0, 5), *head = &m.sid_heads[5], ref;

	*head = m.limits.sessions * 2 + STATE_HANDSHAKES + 1;
	ck_assert_uint_eq(table_find_sid(&m, sid), MP_NONE);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_corrupt), 1);
	s->keys[0].sid_in = sid;
	ref = table_key_ref(&m, s, 0);
	table_unlink_sid(&m, ref); /* stops at an index out of range */
	*head = 0;
	table_link_sid(&m, ref);
	m.sid_next[ref] = ref + 1; /* a loop */
	ck_assert_uint_eq(table_find_sid(&m, WIRE_SID(9, 0, 5)), MP_NONE);
	ck_assert_uint_eq(table_find_sid(&m, sid), ref);
	m.sessions[2].keys[0].sid_in = WIRE_SID(9, 0, 5);
	table_unlink_sid(&m, table_key_ref(&m, &m.sessions[2], 0));
	/* a reference out of range has no sid, so it is in no bucket */
	table_unlink_sid(&m, MP_NONE);
}
END_TEST

/* --- Addresses and associations ------------------------------------------ */

static struct session *
with_addr(uint32_t i, uint8_t slot, uint16_t port)
{
	struct session *s = &m.sessions[i];

	s->slot = slot;
	s->shown = duo_ip4(10, 0, 0, 1, port);
	table_link_addr(&m, s);
	return s;
}

START_TEST(addrs)
{
	struct session *a, *b, *c;
	struct mp_addr one = duo_ip4(10, 0, 0, 1, 1000);
	struct mp_addr other = duo_ip4(10, 0, 0, 2, 1000);

	m.buckets = 1; /* one bucket for all */
	ck_assert_ptr_null(table_find_addr(&m, 0, &one));
	a = with_addr(0, 0, 1000);
	b = with_addr(1, 0, 1001);
	c = with_addr(2, 1, 1000);
	ck_assert_ptr_eq(table_find_addr(&m, 0, &one), a);
	ck_assert_ptr_eq(table_find_addr(&m, 1, &one), c);
	ck_assert_ptr_null(table_find_addr(&m, 2, &one));
	ck_assert_ptr_null(table_find_addr(&m, 0, &other));
	one.port = 1001;
	ck_assert_ptr_eq(table_find_addr(&m, 0, &one), b);
	ck_assert_ptr_null(table_find_addr(&m, 1, &one));
	table_unlink_addr(&m, b); /* from the middle */
	ck_assert_ptr_null(table_find_addr(&m, 0, &one));
	ck_assert(!b->shown_linked);
	one.port = 1000;
	ck_assert_ptr_eq(table_find_addr(&m, 0, &one), a);
	ck_assert_ptr_eq(table_find_addr(&m, 1, &one), c);
	table_unlink_addr(&m, c);
	table_unlink_addr(&m, c); /* a second time: nothing happens */
	ck_assert_ptr_eq(table_find_addr(&m, 0, &one), a);
	table_unlink_addr(&m, a);
	ck_assert_ptr_null(table_find_addr(&m, 0, &one));
}
END_TEST

START_TEST(addr_garbage)
{
	struct session *a;
	struct mp_addr one = duo_ip4(10, 0, 0, 1, 1000);
	struct mp_addr other = duo_ip4(10, 0, 0, 2, 1000);

	m.buckets = 1;
	a = with_addr(0, 0, 1000);
	a->addr_next = 1; /* a loop */
	ck_assert_ptr_null(table_find_addr(&m, 0, &other));
	ck_assert_ptr_eq(table_find_addr(&m, 0, &one), a);
	m.addr_heads[0] = m.limits.sessions + 1;
	ck_assert_ptr_null(table_find_addr(&m, 0, &one));
	table_unlink_addr(&m, a); /* not found; no harm */
	ck_assert(!a->shown_linked);
}
END_TEST

static struct session *
with_assoc(uint32_t i, uint64_t key, uint8_t assoc)
{
	struct session *s = &m.sessions[i];

	s->key_id = key;
	memset(s->assoc, assoc, sizeof(s->assoc));
	table_link_assoc(&m, s);
	return s;
}

START_TEST(assocs)
{
	static const uint8_t one[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	static const uint8_t two[8] = { 2, 2, 2, 2, 2, 2, 2, 2 };
	static const uint8_t near[8] = { 1, 1, 1, 1, 1, 1, 1, 2 };
	struct session *a, *b, *c;

	m.buckets = 1;
	ck_assert_ptr_null(table_find_assoc(&m, 5, one));
	a = with_assoc(0, 5, 1);
	b = with_assoc(1, 5, 2);
	c = with_assoc(2, 6, 1); /* under another key it is another */
	ck_assert_ptr_eq(table_find_assoc(&m, 5, one), a);
	ck_assert_ptr_eq(table_find_assoc(&m, 5, two), b);
	ck_assert_ptr_eq(table_find_assoc(&m, 6, one), c);
	ck_assert_ptr_null(table_find_assoc(&m, 6, two));
	ck_assert_ptr_null(table_find_assoc(&m, 5, near));
	table_unlink_assoc(&m, b);
	table_unlink_assoc(&m, b);
	ck_assert_ptr_null(table_find_assoc(&m, 5, two));
	ck_assert_ptr_eq(table_find_assoc(&m, 5, one), a);
	ck_assert_ptr_eq(table_find_assoc(&m, 6, one), c);
	a->assoc_next = 1; /* a loop */
	ck_assert_ptr_null(table_find_assoc(&m, 5, two));
	m.assoc_heads[0] = m.limits.sessions + 1;
	ck_assert_ptr_null(table_find_assoc(&m, 5, one));
	table_unlink_assoc(&m, a);
	ck_assert(!a->assoc_linked);
}
END_TEST

/* --- Deadlines ------------------------------------------------------------ */

/* The first deadline, found by looking at all sessions. */
static uint64_t
first_deadline(const bool in[8])
{
	uint64_t at = MP_NEVER;

	for (int i = 0; i < 8; i++)
		if (in[i] && m.sessions[i].deadline < at)
			at = m.sessions[i].deadline;
	return at;
}

START_TEST(heap)
{
	struct rng rng;
	uint8_t seed[32] = { 1 };
	bool in[8] = { false };
	struct session *s;
	uint32_t n, i, held = 0;

	rng_init(&rng, seed);
	ck_assert_ptr_null(table_first(&m));
	for (n = 0; n < 4000; n++) {
		i = rng_below(&rng, 8);
		s = &m.sessions[i];
		if (rng_below(&rng, 4) == 0) {
			held -= in[i];
			in[i] = false;
			table_remove(&m, s);
			ck_assert_uint_eq(s->deadline, MP_NEVER);
		} else {
			held += !in[i];
			in[i] = true;
			table_set_deadline(&m, s, rng_below(&rng, 50));
		}
		ck_assert_uint_eq(m.sh->heap_n, held);
		s = table_first(&m);
		if (held == 0) {
			ck_assert_ptr_null(s);
		} else {
			ck_assert(in[s - m.sessions]);
			ck_assert_uint_eq(s->deadline, first_deadline(in));
		}
	}
}
END_TEST

START_TEST(arm)
{
	struct session *s = &m.sessions[3];

	table_set_deadline(&m, s, 100);
	table_arm(&m, s, 200); /* never later than it was */
	ck_assert_uint_eq(s->deadline, 100);
	table_arm(&m, s, 50);
	ck_assert_uint_eq(s->deadline, 50);
	table_set_deadline(&m, s, 300);
	ck_assert_uint_eq(s->deadline, 300);
	ck_assert_ptr_eq(table_first(&m), s);
}
END_TEST

START_TEST(heap_garbage)
{
	uint32_t i;

	for (i = 0; i < 8; i++)
		table_set_deadline(&m, &m.sessions[i], 100 - i);
	m.heap[0].session = 99999;
	ck_assert_ptr_nonnull(table_first(&m));
	table_set_deadline(&m, &m.sessions[4], 5);
	m.sh->heap_n = 99999;
	ck_assert_ptr_nonnull(table_first(&m));
	m.heap_pos[5] = 99999;
	table_set_deadline(&m, &m.sessions[5], 1);
	table_remove(&m, &m.sessions[5]);
	ck_assert_uint_eq(m.heap_pos[5], 0);
	/* all places are taken, and this session has none */
	table_set_deadline(&m, &m.sessions[5], 1);
	ck_assert_uint_le(m.sh->heap_n, 99999);
}
END_TEST

/* --- Records -------------------------------------------------------------- */

START_TEST(sessions)
{
	struct mp_addr shown = duo_ip4(10, 0, 0, 1, 1);
	struct session *s[9];
	uint32_t i, gen;

	for (i = 0; i < 8; i++) {
		s[i] = table_new_session(&m);
		ck_assert_ptr_nonnull(s[i]);
		s[i]->state = MP_S_UP;
		s[i]->last_in = 1234;
	}
	ck_assert_ptr_null(table_new_session(&m));
	gen = s[3]->gen;
	s[3]->shown = shown;
	table_link_addr(&m, s[3]);
	table_link_assoc(&m, s[3]);
	table_set_deadline(&m, s[3], 7);
	table_free_session(&m, s[3]);
	ck_assert_ptr_null(state_session_gen(&m, 3, gen)); /* seen to be
							    * freed */
	ck_assert_ptr_null(table_first(&m));
	ck_assert_ptr_null(table_find_addr(&m, 0, &shown));
	s[8] = table_new_session(&m);
	ck_assert_ptr_eq(s[8], s[3]);
	ck_assert_uint_ne(s[8]->gen, gen);
	ck_assert_uint_eq(s[8]->last_in, 0);
	ck_assert_ptr_null(table_new_session(&m));
	m.sh->session_free = 99999; /* garbage: no free record */
	ck_assert_ptr_null(table_new_session(&m));
}
END_TEST

START_TEST(flows)
{
	struct flow *f;
	uint32_t index, i;

	m.limits.flows = 3;
	for (i = 0; i < 3; i++) {
		f = table_new_flow(&m, &index);
		ck_assert_ptr_eq(f, &m.flows[index]);
		ck_assert_uint_eq(index, i);
		f->tx_seq = 77;
	}
	ck_assert_ptr_null(table_new_flow(&m, &index));
	table_free_flow(&m, 3); /* out of range: nothing happens */
	ck_assert_ptr_null(table_new_flow(&m, &index));
	table_free_flow(&m, 0);
	table_free_flow(&m, 2);
	f = table_new_flow(&m, &index);
	ck_assert_uint_eq(index, 2);
	ck_assert_uint_eq(f->tx_seq, 0); /* the record is cleared */
	f = table_new_flow(&m, &index);
	ck_assert_uint_eq(index, 0);
	ck_assert_ptr_null(table_new_flow(&m, &index));
	m.sh->flow_free = 99999;
	ck_assert_ptr_null(table_new_flow(&m, &index));
}
END_TEST

Suite *
suite_table(void)
{
	Suite *s = suite_create("table");
	TCase *t = tcase_create("table");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, refs);
	tcase_add_loop_test(t, sids, 0,
	    (int)(sizeof(orders) / sizeof(orders[0])));
	tcase_add_test(t, sid_other_bits);
	tcase_add_test(t, sid_new);
	tcase_add_test(t, sid_taken);
	tcase_add_test(t, sid_garbage);
	tcase_add_test(t, addrs);
	tcase_add_test(t, addr_garbage);
	tcase_add_test(t, assocs);
	tcase_add_test(t, heap);
	tcase_add_test(t, arm);
	tcase_add_test(t, heap_garbage);
	tcase_add_test(t, sessions);
	tcase_add_test(t, flows);
	suite_add_tcase(s, t);
	return s;
}
