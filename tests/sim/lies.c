/* SPDX-License-Identifier: ISC */
/*
 * lies: what a peer seals that its engine would not send, and what an onlooker
 * does with packets.
 *
 * A liar has an honest engine, with a session; a lie is a packet under that
 * session's key, with a number that nothing else uses, but where that is the
 * lie.  Kinds are drawn from the operation's generator in detail.
 */
#include "verbs.h"

#include <string.h>

#include "field.h"
#include "inside.h"
#include "handshake.h"
#include "noise.h"
#include "rng.h"
#include "seal.h"
#include "wire.h"

struct lie {
	struct field *f;
	struct host *h;
	unsigned to;
	struct session *s;
	struct flow *flow;
	struct wire_msg msg;
	struct wire_ad ad;
	uint8_t body[1500];
	size_t len;
	bool forge; /* it comes from a third party's address */
};

static uint32_t
lies_rand(struct lie *l, uint32_t most)
{
	return (uint32_t)rng_upto(&l->f->rng, most);
}

/* --- Kinds ---------------------------------------------------------------- */

static void
lies_stamps(struct lie *l)
{
	l->msg.flags = WIRE_PROBE | (lies_rand(l, 1) != 0 ? WIRE_REPLY : 0);
	l->msg.tsreply = (uint16_t)lies_rand(l, 0xffff);
	l->msg.ts = (uint16_t)lies_rand(l, 0xffff);
	l->msg.held_log2 = (uint8_t)lies_rand(l, WIRE_HELD_MAX);
	l->msg.number = (uint16_t)lies_rand(l, 20);
}

static void
lies_counts(struct lie *l)
{
	l->msg.flags = WIRE_PROBE | WIRE_COUNT |
	    (lies_rand(l, 1) != 0 ? WIRE_SKIP : 0);
	l->msg.data = (uint16_t)lies_rand(l, 0xffff);
	l->msg.sent = (uint16_t)lies_rand(l, 0xffff);
	l->msg.missing = (uint16_t)lies_rand(l, 0xffff);
	l->msg.skipped = (uint16_t)lies_rand(l, 0xffff);
}

static void
lies_select(struct lie *l)
{
	l->msg.flags = WIRE_PROBE | WIRE_SELECT;
	l->msg.select = lies_rand(l, 3) == 0 ? UINT32_MAX - lies_rand(l, 2) :
	    l->s->choice + lies_rand(l, 4);
	l->ad.flow = (uint16_t)lies_rand(l, 7);
}

static void
lies_parts(struct lie *l)
{
	uint32_t total = lies_rand(l, 1) != 0 ? lies_rand(l, 0xffff) :
	    lies_rand(l, 2000), half;

	l->msg.flags = WIRE_FRAG | (lies_rand(l, 1) != 0 ? WIRE_COPYFLAG : 0);
	l->msg.total = (uint16_t)total;
	l->msg.part = (uint8_t)lies_rand(l, 1);
	half = l->msg.part == 0 ? (total + 1) / 2 : total / 2;
	l->len = half < sizeof(l->body) ? half : lies_rand(l, 1000);
	l->msg.copy = l->ad;
	if (lies_rand(l, 1) != 0)
		l->msg.copy.seq = lies_rand(l, 40);
}

static void
lies_list(struct lie *l)
{
	unsigned n = lies_rand(l, 16), part = lies_rand(l, 3);
	struct mp_addr a;

	l->msg.flags = WIRE_ADDR | WIRE_REPLY;
	if (part != 0)
		l->len = wire_put_part(l->body, part);
	for (; n > 0; n--) {
		a = lies_rand(l, 3) != 0 ? field_victim(lies_rand(l, 30)) :
		    field_addr(lies_rand(l, 2), lies_rand(l, 2),
			lies_rand(l, 3));
		l->len += wire_put_addr(l->body + l->len, &a);
	}
	l->f->suspect[l->h->index] = true;
}

static void
lies_close(struct lie *l)
{
	l->msg.flags = WIRE_CLOSE;
}

static void
lies_copy(struct lie *l)
{
	l->msg.flags = WIRE_COPYFLAG;
	if (lies_rand(l, 1) != 0)
		l->msg.flags |= lies_rand(l, 1) != 0 ? WIRE_REPLY : WIRE_LOSSY;
	l->msg.copy = l->ad;
	l->msg.copy.flow = (uint16_t)lies_rand(l, 10);
	l->msg.copy.seq = lies_rand(l, 1) != 0 ? lies_rand(l, 100) :
	    lies_rand(l, UINT32_MAX);
	l->len = lies_rand(l, 1400);
}

static void
lies_again(struct lie *l)
{
	l->ad.seq = lies_rand(l, 40);
	l->len = lies_rand(l, 1400);
}

