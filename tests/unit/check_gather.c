/* SPDX-License-Identifier: ISC */
/* core/gather.c, core/gather_out.c: who is in a hurry, how long his datagrams
 * wait, and that each arrives once, in order, whoever dies in between. */
#include <check.h>
#include <string.h>

#include "duo.h"
#include "flow.h"
#include "gather.h"
#include "mp.h"
#include "pool.h"
#include "state.h"
#include "suites.h"
#include "twins.h"

static struct duo *d;
static struct mp *m;
static uint8_t packets[65536], data[65536], before[65536];
static const struct mp_tx_option usual = { .tos = -1, .ttl = -1 };
static uint32_t next; /* number of the next datagram */

static void
setup(void)
{
	d = duo_new(1, 1);
	m = &d->end[0].mp;
	duo_up(d);
	twins_trust(m, d->now + 3600 * SEC);
	next = 0;
}

static void
teardown(void)
{
	duo_free(d);
}

static void
number(uint32_t n, size_t len)
{
	memset(data, (int)(n % 251), len);
	memcpy(data, &n, sizeof(n));
}

static unsigned room = MP_BUNDLE_MAX; /* for datagrams in the kernel's buffer */

/* What mp_gather() says to the next datagram. */
static int
gathers(size_t len)
{
	int n;

	number(next, len);
	n = mp_gather(m, d->now, 0, &d->end[0].peer, &usual, room, data,
	    len);
	next += n == 1 || n == 2;
	return n;
}

/* Sends the next one as a program does, by itself. */
static void
sends(size_t len)
{
	struct mp_tx tx[MP_TX_MAX];
	int n;

	number(next++, len);
	n = mp_send_begin(m, d->now, 0, &d->end[0].peer, 0, len,
	    (enum mp_send_flag)0, tx);
	ck_assert_int_eq(n, 1);
	ck_assert_uint_gt(mp_seal(tx, data, len, packets), 0);
	ck_assert_int_eq(mp_send_commit(m, d->now, tx, n, data, len), 0);
	duo_inject(d, 1, &(struct mp_path) { .remote = duo_addr(d, 0, 0),
	    .local = duo_addr(d, 1, 0), .ifindex = 1 }, packets,
	    len + MP_OVERHEAD);
}

/* Makes the program be in a hurry. */
static void
hurry(void)
{
	int i;

	for (i = 0; i < 100 && !gather_hurry(duo_session(d, 0), d->now); i++)
		d->now += 2;
	ck_assert_int_lt(i, 20);
}

static unsigned
left(void)
{
	return duo_session(d, 0)->staged.n;
}

/* A thread takes those that go together. */
static unsigned
takes(struct mp_bundle *b, size_t *len, size_t *last)
{
	struct mp_tx_option wish;

	return mp_gather_begin(m, d->now, 0, &d->end[0].peer, b, &wish, packets,
	    sizeof(packets), len, last);
}

/* Seals them, and delivers them if they arrive. */
static void
seals(const struct mp_bundle *b, size_t len, size_t last, bool arrive)
{
	struct mp_path path = { .remote = duo_addr(d, 0, 0),
		.local = duo_addr(d, 1, 0), .ifindex = 1 };
	size_t stride = len + MP_OVERHEAD, n;
	unsigned i;

	for (i = 0; i < b->n; i++) {
		uint8_t *at = packets + i * stride;

		n = mp_bundle_seal(b, i, at + mp_bundle_head(),
		    i + 1 < b->n ? len : last, at);
		if (arrive)
			duo_inject(d, 1, &path, at, n);
	}
}

/* The thread sends all that wait: how many bundles. */
static int
flush(void)
{
	struct mp_bundle b;
	size_t len, last;
	int n;

	for (n = 0; takes(&b, &len, &last) > 0; n++) {
		seals(&b, len, last, true);
		ck_assert_int_eq(mp_gather_commit(m, d->now, &b, b.n, 0), 0);
	}
	return n;
}

