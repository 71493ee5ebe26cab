/* SPDX-License-Identifier: ISC */
/* Packets replayed, reflected, and sent elsewhere; and how many bytes that
 * makes an end send to others. */
#include <string.h>

#include "bytes.h"
#include "duo.h"
#include "hostile.h"
#include "mp.h"
#include "state.h"
#include "suites.h"
#include "wire.h"

/* --- Replays, reflections, crossings -------------------------------------- */

/* A packet given 10 times has no effect any more. */
static void
ten_times(struct duo *d, int e, const struct mp_path *path,
    const uint8_t *packet, size_t len, const char *what, size_t which)
{
	struct copy was;
	int i;

	copy_keep(&was, d, e);
	for (i = 0; i < 10; i++)
		copy_assert(&was, d, e, hostile_give(d, e, path, packet, len),
		    what, which);
	copy_drop(&was);
}

/* Each kind in each direction, after the true packet arrived: again at once and
 * later, from another source, reflected, on other flows, with the other
 * direction or C bit, and to another session of the server. */
START_TEST(replay_sealed)
{
	const struct kind *k = &kinds[_i / 2];
	int from = _i % 2, to = !from, other;
	struct duo *d = hostile_world(2, 2);
	struct mp_path path, far, back, beside;
	uint8_t packet[512], bad[512];
	uint32_t sid;
	size_t len, n;

	duo_up(d);
	other = duo_add_end(d, 1, 'A');
	ck_assert_int_eq(duo_say(d, other, 100), 0);
	duo_run(d, d->now + 4 * SEC);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->session_used, 2);
	path = duo_path(d, to, 0, from, 0);
	beside = duo_path(d, to, 1, from, 1);
	back = duo_path(d, from, 0, to, 0);
	far = hostile_elsewhere(&path);
	len = kind_make(d, from, k, 1, packet);
	ck_assert(hostile_give(d, to, &path, packet, len) == k->verdict);
	ten_times(d, to, &path, packet, len, k->name, 1);
	ten_times(d, to, &far, packet, len, k->name, 2);
	duo_run(d, d->now + (_i % 3 == 0 ? 10 : 1) * SEC);
	ten_times(d, to, &path, packet, len, k->name, 3);
	ten_times(d, to, &far, packet, len, k->name, 4);
	ten_times(d, to, &beside, packet, len, k->name, 5);
	ten_times(d, from, &back, packet, len, k->name, 6);
	/* one that has not arrived yet */
	if (duo_session(d, to) == NULL || duo_session(d, to)->state != MP_S_UP)
		goto out; /* the packet was a CLOSE */
	len = kind_make(d, from, k, 0, packet);
	ten_times(d, from, &back, packet, len, k->name, 7);
	memcpy(bad, packet, len);
	for (n = 1; n < 4; n++) { /* on other flows */
		put16(bad + 4, get16(packet + 4) ^ (uint32_t)n);
		ten_times(d, to, &path, bad, len, k->name, 10 + n);
	}
	put16(bad + 4, get16(packet + 4) ^ 0x8000U); /* other direction */
	ten_times(d, to, &path, bad, len, k->name, 20);
	memcpy(bad, packet, len);
	bad[3] ^= WIRE_SID_C;
	ten_times(d, to, &path, bad, len, k->name, 21);
	/* with the sid of the server's other session, of the other client's, of
	 * the sender's own */
	for (n = 0; n < 2; n++) {
		sid = state_keys(&d->end[SERVER].mp.sessions[n])->sid_in;
		put32(bad, sid | (packet[3] & WIRE_SID_C));
		if (to != SERVER || n != 0)
			ten_times(d, SERVER, &path, bad, len, k->name, 30 + n);
	}
	put32(bad, state_keys(duo_session(d, other))->sid_in |
	    (packet[3] & WIRE_SID_C));
	ten_times(d, other, &path, bad, len, k->name, 40);
	put32(bad, state_keys(duo_session(d, from))->sid_in |
	    (packet[3] & WIRE_SID_C));
	ten_times(d, from, &back, bad, len, k->name, 41);
out:
	duo_free(d);
}
END_TEST

