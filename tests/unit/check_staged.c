/* SPDX-License-Identifier: ISC */
/* core/staged.c: datagrams leave in the order of their sending, whoever sends
 * them, and whoever dies while he does. */
#include <check.h>
#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "offload.h"
#include "state.h"
#include "suites.h"
#include "table.h"

#define MS_US UINT64_C(1000)

enum { LEASE = 500 * 1000 };

static uint8_t buf[65536], data[65536];
static struct duo *d;
static struct mp *m;

static void
setup(void)
{
	d = duo_new(1, 1);
	m = &d->end[0].mp;
	duo_up(d);
}

static void
teardown(void)
{
	duo_free(d);
}

/* What the program's send of datagram n would do. */
static int
would(void)
{
	struct mp_tx tx[MP_TX_MAX];
	uint64_t seq[2];
	int n = mp_send_begin(m, d->now, 0, &d->end[0].peer, 0, 8,
	    (enum mp_send_flag)0, tx);

	memset(seq, 0, sizeof(seq));
	if (n > 0)
		ck_assert_int_eq(mp_send_commit(m, d->now, tx, n, seq, 8), 0);
	return n;
}

/* Stages datagram n, and has the agent woken, as a thread does that cannot send
 * it. */
static int
stage(uint8_t n, size_t len)
{
	int r;

	memset(data, n, len);
	r = mp_stage(m, d->now, 0, &d->end[0].peer, NULL, data, len);
	table_arm(m, duo_session(d, 0), d->now);
	return r;
}

static void
stage_all(int n)
{
	int i;

	for (i = 1; i <= n; i++)
		ck_assert_int_eq(stage((uint8_t)i, 100), 1);
}

/* The agent takes the next packet; whether it carries a staged datagram. */
static bool
polls(struct mp_out *out)
{
	memset(out, 0, sizeof(*out));
	while (mp_poll(m, &d->end[0].keys, d->now, out, buf, sizeof(buf)) == 1)
		if (out->staged)
			return true;
	return false;
}

/* A thread takes the next one: which, or 0. */
static int
takes(struct mp_tx tx[], int *n)
{
	struct mp_tx_option option;
	size_t len;

	*n = mp_staged_begin(m, d->now, 0, &d->end[0].peer, tx, &option, data,
	    sizeof(data), &len);
	return *n == 0 ? 0 : data[0];
}

static int
commits(struct mp_tx tx[], int n, int error)
{
	tx[0].error = error;
	return mp_staged_commit(m, d->now, tx, n, data, 100);
}

static unsigned
left(void)
{
	return duo_session(d, 0)->staged.n;
}

/* While the agent has them in its hands nothing passes them. */
START_TEST(agent)
{
	struct mp_out out[4];
	struct mp_tx tx[MP_TX_MAX];
	int i, n;

	ck_assert_int_eq(would(), 1);
	stage_all(3);
	for (i = 0; i < 3; i++)
		ck_assert(polls(&out[i]));
	ck_assert(!polls(&out[3]));
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(would(), MP_EAGAIN);
		ck_assert_int_eq(takes(tx, &n), 0);
		ck_assert_uint_eq(left(), 3U - (unsigned)i);
		mp_poll_sent(m, d->now, &out[i]);
	}
	ck_assert_uint_eq(left(), 0);
	ck_assert_int_eq(would(), 1);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), 0);
}
END_TEST

/* Those that the agent may send as one bundle, and has sent so, are as many as
 * are trusted on their flow, and are told. */
static const struct trust {
	enum mp_bundles state;
	uint16_t size;
	unsigned bundled; /* of 9, of which the 6th is shorter */
} trusts[] = {
	{ MP_BUNDLES_TRUSTED, OFFLOAD_FEW, 9 },
	{ MP_BUNDLES_TRY, OFFLOAD_FIRST, 2 },
	{ MP_BUNDLES_TRY, 0, 0 },
	{ MP_BUNDLES_CHECK, 0, 0 },
	{ MP_BUNDLES_OFF, 0, 0 },
};

