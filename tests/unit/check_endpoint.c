/* SPDX-License-Identifier: ISC */
/* core/endpoint.c: the block, its views, slots and local addresses. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "duo.h"
#include "mp.h"
#include "path.h"
#include "session.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct limit_row {
	const char *name;
	struct mp_limits limits;
	bool ok;
} limits[] = {
	{ "defaults", { 0, 0, 0, 0, 0, 0 }, true },
	{ "the least", { 1, 1, 1, 4096, 1, 4096 }, true },
	{ "the most", { 100000, 1 << 20, 64, 1 << 30, 1 << 20, 1 << 20 },
	    true },
	{ "sessions", { 100001, 0, 0, 0, 0, 0 }, false },
	{ "flows", { 0, (1 << 20) + 1, 0, 0, 0, 0 }, false },
	{ "flows of a session", { 0, 0, 65, 0, 0, 0 }, false },
	{ "pool too small", { 0, 0, 0, 4095, 0, 0 }, false },
	{ "pool too big", { 0, 0, 0, (1 << 30) + 64, 0, 0 }, false },
	{ "held too small", { 0, 0, 0, 0, 0, 4095 }, false },
	{ "held too big", { 0, 0, 0, 0, 0, (1 << 30) + 64 }, false },
	{ "odd sizes", { 3, 5, 2, 5001, 4999, 5003 }, true },
	{ "all bits", { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
	    UINT32_MAX, UINT32_MAX }, false },
};

START_TEST(limit)
{
	const struct limit_row *r = &limits[_i];

	ck_assert_msg((mp_size(&r->limits) != 0) == r->ok, "%s", r->name);
}
END_TEST

/* At most 8.25 KiB a session with 4 flows. */
START_TEST(size_session)
{
	struct mp_limits few = { .sessions = 1000, .flows = 4000 };
	struct mp_limits many = { .sessions = 2000, .flows = 8000 };

	/* 2^n buckets, so that a power of two lies between */
	ck_assert_uint_le((mp_size(&many) - mp_size(&few)) / 1000, 8448);
}
END_TEST

static struct mp_setup setup = { .limits = { .sessions = 4, .flows = 8,
	.flows_each = 4, .pool = 4096, .pool_each = 4096, .staged = 4096 },
	.port = 77, .chacha_only = true };

static uint8_t *
block(size_t size)
{
	uint8_t *p = aligned_alloc(64, (size + 127) & ~(size_t)63);

	ck_assert_ptr_nonnull(p);
	memset(p, 0, size);
	return p;
}

/* The engine writes within the block only; ASan and valgrind see more. */
START_TEST(create)
{
	size_t size = mp_size(&setup.limits);
	uint8_t *b = block(size);
	struct mp_setup bad = setup;
	struct mp m;

	ck_assert_int_eq(mp_create(&m, b, size - 1, &setup, 1), MP_EINVAL);
	ck_assert_int_eq(mp_create(&m, b + 8, size, &setup, 1), MP_EINVAL);
	bad.limits.sessions = 20000;
	ck_assert_int_eq(mp_create(&m, b, size, &bad, 1), MP_EINVAL);
	ck_assert_int_eq(mp_create(&m, b, size, &setup, 1), 0);
	ck_assert_uint_eq(mp_deadline(&m), MP_NEVER);
	ck_assert_ptr_eq(m.parts + m.limits.staged, b + size);
	for (int c = 0; c < MP_C_MAX; c++)
		ck_assert_uint_eq(mp_counter_get(&m, (enum mp_counter)c), 0);
	free(b);
}
END_TEST

