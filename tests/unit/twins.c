/* SPDX-License-Identifier: ISC */
#include "twins.h"

#include <check.h>
#include <string.h>

#include "loss.h"
#include "offload.h"
#include "state.h"

static uint8_t payloads[TWINS_MOST * TWINS_LONGEST];

uint32_t
twins_random(uint64_t *seed, uint32_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % below;
}

const uint8_t *
twins_payload(unsigned i)
{
	uint8_t *p = payloads + i * TWINS_LONGEST;
	size_t k;

	if (payloads[1] == 0)
		for (k = 0; k < sizeof(payloads); k++)
			payloads[k] = (uint8_t)(k * 7 + k / 251 + 1);
	return p;
}

static size_t
len_of(const struct twins_send *t, unsigned i)
{
	return i + 1 < t->n ? t->len : t->last;
}

static uint8_t *
room(struct twins_out *out, const struct mp_path *path)
{
	ck_assert_uint_lt(out->packets, TWINS_MOST * MP_TX_MAX);
	out->packet[out->packets].path = *path;
	out->packet[out->packets].at = out->len;
	return out->bytes + out->len;
}

static void
wrote(struct twins_out *out, size_t len)
{
	out->packet[out->packets++].len = len;
	out->len += len;
	ck_assert_uint_lt(out->len, sizeof(out->bytes));
}

/* Sends datagram i, as a program does. */
static void
one(struct mp *m, uint64_t now, const struct twins_send *t, unsigned i,
    struct twins_out *out)
{
	struct mp_tx tx[MP_TX_MAX];
	const uint8_t *payload = twins_payload(i);
	size_t len = len_of(t, i);
	int n = mp_send_begin(m, now, 0, &t->dst, 0, len,
	    (enum mp_send_flag)0, tx), k;

	if (n == MP_EAGAIN)
		n = mp_stage(m, now, 0, &t->dst, NULL, payload, len);
	else if (n > 0) {
		for (k = 0; k < n; k++) {
			wrote(out, mp_seal(&tx[k], payload, len,
			    room(out, &tx[k].path)));
			tx[k].error = i == t->fails ? t->error : 0;
		}
		n = mp_send_commit(m, now, tx, n, payload, len);
	}
	out->result[i] = n;
}

void
twins_singly(struct mp *m, uint64_t now, const struct twins_send *t,
    struct twins_out *out)
{
	unsigned i;

	memset(out, 0, offsetof(struct twins_out, bytes));
	for (i = 0; i < t->n && i <= t->fails; i++)
		one(m, now, t, i, out);
}

void
twins_bundled(struct mp *m, uint64_t now, const struct twins_send *t,
    struct twins_out *out)
{
	unsigned i, k, n, sent;
	struct mp_bundle b;
	int r;

	memset(out, 0, offsetof(struct twins_out, bytes));
	for (i = 0; i < t->n && i <= t->fails; i += n) {
		n = mp_bundle_begin(m, now, 0, &t->dst,
		    i + 1 < t->n ? t->len : t->last, t->last, t->n - i,
		    &b);
		ck_assert_uint_le(n, t->n - i);
		ck_assert_uint_le(n, MP_BUNDLE_MAX);
		if (n == 0) {
			one(m, now, t, i, out);
			n = 1;
			continue;
		}
		sent = t->fails - i < n ? t->fails - i : n;
		for (k = 0; k < n && k <= sent; k++)
			wrote(out, mp_bundle_seal(&b, k, twins_payload(i + k),
			    len_of(t, i + k), room(out, &b.tx.path)));
		r = mp_bundle_commit(m, now, &b, sent,
		    sent < n ? t->error : 0, twins_payload(i), TWINS_LONGEST,
		    i + 1 < t->n ? t->len : t->last,
		    i + n < t->n ? t->len : t->last);
		if (sent < n)
			out->result[i + sent] = r;
		else
			ck_assert_int_eq(r, 0);
		out->bundled += n;
	}
}

void
twins_same_out(const struct twins_out *a, const struct twins_out *b)
{
	unsigned i;

	for (i = 0; i < TWINS_MOST; i++)
		ck_assert_int_eq(a->result[i], b->result[i]);
	ck_assert_uint_eq(a->packets, b->packets);
	ck_assert_uint_eq(a->len, b->len);
	for (i = 0; i < a->packets; i++) {
		ck_assert_uint_eq(a->packet[i].len, b->packet[i].len);
		ck_assert_int_eq(memcmp(&a->packet[i].path,
		    &b->packet[i].path, sizeof(struct mp_path)), 0);
	}
	ck_assert_int_eq(memcmp(a->bytes, b->bytes, a->len), 0);
}

void
twins_trust(struct mp *m, uint64_t now)
{
	struct offload *o;
	uint32_t i;

	for (i = 0; i < m->limits.flows; i++) {
		o = &m->flows[i].offload;
		*o = (struct offload) { .state = MP_BUNDLES_TRUSTED,
			.since = now, .probe_at = now };
		offload_probed(o, now, 0, loss_sent(&m->flows[i]));
		o->alone = false;
	}
}

