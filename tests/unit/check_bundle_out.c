/* SPDX-License-Identifier: ISC */
/* core/bundle_out.c: n datagrams at once are n datagrams. */
#include <sodium.h>
#include <string.h>

#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "session.h"
#include "state.h"
#include "suites.h"
#include "twins.h"
#include "wire.h"

static struct twins_out singly, bundled;

static struct duo *
up(bool aes)
{
	struct mp_setup setup = { .limits = { .sessions = 8, .flows = 256,
	    .flows_each = 64, .pool = 1 << 18, .pool_each = 1 << 17,
	    .staged = 1 << 18 }, .chacha_only = !aes };
	struct duo *d = duo_new_setup(&setup, 2, 2);

	duo_up(d);
	return d;
}

/* --- Anything may be going on --------------------------------------------- */

static void
ask(struct twins_send *t, struct duo *d, int e, struct twins_weather *w)
{
	static const size_t lens[] = { 0, 1, 8, 100, 600, 1166, 1167, 1300,
		1400, 1438, 1439, 2500 };

	*t = (struct twins_send){ .dst = d->end[e].peer,
		.n = 1 + twins_random(&w->seed, TWINS_MOST),
		.len = lens[twins_random(&w->seed,
		    sizeof(lens) / sizeof(lens[0]))] };
	if (twins_random(&w->seed, 2) == 0)
		t->n = 1 + twins_random(&w->seed, 6);
	t->last = twins_random(&w->seed, 2) == 0 ? t->len :
	    twins_random(&w->seed, (uint32_t)t->len + 1);
	t->fails = t->n;
}

/* Sends what one of the engines put out. */
static void
post(struct duo *d, int e, const struct twins_out *out)
{
	unsigned i;

	for (i = 0; i < out->packets; i++)
		(void)duo_transmit(d, e, &out->packet[i].path,
		    out->bytes + out->packet[i].at, out->packet[i].len);
}

/* In whatever state, n datagrams leave the engine as they would one by one. */
START_TEST(as_one_by_one)
{
	struct twins_weather w = { .seed = (uint64_t)_i };
	struct duo *d = up(_i % 2 == 1 &&
	    crypto_aead_aes256gcm_is_available());
	struct twins_send t;
	struct mp twin;
	unsigned together = 0;
	int step, e;

	twins_rain(d, &w);
	for (step = 0; step < 150; step++) {
		twins_happen(d, &w);
		e = (int)twins_random(&w.seed, 2);
		ask(&t, d, e, &w);
		twins_trust(&d->end[e].mp, duo_time(d, e));
		duo_twin(d, e, &twin);
		twins_singly(&twin, duo_time(d, e), &t, &singly);
		twins_bundled(&d->end[e].mp, duo_time(d, e), &t, &bundled);
		twins_same_out(&singly, &bundled);
		twins_same(&twin, &d->end[e].mp, d->end[e].size);
		duo_bare_free(&twin);
		together += bundled.bundled;
		post(d, e, &bundled);
	}
	ck_assert_uint_gt(together, 300); /* it was about bundles */
	duo_free(d);
}
END_TEST

/* --- What ends a bundle --------------------------------------------------- */

static void
unproven(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)s;
	f->unproven = true;
	f->in_bytes = 2000;
	f->out_bytes = 0;
}

static void
last_numbers(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)s;
	f->tx_seq = (UINT64_C(1) << 32) - (1 << 15) - 3;
}

static void
peer_silent(struct duo *d, struct session *s, struct flow *f)
{
	(void)f;
	s->last_in = d->now - SESSION_SILENT;
}

static void
some_staged(struct duo *d, struct session *s, struct flow *f)
{
	(void)s;
	(void)f;
	ck_assert_int_eq(mp_stage(&d->end[0].mp, d->now, 0,
	    &d->end[0].peer, NULL, "x", 1), 1);
}

static void
new_locals(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)f;
	s->locals_gen--;
}

static void
last_frames(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)f;
	s->frames_left = 3;
}

static void
held_frames(struct duo *d, struct session *s, struct flow *f)
{
	(void)f;
	s->frames_until = d->now + 1;
}

/* The peer told that the last frame is there. */
static void
passed_frames(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)f;
	s->frame = true;
}

static void
framed(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)f;
	state_keys(s)->framed = true;
}

/* Heavy loss, or a doubt, on a flow is a matter of COPYs. */
static void
lossy(struct duo *d, struct session *s, struct flow *f)
{
	(void)s;
	f->tx_loss.since = d->now;
}

static void
lossy_alone(struct duo *d, struct session *s, struct flow *f)
{
	struct flow *other;

	STATE_FLOWS(&d->end[0].mp, s, other, id)
		other->down = other != f;
	f->tx_loss.since = d->now;
}