START_TEST(attach)
{
	size_t size = mp_size(&setup.limits);
	uint8_t *b = block(size);
	struct mp m, view;

	ck_assert_int_eq(mp_attach(&view, b, size), MP_EINVAL); /* zeros */
	ck_assert_int_eq(mp_create(&m, b, size, &setup, 1), 0);
	ck_assert_int_eq(mp_attach(&view, b, size), 0);
	ck_assert_mem_eq(&view, &m, sizeof(m));
	ck_assert_int_eq(mp_attach(&view, b, size - 1), MP_EINVAL);
	ck_assert_int_eq(mp_attach(&view, b, 8), MP_EINVAL);
	ck_assert_int_eq(mp_attach(&view, b + 8, size - 8), MP_EINVAL);
	m.sh->limits.sessions = 5; /* its limits need more than its size */
	ck_assert_int_eq(mp_attach(&view, b, size), MP_EINVAL);
	m.sh->limits.sessions = 1 << 20;
	ck_assert_int_eq(mp_attach(&view, b, size), MP_EINVAL);
	m.sh->limits.sessions = 4;
	ck_assert_int_eq(mp_attach(&view, b, size), 0);
	m.sh->magic++;
	ck_assert_int_eq(mp_attach(&view, b, size), MP_EINVAL);
	free(b);
}
END_TEST

/* Generators of one seed differ after one of them is stirred. */
START_TEST(stir)
{
	struct mp a, b;
	uint8_t more[32] = { 1 };

	duo_bare(&a, NULL);
	duo_bare(&b, NULL);
	ck_assert_uint_eq(rng_u32(&a.sh->rng), rng_u32(&b.sh->rng));
	mp_stir(&a, more);
	ck_assert_uint_ne(rng_u32(&a.sh->rng), rng_u32(&b.sh->rng));
	duo_bare_free(&a);
	duo_bare_free(&b);
}
END_TEST

