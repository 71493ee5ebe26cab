/* SPDX-License-Identifier: ISC */
/* Another process that maps the block and writes anything into it. */
#include <string.h>

#include "duo.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"

/* Calls for the effect alone: the result may be anything. */
#define CALL(x)                                                               \
	do {                                                                  \
		if (x)                                                        \
			(void)0;                                              \
	} while (0)

/* --- A process that scribbles over the block ------------------------------ */

static void
scribble(struct duo_end *end)
{
	static const uint32_t odd[] = { 0, 1, 2, 63, 64, 255, 0xffff,
		0x10000, INT32_MAX, UINT32_MAX };
	uint8_t *block = end->block;
	const struct mp *m = &end->mp;
	/* Sessions, flows, handshakes, tables and rings that are in use. */
	const struct { const void *at; size_t size; } parts[] = {
		{ m->sh, sizeof(*m->sh) },
		{ m->sessions, 3 * sizeof(*m->sessions) },
		{ m->annexes, 3 * sizeof(*m->annexes) },
		{ m->flows, 12 * sizeof(*m->flows) },
		{ m->handshakes, 2 * sizeof(*m->handshakes) },
		{ m->handshakes + STATE_OPEN, 2 * sizeof(*m->handshakes) },
		{ m->sid_heads, (size_t)(m->pool - (const uint8_t *)
		    m->sid_heads) },
		{ m->heap, 4 * sizeof(*m->heap) },
		{ m->pool, 2048 },
		{ m->staged, 2048 },
		{ block, end->size },
	};
	uint32_t n, from, to;
	int i, part;

	for (n = 1 + dice(40); n > 0; n--) {
		part = (int)dice(COUNT(parts));
		to = (uint32_t)((const uint8_t *)parts[part].at - block) +
		    dice((uint32_t)parts[part].size);
		from = (uint32_t)((const uint8_t *)parts[part].at - block) +
		    dice((uint32_t)parts[part].size);
		i = (int)dice(4);
		if (i == 0) {
			block[to] = (uint8_t)dice(256);
		} else if (i == 1 && to + 4 < end->size) {
			memcpy(block + (to & ~3U), &odd[dice(COUNT(odd))], 4);
		} else if (i == 2 && (to | from) + 8 < end->size) {
			memmove(block + (to & ~7U), block + (from & ~7U), 8);
		} else if (to + 8 < end->size) {
			memset(block + (to & ~7U), dice(2) ? 0xff : 0, 8);
		}
	}
}

/* What the agent does with parents; and a ticket of which another process wrote
 * all but the peer's address. */
static void
parent_steps(struct duo_end *end, uint64_t now)
{
	struct mp *m = &end->mp;
	struct mp_parent p;
	struct mp_ticket t;
	uint32_t i, n = 0;

	for (i = mp_peer_next(m, 0); i != MP_NONE && n++ < 100;
	     i = mp_peer_next(m, i + 1)) {
		CALL(mp_parent_take(m, now, i, &p, &p));
		mp_parent_learn(m, now, i, &p);
	}
	dice_bytes((uint8_t *)&t, sizeof(t));
	t.peer.addr = end->peer;
	t.peer.nflows = dice(2) ? dice(10) : t.peer.nflows;
	for (i = 0; i < MP_PEER_FLOWS; i++)
		memcpy(t.peer.flow[i].path.local.ip, end->addr[0].local.ip,
		    16);
	mp_ticket_put(m, &t);
}