static void
lies_rekey(struct lie *l)
{
	struct packet *p = l->f->tape[lies_rand(l, FIELD_TAPE - 1)];
	uint32_t i;

	l->msg.flags = WIRE_REKEY;
	if (p != NULL && lies_rand(l, 1) != 0 && p->len < sizeof(l->body)) {
		l->len = p->len;
		memcpy(l->body, p->data, p->len);
		return;
	}
	l->len = lies_rand(l, 1) != 0 ? WIRE_INIT : WIRE_RESP;
	for (i = 0; i < l->len; i++)
		l->body[i] = (uint8_t)lies_rand(l, 255);
	wire_put_handshake(l->body, &(struct wire_handshake){
	    l->len == WIRE_INIT ? WIRE_T_INIT : WIRE_T_RESP,
	    state_keys(l->s)->sid_in });
}

/* A packet of a flow that is new, or moves. */
static void
lies_flow(struct lie *l)
{
	l->ad.flow = (uint16_t)(lies_rand(l, 7) == 0 ? lies_rand(l, 0x7fff) :
	    lies_rand(l, 63));
	l->ad.seq = 1 + lies_rand(l, 1000);
	l->msg.flags = lies_rand(l, 2) == 0 ? 0 : WIRE_PROBE;
	if (lies_rand(l, 1) != 0 && l->msg.flags != 0)
		l->msg.flags |= WIRE_CHALLENGE;
	l->len = l->msg.flags == 0 ? lies_rand(l, 100) : 0;
	l->forge = lies_rand(l, 1) != 0;
	if (l->forge)
		l->f->suspect[l->h->index] = true;
}

static void
lies_any(struct lie *l)
{
	uint32_t i;

	l->msg.flags = (uint16_t)(lies_rand(l, 1) != 0 ?
	    1U << lies_rand(l, 11) | 1U << lies_rand(l, 11) :
	    lies_rand(l, WIRE_FLAGS));
	l->msg.select = lies_rand(l, UINT32_MAX);
	l->msg.copy = l->ad;
	l->msg.total = (uint16_t)lies_rand(l, 0xffff);
	l->len = lies_rand(l, 1) != 0 ? 0 : lies_rand(l, 300);
	for (i = 0; i < l->len; i++)
		l->body[i] = (uint8_t)lies_rand(l, 255);
}

/* Numbers far ahead of those that come next. */
static void
lies_far(struct lie *l)
{
	l->ad.seq += lies_rand(l, 1) != 0 ? lies_rand(l, 70000) :
	    lies_rand(l, UINT32_MAX) + (uint64_t)lies_rand(l, 0xffff);
	l->msg.flags = lies_rand(l, 1) != 0 ? WIRE_PROBE : 0;
}

static void (*const lies[])(struct lie *) = { lies_stamps, lies_counts,
	lies_select, lies_parts, lies_list, lies_close, lies_copy, lies_again,
	lies_rekey, lies_flow, lies_any, lies_far };

/* --- On their way --------------------------------------------------------- */

static void
lies_send(struct lie *l, const uint8_t *data, size_t len)
{
	struct packet *p = net_packet(&l->f->net, len);
	struct iface *from = l->h->iface[0];
	struct nat *nat = from->nat;

	memcpy(p->data, data, len);
	p->len = len;
	p->src = l->forge ? field_victim(lies_rand(l, 30)) : from->n_addrs > 0 ?
	    from->addrs[0] : field_addr(l->h->index, 0, 0);
	p->src.port = HOST_PORT;
	p->dst = l->flow != NULL && net_addr_is_v4(&l->flow->path.remote) &&
	    guard_victim(&l->flow->path.remote) < 0 ? l->flow->path.remote :
	    field_addr(l->to, 0, 0);
	p->from = from;
	if (l->forge)
		from->nat = NULL;
	net_launch(&l->f->net, from, p);
	from->nat = nat;
}

static void
lies_tell(struct field *f, unsigned from, unsigned to, unsigned kind)
{
	static uint8_t out[2048];
	struct lie l = { .f = f, .h = &f->host[from], .to = to };
	struct mp *m = &l.h->mp;
	struct keys *k;
	size_t n;

	l.s = state_session(m, mp_session_find(m, 0, &f->peer[from][to]));
	if (l.s == NULL || !state_keys(l.s)->live || l.s->state != MP_S_UP)
		return;
	k = state_keys(l.s);
	l.flow = state_flow(m, l.s, l.s->current < MP_FLOWS_MAX ?
	    l.s->current : 0);
	l.ad = (struct wire_ad){ .sid = k->sid_out, .dir = !l.s->initiator,
		.flow = l.flow != NULL ? l.flow->id : 0,
		.seq = l.flow != NULL ? ++l.flow->tx_seq : 1 };
	l.msg.tsreply = WIRE_TS_NONE;
	l.msg.copy = l.ad;
	lies[kind % (sizeof(lies) / sizeof(lies[0]))](&l);
	l.ad.control = l.msg.flags != 0;
	wire_put_ad(out, &l.ad);
	n = wire_put_msg(out + WIRE_AD, &l.msg);
	memcpy(out + WIRE_AD + n, l.body, l.len);
	lies_send(&l, out, seal_packet(out, 0, n + l.len, k->suite, k->tx));
}