static void
doubted_alone(struct duo *d, struct session *s, struct flow *f)
{
	lossy_alone(d, s, f);
	f->tx_loss.since = 0;
	f->doubted = true;
}

static void
nothing(struct duo *d, struct session *s, struct flow *f)
{
	(void)d;
	(void)s;
	(void)f;
}

static const struct end_row {
	const char *name;
	void (*set)(struct duo *, struct session *, struct flow *);
	size_t len;
	unsigned bundled; /* datagrams of 10 that may go together */
} ends[] = {
	{ "nothing", nothing, 100, 10 },
	{ "empty ones", nothing, 0, 10 },
	{ "too long for the flow", nothing, 1167, 0 },
	{ "as long as it carries", nothing, 1166, 10 },
	{ "its address is not proven", unproven, 100, 0 },
	{ "its numbers end", last_numbers, 100, 3 },
	{ "the peer is silent for good", peer_silent, 100, 0 },
	{ "others are staged", some_staged, 100, 0 },
	{ "addresses changed", new_locals, 100, 9 }, /* all but the first */
	{ "the last frames of a child", last_frames, 100, 0 },
	{ "what follows them is held", held_frames, 100, 0 },
	{ "a child", framed, 100, 0 },
	{ "a child no more", passed_frames, 100, 10 },
	{ "it loses many", lossy, 100, 0 },
	{ "and there is no other one", lossy_alone, 100, 10 },
	{ "it is in doubt, and the only one", doubted_alone, 100, 10 },
};

START_TEST(ended)
{
	const struct end_row *r = &ends[_i];
	struct duo *d = up(false);
	struct twins_send t = { .dst = d->end[0].peer, .n = 10,
		.len = r->len, .last = r->len, .fails = 10 };
	struct flow *f = duo_current(d, 0);
	struct mp twin;

	f->size = MP_SIZE_MIN;
	r->set(d, duo_session(d, 0), f);
	twins_trust(&d->end[0].mp, d->now);
	duo_twin(d, 0, &twin);
	twins_singly(&twin, d->now, &t, &singly);
	twins_bundled(&d->end[0].mp, d->now, &t, &bundled);
	twins_same_out(&singly, &bundled);
	twins_same(&twin, &d->end[0].mp, d->end[0].size);
	ck_assert_uint_eq(bundled.bundled, r->bundled);
	duo_bare_free(&twin);
	duo_free(d);
}
END_TEST

START_TEST(arguments)
{
	struct duo *d = up(false);
	struct mp *m = &d->end[0].mp;
	const struct mp_addr *dst = &d->end[0].peer;
	struct mp_addr none = { .port = 1 };
	struct mp_bundle b;

	twins_trust(m, d->now);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, dst, 8, 8, 0, &b),
	    0);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, dst, 8, 9, 2, &b),
	    0);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 1, dst, 8, 8, 2, &b),
	    0);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 99, dst, 8, 8, 2, &b), 0);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, &none, 8, 8, 2, &b), 0);
	none = duo_ip4(10, 9, 8, 7, 6);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, &none, 8, 8, 2, &b), 0);
	ck_assert_int_eq(duo_sessions(d, 0), 1); /* it made none */
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, dst,
	    MP_PAYLOAD_MAX + 1, 8, 2, &b), 0);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, dst, 8, 8, 1000, &b),
	    MP_BUNDLE_MAX);
	duo_free(d);
}
END_TEST

/* --- Sending fails -------------------------------------------------------- */

/* The numbers of what did not go are skipped, and those alone differ. */
static void
without_skipped(const struct duo *d, struct flow *one, struct flow *many,
    unsigned skipped)
{
	(void)d;
	ck_assert_uint_eq(many->tx_seq, one->tx_seq + skipped);
	ck_assert_uint_eq(many->tx_data, one->tx_data + skipped);
	ck_assert_uint_eq(many->count.skipped, one->count.skipped + skipped);
	many->tx_seq = one->tx_seq;
	many->tx_data = one->tx_data;
	many->count.skipped = one->count.skipped;
}

static const int errors[] = { MP_EMSGSIZE, MP_ENETUNREACH, MP_EAGAIN,
	MP_ENOBUFS, MP_EPERM, MP_ECONNREFUSED };