START_TEST(together)
{
	const struct trust *t = &trusts[_i / 2];
	struct offload *o = &duo_current(d, 0)->offload;
	struct mp_out out[9];
	unsigned i, n = 0;

	ck_assert_int_eq(would(), 1);
	*o = (struct offload) { .state = (uint8_t)t->state, .size = t->size,
		.left = t->size, .since = d->now + 10 * SEC,
		.probe_at = d->now };
	for (i = 0; i < 9; i++)
		ck_assert_int_eq(stage((uint8_t)i, i == 5 ? 60 : 100), 1);
	for (i = 0; i < 9; i++) {
		ck_assert(polls(&out[i]));
		n += out[i].together;
	}
	ck_assert_uint_eq(n, t->bundled);
	ck_assert_uint_eq(o->bundled, t->bundled);
	for (i = 0; i < 9; i++)
		if (_i % 2 == 0)
			mp_poll_sent(m, d->now, &out[i]);
		else
			mp_poll_failed(m, d->now, &out[i], MP_EAGAIN);
	ck_assert_uint_eq(o->bundled, _i % 2 == 0 ? t->bundled : 0);
	ck_assert_uint_eq(left(), _i % 2 == 0 ? 0 : 9);
}
END_TEST

/* What is staged behind those goes after them, by either. */
START_TEST(behind)
{
	struct mp_out out[3];
	struct mp_tx tx[MP_TX_MAX];
	int n;

	stage_all(2);
	ck_assert(polls(&out[0]));
	ck_assert(polls(&out[1]));
	ck_assert_int_eq(stage(3, 100), 1);
	ck_assert_int_eq(takes(tx, &n), 0);
	ck_assert(polls(&out[2])); /* the agent has the turn */
	ck_assert_int_eq(stage(4, 100), 1);
	for (n = 0; n < 3; n++)
		mp_poll_sent(m, d->now, &out[n]);
	ck_assert_int_eq(takes(tx, &n), 4);
	ck_assert(!polls(&out[0])); /* the thread has it */
	ck_assert_int_eq(would(), MP_EAGAIN);
	ck_assert_int_eq(commits(tx, n, 0), 0);
	ck_assert_int_eq(would(), 1);
}
END_TEST

/* Two threads: one of them sends. */
START_TEST(threads)
{
	struct mp_tx tx[MP_TX_MAX], other[MP_TX_MAX];
	int i, n, none;

	stage_all(5);
	for (i = 1; i <= 5; i++) {
		ck_assert_int_eq(takes(tx, &n), i);
		ck_assert_int_eq(takes(other, &none), 0);
		ck_assert_int_eq(would(), MP_EAGAIN);
		ck_assert_int_eq(commits(tx, n, 0), 0);
	}
	ck_assert_int_eq(takes(tx, &n), 0);
	ck_assert_int_eq(would(), 1);
}
END_TEST

/* The taker dies, or sleeps: what it took counts as sent after a while, and is
 * not sent again; what it says then is too late. */
START_TEST(dies)
{
	struct mp_tx tx[MP_TX_MAX], late[MP_TX_MAX];
	struct mp_out out[2];
	uint64_t before;
	int n, late_n = 0;

	stage_all(4);
	before = duo_count(d, 0, MP_C_data_out);
	if (_i == 0) {
		ck_assert(polls(&out[0]));
		ck_assert(polls(&out[1]));
	} else {
		ck_assert_int_eq(takes(late, &late_n), 1);
	}
	d->now += LEASE - 1;
	ck_assert_int_eq(takes(tx, &n), 0);
	ck_assert_int_eq(would(), MP_EAGAIN);
	d->now++;
	ck_assert_int_eq(takes(tx, &n), _i == 0 ? 3 : 2);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_data_out) - before, _i == 0 ? 2 :
	    1);
	if (_i == 0)
		mp_poll_failed(m, d->now, &out[1], MP_EAGAIN);
	else
		ck_assert_int_eq(commits(late, late_n, MP_EAGAIN), MP_EAGAIN);
	ck_assert_int_eq(takes(late, &late_n), 0); /* it has not lost its turn */
	ck_assert_int_eq(commits(tx, n, 0), 0);
	ck_assert_int_eq(takes(tx, &n), _i == 0 ? 4 : 3);
}
END_TEST

/* All were taken by one that died: the session goes on by itself. */
START_TEST(dies_with_all)
{
	struct mp_out out;

	stage_all(1);
	ck_assert(polls(&out));
	ck_assert_int_eq(would(), MP_EAGAIN);
	duo_run(d, d->now + LEASE + MS_US);
	ck_assert_uint_eq(left(), 0);
	ck_assert_int_eq(would(), 1);
}
END_TEST

