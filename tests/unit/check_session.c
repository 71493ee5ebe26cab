/* SPDX-License-Identifier: ISC */
/* core/session.c: made, given keys, taken down, freed (PROTOCOL.md 2). */
#include "session.h"

#include <string.h>

#include "duo.h"
#include "mp.h"
#include "path.h"
#include "pool.h"
#include "share.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define T0 (UINT64_C(5000) * SEC)

enum { SESSIONS = 4 };

static struct mp m;

static void
setup(void)
{
	struct mp_limits limits = { .sessions = SESSIONS, .flows = 16,
		.flows_each = 8, .pool = 1 << 16, .pool_each = 1 << 16,
		.staged = 1 << 18 };

	duo_bare(&m, &limits);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

static struct mp_addr
peer(uint32_t n)
{
	return duo_ip4(10, 1, 0, 1, (uint16_t)(1000 + n));
}

static struct session *
make(uint32_t n, bool initiator)
{
	uint8_t assoc[8] = { 9, 9, (uint8_t)n };
	struct mp_addr a = peer(n);

	return session_new(&m, T0 + n, 0, &a, 77, assoc, initiator);
}

static struct keys
keys(uint32_t n)
{
	struct keys k = { .sid_in = WIRE_SID(7, 0, n), .sid_out = 1000 + n };

	memset(k.tx, (int)n, sizeof(k.tx));
	memset(k.rx, (int)n + 1, sizeof(k.rx));
	return k;
}

START_TEST(new)
{
	struct session *s = make(1, true);
	struct mp_addr a = peer(1);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(s->state, MP_S_CONNECTING);
	ck_assert(s->initiator);
	ck_assert_uint_eq(s->current, STATE_NO_FLOW);
	ck_assert_uint_eq(s->handshake, MP_NONE);
	ck_assert_uint_eq(s->max_flows, 8);
	ck_assert_ptr_eq(table_find_addr(&m, 0, &a), s);
	ck_assert_ptr_eq(table_find_assoc(&m, 77, s->assoc), s);
	ck_assert_ptr_null(state_flow(&m, s, 0));
	ck_assert(!state_keys(s)->live);
	ck_assert_uint_eq(s->deadline, MP_NEVER);
}
END_TEST

/* Which session is pushed out of a full table: of those without keys the one
 * used longest ago; never one that is up or has staged datagrams. */
static const struct full_row {
	const char *name;
	enum mp_session_state state[SESSIONS];
	int staged; /* which session has a staged datagram, or -1 */
	int goes; /* which session goes, or -1: none */
} fulls[] = {
	{ "all are up", { MP_S_UP, MP_S_UP, MP_S_UP, MP_S_UP }, -1, -1 },
	{ "one is down", { MP_S_UP, MP_S_UP, MP_S_DOWN, MP_S_UP }, -1, 2 },
	{ "two are", { MP_S_UP, MP_S_DOWN, MP_S_DOWN, MP_S_UP }, -1, 1 },
	{ "one connects", { MP_S_UP, MP_S_UP, MP_S_UP, MP_S_CONNECTING }, -1,
	    3 },
	{ "... for a program that waits",
	    { MP_S_UP, MP_S_UP, MP_S_UP, MP_S_CONNECTING }, 3, -1 },
	{ "all connect", { MP_S_CONNECTING, MP_S_CONNECTING, MP_S_CONNECTING,
	    MP_S_CONNECTING }, 0, 1 },
	{ "one closes", { MP_S_CLOSING, MP_S_UP, MP_S_UP, MP_S_UP }, -1, -1 },
};

START_TEST(full)
{
	const struct full_row *r = &fulls[_i];
	struct session *s[SESSIONS], *more;
	struct mp_addr a;

	for (int i = 0; i < SESSIONS; i++) {
		s[i] = make((uint32_t)i, true);
		s[i]->state = (uint8_t)r->state[i];
		if (s[i]->state == MP_S_DOWN)
			share_idle(&m, s[i], false);
		if (i == r->staged)
			ck_assert_ptr_nonnull(pool_put(&m, POOL_HELD, s[i],
			    T0, "x", 1));
	}
	more = make(9, true);
	if (r->goes < 0) {
		ck_assert_msg(more == NULL, "%s", r->name);
		return;
	}
	ck_assert_msg(more == s[r->goes], "%s: %d", r->name,
	    (int)(more - m.sessions));
	a = peer((uint32_t)r->goes);
	ck_assert_ptr_null(table_find_addr(&m, 0, &a));
	a = peer(9);
	ck_assert_ptr_eq(table_find_addr(&m, 0, &a), more);
}
END_TEST

START_TEST(freed)
{
	struct session *s = make(1, true);
	struct mp_addr a = peer(1);
	struct keys k = keys(5);
	uint32_t gen = s->gen, i;
	uint8_t none[sizeof(struct keys)] = { 0 };

	session_install(&m, s, T0, &k, 8);
	for (i = 0; i < 8; i++)
		ck_assert_ptr_nonnull(path_flow(&m, s, i, T0));
	ck_assert_ptr_nonnull(pool_put(&m, POOL_RECENT, s, T0, "x", 1));
	ck_assert_ptr_nonnull(pool_put(&m, POOL_HELD, s, T0, "x", 1));
	session_free(&m, s);
	ck_assert_ptr_null(state_session_gen(&m, 0, gen));
	ck_assert_ptr_null(table_find_addr(&m, 0, &a));
	ck_assert_uint_eq(table_find_sid(&m, k.sid_in), MP_NONE);
	ck_assert_ptr_null(table_first(&m));
	ck_assert_mem_eq(&s->keys[0], none, sizeof(none)); /* wiped */
	ck_assert_mem_eq(&s->keys[1], none, sizeof(none));
	/* its 8 of 16 flow records are free again */
	s = make(2, true);
	for (i = 0; i < 8; i++)
		ck_assert_ptr_nonnull(path_flow(&m, s, i, T0));
	s = make(3, true);
	for (i = 0; i < 8; i++)
		ck_assert_ptr_nonnull(path_flow(&m, s, i, T0));
}
END_TEST

/* PROTOCOL.md 2: new keys, new sids; sequence counters belong to the key; the
 * old key receives for 180 s, then is wiped. */
START_TEST(install)
{
	struct session *s = make(1, true);
	struct keys a = keys(5), b = keys(6), c = keys(7);
	struct flow *f = path_flow(&m, s, 0, T0);
	struct table_ref r;

	session_install(&m, s, T0, &a, 4);
	ck_assert_int_eq(s->state, MP_S_UP);
	ck_assert_uint_eq(s->up_at, T0);
	ck_assert_uint_eq(s->max_flows, 4);
	ck_assert_uint_eq(mp_counter_get(&m, MP_C_handshake_done), 1);
	ck_assert_mem_eq(state_keys(s)->tx, a.tx, 32);
	ck_assert_uint_le(s->deadline, T0);
	f->tx_seq = 1234;

	session_install(&m, s, T0 + 100 * SEC, &b, 0);
	ck_assert_mem_eq(state_keys(s)->tx, b.tx, 32);
	ck_assert_uint_eq(f->tx_seq, 0);
	ck_assert_uint_eq(s->up_at, T0);
	ck_assert_uint_eq(s->max_flows, 4); /* 0: not told */
	ck_assert(table_ref_of(&m, table_find_sid(&m, a.sid_in), &r));
	ck_assert_ptr_eq(r.s, s);
	ck_assert_mem_eq(s->keys[r.slot].rx, a.rx, 32);
	ck_assert_uint_eq(s->keys[r.slot].wipe_at, T0 + 180 * SEC);
	ck_assert(table_ref_of(&m, table_find_sid(&m, b.sid_in), &r));
	ck_assert_uint_eq(r.slot, s->cur & 1U);

	/* the third: the first is wiped */
	session_install(&m, s, T0 + 110 * SEC, &c, 63);
	ck_assert_uint_eq(table_find_sid(&m, a.sid_in), MP_NONE);
	ck_assert_uint_ne(table_find_sid(&m, b.sid_in), MP_NONE);
	ck_assert_uint_ne(table_find_sid(&m, c.sid_in), MP_NONE);
	ck_assert_uint_eq(s->max_flows, 4); /* max_flows never grows */
}
END_TEST

/* The initiator's rekey is due at 120 s +-10 %. */
START_TEST(rekey_at)
{
	uint64_t least = MP_NEVER, most = 0;
	struct session *s = make(1, true);
	struct keys k;

	for (uint32_t i = 0; i < 200; i++) {
		k = keys(i);
		session_install(&m, s, T0, &k, 8);
		least = s->rekey_at < least ? s->rekey_at : least;
		most = s->rekey_at > most ? s->rekey_at : most;
	}
	ck_assert_uint_ge(least, T0 + 108 * SEC);
	ck_assert_uint_le(most, T0 + 132 * SEC);
	ck_assert_uint_gt(most - least, 12 * SEC); /* spread out */
	s = make(2, false);
	k = keys(300);
	session_install(&m, s, T0, &k, 8);
	ck_assert_uint_gt(s->rekey_at, T0 + 120 * SEC);
	ck_assert_uint_lt(s->rekey_at, T0 + 180 * SEC);
}
END_TEST

START_TEST(down)
{
	struct session *s = make(1, true);
	struct mp_addr a = peer(1);
	struct keys one = keys(5), two = keys(6);

	session_install(&m, s, T0, &one, 8);
	session_install(&m, s, T0, &two, 8);
	ck_assert_ptr_nonnull(pool_put(&m, POOL_RECENT, s, T0, "x", 1));
	session_down(&m, s);
	ck_assert_int_eq(s->state, MP_S_DOWN);
	ck_assert_ptr_eq(table_find_addr(&m, 0, &a), s);
	ck_assert_ptr_eq(table_find_assoc(&m, 77, s->assoc), s);
	ck_assert_uint_eq(table_find_sid(&m, one.sid_in), MP_NONE);
	ck_assert_uint_eq(table_find_sid(&m, two.sid_in), MP_NONE);
	ck_assert(!s->keys[0].live && !s->keys[1].live);
	ck_assert_ptr_null(pool_first(&m, POOL_RECENT, s));
	session_connect(&m, s, T0 + SEC);
	ck_assert_int_eq(s->state, MP_S_CONNECTING);
	ck_assert(s->want_handshake);
	ck_assert_uint_eq(s->connect_since, T0 + SEC);
	ck_assert_uint_le(s->deadline, T0 + SEC);
}
END_TEST

/* A handshake under way ends with its session. */
START_TEST(handshake_dropped)
{
	struct session *s = make(1, true);
	struct handshake *sh = &m.handshakes[STATE_OPEN];

	sh->state = HANDSHAKE_SENT;
	sh->keys.sid_in = WIRE_SID(7, 0, 5);
	table_link_sid(&m, table_handshake_ref(&m, sh));
	s->handshake = STATE_OPEN;
	s->want_handshake = true;
	session_down(&m, s);
	ck_assert_uint_eq(s->handshake, MP_NONE);
	ck_assert(!s->want_handshake);
	ck_assert_int_eq(sh->state, HANDSHAKE_FREE);
	ck_assert_uint_eq(table_find_sid(&m, WIRE_SID(7, 0, 5)), MP_NONE);
}
END_TEST

Suite *
suite_session(void)
{
	Suite *suite = suite_create("session");
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, new);
	tcase_add_loop_test(t, full, 0,
	    (int)(sizeof(fulls) / sizeof(fulls[0])));
	tcase_add_test(t, freed);
	tcase_add_test(t, install);
	tcase_add_test(t, rekey_at);
	tcase_add_test(t, down);
	tcase_add_test(t, handshake_dropped);
	suite_add_tcase(suite, t);
	return suite;
}
