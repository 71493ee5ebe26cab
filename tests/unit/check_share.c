/* SPDX-License-Identifier: ISC */
/* core/share.c: what each peer holds, and who gives way when all is taken. */
#include "share.h"

#include <string.h>

#include "duo.h"
#include "mp.h"
#include "path.h"
#include "session.h"
#include "state.h"
#include "suites.h"
#include "table.h"
#include "wire.h"

#define T0 (UINT64_C(5000) * SEC)

enum { SESSIONS = 64, FLOWS = 256, HOG = 1000, OTHERS = 16 };

static struct mp m;
static uint32_t made; /* sessions so far */

static void
setup(void)
{
	struct mp_limits limits = { .sessions = SESSIONS, .flows = FLOWS,
		.flows_each = 64, .pool = 1 << 16, .pool_each = 1 << 16,
		.staged = 1 << 18 };

	made = 0;
	duo_bare(&m, &limits);
}

static void
teardown(void)
{
	duo_bare_free(&m);
}

/* A session that a peer began, up. */
static struct session *
come(uint64_t key_id)
{
	uint32_t n = ++made;
	uint8_t assoc[8] = { 7, (uint8_t)(n >> 8), (uint8_t)n };
	struct mp_addr a = duo_ip4(10, 1, (uint8_t)(n >> 8), (uint8_t)n, 1000);
	struct keys k = { .sid_out = n };
	struct session *s = session_new(&m, T0 + n, 0, &a, key_id, assoc,
	    false);

	if (s != NULL) {
		k.sid_in = table_new_sid(&m, 0);
		session_install(&m, s, T0 + n, &k, 8);
	}
	return s;
}

static uint32_t
holds(uint64_t key_id)
{
	uint32_t i, n = 0;

	for (i = 0; i < m.sh->session_used; i++)
		n += m.sessions[i].state != MP_S_FREE &&
		    m.sessions[i].key_id == key_id;
	return n;
}

/* What share.c counts is what there is; its lists hold each session once. */
static void
look(void)
{
	uint32_t i, at, id, n = 0, idle = 0, steps = 0;
	uint64_t flows = 0, counted = 0;
	struct session *s;

	for (i = 0; i < m.sh->session_used; i++) {
		s = &m.sessions[i];
		if (s->state == MP_S_FREE)
			continue;
		n++;
		idle += s->idle;
		ck_assert_uint_ne(s->share, 0);
		ck_assert_uint_eq(m.shares[s->share - 1].key_id, s->key_id);
		for (id = 0; id < MP_FLOWS_MAX; id++)
			flows += state_flow_index(&m, s, id) != STATE_NO_INDEX;
	}
	for (i = 0; i < m.sh->share_used; i++)
		for (int list = 0; list < 2; list++)
			for (at = m.shares[i].list[list].first; at != 0 &&
			    m.shares[i].sessions > 0; steps++) {
				s = &m.sessions[at - 1];
				ck_assert_uint_eq(s->share, i + 1);
				ck_assert(s->idle == (list == 1));
				at = s->peers.after;
				counted += at == 0 && list == 0 ?
				    m.shares[i].flows : 0;
			}
	ck_assert_uint_eq(steps, n);
	ck_assert_uint_le(counted, flows);
	for (at = m.sh->idle_first; at != 0; at = m.sessions[at - 1].idles.after)
		idle--;
	ck_assert_uint_eq(idle, 0);
}

/* One peer opens all it can; each of the others gets in and stays. */
START_TEST(hog)
{
	struct session *other[OTHERS];
	uint32_t gen[OTHERS], i, k;

	for (i = 0; i < 3 * SESSIONS; i++) {
		(void)come(HOG);
		look();
	}
	ck_assert_uint_eq(holds(HOG), SESSIONS);
	for (i = 0; i < OTHERS; i++) {
		other[i] = come(i + 1);
		ck_assert_ptr_nonnull(other[i]);
		gen[i] = other[i]->gen;
		for (k = 0; k < SESSIONS; k++)
			(void)come(HOG);
		look();
	}
	for (i = 0; i < OTHERS; i++) {
		ck_assert_uint_eq(other[i]->gen, gen[i]);
		ck_assert_int_eq(other[i]->state, MP_S_UP);
	}
	ck_assert_uint_eq(holds(HOG), SESSIONS - OTHERS);
}
END_TEST