/* Plays the tape to both ends: no session changes. */
static void
tape_play(struct duo *d, const struct tape *t, int times)
{
	struct copy was[2];
	const struct duo_packet *p;
	struct mp_path path, back;
	bool handshake;
	size_t i;
	int e, n;

	for (e = 0; e < 2; e++)
		copy_keep(&was[e], d, e);
	for (i = 0; i < t->n; i++) {
		p = t->p[i];
		handshake = wire_is_handshake(p->data, p->len);
		path = p->path;
		back = duo_path(d, p->from, p->from_addr, p->to, p->to_addr);
		for (n = 0; n < times; n++) {
			if (n == times / 2)
				path = hostile_elsewhere(&path);
			hostile_give(d, p->to, &path, p->data, p->len);
			hostile_give(d, p->from, &back, p->data, p->len);
		}
		for (e = 0; e < 2; e++)
			ck_assert_msg(copy_same_live(&was[e], d, e) &&
			    (handshake || was[e].sent == d->sent[e]),
			    "packet %zu of the tape changed end %d", i, e);
		for (e = 0; handshake && e < 2; e++)
			was[e].sent = d->sent[e];
	}
	for (e = 0; e < 2; e++)
		copy_drop(&was[e]);
}

/* A session with both handshakes and a rekey, replayed at its end; again when
 * the first key is wiped, and after a restart. */
START_TEST(replay_life)
{
	struct duo *d = hostile_world(2, 1);
	struct tape t = { .p = NULL };
	struct mp_session_info info;
	uint32_t n = 2;
	int e;

	d->tap = tape_tap;
	d->tap_arg = &t;
	duo_up(d);
	duo_chat(d, d->now + 20 * SEC, 200 * MS, &n);
	duo_chat(d, d->now + 110 * SEC, 5 * SEC, &n);
	ck_assert_uint_ge(duo_count(d, CLIENT, MP_C_handshake_done), 2);
	t.full = true;
	ck_assert_uint_gt(t.n, 300);
	duo_run(d, d->now + SEC);
	tape_play(d, &t, 10);
	duo_chat(d, d->now + 70 * SEC, 5 * SEC, &n);
	duo_run(d, d->now + SEC);
	tape_play(d, &t, 2);
	ck_assert_int_eq(duo_missing(d, 0, n) - duo_missing(d, 1, 2), 0);
	ck_assert_int_eq(duo_twice(d, 0, n), 0);
	for (e = 0; e < 2; e++) {
		ck_assert_int_eq(mp_session_get(&d->end[e].mp, 0, &info), 0);
		ck_assert(info.state == MP_S_UP);
		ck_assert_uint_eq(d->end[e].mp.sh->session_used, 1);
	}
	/* A restarted server knows nothing of it: it answers INITs, and makes
	 * no session. */
	duo_restart(d, SERVER);
	d->end[CLIENT].off = true;
	tape_play(d, &t, 2);
	ck_assert_uint_eq(d->end[SERVER].mp.sh->session_used, 0);
	tape_free(&t);
	duo_free(d);
}
END_TEST

/* --- Bytes to addresses that did not ask for them ------------------------- */

struct meter {
	uint64_t in, out;
};

static enum duo_verdict
meter_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct meter *m = arg;

	(void)d;
	if (p->from != SERVER || p->to != 2)
		return DUO_PASS;
	m->out += p->len;
	ck_assert_msg(m->out < 3 * m->in,
	    "%llu bytes to an address that sent %llu",
	    (unsigned long long)m->out, (unsigned long long)m->in);
	return DUO_DROP;
}

/* A packet of the client with the victim's source address. */
static void
spoof(struct duo *d, struct meter *m, uint16_t id, const struct kind *k)
{
	struct session *s = duo_session(d, CLIENT);
	struct wire_msg msg = { .flags = k->flags, .tsreply = WIRE_TS_NONE,
		.ts = (uint16_t)(duo_time(d, CLIENT) / WIRE_TS_US),
		.select = s->choice + 1,
		.copy = { .sid = state_keys(s)->sid_out, .seq = 1000 } };
	struct mp_path path = duo_path(d, SERVER, 0, 2, 0);
	struct flow *f = state_flow(&d->end[CLIENT].mp, s, id);
	static uint64_t seq = 100000;
	uint8_t packet[512];
	size_t len;

	seq++;
	if (f != NULL)
		f->tx_seq = seq;
	len = duo_make(d, CLIENT, id, seq, &msg, k->body, k->len, packet);
	m->in += len;
	hostile_give(d, SERVER, &path, packet, len);
}