/* A bounded number of each thing that agent and programs do. */
static void
agent_steps(struct duo *d, int e, const struct tape *t)
{
	struct duo_end *end = &d->end[e];
	static uint8_t buf[65536];
	struct mp_session_info si;
	struct mp_flow_info fi;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_out out;
	uint32_t i, id;
	int step, n;

	for (step = 0; step < 30; step++) {
		d->now += dice(2) ? dice(100) * MS : dice(20) * SEC;
		n = (int)dice(12);
		if (n < 5) {
			i = dice((uint32_t)t->n);
			hostile_give(d, e, &t->p[i]->path, t->p[i]->data,
			    t->p[i]->len);
		} else if (n == 5) {
			duo_tell(d, e);
		} else if (n == 6) {
			mp_link_event(&end->mp, duo_time(d, e), dice(4));
		} else if (n == 7) {
			n = mp_send_begin(&end->mp, duo_time(d, e), 0,
			    &end->peer, 0, 100, (enum mp_send_flag)dice(2), tx);
			if (n == MP_EAGAIN)
				CALL(mp_stage(&end->mp, duo_time(d, e), 0,
				    &end->peer, NULL, buf, 100));
			for (i = 0; n > 0 && i < (uint32_t)n; i++)
				tx[i].error = dice(3) ? 0 : MP_ENETUNREACH;
			if (n > 0)
				CALL(mp_send_commit(&end->mp, duo_time(d, e),
				    tx, n, buf, 100));
		} else if (n == 8) {
			(void)mp_session_find(&end->mp, 0, &end->peer);
			for (i = 0; i < 4; i++) {
				(void)mp_session_mtu(&end->mp, i);
				CALL(mp_session_get(&end->mp, i, &si));
				for (id = 0; id < MP_FLOWS_MAX; id++)
					CALL(mp_flow_get(&end->mp,
					    duo_time(d, e), i, id, &fi));
			}
		} else if (n == 9 && dice(10) == 0) {
			mp_slot_close(&end->mp, duo_time(d, e), 0);
			CALL(mp_slot_open(&end->mp, 0, MP_DUAL));
		} else if (n == 10) {
			parent_steps(end, duo_time(d, e));
		}
		for (i = 0; i < 50 && mp_poll(&end->mp, &end->keys,
		    duo_time(d, e), &out, buf, sizeof(buf)) == 1; i++)
			if (dice(10) == 0)
				mp_poll_failed(&end->mp, duo_time(d, e), &out,
				    MP_ENETUNREACH);
		(void)mp_deadline(&end->mp);
	}
}

/* An end with everything under way: a session in use with two flows in doubt,
 * one that the peer began, INITs, datagrams staged and recent. */
static struct duo *
busy_world(struct tape *t)
{
	struct duo *d = hostile_world(2, 2);
	struct mp_addr nobody = { .port = 7 };
	uint32_t n = 2;
	int other, i;

	d->tap = tape_tap;
	d->tap_arg = t;
	duo_up(d);
	other = duo_add_end(d, 2, 'A');
	ck_assert_int_eq(duo_say(d, other, 1000), 0);
	duo_chat(d, d->now + SEC, 20 * MS, &n);
	memcpy(nobody.ip, (uint8_t[16]) { [10] = 0xff, [11] = 0xff, 10, 8, 8,
	    8 }, 16);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(duo_send_to(d, i, 0, &nobody, "held", 4,
		    (enum mp_send_flag)0), 0);
	duo_cut_addr(d, CLIENT, 0, true);
	duo_chat(d, d->now + 80 * MS, 10 * MS, &n);
	return d;
}

enum { SCRIBBLES = 100 }; /* rounds of each row */

START_TEST(scribbled_block)
{
	struct tape t = { .p = NULL };
	struct duo *d = busy_world(&t);
	uint64_t began = d->now;
	struct copy was[2];
	int i, e;

	t.full = true;
	for (e = 0; e < 2; e++)
		copy_keep(&was[e], d, e);
	dice_seed((uint64_t)_i);
	for (i = 0; i < SCRIBBLES; i++) {
		e = i & 1;
		memcpy(d->end[e].block, was[e].bytes, was[e].size);
		d->now = began;
		scribble(&d->end[e]);
		agent_steps(d, e, &t);
	}
	for (e = 0; e < 2; e++)
		copy_drop(&was[e]);
	tape_free(&t);
	duo_free(d);
}
END_TEST

/* A view of a block with nonsensical limits is refused, or lies within the
 * block. */
START_TEST(attach_scribbled)
{
	struct duo *d = hostile_world(1, 1);
	struct duo_end *end = &d->end[CLIENT];
	struct mp_limits *l = &end->mp.sh->limits, was = *l;
	struct mp m;
	int i;

	ck_assert_int_eq(mp_attach(&m, end->block, end->size), 0);
	dice_seed(1);
	for (i = 0; i < 10000; i++) {
		((uint32_t *)(void *)l)[dice(sizeof(*l) / 4)] = dice(2) ?
		    dice(100000) : dice(UINT32_MAX) << dice(2);
		if (mp_attach(&m, end->block, end->size) == 0)
			ck_assert_uint_le(mp_size(&m.limits), end->size);
		else
			*l = was;
	}
	ck_assert_int_eq(mp_attach(&m, end->block, sizeof(struct shared) - 1),
	    MP_EINVAL);
	duo_free(d);
}
END_TEST

Suite *
suite_scribble(void)
{
	Suite *s = suite_create("scribble");
	TCase *tc = tcase_create("scribble");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, scribbled_block, 0, 20);
	tcase_add_test(tc, attach_scribbled);
	suite_add_tcase(s, tc);
	return s;
}