/* The kernel has no room: none is lost, and none passes. */
START_TEST(no_room)
{
	struct mp_out out[3], again;
	struct mp_tx tx[MP_TX_MAX];
	int i, n;

	stage_all(3);
	for (i = 0; i < 3; i++)
		ck_assert(polls(&out[i]));
	mp_poll_sent(m, d->now, &out[0]);
	mp_poll_failed(m, d->now, &out[1], MP_EAGAIN);
	mp_poll_failed(m, d->now, &out[2], MP_EAGAIN);
	ck_assert_uint_eq(left(), 2);
	ck_assert(!polls(&again)); /* not at once */
	ck_assert_int_eq(takes(tx, &n), 2); /* a thread may wait for room */
	ck_assert_int_eq(commits(tx, n, MP_EAGAIN), MP_EAGAIN);
	d->now += MS_US;
	ck_assert(polls(&again));
	ck_assert_uint_eq(again.number, out[1].number);
	ck_assert(polls(&again));
	ck_assert_uint_eq(again.number, out[2].number);
}
END_TEST

/* The path fails while a thread or the agent sends them: they stay. */
START_TEST(path_fails)
{
	struct mp_tx tx[MP_TX_MAX];
	struct mp_out out;
	int n;

	stage_all(2);
	if (_i == 0) {
		ck_assert_int_eq(takes(tx, &n), 1);
		ck_assert_int_eq(commits(tx, n, MP_ENETUNREACH), 1);
	} else {
		ck_assert(polls(&out));
		mp_poll_failed(m, d->now, &out, MP_ENETUNREACH);
	}
	ck_assert_int_eq(takes(tx, &n), 1);
	ck_assert_int_lt(commits(tx, n, MP_ENETUNREACH), 0);
	ck_assert_int_eq(takes(tx, &n), 0);
	ck_assert_uint_eq(left(), 2);
	/* The program hears that no path is left, as without. */
	ck_assert_int_eq(would(), MP_ENETUNREACH);
}
END_TEST

/* An error that another try would meet, too. */
START_TEST(never_goes)
{
	struct mp_tx tx[MP_TX_MAX];
	int n;

	stage_all(2);
	ck_assert_int_eq(takes(tx, &n), 1);
	ck_assert_int_eq(commits(tx, n, MP_EMSGSIZE), MP_EMSGSIZE);
	ck_assert_int_eq(takes(tx, &n), 2);
}
END_TEST

/* 208 KiB wait for a session that is up: the program waits too, none is
 * dropped. */
START_TEST(full)
{
	int n = 0;

	while (stage(1, 1000) == 1)
		ck_assert_int_lt(n++, 210);
	ck_assert_int_ge(n, 200);
	ck_assert_int_eq(stage(1, 1000), MP_EAGAIN);
	ck_assert_uint_eq(duo_count(d, 0, MP_C_drop_staged), 0);
	duo_run(d, d->now + 50 * MS_US);
	ck_assert_uint_eq(left(), 0);
	ck_assert_int_eq(would(), 1);
}
END_TEST

/* In two parts: gone when both are; the second fails, both go again. */
START_TEST(parts)
{
	struct mp_out out[4];
	uint64_t n = d->end[1].n_got;
	size_t len;

	duo_current(d, 0)->size = MP_SIZE_MIN;
	ck_assert_int_eq(stage(7, 1300), 1);
	ck_assert(polls(&out[0]));
	ck_assert(out[0].half);
	ck_assert(polls(&out[1]));
	ck_assert(!out[1].half);
	mp_poll_sent(m, d->now, &out[0]);
	ck_assert_uint_eq(left(), 1);
	mp_poll_failed(m, d->now, &out[1], MP_EAGAIN);
	d->now += MS_US;
	ck_assert(polls(&out[2]));
	ck_assert(out[2].half);
	len = out[2].len;
	mp_poll_failed(m, d->now, &out[2], MP_EAGAIN);
	d->now += MS_US;
	ck_assert(polls(&out[2]));
	ck_assert(out[2].half);
	ck_assert_uint_eq(out[2].len, len);
	mp_poll_failed(m, d->now, &out[2], MP_EAGAIN);
	duo_run(d, d->now + 100 * MS_US);
	ck_assert_uint_eq(d->end[1].n_got, n + 1);
	ck_assert_uint_eq(d->end[1].got[n].len, 1300);
	ck_assert_uint_eq(left(), 0);
}
END_TEST