/* The first ones go, then sending fails: as after the same one alone. */
START_TEST(fails)
{
	uint64_t seed = (uint64_t)_i;
	struct duo *d = up(false);
	struct twins_send t = { .dst = d->end[0].peer,
		.n = 2 + twins_random(&seed, MP_BUNDLE_MAX - 1),
		.len = 100, .last = twins_random(&seed, 101),
		.error = errors[_i % 6] };
	struct flow *f = duo_current(d, 0);
	struct mp twin;
	int again;

	t.fails = twins_random(&seed, t.n);
	for (again = 0; again < 2; again++) { /* the second error in a row */
		twins_trust(&d->end[0].mp, d->now);
		duo_twin(d, 0, &twin);
		twins_singly(&twin, d->now, &t, &singly);
		twins_bundled(&d->end[0].mp, d->now, &t, &bundled);
		twins_same_out(&singly, &bundled);
		without_skipped(d, twin.flows + (f - d->end[0].mp.flows), f,
		    t.n - t.fails - 1);
		twins_same(&twin, &d->end[0].mp, d->end[0].size);
		duo_bare_free(&twin);
		t.fails = 0;
	}
	duo_free(d);
}
END_TEST

/* What was not tried begins anew; its numbers are told to be none. */
START_TEST(stopped)
{
	struct duo *d = up(false);
	struct mp *m = &d->end[0].mp;
	struct flow *f = duo_current(d, 0);
	struct mp_bundle b;
	uint64_t seq = f->tx_seq;

	twins_trust(m, d->now);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, &d->end[0].peer, 8, 8,
	    5, &b), 5);
	ck_assert_int_eq(mp_bundle_commit(m, d->now, &b, 2, 0,
	    twins_payload(0), 8, 8, 8), 1);
	ck_assert_uint_eq(f->tx_seq, seq + 5);
	ck_assert_uint_eq(f->count.skipped, 3);
	ck_assert_int_eq(sodium_is_zero(b.tx.key, sizeof(b.tx.key)), 1);
	ck_assert_int_eq(sodium_is_zero(b.ready, sizeof(b.ready)), 1);
	duo_free(d);
}
END_TEST

/* Its session ended while it was sent. */
START_TEST(session_over)
{
	struct duo *d = up(false);
	struct mp *m = &d->end[0].mp;
	struct mp_bundle b, same;

	twins_trust(m, d->now);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, &d->end[0].peer, 8, 8,
	    5, &b), 5);
	same = b;
	session_down(m, duo_session(d, 0));
	ck_assert_int_eq(mp_bundle_commit(m, d->now, &b, 5, 0,
	    twins_payload(0), 8, 8, 8), 0);
	ck_assert_int_eq(mp_bundle_commit(m, d->now, &same, 1, MP_ENETUNREACH,
	    twins_payload(0), 8, 8, 8), MP_ENETUNREACH);
	duo_free(d);
}
END_TEST

/* --- The flow dies under it ----------------------------------------------- */

/* Each datagram of a bundle arrives once and in order, however many of its
 * packets were through when the path died.  (There is one other path: several
 * would carry the rest in turn.) */
START_TEST(path_dies)
{
	struct duo *d = duo_new(2, 1);
	struct mp *m = &d->end[0].mp;
	uint8_t say[64][8] = { { 0 } }, packet[100];
	size_t k, len, got;
	struct mp_bundle b;
	unsigned i;

	duo_up(d);
	got = d->end[1].n_got;
	for (i = 0; i < 64; i++)
		say[i][0] = (uint8_t)i;
	twins_trust(m, d->now);
	ck_assert_uint_eq(mp_bundle_begin(m, d->now, 0, &d->end[0].peer, 8, 8,
	    64, &b), 64);
	for (i = 0; i < 64; i++) {
		if (i == (unsigned)_i * 9)
			duo_cut(d, 0, 0, true);
		len = mp_bundle_seal(&b, i, say[i], 8, packet);
		ck_assert_int_eq(duo_transmit(d, 0, &b.tx.path, packet, len),
		    0);
	}
	ck_assert_int_eq(mp_bundle_commit(m, d->now, &b, 64, 0, say, 8, 8, 8),
	    0);
	duo_run(d, d->now + 2 * SEC);
	ck_assert_uint_eq(d->end[1].n_got, got + 64);
	for (k = 0; k < 64; k++) {
		ck_assert_uint_eq(d->end[1].got[got + k].len, 8);
		ck_assert_uint_eq(d->end[1].got[got + k].data[0], k);
	}
	duo_free(d);
}
END_TEST

Suite *
suite_bundle_out(void)
{
	Suite *s = suite_create("bundle_out");
	TCase *c = tcase_create("bundle_out");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, as_one_by_one, 0, 24);
	tcase_add_loop_test(c, ended, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(c, arguments);
	tcase_add_loop_test(c, fails, 0, 60);
	tcase_add_test(c, stopped);
	tcase_add_test(c, session_over);
	tcase_add_loop_test(c, path_dies, 0, 8);
	suite_add_tcase(s, c);
	return s;
}