/* A server with many addresses and a program that sends all the time; a peer
 * that claims in every way to have moved to the victim. */
START_TEST(amplify)
{
	struct duo *d = hostile_world(2, 16);
	struct meter m = { 0, 0 };
	uint32_t n = 2;
	int i, k, talk;

	dice_seed((uint64_t)_i);
	duo_up(d);
	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	d->tap = meter_tap;
	d->tap_arg = &m;
	for (i = 0; i < 300; i++) {
		do
			k = (int)dice(KINDS);
		while (kinds[k].flags == WIRE_CLOSE ||
		    kinds[k].flags & WIRE_RESPONSE);
		/* on known flows; with new ones; on new ones only */
		spoof(d, &m, (uint16_t)(_i == 0 ? dice(2) : _i == 1 ? dice(16) :
		    8 + dice(8)), &kinds[k]);
		for (talk = (int)dice(20); talk > 0; talk--, n += 2)
			(void)duo_say(d, SERVER, n + 1);
		duo_run(d, d->now + dice(10) * dice(200) * MS);
		ck_assert_ptr_nonnull(duo_session(d, SERVER));
	}
	ck_assert_uint_gt(m.out, 0);
	duo_free(d);
}
END_TEST

/* The same just when the server's only address went and came back: the flow in
 * use has no pair, and the next packet must not make the victim's address the
 * one that data goes to. */
START_TEST(amplify_gone)
{
	struct duo *d = hostile_world(1, 2);
	struct meter m = { 0, 0 };
	uint32_t n = 2;
	int i;

	duo_up(d);
	duo_chat(d, d->now + 5 * SEC, 100 * MS, &n);
	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	d->tap = meter_tap;
	d->tap_arg = &m;
	duo_cut_addr(d, CLIENT, 0, true);
	duo_addr_del(d, SERVER, 0);
	duo_addr_del(d, SERVER, 1);
	duo_run(d, d->now + SEC);
	if (_i == 0)
		duo_addr_add(d, SERVER, 0);
	for (i = 0; i < 2; i++)
		spoof(d, &m, (uint16_t)i, &kinds[_i < 2 ? 0 : 2]);
	if (_i > 0)
		duo_addr_add(d, SERVER, 0);
	for (i = 0; i < 200; i++, n += 2) {
		(void)duo_say(d, SERVER, n + 1);
		duo_run(d, d->now + 50 * MS);
	}
	duo_free(d);
}
END_TEST

/* A stranger's INIT with the victim's source address. */
START_TEST(amplify_init)
{
	struct catch c = { .types = 0 };
	struct duo *d = catch_world(&c, WIRE_T_INIT);
	struct duo_packet *p = c.kept[WIRE_T_INIT];
	struct meter m = { 0, 0 };
	struct mp_path path;
	int i;

	ck_assert_int_eq(duo_add_end(d, 1, 'A'), 2);
	path = duo_path(d, SERVER, 0, 2, 0);
	d->tap = meter_tap;
	d->tap_arg = &m;
	for (i = 0; i < 100; i++) {
		m.in += p->len;
		hostile_give(d, SERVER, &path, p->data, p->len);
		duo_run(d, d->now + 200 * MS);
	}
	ck_assert_uint_le(m.out, WIRE_INIT * (4 + 100 * 200 / 5000 * 4));
	catch_free(&c);
	duo_free(d);
}
END_TEST

Suite *
suite_replays(void)
{
	Suite *s = suite_create("replays");
	TCase *tc = tcase_create("replays");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, replay_sealed, 0, 2 * KINDS);
	tcase_add_test(tc, replay_life);
	tcase_add_loop_test(tc, amplify, 0, 3);
	tcase_add_loop_test(tc, amplify_gone, 0, 3);
	tcase_add_test(tc, amplify_init);
	suite_add_tcase(s, tc);
	return s;
}
