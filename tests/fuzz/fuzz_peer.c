/* SPDX-License-Identifier: ISC */
/*
 * A peer that seals what it likes.  The input is steps: a packet whose head the
 * input says and whose plaintext is the input's bytes, sealed with the true keys;
 * a change of what the peer's own engine is about to say; datagrams of either
 * program; addresses that go and come; time.
 *
 * Whatever it says, the other end stays consistent, sends no more than three
 * bytes for each to addresses of nobody, and still works afterwards.
 */
#include <string.h>

#include "fuzz.h"
#include "live.h"
#include "seal.h"
#include "state.h"

enum { PEER_STEPS = 24, PEER_PACKET = 1400 };

/* What the peer's next packet becomes. */
struct peer_twist {
	int from;
	unsigned left; /* packets that are changed */
	uint8_t at, by;
	uint8_t token[WIRE_TOKEN]; /* that it was challenged with last */
};

static enum duo_verdict
peer_tap(struct duo *d, struct duo_packet *p, void *arg)
{
	struct peer_twist *t = arg;
	struct session *s = duo_session(d, t->from);
	uint8_t body[2048];
	struct wire_msg msg;
	struct wire_ad ad;
	struct keys *k;

	if (s == NULL || p->len > sizeof(body) || !wire_get_ad(p->data,
	    p->len, &ad) || wire_is_handshake(p->data, p->len))
		return DUO_PASS;
	k = state_keys(s);
	if (p->from != t->from) {
		if (duo_peek(d, p, &ad, &msg, body) &&
		    (msg.flags & WIRE_CHALLENGE) != 0)
			memcpy(t->token, msg.challenge, WIRE_TOKEN);
	} else if (t->left > 0 && ad.sid == k->sid_out) {
		if (seal_open(p->data + WIRE_AD, p->data, 0, p->len, k->suite,
		    k->tx) < 0)
			return DUO_DROP;
		t->left--;
		p->data[WIRE_AD + t->at % (p->len - WIRE_AD - WIRE_TAG)] ^=
		    t->by;
		seal_packet(p->data, 0, p->len - WIRE_AD - WIRE_TAG, k->suite,
		    k->tx);
	}
	return DUO_PASS;
}

/* A packet of the peer's, of which the input says all. */
static void
peer_packet(struct duo *d, struct peer_twist *t, struct feed *f)
{
	uint8_t out[PEER_PACKET + WIRE_AD + WIRE_TAG], how = feed_byte(f);
	struct session *s = duo_session(d, t->from);
	struct keys *k = s != NULL ? state_keys(s) : NULL;
	uint16_t flow = how & 1 ? (uint16_t)feed_number(f, 2) :
	    feed_byte(f) & 3;
	struct flow *mine = s != NULL && flow < 16 ?
	    state_flow(&d->end[t->from].mp, s, flow) : NULL;
	struct wire_ad ad = { .flow = flow };
	struct mp_path path;
	size_t n;

	if (k == NULL)
		return;
	ad.sid = k->sid_out;
	ad.dir = !s->initiator;
	ad.seq = how & 2 || mine == NULL ? feed_number(f, 4) :
	    (uint64_t)mine->tx_seq + 1;
	if (mine != NULL && (how & 2) == 0)
		mine->tx_seq++;
	n = feed_take(f, out + WIRE_AD, feed_number(f, how & 4 ? 2 : 1) %
	    PEER_PACKET);
	ad.control = n >= 2 && (out[WIRE_AD] | out[WIRE_AD + 1]) != 0;
	if (how & 8)
		ad.control = !ad.control;
	if (how & 16 && n >= 6 + WIRE_TOKEN) /* a true answer */
		memcpy(out + WIRE_AD + 6, t->token, WIRE_TOKEN);
	wire_put_ad(out, &ad);
	n = seal_packet(out, 0, n, k->suite, k->tx);
	path = duo_path(d, !t->from, how >> 5 & 1, t->from, how >> 6 & 1);
	if (how & 128)
		path = hostile_elsewhere(&path);
	fuzz_count("packets");
	hostile_give(d, !t->from, &path, out, n);
}

static void
peer_step(struct duo *d, struct peer_twist *t, struct feed *f)
{
	uint8_t op = feed_byte(f);

	switch (op & 15) {
	default:
		peer_packet(d, t, f);
		break;
	case 1:
		t->at = feed_byte(f);
		t->by = feed_byte(f);
		t->left = 1 + (op >> 4);
		break;
	case 2:
		(void)duo_say(d, !t->from, op);
		break;
	case 3:
		(void)duo_say(d, t->from, op);
		break;
	case 4:
		if (op & 16)
			duo_addr_del(d, !t->from, op >> 5 & 1);
		else
			duo_addr_add(d, !t->from, op >> 5 & 1);
		break;
	case 5:
		duo_run(d, d->now + (uint64_t)MS * (op >> 4) * 2);
		break;
	case 6:
		duo_run(d, d->now + (uint64_t)MS * 20 * (feed_byte(f) & 63));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct feed f = { data, len };
	struct peer_twist t = { 0 };
	struct duo *d = live_world();
	uint64_t came;
	int i, to;

	t.from = feed_byte(&f) & 1;
	to = !t.from;
	d->end[t.from].off = feed_byte(&f) & 1;
	d->tap = peer_tap;
	d->tap_arg = &t;
	for (i = 0; i < PEER_STEPS && f.left > 0; i++)
		peer_step(d, &t, &f);
	duo_run(d, d->now + 100 * MS);
	hostile_assert_sane(d, to);
	hostile_assert_sane(d, t.from);
	came = d->sent_bytes[t.from] + 28 * d->sent[t.from] + len +
	    PEER_STEPS * (WIRE_AD + WIRE_TAG + 28U);
	FUZZ_ASSERT(d->stray_bytes[to] <= 3 * came);
	return 0;
}