START_TEST(slots)
{
	struct mp_addr dst = duo_ip4(10, 0, 0, 1, 9);
	struct mp_tx tx[MP_TX_MAX];
	struct mp m;

	duo_bare(&m, NULL);
	ck_assert_int_eq(mp_slot_open(&m, 32, MP_DUAL), MP_EINVAL);
	ck_assert_int_eq(mp_slot_open(&m, 1, (enum mp_family)5), MP_EINVAL);
	ck_assert_int_eq(mp_slot_accept(&m, 32), MP_EINVAL);
	ck_assert_int_eq(mp_slot_accept(&m, 31), MP_EINVAL);
	ck_assert_int_eq(mp_send_begin(&m, 1, 31, &dst, 0, 1,
	    (enum mp_send_flag)0, tx), MP_EINVAL);
	ck_assert_int_eq(mp_slot_open(&m, 31, MP_INET), 0);
	ck_assert_uint_eq(m.sh->accept_slot, 31);
	ck_assert_int_eq(mp_send_begin(&m, 1, 31, &dst, 0, 1,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	ck_assert_uint_ne(mp_session_find(&m, 31, &dst), MP_NONE);
	ck_assert_uint_eq(mp_session_find(&m, 0, &dst), MP_NONE);
	ck_assert_int_eq(mp_slot_accept(&m, 0), 0);
	ck_assert_uint_eq(m.sh->accept_slot, 0);
	mp_slot_close(&m, 1, 31); /* no session is up: freed at once */
	ck_assert_uint_eq(mp_session_find(&m, 31, &dst), MP_NONE);
	ck_assert_int_eq(mp_slot_accept(&m, 31), MP_EINVAL);
	mp_slot_close(&m, 1, 32);
	mp_slot_close(&m, 1, 0);
	ck_assert_int_eq(mp_send_begin(&m, 1, 0, &dst, 0, 1,
	    (enum mp_send_flag)0, tx), MP_EINVAL);
	duo_bare_free(&m);
}
END_TEST

/* The slot closes: the peer gets a CLOSE, and its session ends. */
START_TEST(close)
{
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	mp_slot_close(&d->end[_i].mp, d->now, 0);
	ck_assert_uint_eq(mp_session_find(&d->end[_i].mp, 0,
	    &d->end[_i].peer), MP_NONE);
	duo_run(d, d->now + 100 * MS);
	ck_assert_ptr_null(duo_session(d, _i));
	if (_i == 0)
		ck_assert_ptr_null(duo_session(d, 1));
	else
		ck_assert_int_ne(duo_session(d, 0)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

/*
 * The server's socket is gone, and a datagram that it sent waits for a peer that
 * never answers.  The client's session ends at once; no session is made for a
 * slot whose datagrams nobody reads; and what the client sends meanwhile goes to
 * the next socket.
 */
START_TEST(part)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[1].mp;
	struct mp_addr other = duo_ip4(10, 0, 0, 99, 9);
	uint32_t n;

	duo_up(d);
	ck_assert_int_eq(duo_send_to(d, 1, 0, &other, "x", 1,
	    (enum mp_send_flag)0), 0);
	mp_slot_part(m, duo_time(d, 1), 0);
	mp_slot_part(m, duo_time(d, 1), 32);
	ck_assert_uint_eq(mp_slots(m), 1);
	ck_assert_uint_eq(mp_slots_accepting(m), 0);
	ck_assert_int_eq(mp_slot_accept(m, 0), MP_EINVAL);
	duo_run(d, d->now + 100 * MS);
	ck_assert_int_ne(duo_session(d, 0)->state, MP_S_UP);
	for (n = 1; n <= 5; n++) {
		duo_say(d, 0, n);
		duo_run(d, d->now + 10 * MS);
	}
	duo_run(d, d->now + 200 * MS);
	ck_assert_int_eq(duo_sessions(d, 1), 1); /* with the other one */
	ck_assert_uint_gt(duo_count(d, 1, MP_C_drop_handshake_slot), 0);
	ck_assert_int_eq(mp_slot_open(m, 1, MP_DUAL), 0);
	mp_slot_move(m, duo_time(d, 1), 0, 1, NULL);
	ck_assert_uint_ne(mp_session_find(m, 1, &other), MP_NONE);
	duo_run(d, d->now + SEC);
	for (n = 1; n <= 5; n++)
		ck_assert_int_eq(duo_heard(d, 1, n), 1);
	ck_assert_uint_eq(d->end[1].got[d->end[1].n_got - 1].slot, 1);
	mp_slot_close(m, duo_time(d, 1), 0);
	ck_assert_uint_eq(mp_slots(m), 2);
	ck_assert_uint_eq(mp_slots_accepting(m), 2);
	duo_free(d);
}
END_TEST

/* Both ends begin at once, and the socket of one is gone before its session is
 * up: what it sent arrives by the other's handshake. */
START_TEST(part_rivals)
{
	struct duo *d = duo_new(1, 1);

	d->end[1].peer = duo_addr(d, 0, 0);
	duo_say(d, 0, 2);
	duo_say(d, 1, 1);
	mp_slot_part(&d->end[_i].mp, duo_time(d, _i), 0);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_int_eq(duo_heard(d, !_i, _i == 0 ? 2 : 1), 1);
	duo_free(d);
}
END_TEST

/* The slot is opened and closed again before the CLOSE went out. */
START_TEST(close_again)
{
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[0].mp;

	duo_up(d);
	mp_slot_close(m, duo_time(d, 0), 0);
	ck_assert_int_eq(mp_slot_open(m, 0, MP_DUAL), 0);
	mp_slot_close(m, duo_time(d, 0), 0);
	duo_run(d, d->now + SEC);
	ck_assert_ptr_null(duo_session(d, 0));
	ck_assert_ptr_null(duo_session(d, 1));
	duo_free(d);
}
END_TEST

/* The server's first socket is connected to another peer: the client's session
 * moves to the second socket, whose sid its packets carry soon. */
START_TEST(move)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[1].mp;
	struct mp_addr client, other = duo_ip4(10, 0, 0, 99, 9);
	struct session *s;

	duo_up(d);
	client = d->end[1].peer;
	s = duo_session(d, 1);
	ck_assert_int_eq(mp_slot_open(m, 1, MP_INET), 0);
	mp_slot_move(m, duo_time(d, 1), 0, 1, &client); /* its own peer stays */
	ck_assert_uint_eq(mp_session_find(m, 0, &client), state_index(m, s));
	mp_slot_move(m, duo_time(d, 1), 0, 2, &other); /* no such slot */
	ck_assert_uint_eq(s->slot, 0);
	mp_slot_move(m, duo_time(d, 1), 0, 1, &other);
	ck_assert_uint_eq(mp_session_find(m, 0, &client), MP_NONE);
	ck_assert_uint_eq(mp_session_find(m, 1, &client), state_index(m, s));
	duo_say(d, 0, 1); /* arrives by the old sid, for the new slot */
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 1), 1);
	ck_assert_uint_eq(d->end[1].got[d->end[1].n_got - 1].slot, 1);
	ck_assert_uint_eq(WIRE_SID_SLOT(state_keys(s)->sid_in), 1);
	ck_assert_int_eq(duo_send_to(d, 1, 1, &client, "answer", 6,
	    (enum mp_send_flag)0), 0);
	duo_run(d, d->now + SEC);
	ck_assert_uint_eq(d->end[0].got[d->end[0].n_got - 1].len, 6);
	ck_assert_int_eq(mp_counter_get(m, MP_C_drop_stale), 0);
	duo_free(d);
}
END_TEST