/* The server has heard from..to-1, once each, in order, as they were sent. */
static void
heard(size_t first_got, uint32_t from, uint32_t to)
{
	const struct duo_end *e = &d->end[1];
	uint32_t n, i;

	ck_assert_uint_eq(e->n_got - first_got, to - from);
	for (i = from; i < to; i++) {
		memcpy(&n, e->got[first_got + i - from].data, sizeof(n));
		ck_assert_uint_eq(n, i);
		ck_assert_uint_eq(e->got[first_got + i - from].data[8],
		    n % 251);
	}
}

/* At which pace gathering begins, and after how many. */
static const struct {
	uint64_t gap;
	int first; /* datagram that waits; -1: none of 1000 */
} paces[] = {
	{ 1, 8 }, { 5, 10 }, { 10, 15 }, { 15, 29 }, { 18, 71 },
	{ 20, -1 }, { 21, -1 }, { 50, -1 }, { 250, -1 }, { 1000, -1 },
	{ 20 * 1000, -1 },
};

START_TEST(pace)
{
	struct session *s = duo_session(d, 0);
	int i, first = -1;

	for (i = 0; i < 1000 && first < 0; i++) {
		if (gather_hurry(s, d->now))
			first = i;
		d->now += paces[_i].gap;
	}
	if (paces[_i].first < 0)
		ck_assert_int_eq(first, -1);
	else
		ck_assert_int_eq(first, paces[_i].first);
}
END_TEST

/* A hurry ends with a pause, or at a slower pace. */
START_TEST(calms)
{
	hurry();
	ck_assert_int_eq(gathers(100), 1);
	ck_assert_int_eq(flush(), 1);
	d->now += GATHER_AHEAD;
	ck_assert_int_eq(gathers(100), 0);
	hurry();
	while (gather_hurry(duo_session(d, 0), d->now))
		d->now += 25;
}
END_TEST

/* A bundle is as many as go into one send; nothing passes them. */
START_TEST(full)
{
	static const size_t lens[] = { 1, 100, 1100 };
	size_t len = lens[_i], got = d->end[1].n_got;
	unsigned n, most = GATHER_BYTES / (len + MP_OVERHEAD) < MP_BUNDLE_MAX ?
	    (unsigned)(GATHER_BYTES / (len + MP_OVERHEAD)) : MP_BUNDLE_MAX;

	len = len < 16 ? 16 : len;
	hurry();
	for (n = 1; n < most; n++)
		ck_assert_int_eq(gathers(len), 1);
	ck_assert_int_eq(gathers(len), 2);
	ck_assert_int_eq(gathers(len), MP_EAGAIN);
	ck_assert_int_eq(flush(), 1);
	ck_assert_uint_eq(left(), 0);
	ck_assert_uint_eq(duo_session(d, 0)->gather_at, 0);
	ck_assert_int_eq(gathers(len), 1);
	ck_assert_int_eq(flush(), 1);
	heard(got, 0, next);
}
END_TEST

/* Other lengths and options: they go at once, each behind what waits. */
START_TEST(differ)
{
	struct mp_tx_option other = usual;
	size_t got = d->end[1].n_got;

	hurry();
	ck_assert_int_eq(gathers(200), 1);
	ck_assert_int_eq(gathers(200), 1);
	ck_assert_int_eq(gathers(100), 2); /* a shorter one ends a bundle */
	ck_assert_int_eq(flush(), 1);
	hurry();
	ck_assert_int_eq(gathers(200), 1);
	ck_assert_int_eq(gathers(300), 2); /* a longer one begins another */
	ck_assert_int_eq(flush(), 2);
	hurry();
	ck_assert_int_eq(gathers(200), 1);
	other.tos = 4;
	number(next++, 200);
	ck_assert_int_gt(mp_gather(m, d->now, 0, &d->end[0].peer, &other, room,
	    data, 200), 0);
	ck_assert_int_eq(flush(), 2);
	heard(got, 0, next);
}
END_TEST