/* An INIT that says what no engine would say. */
static void
lies_init(struct field *f, unsigned from, unsigned to)
{
	struct lie l = { .f = f, .h = &f->host[from], .to = to,
		.forge = rng_upto(&f->rng, 1) != 0 };
	const struct mp_keyring *r = &l.h->keys;
	uint8_t init[WIRE_INIT], pro[HANDSHAKE_PROLOGUE], e[32];
	uint8_t inner[WIRE_INNER];
	struct wire_init in = { .features = lies_rand(&l, 3) |
	    (lies_rand(&l, 1) != 0 ? WIRE_F_RESPONDER : 0) |
	    lies_rand(&l, 127) << 8 };
	const struct mp_key *key = mp_keyring_choose(r, &f->peer[from][to]) ==
	    0 ? NULL : mp_keyring_find(r, mp_keyring_choose(r,
	    &f->peer[from][to]));
	struct noise noise;
	unsigned i;

	if (key == NULL)
		return;
	l.s = state_session(&l.h->mp, mp_session_find(&l.h->mp, 0,
	    &f->peer[from][to]));
	if (l.s != NULL && lies_rand(&l, 1) != 0)
		memcpy(in.assoc, l.s->assoc, sizeof(in.assoc));
	else
		in.assoc[0] = (uint8_t)lies_rand(&l, 3);
	memcpy(in.source, field_victim(lies_rand(&l, 30)).ip, 16);
	for (i = 0; i < sizeof(e); i++)
		e[i] = (uint8_t)lies_rand(&l, 255);
	wire_put_handshake(init, &(struct wire_handshake){ WIRE_T_INIT,
	    0x12345600U | lies_rand(&l, 127) << 1 });
	handshake_prologue(pro, init);
	noise_init(&noise, pro, sizeof(pro), key->pub);
	wire_put_init(inner, &in);
	if (!noise_write1(&noise, e, r->own[key->own].secret,
	    r->own[key->own].pub, key->pub, inner, sizeof(inner),
	    init + WIRE_HANDSHAKE))
		return;
	crypto_mac(init + WIRE_MAC1_INIT, init, WIRE_MAC1_INIT, key->mac.init);
	memset(init + WIRE_MAC2_INIT, 0, WIRE_MAC);
	f->suspect[from] = true;
	lies_send(&l, init, sizeof(init));
}

void
op_lie(struct field *f, const uint32_t *arg)
{
	uint32_t n;

	if (arg[0] >= f->n_hosts || arg[1] >= f->n_hosts || arg[0] == arg[1] ||
	    !f->host[arg[0]].running || f->peer[arg[0]][arg[1]].port == 0)
		return;
	f->liar[arg[0]] = true;
	for (n = 0; n < arg[3] && n < 1000; n++) {
		if (arg[2] >= sizeof(lies) / sizeof(lies[0]))
			lies_init(f, arg[0], arg[1]);
		else
			lies_tell(f, arg[0], arg[1], arg[2]);
		world_run(&f->w, f->w.now + rng_upto(&f->rng, arg[4]));
	}
	host_rearm(&f->host[arg[0]], false);
}

/* --- An onlooker ---------------------------------------------------------- */

/* Sends a packet of the tape again; bit -1: as it was. */
static void
lies_replay(struct field *f, unsigned back, bool elsewhere, int bit)
{
	const struct packet *old;
	struct packet *p;
	struct nat *nat;

	if (back >= f->taped || back >= FIELD_TAPE)
		return;
	old = f->tape[(f->taped - 1 - back) % FIELD_TAPE];
	p = net_packet(&f->net, old->len);
	memcpy(p->data, old->data, old->len);
	p->len = old->len;
	p->from = old->from;
	p->src = elsewhere ? field_victim(31) : old->src;
	p->dst = old->dst;
	if (bit >= 0 && p->len > 0)
		p->data[(unsigned)bit / 8 % p->len] ^= (uint8_t)(1 << bit % 8);
	f->unordered = true; /* it may never have arrived before */
	nat = old->from->nat;
	if (elsewhere)
		old->from->nat = NULL;
	net_launch(&f->net, old->from, p);
	old->from->nat = nat;
}

void
op_replay(struct field *f, const uint32_t *arg)
{
	lies_replay(f, arg[0], arg[1] != 0, -1);
}

void
op_flip(struct field *f, const uint32_t *arg)
{
	lies_replay(f, arg[0], false, (int)(arg[1] & 0xffff));
}

void
op_divert(struct field *f, const uint32_t *arg)
{
	if (arg[0] < f->n_hosts)
		f->divert[arg[0]] = arg[1];
	f->unordered = true;
}
