/* SPDX-License-Identifier: ISC */
#include "hostile.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

void
copy_keep(struct copy *c, const struct duo *d, int e)
{
	c->size = d->end[e].size;
	c->bytes = aligned_alloc(64, c->size);
	ck_assert_ptr_nonnull(c->bytes);
	memcpy(c->bytes, d->end[e].block, c->size);
	c->sent = d->sent[e];
	c->got = d->end[e].n_got;
}

void
copy_drop(struct copy *c)
{
	free(c->bytes);
	c->bytes = NULL;
}

bool
copy_same(struct copy *c, const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	struct shared *sh = (struct shared *)(void *)c->bytes;
	struct session *s = (struct session *)(void *)(c->bytes +
	    ((const uint8_t *)m->sessions - (const uint8_t *)m->sh));
	uint32_t i;

	memcpy(sh->count, m->sh->count, sizeof(sh->count));
	for (i = 0; i < m->limits.sessions * 2; i++)
		s[i / 2].keys[i & 1].forged =
		    m->sessions[i / 2].keys[i & 1].forged;
	return c->sent == d->sent[e] && c->got == d->end[e].n_got &&
	    memcmp(c->bytes, m->sh, c->size) == 0;
}

bool
copy_same_live(struct copy *c, const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	size_t from = (size_t)((const uint8_t *)m->sessions -
	    (const uint8_t *)m->sh);
	size_t to = (size_t)((const uint8_t *)m->handshakes -
	    (const uint8_t *)m->sh);

	return c->got == d->end[e].n_got &&
	    memcmp(c->bytes + from, m->sessions, to - from) == 0;
}

enum mp_verdict
hostile_give(struct duo *d, int e, const struct mp_path *path,
    const uint8_t *packet, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);
	enum mp_verdict v;

	ck_assert_ptr_nonnull(exact);
	if (len > 0)
		memcpy(exact, packet, len);
	v = duo_inject(d, e, path, exact, len);
	free(exact);
	return v;
}

void
hostile_assert_sane(const struct duo *d, int e)
{
	const struct mp *m = &d->end[e].mp;
	const struct session *s;
	uint32_t i, id;
	uint32_t at;

	ck_assert_uint_eq(duo_count(d, e, MP_C_corrupt), 0);
	ck_assert_uint_le(m->sh->flow_used, m->limits.flows);
	for (i = 0; i < m->limits.sessions; i++) {
		s = &m->sessions[i];
		if (s->state == MP_S_FREE)
			continue;
		ck_assert_uint_le(s->nflows, m->limits.flows_each);
		ck_assert_uint_le(s->live_flows, s->nflows);
		ck_assert_uint_le(s->told_n, MP_TOLD_MAX);
		for (id = 0; id < MP_FLOWS_MAX; id++) {
			at = state_flow_index(m, s, id);
			ck_assert(at == STATE_NO_INDEX ||
			    (at < m->limits.flows &&
			    m->flows[at].session == i &&
			    m->flows[at].id == id));
		}
	}
}

struct duo *
hostile_world(int clients, int servers)
{
	struct mp_setup setup = { .limits = { .sessions = 4, .flows = 48,
		.flows_each = 16, .pool = 16384, .pool_each = 8192,
		.staged = 8192 }, .chacha_only = true };

	return duo_new_setup(&setup, clients, servers);
}

/* --- Kinds of packets ----------------------------------------------------- */

#define ADDR4 "\x07\x04\x13\x89\x0a\x01\x00\x09"

const struct kind kinds[KINDS] = {
	{ "data", 0, "payload", 7, MP_DELIVER },
	{ "empty data", 0, "", 0, MP_DELIVER },
	{ "probe", WIRE_PROBE, "", 0, MP_CONTROL },
	{ "padded probe", WIRE_PROBE, "\0\0\0\0\0\0\0\0\0", 9, MP_CONTROL },
	{ "probe reply", WIRE_PROBE | WIRE_REPLY, "", 0, MP_CONTROL },
	{ "challenge", WIRE_PROBE | WIRE_CHALLENGE, "", 0, MP_CONTROL },
	{ "response", WIRE_PROBE | WIRE_RESPONSE, "", 0, MP_CONTROL },
	{ "reply, response", WIRE_PROBE | WIRE_REPLY | WIRE_RESPONSE, "", 0,
	    MP_CONTROL },
	{ "select", WIRE_PROBE | WIRE_SELECT, "", 0, MP_CONTROL },
	{ "challenge, select", WIRE_PROBE | WIRE_CHALLENGE | WIRE_SELECT, "",
	    0, MP_CONTROL },
	{ "all modifiers", WIRE_PROBE | WIRE_REPLY | WIRE_CHALLENGE |
	    WIRE_RESPONSE | WIRE_SELECT, "", 0, MP_CONTROL },
	{ "addr request", WIRE_ADDR, "", 0, MP_CONTROL },
	{ "addr reply", WIRE_ADDR | WIRE_REPLY, ADDR4, 8, MP_CONTROL },
	{ "rekey", WIRE_REKEY, "no INIT", 7, MP_HANDSHAKE },
	{ "copy", WIRE_COPYFLAG, "payload", 7, MP_DELIVER },
	{ "close", WIRE_CLOSE, "", 0, MP_CONTROL },
};