/* A session whose peer the other socket cannot express stays. */
START_TEST(move_not)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr other = duo_ip4(10, 0, 0, 99, 9);

	duo_up(d);
	ck_assert_int_eq(mp_slot_open(&d->end[1].mp, 1, MP_INET6), 0);
	mp_slot_move(&d->end[1].mp, duo_time(d, 1), 0, 1, &other);
	ck_assert_uint_eq(duo_session(d, 1)->slot, 0);
	duo_free(d);
}
END_TEST

/* A half-open handshake also moves. */
START_TEST(move_early)
{
	struct duo *d = duo_new(1, 1);
	struct mp_addr other = duo_ip4(10, 0, 0, 99, 9);
	struct mp *m = &d->end[1].mp;

	ck_assert_int_eq(mp_slot_open(m, 1, MP_INET), 0);
	ck_assert_int_eq(mp_slot_accept(m, 0), 0);
	duo_say(d, 0, 1);
	while (m->handshakes[0].state != HANDSHAKE_OPEN)
		duo_run(d, d->now + 100);
	mp_slot_move(m, duo_time(d, 1), 0, 1, &other);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_heard(d, 1, 1), 1);
	ck_assert_uint_eq(d->end[1].got[0].slot, 1);
	ck_assert_uint_eq(WIRE_SID_SLOT(state_keys(duo_session(d, 1))->sid_in),
	    1);
	duo_free(d);
}
END_TEST

/* The server's second socket is connected to the client: it has the session, by
 * the old keys at once and by new ones soon, and answers by it.  Then it is
 * closed, and the first one has it again: no new session was made. */
