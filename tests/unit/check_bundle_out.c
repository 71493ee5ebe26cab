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

struct weather {
	uint64_t seed;
	unsigned loss; /* of data packets, 1/16 */
};

static enum duo_verdict
lose(struct duo *d, struct duo_packet *p, void *arg)
{
	struct weather *w = arg;

	(void)d;
	(void)p;
	return twins_random(&w->seed, 16) < w->loss ? DUO_DROP : DUO_PASS;
}

static void
mend(struct duo *d, struct weather *w)
{
	int i, j;

	w->loss = 0;
	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			duo_cut(d, i, j, false);
	for (i = 0; i < 2; i++) {
		d->end[0].addr[i].error = 0;
		if (!d->end[0].addr[i].there)
			duo_addr_add(d, 0, i);
	}
}

static void
breaks(struct duo *d, struct weather *w)
{
	int a = (int)twins_random(&w->seed, 2);

	switch (twins_random(&w->seed, 6)) {
	case 0:
		duo_cut(d, 0, 0, true);
		break;
	case 1:
		duo_cut(d, a, (int)twins_random(&w->seed, 2), true);
		break;
	case 2:
		w->loss = 1 + twins_random(&w->seed, 4);
		break;
	case 3:
		if (d->end[0].addr[a].there)
			duo_addr_del(d, 0, a);
		break;
	case 4:
		d->end[0].addr[a].error = MP_ENETUNREACH;
		break;
	case 5:
		duo_run(d, d->now + 130 * SEC);
		break;
	}
}

static void
happens(struct duo *d, struct weather *w)
{
	unsigned what = twins_random(&w->seed, 16);

	if (what == 0)
		breaks(d, w);
	else if (what <= 3)
		mend(d, w);
	else if (what == 4)
		duo_run(d, d->now + 20 * SEC);
	if (what != 5) /* 5: at once */
		duo_run(d, d->now + twins_random(&w->seed, 300) * MS);
}

static void
ask(struct twins_send *t, struct duo *d, int e, struct weather *w)
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
	struct weather w = { .seed = (uint64_t)_i };
	struct duo *d = up(_i % 2 == 1 &&
	    crypto_aead_aes256gcm_is_available());
	struct twins_send t;
	struct mp twin;
	unsigned together = 0;
	int step, e;

	d->tap = lose;
	d->tap_arg = &w;
	for (step = 0; step < 150; step++) {
		happens(d, &w);
		e = (int)twins_random(&w.seed, 2);
		ask(&t, d, e, &w);
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

Suite *
suite_bundle_out(void)
{
	Suite *s = suite_create("bundle_out");
	TCase *c = tcase_create("bundle_out");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, as_one_by_one, 0, 24);
	suite_add_tcase(s, c);
	return s;
}