/* The thread sends them with its next datagram after GATHER_OWN; the agent, not
 * before GATHER_MOST and no later. */
START_TEST(own_time)
{
	int i;

	for (i = 0; i < GATHER_AHEAD / GATHER_GAP; i++)
		(void)gather_hurry(duo_session(d, 0), d->now);
	ck_assert_int_eq(gathers(100), 1);
	d->now += GATHER_OWN - 1;
	ck_assert_int_eq(gathers(100), 1);
	d->now++;
	ck_assert_int_eq(gathers(100), 2);
	ck_assert_int_eq(flush(), 1);
}
END_TEST

START_TEST(agents_time)
{
	struct mp_out out;
	size_t got = d->end[1].n_got;
	uint64_t begun;
	int n;

	hurry();
	begun = d->now;
	for (n = 0; n < 5; n++, d->now += 3)
		ck_assert_int_eq(gathers(100), 1);
	ck_assert_uint_le(mp_deadline(m), begun + GATHER_MOST);
	d->now = begun + GATHER_MOST - 1;
	while (mp_poll(m, &d->end[0].keys, d->now, &out, packets,
	    sizeof(packets)) == 1)
		ck_assert(!out.staged);
	ck_assert_uint_eq(mp_deadline(m), begun + GATHER_MOST);
	duo_run(d, begun + GATHER_MOST + DUO_DELAY + 1);
	ck_assert_uint_eq(left(), 0);
	heard(got, 0, next);
	for (n = 0; n < 5; n++)
		ck_assert_uint_eq(d->end[1].got[got + (size_t)n].at,
		    begun + GATHER_MOST + DUO_DELAY);
	/* The program stopped: the next one goes at once. */
	ck_assert_int_eq(gathers(100), 0);
}
END_TEST

/* Where few come together, as with a server that answers each datagram, it does
 * not go on. */
START_TEST(few)
{
	int i, waited = 0;

	for (i = 0; i < 1000; i++) {
		if (gathers(100) > 0) {
			waited++;
			ck_assert_int_eq(flush(), 1); /* another call */
		}
		d->now += 5;
	}
	ck_assert_int_lt(waited, 100);
}
END_TEST

/* What is not gathered goes behind what waits. */
START_TEST(behind)
{
	struct mp_tx tx[MP_TX_MAX];
	size_t got = d->end[1].n_got;

	hurry();
	ck_assert_int_eq(gathers(100), 1);
	ck_assert_int_eq(mp_send_begin(m, d->now, 0, &d->end[0].peer, 0, 100,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	number(next++, 100);
	ck_assert_int_eq(mp_stage(m, d->now, 0, &d->end[0].peer, &usual, data,
	    100), 1);
	ck_assert_int_eq(flush(), 1);
	sends(100);
	heard(got, 0, next);
}
END_TEST

/* Nothing waits in doubt, nor what is too long for one packet. */
START_TEST(unfit)
{
	struct flow *f = duo_current(d, 0);

	hurry();
	switch (_i) {
	case 0:
		f->unproven = true;
		break;
	case 1:
		f->failed = true;
		break;
	case 2:
		f->size = 100 + MP_OVERHEAD - 1;
		break;
	case 3:
		duo_session(d, 0)->state = MP_S_CONNECTING;
		break;
	}
	ck_assert_int_eq(gathers(100), 0);
	ck_assert_uint_eq(left(), 0);
}
END_TEST

/* The kernel has no room: they stay, one bundle at most; the program comes
 * again, or the agent after GATHER_FULL. */
START_TEST(no_room)
{
	struct mp_bundle b;
	size_t len, last, got = d->end[1].n_got;
	uint64_t at;

	hurry();
	while (gathers(1000) == 1)
		;
	ck_assert_uint_gt(takes(&b, &len, &last), 0);
	seals(&b, len, last, false);
	ck_assert_int_eq(mp_gather_commit(m, d->now, &b, 0, MP_EAGAIN),
	    MP_EAGAIN);
	ck_assert_uint_eq(left(), b.n);
	ck_assert_int_eq(gathers(1000), MP_EAGAIN);
	at = d->now + GATHER_FULL;
	if (_i == 0)
		ck_assert_int_eq(flush(), 1);
	else
		duo_run(d, at + DUO_DELAY + 1);
	heard(got, 0, next);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), 0);
}
END_TEST