START_TEST(take)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[1].mp;
	struct mp_addr client, other = duo_ip4(10, 0, 0, 99, 9);
	struct session *s;
	uint32_t i, slot;

	duo_up(d);
	client = d->end[1].peer;
	s = duo_session(d, 1);
	ck_assert_int_eq(mp_slot_open(m, 1, MP_INET), 0);
	mp_slot_take(m, duo_time(d, 1), 0, 1, &other); /* no such peer */
	mp_slot_take(m, duo_time(d, 1), 0, 2, &client); /* no such slot */
	mp_slot_take(m, duo_time(d, 1), 0, 0, &client);
	ck_assert_uint_eq(mp_session_find(m, 0, &client), state_index(m, s));
	for (i = 0; i < 2; i++) {
		slot = 1 - i;
		if (slot == 1)
			mp_slot_take(m, duo_time(d, 1), 0, 1, &client);
		else
			mp_slot_move(m, duo_time(d, 1), 1, 0, NULL);
		ck_assert_uint_eq(mp_session_find(m, i, &client), MP_NONE);
		duo_say(d, 0, 10 + 2 * i);
		ck_assert_int_eq(duo_send_to(d, 1, slot, &client, "answer", 6,
		    (enum mp_send_flag)0), 0);
		duo_run(d, d->now + SEC);
		ck_assert_int_eq(duo_heard(d, 1, 10 + 2 * i), 1);
		ck_assert_uint_eq(d->end[1].got[d->end[1].n_got - 1].slot,
		    slot);
		ck_assert_uint_eq(d->end[0].n_got, i + 1);
		ck_assert_uint_eq(WIRE_SID_SLOT(state_keys(s)->sid_in), slot);
	}
	mp_slot_close(m, duo_time(d, 1), 1); /* it has none to close */
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(s->state, MP_S_UP);
	ck_assert_int_eq(duo_sessions(d, 0), 1);
	duo_free(d);
}
END_TEST

/* A session that another one of that address keeps out, or whose peer the
 * other socket cannot express, is not taken. */
START_TEST(take_not)
{
	static const uint8_t assoc[8] = "another";
	struct duo *d = duo_new(1, 1);
	struct mp *m = &d->end[1].mp;
	struct mp_addr client;

	duo_up(d);
	client = d->end[1].peer;
	ck_assert_int_eq(mp_slot_open(m, 1, MP_INET6), 0);
	mp_slot_take(m, duo_time(d, 1), 0, 1, &client);
	ck_assert_uint_eq(duo_session(d, 1)->slot, 0);
	ck_assert_int_eq(mp_slot_open(m, 2, MP_INET), 0);
	ck_assert_ptr_nonnull(session_new(m, duo_time(d, 1), 2, &client, 1,
	    assoc, false));
	mp_slot_take(m, duo_time(d, 1), 0, 2, &client);
	ck_assert_uint_eq(duo_session(d, 1)->slot, 0);
	duo_free(d);
}
END_TEST

/* Sessions of other slots stay. */
START_TEST(close_other)
{
	struct duo *d = duo_new(1, 1);

	duo_up(d);
	ck_assert_int_eq(mp_slot_open(&d->end[0].mp, 1, MP_DUAL), 0);
	mp_slot_close(&d->end[0].mp, d->now, 1);
	duo_run(d, d->now + SEC);
	ck_assert_int_eq(duo_session(d, 0)->state, MP_S_UP);
	ck_assert_int_eq(duo_session(d, 1)->state, MP_S_UP);
	duo_free(d);
}
END_TEST

START_TEST(locals)
{
	struct mp_local list[MP_LOCALS_MAX + 6];
	struct mp m;

	memset(list, 0, sizeof(list));
	for (int i = 0; i < COUNT(list); i++) {
		list[i].ip[0] = 0x20;
		list[i].ip[15] = (uint8_t)(i + 1);
	}
	duo_bare(&m, NULL);
	mp_locals(&m, 1, list, (size_t)COUNT(list));
	ck_assert_uint_eq(m.sh->nlocals, MP_LOCALS_MAX);
	mp_locals(&m, 1, list, 3);
	ck_assert_uint_eq(m.sh->nlocals, 3);
	ck_assert_uint_eq(m.sh->local[3].ip[0], 0);
	mp_locals(&m, 1, NULL, 0);
	ck_assert_uint_eq(m.sh->nlocals, 0);
	duo_bare_free(&m);
}
END_TEST

/* Which addresses are kept, and told first: those whose link works, of these
 * one of each interface and family, then another of each. */