/* The keys change between two parts: both go again, as the number that the
 * first one has named would be another packet's under the new ones. */
START_TEST(parts_rekeyed)
{
	struct mp_out out[2];
	uint64_t n = d->end[1].n_got;

	duo_current(d, 0)->size = MP_SIZE_MIN;
	ck_assert_int_eq(stage(7, 1300), 1);
	ck_assert(polls(&out[0]));
	ck_assert(out[0].half);
	mp_poll_sent(m, d->now, &out[0]);
	state_keys(duo_session(d, 0))->id += 2;
	ck_assert(polls(&out[1]));
	ck_assert(out[1].half);
	mp_poll_failed(m, d->now, &out[1], MP_EAGAIN);
	duo_run(d, d->now + 100 * MS_US);
	ck_assert_uint_eq(d->end[1].n_got, n + 1);
	ck_assert_uint_eq(d->end[1].got[n].len, 1300);
	ck_assert_uint_eq(left(), 0);
}
END_TEST

/* The socket is closed while the agent has the last ones in its hands: CLOSE
 * goes after them. */
START_TEST(closes)
{
	struct mp_out out, other;

	stage_all(1);
	ck_assert(polls(&out));
	mp_slot_close(m, d->now, 0);
	ck_assert_int_eq(mp_poll(m, &d->end[0].keys, d->now, &other, buf,
	    sizeof(buf)), 0);
	mp_poll_sent(m, d->now, &out);
	ck_assert_uint_le(mp_deadline(m), d->now);
	ck_assert_int_eq(mp_poll(m, &d->end[0].keys, d->now, &other, buf,
	    sizeof(buf)), 1);
	ck_assert(!other.staged);
}
END_TEST

/* Staged ones that go plain are not passed by plain ones, either. */
START_TEST(plain)
{
	struct duo *p = duo_new(1, 1);
	struct mp_tx_option option = { .tos = -1, .ttl = -1,
		.plain_us = 1000 };
	struct mp_tx tx[MP_TX_MAX];
	struct mp_out out;
	struct mp *pm = &p->end[0].mp;

	duo_cut(p, 0, 0, true);
	p->end[0].option = &option;
	ck_assert_int_eq(duo_say(p, 0, 1), 0);
	p->now += 1000;
	do
		ck_assert_int_eq(mp_poll(pm, &p->end[0].keys, p->now, &out, buf,
		    sizeof(buf)), 1);
	while (!out.staged);
	ck_assert_int_eq(mp_send_begin(pm, p->now, 0, &p->end[0].peer, 0, 8,
	    (enum mp_send_flag)0, tx), MP_EAGAIN);
	mp_poll_sent(pm, p->now, &out);
	ck_assert_uint_eq(duo_count(p, 0, MP_C_plain_out), 1);
	ck_assert_int_eq(mp_send_begin(pm, p->now, 0, &p->end[0].peer, 0, 8,
	    (enum mp_send_flag)0, tx), 0);
	duo_free(p);
}
END_TEST

/* A thousand begins of a session, the program sending at any time. */
START_TEST(begins)
{
	struct duo *b;
	uint32_t i, n, random = 1;
	const uint8_t *got;

	for (i = 0; i < 1000; i++) {
		b = duo_new(1, 1);
		for (n = 0; n < 40; n++) {
			ck_assert_int_eq(duo_say(b, 0, n), 0);
			random = random * 1103515245 + 12345;
			duo_run(b, b->now + (random >> 16) % 3000);
		}
		duo_run(b, b->now + 100 * MS_US);
		ck_assert_uint_eq(b->end[1].n_got, 40);
		for (n = 0; n < 40; n++) {
			got = b->end[1].got[n].data;
			ck_assert_uint_eq((uint32_t)got[6] << 8 | got[7], n);
		}
		duo_free(b);
	}
}
END_TEST

/* --- The agent's rounds --------------------------------------------------- */

enum { SAYS = 40, FATES = 5 };

static uint32_t dice;

static uint32_t
roll(uint32_t below)
{
	dice = dice * 1103515245 + 12345;
	return (dice >> 8) % below;
}