/* The kernel is asked for room before the first one waits, and no more wait than
 * it has room for; where that is one, it goes by itself. */
START_TEST(little_room)
{
	struct session *s = duo_session(d, 0);
	uint64_t at;

	hurry();
	at = s->hurry_at;
	room = 0;
	ck_assert_int_eq(gathers(1000), 3);
	ck_assert_uint_eq(s->hurry_at, at);
	ck_assert_uint_eq(left(), 0);
	room = 1;
	ck_assert_int_eq(gathers(1000), 0);
	ck_assert_uint_eq(left(), 0);
	room = 3;
	ck_assert_int_eq(gathers(1000), 1);
	room = 0; /* asked once */
	ck_assert_int_eq(gathers(1000), 1);
	ck_assert_int_eq(gathers(1000), 2);
	ck_assert_int_eq(gathers(1000), MP_EAGAIN);
	ck_assert_uint_eq(left(), 3);
	ck_assert_int_eq(flush(), 1);
	hurry();
	ck_assert_int_eq(gathers(1000), 3);
	room = MP_BUNDLE_MAX;
}
END_TEST

/* The kernel has no room after all: those that wait stay, and no more come. */
START_TEST(room_taken)
{
	struct mp_bundle b;
	size_t len, last;

	hurry();
	ck_assert_int_eq(gathers(1000), 1);
	ck_assert_int_eq(gathers(1000), 1);
	ck_assert_uint_eq(takes(&b, &len, &last), 2);
	seals(&b, len, last, false);
	ck_assert_int_eq(mp_gather_commit(m, d->now, &b, 0, MP_EAGAIN),
	    MP_EAGAIN);
	ck_assert_int_eq(gathers(1000), MP_EAGAIN);
	ck_assert_uint_eq(left(), 2);
	ck_assert_int_eq(flush(), 1);
	hurry();
	ck_assert_int_eq(gathers(1000), 1);
}
END_TEST

/*
 * Who took them dies: they are sent once more, by the same packets, byte for
 * byte, and each arrives once: also if he is not dead, and sends them now.
 */
START_TEST(dies)
{
	struct mp_bundle b;
	size_t len, last, n, got = d->end[1].n_got;
	struct mp_out out;
	int i;

	hurry();
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(gathers(100), 1);
	ck_assert_uint_eq(takes(&b, &len, &last), 8);
	seals(&b, len, last, _i == 1);
	memcpy(before, packets, sizeof(before));
	ck_assert_int_gt(gathers(100), 0); /* another process goes on */
	d->now += GATHER_LEASE - 1;
	ck_assert_uint_eq(takes(&b, &len, &last), 0);
	ck_assert_uint_le(mp_deadline(m), d->now + 1);
	d->now++;
	ck_assert_uint_eq(takes(&b, &len, &last), 0); /* they go before */
	for (i = 0; i < 8;) {
		ck_assert_int_eq(mp_poll(m, &d->end[0].keys, d->now, &out,
		    packets, sizeof(packets)), 1);
		if (!out.staged)
			continue;
		ck_assert_uint_eq(out.len, 100 + MP_OVERHEAD);
		ck_assert_mem_eq(packets, before + (size_t)i++ * (100 +
		    MP_OVERHEAD), out.len);
		duo_inject(d, 1, &(struct mp_path) {
		    .remote = duo_addr(d, 0, 0), .local = duo_addr(d, 1, 0),
		    .ifindex = 1 }, packets, out.len);
		mp_poll_sent(m, d->now, &out);
	}
	ck_assert_uint_eq(left(), 1);
	if (_i == 2)
		for (n = 0; n < 8; n++)
			duo_inject(d, 1, &(struct mp_path) {
			    .remote = duo_addr(d, 0, 0),
			    .local = duo_addr(d, 1, 0), .ifindex = 1 },
			    before + n * (100 + MP_OVERHEAD), 100 + MP_OVERHEAD);
	duo_run(d, d->now + 100 * MS);
	ck_assert_uint_eq(left(), 0);
	heard(got, 0, next);
	hurry();
	ck_assert_int_eq(gathers(100), 1);
}
END_TEST