void
twins_same(const struct mp *a, const struct mp *b, size_t size)
{
	const uint8_t *p = (const void *)a->sh, *q = (const void *)b->sh;
	size_t i;

	for (i = 0; i < a->limits.flows; i++)
		a->flows[i].offload = b->flows[i].offload;
	/* A bundle that failed had numbers which single datagrams never got. */
	a->sh->numbers = b->sh->numbers;
	if (memcmp(p, q, size) == 0)
		return;
	for (i = 0; p[i] == q[i]; i++)
		;
	ck_abort_msg("the blocks differ at %zu of %zu (sessions at %zu, "
	    "flows %zu, replay %zu, pool %zu)", i, size,
	    (size_t)((const uint8_t *)a->sessions - p),
	    (size_t)((const uint8_t *)a->flows - p),
	    (size_t)((const uint8_t *)a->replay - p),
	    (size_t)(a->pool - p));
}

/* --- In ------------------------------------------------------------------- */

static void
took(struct twins_in *in, const struct mp_rx *rx, enum mp_verdict v,
    const uint8_t *payload, size_t len)
{
	in->one[in->n].verdict = v;
	if (v == MP_DELIVER) {
		in->one[in->n].from = rx->from;
		in->one[in->n].slot = rx->slot;
		in->one[in->n].len = len;
		memcpy(in->one[in->n].bytes, payload, len);
	}
	in->n++;
}

static void
take_one(struct mp *m, uint64_t now, const struct twins_recv *t,
    const uint8_t *packet, size_t len, struct twins_in *in)
{
	static uint8_t opened[65536];
	struct mp_rx rx = { .path = t->path, .arrival = t->arrival };
	enum mp_verdict v = mp_recv_begin(m, now, &rx, packet, len);

	if (v == MP_SEALED)
		v = mp_recv_commit(m, now, &rx, opened,
		    mp_open(&rx, packet, len, opened));
	if (v == MP_JOIN)
		v = mp_recv_join(m, &rx, opened, sizeof(opened));
	took(in, &rx, v, opened + rx.off, rx.len);
}

static size_t
seg_of(const struct twins_recv *t, size_t at)
{
	return t->total - at < t->seg ? t->total - at : t->seg;
}

void
twins_take_singly(struct mp *m, uint64_t now, const struct twins_recv *t,
    struct twins_in *in)
{
	size_t at;

	memset(in, 0, sizeof(*in));
	for (at = 0; at < t->total; at += t->seg)
		take_one(m, now, t, t->bytes + at, seg_of(t, at), in);
}

/* Commits what is open, in so many calls. */
static void
commit_all(struct mp *m, uint64_t now, struct mp_rx_bundle *b,
    const uint8_t *opened, unsigned commits, struct twins_in *in)
{
	unsigned i, from = 0, to, delivered = 0;

	for (i = 1; i <= commits; i++, from = to) {
		to = b->n * i / commits;
		delivered += mp_recv_bundle_commit(m, now, b, from, to,
		    opened + from * 2048, 2048);
	}
	for (i = 0; i < b->n; i++) {
		delivered -= b->one[i].verdict == MP_DELIVER;
		took(in, &b->rx, b->one[i].verdict, opened + i * 2048 +
		    b->one[i].off, b->one[i].len);
	}
	ck_assert_uint_eq(delivered, 0);
}

/* No key is left in it. */
static void
keyless(const struct mp_rx_bundle *b)
{
	unsigned i;

	for (i = 0; i < sizeof(b->rx.key); i++)
		ck_assert_int_eq(b->rx.key[i], 0);
	for (i = 0; i < sizeof(b->ready); i++)
		ck_assert_int_eq(b->ready[i], 0);
}

void
twins_take_bundled(struct mp *m, uint64_t now, const struct twins_recv *t,
    struct twins_in *in)
{
	static uint8_t opened[MP_BUNDLE_MAX * 2048];
	struct mp_rx_bundle b;
	size_t at = 0;
	unsigned n, i;

	memset(in, 0, sizeof(*in));
	while (at < t->total) {
		b.rx = (struct mp_rx){ .path = t->path,
			.arrival = t->arrival };
		n = mp_recv_bundle_begin(m, now, &b, t->bytes + at, t->seg,
		    t->total - at);
		if (n == 0) {
			take_one(m, now, t, t->bytes + at, seg_of(t, at), in);
			at += t->seg;
			continue;
		}
		for (i = 0; i < n; i++, at += t->seg)
			(void)mp_recv_bundle_open(&b, i, t->bytes + at,
			    seg_of(t, at), opened + i * 2048);
		keyless(&b);
		commit_all(m, now, &b, opened, t->commits, in);
		in->bundled += n;
	}
}

/* --- The weather ---------------------------------------------------------- */

static enum duo_verdict
lose(struct duo *d, struct duo_packet *p, void *arg)
{
	struct twins_weather *w = arg;

	(void)d;
	(void)p;
	return twins_random(&w->seed, 16) < w->loss ? DUO_DROP : DUO_PASS;
}

static void
mend(struct duo *d, struct twins_weather *w)
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
breaks(struct duo *d, struct twins_weather *w)
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

void
twins_happen(struct duo *d, struct twins_weather *w)
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

void
twins_rain(struct duo *d, struct twins_weather *w)
{
	d->tap = lose;
	d->tap_arg = w;
}
