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
		    (enum mp_send_flag)0, &b);
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