/* The idle associations of others stay, too, while the hog has more. */
START_TEST(idle_stay)
{
	struct session *other[OTHERS];
	uint32_t gen[OTHERS], i;

	for (i = 0; i < OTHERS; i++) {
		other[i] = come(i + 1);
		session_down(&m, other[i]);
		gen[i] = other[i]->gen;
	}
	for (i = 0; i < 3 * SESSIONS; i++) {
		struct session *s = come(HOG);

		if (s != NULL && i % 3 == 0)
			session_down(&m, s);
		look();
	}
	for (i = 0; i < OTHERS; i++)
		ck_assert_uint_eq(other[i]->gen, gen[i]);
}
END_TEST

/* Its own idle ones go before its busy ones. */
START_TEST(idle_first)
{
	struct session *s[SESSIONS];
	uint32_t i, gen;

	for (i = 0; i < SESSIONS; i++)
		s[i] = come(HOG);
	gen = s[40]->gen;
	session_down(&m, s[40]);
	session_down(&m, s[41]);
	ck_assert_ptr_eq(come(5), s[40]);
	ck_assert_uint_ne(s[40]->gen, gen);
	ck_assert_ptr_eq(come(6), s[41]);
	ck_assert_ptr_eq(come(7), s[0]); /* the one without data for longest */
	look();
}
END_TEST

/* Peers with one session each: the one idle for longest goes, none that is
 * up. */
START_TEST(equals)
{
	struct session *s[SESSIONS];
	uint32_t i;

	for (i = 0; i < SESSIONS; i++)
		s[i] = come(i + 1);
	ck_assert_ptr_null(come(200));
	session_down(&m, s[9]);
	session_down(&m, s[3]);
	ck_assert_ptr_eq(come(201), s[9]);
	ck_assert_ptr_eq(come(202), s[3]);
	ck_assert_ptr_null(come(203));
	look();
}
END_TEST

/* Flow records: who has many gives way. */
START_TEST(flows)
{
	struct session *many[8], *s;
	uint32_t i, id, n = 0;

	for (i = 0; i < 8; i++) {
		many[i] = come(HOG);
		many[i]->max_flows = 64;
		for (id = 0; id < 64; id++)
			n += path_flow(&m, many[i], id, T0) != NULL;
		look();
	}
	ck_assert_uint_le(n, FLOWS); /* 8 of each session are always its due */
	for (i = 0; i < OTHERS; i++) {
		s = come(i + 1);
		ck_assert_ptr_nonnull(s);
		for (id = 0; id < SESSION_FLOWS; id++)
			ck_assert_ptr_nonnull(path_flow(&m, s, id, T0));
		look();
	}
	for (i = 0; i < OTHERS; i++)
		ck_assert_uint_eq(holds(i + 1), 1);
}
END_TEST

/* Whatever another process wrote into the lists, nothing leaves the block. */
START_TEST(scribbled)
{
	uint32_t i, k;

	for (i = 0; i < SESSIONS; i++)
		(void)come(i % 5);
	for (k = 0; k < 4000; k++) {
		struct session *s = &m.sessions[k % SESSIONS];
		struct share *p = &m.shares[k % 7];
		uint32_t bad = k % 3 ? UINT32_MAX - k % 5 :
		    (k * 7919U) % (SESSIONS + 2);

		switch (k % 8) {
		case 0: s->share = bad; break;
		case 1: s->peers.after = bad; break;
		case 2: s->idles.before = bad; break;
		case 3: p->list[k / 8 % 2].first = bad; break;
		case 4: p->next = bad; break;
		case 5: m.sh->weight[k / 8 % STATE_WEIGHTS] = bad; break;
		case 6: m.sh->idle_first = bad; break;
		case 7: p->sessions = bad; break;
		}
		if (k % 2 == 0 && s->state != MP_S_FREE)
			session_down(&m, s);
		(void)come(k % 9);
	}
}
END_TEST

Suite *
suite_share(void)
{
	Suite *s = suite_create("share");
	TCase *t = tcase_create("share");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, hog);
	tcase_add_test(t, idle_stay);
	tcase_add_test(t, idle_first);
	tcase_add_test(t, equals);
	tcase_add_test(t, flows);
	tcase_add_test(t, scribbled);
	suite_add_tcase(s, t);
	return s;
}
