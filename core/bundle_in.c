/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Packets that the kernel received together have one sender and one arrival.
 * A bundle is what n calls of mp_recv_begin(), mp_open() and mp_recv_commit()
 * would do for them, done at once, where they carry datagrams of one session,
 * by one flow and under one key, and their numbers rise and are new.  A packet
 * that is anything else ends the bundle before it, and is looked at by
 * mp_recv_begin(), which counts it: so nothing is counted here that would not
 * be counted there.
 *
 * Numbers that rise: so that no packet of the bundle can make another one of it
 * old or seen before that is opened.  A packet that was flipped on its way is
 * counted as forged, alone.
 *
 * The key is in the bundle from begin to the opening of the last packet.  Its
 * packets may be committed much later, in several calls of a program: by then
 * the session and its key are known by the sid and the time that the key was
 * made.
 *
 * The caller's lock is held, but in mp_recv_bundle_open().
 */
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "recv.h"
#include "rollback.h"
#include "replay.h"
#include "seal.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* The head of a datagram's packet; false: it is another one. */
static bool
bundle_head(const uint8_t *packet, size_t len, struct wire_ad *ad)
{
	return len <= UINT16_MAX && !wire_is_handshake(packet, len) &&
	    wire_get_ad(packet, len, ad) && !ad->control;
}

/* The session and key that the first packet names; false: none. */
static bool
bundle_keys(struct mp *m, const struct wire_ad *ad, struct mp_rx *rx,
    struct table_ref *r)
{
	rx->ref = table_find_sid(m, ad->sid);
	if (rx->ref == MP_NONE || !table_ref_of(m, rx->ref, r) ||
	    r->s == NULL || ad->dir != r->s->initiator)
		return false;
	recv_keys(m, ad, rx, r);
	rx->born_at = r->keys->born_at;
	return true;
}

/* Notes the packets whose numbers rise and are new: how many. */
static unsigned
bundle_note(struct mp *m, struct mp_rx_bundle *b, const struct table_ref *r,
    const struct wire_ad *first, const uint8_t *packets, size_t seg,
    size_t total)
{
	const struct flow *f = state_flow(m, r->s, first->flow);
	bool former = r->slot != (r->s->cur & 1);
	uint64_t before = 0;
	struct wire_ad ad;
	unsigned n;

	for (n = 0; n < MP_BUNDLE_MAX && total > 0; n++) {
		seg = seg < total ? seg : total;
		if (!bundle_head(packets, seg, &ad) || ad.sid != first->sid ||
		    ad.dir != first->dir || ad.flow != first->flow ||
		    ad.seq <= before || ad.seq > UINT32_MAX ||
		    flow_seen(state_replay(m, f), former, false,
			ad.seq) != REPLAY_NEW)
			break;
		b->one[n] = (struct mp_rx_one){ .opened = -1,
			.seq = (uint32_t)ad.seq };
		before = ad.seq;
		packets += seg;
		total -= seg;
	}
	return n;
}

unsigned
mp_recv_bundle_begin(struct mp *m, uint64_t now, struct mp_rx_bundle *b,
    const uint8_t *packets, size_t seg, size_t total)
{
	struct mp_rx *rx = &b->rx;
	struct table_ref r;
	struct wire_ad ad;

	rollback_look(m, now);
	b->n = 0;
	rx->ref = rx->session = MP_NONE;
	rx->off = rx->len = 0;
	rx->child = rx->later = false;
	if (seg == 0 || !bundle_head(packets, seg < total ? seg : total, &ad) ||
	    !bundle_keys(m, &ad, rx, &r) || ad.flow >= m->limits.flows_each ||
	    state_flow(m, r.s, ad.flow) == NULL) {
		mp_recv_bundle_wipe(b);
		return 0;
	}
	rx->flow = ad.flow;
	rx->control = false;
	rx->dir = ad.dir;
	rx->slot = WIRE_SID_SLOT(ad.sid);
	b->n = bundle_note(m, b, &r, &ad, packets, seg, total);
	if (b->n > 0)
		seal_ready(b->ready, rx->suite, rx->key);
	else
		mp_recv_bundle_wipe(b);
	return b->n;
}

int
mp_recv_bundle_open(struct mp_rx_bundle *b, unsigned i, const uint8_t *packet,
    size_t len, uint8_t *out)
{
	int opened = seal_ready_open(out, packet, len, b->rx.suite,
	    b->ready);

	b->one[i].opened = opened;
	if (i + 1 >= b->n)
		mp_recv_bundle_wipe(b);
	return opened;
}

void
mp_recv_bundle_wipe(struct mp_rx_bundle *b)
{
	crypto_wipe(b->rx.key, sizeof(b->rx.key));
	crypto_wipe(b->ready, sizeof(b->ready));
}

unsigned
mp_recv_bundle_commit(struct mp *m, uint64_t now, struct mp_rx_bundle *b,
    unsigned from, unsigned to, const uint8_t *out, size_t stride)
{
	struct recv r = { .rx = &b->rx, .now = now };
	struct mp_rx_one *one;
	unsigned i, delivered = 0;

	for (i = from; i < to && i < b->n; i++) {
		one = &b->one[i];
		one->verdict = MP_DROPPED;
		b->rx.seq = one->seq;
		r.in = out + (i - from) * stride;
		if (!recv_whose(m, &r, one->opened >= 0))
			continue;
		one->verdict = recv_opened(m, &r, (size_t)one->opened,
		    b->rx.ref);
		one->off = b->rx.off;
		one->len = b->rx.len;
		delivered += one->verdict == MP_DELIVER;
	}
	return delivered;
}