/* End e says n; `by_agent': it is staged, and the agent is to send it. */
static void
says(struct duo *b, int e, uint32_t n, bool by_agent)
{
	uint8_t bytes[8] = { 's', 'a', 'y', 0, [6] = (uint8_t)(n >> 8),
		[7] = (uint8_t)n };
	struct session *s = duo_session(b, e);

	if (!by_agent || s == NULL || s->state != MP_S_UP) {
		ck_assert_int_eq(duo_say(b, e, n), 0);
		return;
	}
	ck_assert_int_eq(mp_stage(&b->end[e].mp, b->now, 0, &b->end[e].peer,
	    NULL, bytes, sizeof(bytes)), 1);
	table_arm(&b->end[e].mp, s, b->now);
}

/* What befalls the client's first address, or the server's.  2: silence, and
 * then an error. */
static void
befall(struct duo *b, int e, int how)
{
	switch (how) {
	case 0:
	case 2:
		duo_cut_addr(b, e, 0, true);
		break;
	case 1:
		b->end[e].addr[0].error = MP_ENETUNREACH;
		break;
	case 3:
		duo_addr_del(b, e, 0);
		break;
	case 4:
		duo_carrier(b, e, 0, true);
		break;
	}
}

static struct duo *
rounds_new(void)
{
	struct duo *b = duo_new(2, 2);
	int e;

	for (e = 0; e < 2; e++) {
		b->end[e].batch = 1 + roll(DUO_BATCH);
		b->end[e].send_us = roll(3000) * roll(2);
		b->end[e].tell_us = roll(3000) * roll(2);
	}
	if (roll(2) == 0)
		duo_delay(b, 1, 0, 15 * MS_US);
	return b;
}

/* The flow in use loses much: a COPY goes also of what the agent sends. */
START_TEST(lossy)
{
	struct duo *b = duo_new(2, 2);

	duo_up(b);
	duo_current(b, 0)->tx_loss.since = b->now;
	says(b, 0, 1, true);
	duo_cut(b, 0, 0, true);
	duo_run(b, b->now + 1);
	duo_cut(b, 0, 0, false);
	duo_run(b, b->now + 40 * MS_US); /* before any doubt */
	ck_assert_uint_eq(duo_count(b, 0, MP_C_resent), 1);
	ck_assert_int_eq(duo_heard(b, 1, 1), 1);
	duo_free(b);
}
END_TEST

/* A path dies, and the agent takes, sends and tells in rounds, late: what was
 * in its hands, and what it takes while the path is in doubt, arrives, too. */
START_TEST(rounds)
{
	struct duo *b;
	uint32_t i, n, at;
	int missing = 0, twice = 0, e, victim;

	dice = 1 + (uint32_t)_i;
	for (i = 0; i < 200; i++) {
		b = rounds_new();
		e = (int)roll(2);
		duo_say(b, 0, 1000);
		victim = (int)roll(2);
		if (e == 1 || victim == 1 || roll(2) == 0)
			duo_run(b, b->now + 300 * MS_US + roll(2000) * MS_US);
		at = roll(SAYS);
		for (n = 0; n < SAYS; n++) {
			says(b, e, n, roll(2) == 0);
			if (n == at)
				befall(b, victim, _i);
			if (n == at + 3 && _i == 2)
				befall(b, victim, 1);
			duo_run(b, b->now + roll(6000));
		}
		duo_run(b, b->now + 4 * SEC);
		for (n = 0; n < SAYS; n++) {
			missing += duo_heard(b, !e, n) == 0;
			twice += duo_heard(b, !e, n) > 1;
		}
		duo_free(b);
	}
	ck_assert_int_eq(missing, 0);
	ck_assert_int_eq(twice, 0);
}
END_TEST

Suite *
suite_staged(void)
{
	Suite *suite = suite_create("staged");
	TCase *t = tcase_create("staged");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, agent);
	tcase_add_loop_test(t, together, 0,
	    2 * (int)(sizeof(trusts) / sizeof(trusts[0])));
	tcase_add_test(t, behind);
	tcase_add_test(t, threads);
	tcase_add_loop_test(t, dies, 0, 2);
	tcase_add_test(t, dies_with_all);
	tcase_add_test(t, no_room);
	tcase_add_loop_test(t, path_fails, 0, 2);
	tcase_add_test(t, never_goes);
	tcase_add_test(t, full);
	tcase_add_test(t, parts);
	tcase_add_test(t, parts_rekeyed);
	tcase_add_test(t, closes);
	tcase_add_test(t, plain);
	tcase_add_test(t, begins);
	tcase_add_test(t, lossy);
	tcase_add_loop_test(t, rounds, 0, FATES);
	suite_add_tcase(suite, t);
	return suite;
}
