/* SPDX-License-Identifier: ISC */
/* core/bundle_in.c: n packets at once are n packets. */
#include <sodium.h>
#include <string.h>

#include "bytes.h"
#include "duo.h"
#include "flow.h"
#include "mp.h"
#include "seal.h"
#include "state.h"
#include "suites.h"
#include "twins.h"
#include "wire.h"

enum { KINDS = 12 };

static struct twins_recv recv;
static struct twins_in singly, bundled;
static uint8_t seen[2048]; /* a packet that was made before */
static size_t seen_len;

/* What packets are made with. */
struct forge {
	struct session *s; /* of the sender */
	struct keys former;
	struct flow *f;
	uint64_t seq;
	size_t len; /* of the packet */
	uint64_t seed;
};

static size_t
forge(const struct forge *g, const struct keys *k, uint64_t seq, unsigned flow,
    uint16_t flags, bool reply, uint8_t *out)
{
	struct wire_ad ad = { .sid = k->sid_out, .control = flags != 0,
		.dir = !g->s->initiator, .flow = (uint16_t)flow, .seq = seq };
	struct wire_msg msg = { .flags = flags, .ts = (uint16_t)(seq * 3),
		.tsreply = reply ? (uint16_t)(seq * 5) : WIRE_TS_NONE,
		.held_log2 = reply ? 3 : 0 };
	size_t n;

	wire_put_ad(out, &ad);
	n = wire_put_msg(out + WIRE_AD, &msg);
	if (WIRE_AD + n + WIRE_TAG < g->len)
		memset(out + WIRE_AD + n, flags != 0 ? 0 : (int)(seq & 255),
		    g->len - WIRE_AD - n - WIRE_TAG);
	return seal_packet(out, 0, g->len - WIRE_AD - WIRE_TAG, k->suite,
	    k->tx);
}

/* The next packet of a bundle: mostly of a row of datagrams. */
static void
forge_next(struct forge *g, uint8_t *out)
{
	const struct keys *k = state_keys(g->s);
	unsigned kind = twins_random(&g->seed, KINDS * 6);
	uint64_t seq = g->seq;

	if (kind == 0) /* old, perhaps of a hole, perhaps seen */
		seq = seq > 5000 ? seq - twins_random(&g->seed, 5000) : seq;
	else if (kind == 1) /* some are lost */
		seq = g->seq += twins_random(&g->seed, 300);
	else
		g->seq++;
	(void)forge(g, kind == 2 && g->former.live ? &g->former : k, seq,
	    kind == 3 ? twins_random(&g->seed, 70) : g->f->id,
	    kind == 4 ? WIRE_PROBE : kind == 5 ? WIRE_REKEY : 0,
	    twins_random(&g->seed, 8) == 0, out);
	if (kind == 6) /* flipped on its way */
		out[twins_random(&g->seed, (uint32_t)g->len)] ^=
		    (uint8_t)(1U << twins_random(&g->seed, 8));
	if (kind == 7 && seen_len == g->len) /* replayed */
		memcpy(out, seen, seen_len);
	if (kind == 8)
		put32(out, MP_HANDSHAKE_MAGIC);
	memcpy(seen, out, g->len);
	seen_len = g->len;
}

/* A bundle of packets, as the kernel of end e gives it. */
static void
gather(struct duo *d, int e, struct forge *g)
{
	unsigned n = 1 + twins_random(&g->seed, MP_BUNDLE_MAX), i;
	size_t whole;

	recv.path = duo_path(d, e, 0, !e, 0);
	if (twins_random(&g->seed, 16) == 0) /* its sender moved */
		recv.path.remote.port++;
	recv.arrival = twins_random(&g->seed, 8) == 0 ? MP_NEVER :
	    duo_time(d, e) - twins_random(&g->seed, 4) *
	    twins_random(&g->seed, 2500) * MS;
	recv.seg = MP_OVERHEAD + twins_random(&g->seed, 1400);
	recv.commits = 1 + twins_random(&g->seed, 3);
	recv.total = 0;
	g->len = recv.seg;
	for (i = 0; i < n; i++) {
		if (i + 1 == n && i > 0) /* the last one may be shorter */
			g->len = MP_OVERHEAD + twins_random(&g->seed,
			    (uint32_t)recv.seg - MP_OVERHEAD + 1);
		whole = g->len;
		forge_next(g, recv.bytes + recv.total);
		recv.total += whole;
	}
	if (twins_random(&g->seed, 32) == 0) /* cut */
		recv.total -= twins_random(&g->seed, 40) % recv.total;
}