START_TEST(locals_ranked)
{
	struct mp_local list[100];
	struct mp m;
	uint32_t i, j, uplink = MP_NONE, six = MP_NONE, down = 0;

	memset(list, 0, sizeof(list));
	for (i = 0; i < 90; i++) { /* 30 bridges with 3 addresses each */
		memcpy(list[i].ip, duo_ip4(10, (uint8_t)(i / 3), 0,
		    (uint8_t)(i % 3 + 1), 0).ip, 16);
		list[i].ifindex = i / 3 + 1;
		list[i].down = i < 3;
	}
	memcpy(list[90].ip, duo_ip4(203, 0, 113, 1, 0).ip, 16);
	list[91].ip[0] = 0x20;
	list[90].ifindex = list[91].ifindex = 99;
	duo_bare(&m, NULL);
	mp_locals(&m, 1, list, 92);
	ck_assert_uint_eq(m.sh->nlocals, MP_LOCALS_MAX);
	for (i = 0; i < MP_LOCALS_MAX; i++) {
		for (j = 0; j < i; j++)
			ck_assert_mem_ne(m.sh->local[i].ip, m.sh->local[j].ip,
			    16);
		if (memcmp(m.sh->local[i].ip, list[90].ip, 16) == 0)
			uplink = i;
		if (memcmp(m.sh->local[i].ip, list[91].ip, 16) == 0)
			six = i;
		down += m.sh->local[i].down;
	}
	ck_assert_uint_lt(uplink, 31); /* 29 bridges, IPv4 and IPv6 of it */
	ck_assert_uint_lt(six, 31);
	ck_assert_uint_eq(down, 0);
	duo_bare_free(&m);
}
END_TEST

/* With many sessions an address event is spread over calls, so that the lock is
 * not held for long; who sends before his turn sees it done. */
START_TEST(locals_many)
{
	struct mp_limits many = { .sessions = 2000, .flows = 4000 };
	struct mp_local local = { .ip = { 0x20, [15] = 1 }, .ifindex = 1 };
	struct mp_keyring ring = { 0 };
	struct mp_addr peer = { .ip = { 0x20 }, .port = 1 };
	uint8_t buf[MP_CONTROL_MAX], assoc[8] = { 0 };
	struct mp_out out;
	struct session *s;
	struct mp_tx tx[2];
	struct mp m;
	int i, due, before;

	duo_bare(&m, &many);
	ck_assert_int_eq(mp_slot_open(&m, 0, MP_DUAL), 0);
	mp_locals(&m, 1, &local, 1);
	for (i = 0; i < 2000; i++) {
		peer.ip[14] = assoc[0] = (uint8_t)(i >> 8);
		peer.ip[15] = assoc[1] = (uint8_t)i;
		s = session_new(&m, 1, 0, &peer, 1, assoc, true);
		ck_assert_ptr_nonnull(s);
		s->state = MP_S_UP;
		path_make_all(&m, s, 1);
		path_validated(&m, s, state_flow(&m, s, 0), 1);
	}
	local.ip[15] = 2;
	mp_locals(&m, 2, &local, 1);
	ck_assert_int_eq(mp_send_begin(&m, 2, 0, &peer, 0, 1, 0, tx),
	    MP_EAGAIN); /* the new pair is not validated yet */
	ck_assert(!state_locals_due(&m, s));
	for (before = 1936; mp_deadline(&m) <= 2 && before > 0; before = due) {
		ck_assert_int_ge(mp_poll(&m, &ring, 2, &out, buf,
		    sizeof(buf)), 0);
		for (due = i = 0; i < 2000; i++)
			due += state_locals_due(&m,
			    &m.sessions[i]);
		ck_assert_int_ge(due, before - 65);
		if (before == 1936)
			ck_assert_int_ge(due, 1000);
	}
	for (i = 0; i < 2000; i++)
		ck_assert_uint_eq(state_flow(&m, &m.sessions[i], 0)
		    ->path.local.ip[15], 2);
	duo_bare_free(&m);
}
END_TEST

static int probes;