size_t
kind_make(struct duo *d, int from, const struct kind *k, uint32_t skip,
    uint8_t *out)
{
	struct session *s = duo_session(d, from);
	struct flow *f = state_flow(&d->end[from].mp, s, 0);
	struct wire_msg msg = { .flags = k->flags, .tsreply = WIRE_TS_NONE,
		.ts = (uint16_t)(duo_time(d, from) / WIRE_TS_US),
		.select = s->choice + 1,
		.copy = { .sid = state_keys(s)->sid_out,
		    .dir = !s->initiator, .seq = f->tx_seq + skip } };

	f->tx_seq += skip + 1;
	return duo_make(d, from, 0, f->tx_seq, &msg, k->body, k->len, out);
}

void
copy_assert(struct copy *c, struct duo *d, int e, enum mp_verdict v,
    const char *what, size_t which)
{
	ck_assert_msg(v == MP_DROPPED || v == MP_HANDSHAKE,
	    "%s %zu: accepted", what, which);
	ck_assert_msg(c->sent == d->sent[e], "%s %zu: answered", what, which);
	ck_assert_msg(copy_same(c, d, e), "%s %zu: state changed", what,
	    which);
}

struct mp_path
hostile_elsewhere(const struct mp_path *p)
{
	struct mp_path q = *p;

	q.remote.ip[15] = 99;
	q.remote.port = 999;
	return q;
}

static enum duo_verdict
catch_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct catch *c = arg;
	struct wire_handshake h;

	(void)d;
	if (!wire_get_handshake(p->data, p->len, &h) ||
	    (c->types >> h.type & 1) == 0)
		return DUO_PASS;
	if (c->kept[h.type] == NULL) {
		c->kept[h.type] = malloc(sizeof(*p) + p->len);
		ck_assert_ptr_nonnull(c->kept[h.type]);
		memcpy(c->kept[h.type], p, sizeof(*p) + p->len);
	}
	return DUO_DROP;
}

void
catch_free(struct catch *c)
{
	for (int i = 0; i <= WIRE_T_COOKIE; i++)
		free(c->kept[i]);
}

struct duo *
catch_world(struct catch *c, enum wire_type type)
{
	struct duo *d = hostile_world(1, 1);

	d->tap = catch_tap;
	d->tap_arg = c;
	c->types = 1U << type;
	if (type == WIRE_T_COOKIE) /* over its limit of handshakes */
		d->end[SERVER].mp.sh->ratelimit.fresh.at = UINT64_MAX / 2;
	ck_assert_int_eq(duo_say(d, CLIENT, 0), 0);
	duo_run(d, d->now + 100 * MS);
	ck_assert_ptr_nonnull(c->kept[type]);
	return d;
}

enum duo_verdict
tape_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct tape *t = arg;

	(void)d;
	if (t->full)
		return DUO_PASS;
	if (t->n % 1024 == 0) {
		t->p = realloc(t->p, (t->n + 1024) * sizeof(*t->p));
		ck_assert_ptr_nonnull(t->p);
	}
	t->p[t->n] = malloc(sizeof(*p) + p->len);
	ck_assert_ptr_nonnull(t->p[t->n]);
	memcpy(t->p[t->n++], p, sizeof(*p) + p->len);
	return DUO_PASS;
}

void
tape_free(struct tape *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->p[i]);
	free(t->p);
}

/* --- A seeded generator of the tests' own --------------------------------- */

static uint64_t dice_state;

void
dice_seed(uint64_t seed)
{
	dice_state = seed;
}

uint32_t
dice(uint32_t n)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(dice_state >> 33) % n;
}

void
dice_bytes(uint8_t *p, size_t len)
{
	while (len-- > 0)
		*p++ = (uint8_t)dice(256);
}