static void
same_in(const struct twins_in *a, const struct twins_in *b)
{
	unsigned i;

	ck_assert_uint_eq(a->n, b->n);
	for (i = 0; i < a->n; i++) {
		ck_assert_int_eq(a->one[i].verdict, b->one[i].verdict);
		ck_assert_mem_eq(&a->one[i], &b->one[i], sizeof(a->one[i]));
	}
}

/* In whatever state, a bundle does to the engine what its packets would do one
 * by one. */
START_TEST(as_one_by_one)
{
	struct mp_setup setup = { .limits = { .sessions = 8, .flows = 256,
	    .flows_each = 64, .pool = 1 << 18, .pool_each = 1 << 17,
	    .staged = 1 << 18 }, .chacha_only = _i % 2 == 0 ||
	    !crypto_aead_aes256gcm_is_available() };
	struct duo *d = duo_new_setup(&setup, 2, 2);
	struct twins_weather w = { .seed = (uint64_t)_i };
	struct forge g = { .seed = (uint64_t)_i + 1000 };
	struct mp twin;
	unsigned together = 0;
	int step, e;

	duo_up(d);
	twins_rain(d, &w);
	for (step = 0; step < 150; step++) {
		twins_happen(d, &w);
		e = (int)twins_random(&w.seed, 2);
		g.s = duo_session(d, !e);
		g.f = g.s == NULL ? NULL : duo_current(d, !e);
		if (g.f == NULL || duo_session(d, e) == NULL)
			continue;
		g.former = g.s->keys[!(g.s->cur & 1)];
		g.seq = g.f->tx_seq + 1;
		gather(d, e, &g);
		g.f->tx_seq = g.seq;
		duo_twin(d, e, &twin);
		twins_take_singly(&twin, duo_time(d, e), &recv, &singly);
		twins_take_bundled(&d->end[e].mp, duo_time(d, e), &recv,
		    &bundled);
		same_in(&singly, &bundled);
		twins_same(&twin, &d->end[e].mp, d->end[e].size);
		duo_bare_free(&twin);
		together += bundled.bundled;
	}
	ck_assert_uint_gt(together, 1000); /* it was about bundles */
	duo_free(d);
}
END_TEST

/* Packets that were opened are dropped where the key or the session is another
 * one by the time of the commit. */
START_TEST(another_key)
{
	struct duo *d = duo_new(1, 1);
	struct forge g = { .len = 100 };
	struct mp_rx_bundle b = { .rx.arrival = MP_NEVER };
	uint8_t packets[200], opened[200];
	struct session *s;
	unsigned i;

	duo_up(d);
	g.s = duo_session(d, 0);
	g.f = duo_current(d, 0);
	for (i = 0; i < 2; i++)
		(void)forge(&g, state_keys(g.s), g.f->tx_seq + 1 + i, g.f->id,
		    0, false, packets + i * 100);
	b.rx.path = duo_path(d, 1, 0, 0, 0);
	ck_assert_uint_eq(mp_recv_bundle_begin(&d->end[1].mp, duo_time(d, 1),
	    &b, packets, 100, 200), 2);
	for (i = 0; i < 2; i++)
		ck_assert_int_gt(mp_recv_bundle_open(&b, i, packets + i * 100,
		    100, opened + i * 100), 0);
	s = duo_session(d, 1);
	if (_i == 0)
		state_keys(s)->born_at++;
	else if (_i == 1)
		state_keys(s)->live = false;
	else if (_i == 2)
		state_keys(s)->sid_in++;
	ck_assert_uint_eq(mp_recv_bundle_commit(&d->end[1].mp, duo_time(d, 1),
	    &b, 0, 2, opened, 100), _i < 3 ? 0 : 2);
	duo_free(d);
}
END_TEST

Suite *
suite_bundle_in(void)
{
	Suite *s = suite_create("bundle_in");
	TCase *c = tcase_create("bundle_in");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, as_one_by_one, 0, 24);
	tcase_add_loop_test(c, another_key, 0, 4);
	suite_add_tcase(s, c);
	return s;
}