/* Their key went meanwhile: they count as sent, under no other key. */
START_TEST(dies_with_key)
{
	struct mp_bundle b;
	struct session *s = duo_session(d, 0);
	size_t len, last;
	int i;

	hurry();
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(gathers(100), 1);
	ck_assert_uint_eq(takes(&b, &len, &last), 8);
	s->keys[b.tx.keys & 1].sid_out ^= 4;
	duo_run(d, d->now + GATHER_LEASE + 10 * MS);
	ck_assert_uint_eq(left(), 0);
	ck_assert(!s->again);
}
END_TEST

/* The socket is closed: all go out before CLOSE. */
START_TEST(closed)
{
	size_t got = d->end[1].n_got;
	int i;

	hurry();
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(gathers(100), 1);
	mp_slot_close(m, d->now, 0);
	duo_run(d, d->now + 100 * MS);
	heard(got, 0, next);
}
END_TEST

/* A process is killed while it adds or takes out a record: what counted before
 * is there, and goes on. */
START_TEST(killed_within)
{
	struct session *s = duo_session(d, 0);
	size_t got = d->end[1].n_got;
	struct queue was;
	struct record *r;
	int i;

	hurry();
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(gathers(100), 1);
	was = s->staged;
	if (_i < 2) { /* before it counts */
		ck_assert_int_eq(gathers(100), 1);
		next--;
		s->staged.n = was.n;
		s->staged.number = was.number;
		if (_i == 1)
			s->staged.bytes = was.bytes;
	} else { /* `first' is the next one's already */
		r = pool_first(m, POOL_HELD, s);
		s->staged.first = r->next;
	}
	ck_assert_int_gt(gathers(100), 0);
	ck_assert_int_ge(flush(), 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_corrupt), 0);
	heard(got, _i < 2 ? 0 : 1, next);
}
END_TEST

/* More sessions than the table holds: the others' go at once. */
START_TEST(many)
{
	struct session *s = duo_session(d, 0);
	int i;

	for (i = 0; i < STATE_GATHERS; i++)
		m->sh->gather[i] = (struct due) { d->now + 50,
			100 + (uint32_t)i };
	hurry();
	ck_assert_int_eq(gathers(100), 0);
	ck_assert_uint_eq(s->gather_at, 0);
	d->now += 50;
	gather_expire(m, d->now);
	ck_assert_uint_eq(gather_due(m), MP_NEVER);
	hurry();
	ck_assert_int_eq(gathers(100), 1);
}
END_TEST

Suite *
suite_gather(void)
{
	Suite *suite = suite_create("gather");
	TCase *t = tcase_create("gather");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, pace, 0, sizeof(paces) / sizeof(paces[0]));
	tcase_add_test(t, calms);
	tcase_add_loop_test(t, full, 0, 3);
	tcase_add_test(t, differ);
	tcase_add_test(t, own_time);
	tcase_add_test(t, agents_time);
	tcase_add_test(t, few);
	tcase_add_test(t, behind);
	tcase_add_loop_test(t, unfit, 0, 4);
	tcase_add_loop_test(t, no_room, 0, 2);
	tcase_add_test(t, little_room);
	tcase_add_test(t, room_taken);
	tcase_add_loop_test(t, dies, 0, 3);
	tcase_add_test(t, dies_with_key);
	tcase_add_test(t, closed);
	tcase_add_loop_test(t, killed_within, 0, 3);
	tcase_add_test(t, many);
	suite_add_tcase(suite, t);
	return suite;
}