static enum duo_verdict
count_probes(struct duo *d, struct duo_packet *p, void *arg)
{
	struct wire_ad ad;
	struct wire_msg msg;

	(void)arg;
	if (p->from == 0 && duo_peek(d, p, &ad, &msg, NULL) &&
	    (msg.flags & (WIRE_PROBE | WIRE_REPLY)) == WIRE_PROBE) {
		ck_assert_int_eq(p->from_addr, 1);
		probes++;
	}
	return DUO_PASS;
}

/* A link or route changed: the flows of that interface are probed at once. */
START_TEST(link_event)
{
	struct duo *d = duo_new(2, 2);

	duo_up(d);
	duo_run(d, d->now + 200 * SEC / 1000);
	d->tap = count_probes;
	probes = 0;
	mp_link_event(&d->end[0].mp, d->now, 2);
	duo_run(d, d->now + 1);
	ck_assert_int_eq(probes, 2);
	duo_free(d);
}
END_TEST

static unsigned
told(const struct mp *m, uint32_t n)
{
	unsigned i, k = 0;

	for (i = 0; i < n; i++)
		k += m->sessions[i].locals_gen == m->sh->locals_gen;
	return k;
}

/* An uplink of a server with many sessions goes: not all of them send at once what
 * that makes them send, but 64 each 2 ms. */
START_TEST(spread)
{
	enum { N = 1000 };
	static uint8_t buf[65536];
	const struct mp_limits few = { .sessions = N };
	struct mp_keyring ring = { .n = 0 };
	struct mp_local local = { .ifindex = 1, .mtu = 1500 };
	uint64_t now = 5000 * SEC, began = now;
	struct mp_addr peer;
	struct mp_out out;
	struct mp m;
	uint32_t i;

	duo_bare(&m, &few);
	for (i = 0; i < N; i++) {
		peer = duo_ip4(10, 9, (uint8_t)(i >> 8), (uint8_t)i, 4000);
		ck_assert_ptr_nonnull(session_new(&m, now, 0, &peer, 1,
		    (uint8_t[8]) { (uint8_t)i, (uint8_t)(i >> 8) }, false));
	}
	memcpy(local.ip, duo_ip4(10, 0, 0, 1, 0).ip, 16);
	mp_locals(&m, now, &local, 1);
	while (told(&m, N) < N) {
		ck_assert_uint_eq(told(&m, N), 64 * (1 + (now - began) / 2000));
		while (mp_poll(&m, &ring, now, &out, buf, sizeof(buf)) == 1)
			;
		ck_assert_uint_eq(told(&m, N), 64 * (1 + (now - began) / 2000));
		ck_assert_uint_le(mp_deadline(&m), now + 2000);
		now += 2000;
		while (mp_poll(&m, &ring, now, &out, buf, sizeof(buf)) == 1)
			;
	}
	ck_assert_uint_le(now, began + 32 * MS);
	duo_bare_free(&m);
}
END_TEST

Suite *
suite_endpoint(void)
{
	Suite *suite = suite_create("endpoint");
	TCase *t = tcase_create("endpoint");

	tcase_add_loop_test(t, limit, 0, COUNT(limits));
	tcase_add_test(t, size_session);
	tcase_add_test(t, create);
	tcase_add_test(t, attach);
	tcase_add_test(t, stir);
	tcase_add_test(t, slots);
	tcase_add_loop_test(t, close, 0, 2);
	tcase_add_test(t, close_again);
	tcase_add_test(t, part);
	tcase_add_loop_test(t, part_rivals, 0, 2);
	tcase_add_test(t, close_other);
	tcase_add_test(t, move);
	tcase_add_test(t, move_not);
	tcase_add_test(t, move_early);
	tcase_add_test(t, take);
	tcase_add_test(t, take_not);
	tcase_add_test(t, locals);
	tcase_add_test(t, locals_ranked);
	tcase_add_test(t, locals_many);
	tcase_add_test(t, link_event);
	tcase_add_test(t, spread);
	suite_add_tcase(suite, t);
	return suite;
}
