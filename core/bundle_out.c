/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A bundle is what n calls of mp_send_begin(), mp_seal() and mp_send_commit()
 * would do for n datagrams of one length to one peer, done at once: the choice
 * of the flow is made for the first one and holds for all, the lock is taken
 * twice instead of 2 n times, and each packet differs from the one before in
 * its number alone.  (The first one besides: it returns the peer's timestamp,
 * which each timestamp is returned once.)
 *
 * So a bundle is begun only where no datagram of it can change what happens to
 * the next one: the session is up and no child that still frames its packets,
 * nothing is staged, the flow is proven, carries that length whole and there is
 * no other one for COPYs, and no review of the choice is due.  In all other cases
 * mp_bundle_begin() gives 0, has changed nothing that mp_send_begin() would not
 * have changed, too, and the caller goes on one by one.
 *
 * Numbers.  Those of a bundle are taken when it begins.  Where sending fails,
 * the numbers of what did not go are not used again, since a nonce must never
 * be used twice and the kernel may have sent what it says it did not; like
 * every number that did not go they are told to the peer (loss_skip()).
 *
 * Trust.  How many go together is offload.c's to say: where bundles are not
 * trusted it is one.  What the kernel refuses to send as a bundle is sent
 * again, one by one.
 *
 * The caller's lock is held, but in mp_bundle_seal().
 */
#include "bundle_out.h"

#include <string.h>

#include "addr.h"
#include "child.h"
#include "crypto.h"
#include "flow.h"
#include "loss.h"
#include "mp.h"
#include "offload.h"
#include "path.h"
#include "part_order.h"
#include "path_choice.h"
#include "pool.h"
#include "rollback.h"
#include "probe.h"
#include "seal.h"
#include "send.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "wire.h"

enum { BUNDLE_HEAD = WIRE_AD + WIRE_HEAD };

_Static_assert(sizeof(((struct mp_bundle *)0)->rest) == BUNDLE_HEAD,
    "mp.h knows the length of a head");
_Static_assert(sizeof(((struct mp_bundle *)0)->ready) == CRYPTO_READY,
    "mp.h knows the length of a key made ready");
_Static_assert(BUNDLE_HEAD + WIRE_TAG == MP_OVERHEAD,
    "a packet is head, datagram and tag");

bool
bundle_session_ok(const struct mp *m, struct session *s, uint64_t now)
{
	return s->state == MP_S_UP && !state_locals_due(m, s) &&
	    now < s->last_in + SESSION_SILENT && !state_keys(s)->framed &&
	    s->frames_left == 0 && !child_holds(s, now);
}

bool
bundle_flow_ok(const struct session *s, const struct flow *f, size_t need)
{
	return flow_usable(f) && !f->unproven && need <= f->size &&
	    send_numbers_left(f) > 0 && !part_order_behind(s, f);
}

void
bundle_fill(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    struct mp_bundle *b)
{
	struct wire_msg msg = { .flags = 0 };

	if (b->n > 1)
		offload_bundled(&f->offload, (int)b->n);
	send_fill(m, s, f, now, &msg, &b->tx);
	msg.tsreply = WIRE_TS_NONE;
	memcpy(b->rest, b->tx.hdr, WIRE_AD);
	wire_put_msg(b->rest + WIRE_AD, &msg);
	f->tx_seq += b->n - 1;
	rollback_count(m, now, b->n - 1);
	f->tx_data = (uint16_t)(f->tx_data + b->n - 1);
	seal_ready(b->ready, b->tx.suite, b->tx.key);
	crypto_wipe(b->tx.key, sizeof(b->tx.key));
}

unsigned
mp_bundle_most(size_t len)
{
	size_t n = MP_BUNDLE_BYTES / (len + MP_OVERHEAD);

	return n < 1 ? 1 : n < MP_BUNDLE_MAX ? (unsigned)n : MP_BUNDLE_MAX;
}

/* What a flow carries whole it may carry with DF: that makes no difference. */
unsigned
mp_bundle_begin(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, size_t len, size_t last, unsigned n,
    struct mp_bundle *b)
{
	struct session *s;
	struct flow *f;
	size_t need = len + MP_OVERHEAD;

	b->n = 0;
	if (n == 0 || last > len || len > MP_PAYLOAD_MAX ||
	    !state_slot_open(m, slot) || addr_unusable(dst))
		return 0;
	rollback_look(m, now);
	s = table_find_addr(m, slot, dst);
	if (s == NULL || s->staged.n > 0 || !bundle_session_ok(m, s, now))
		return 0;
	if (probe_idle(s, now))
		path_probe_now(m, s, now, MP_NONE);
	(void)child_frame(m, s, now); /* the last frame is known to be there */
	f = send_choose(m, s, now, need);
	if (f == NULL || !bundle_flow_ok(s, f, need) ||
	    path_choice_copy(m, s, now, f, len + MP_COPY_OVERHEAD) != NULL)
		return 0;
	n = n < MP_BUNDLE_MAX ? n : MP_BUNDLE_MAX;
	n = n < send_numbers_left(f) ? n : (unsigned)send_numbers_left(f);
	/* A shorter one may fit the flow in use, which this one is not, or one
	 * for a COPY. */
	if (last != len && n > 1 && (f->id != s->current || path_choice_copy(m,
	    s, now, f, last + MP_COPY_OVERHEAD) != NULL))
		n--;
	if (!path_choice_settled(s, f, now))
		n = 1;
	b->n = offload_room(&f->offload, now, n);
	bundle_fill(m, s, f, now, b);
	return b->n;
}

size_t
mp_bundle_head(void)
{
	return BUNDLE_HEAD;
}

size_t
mp_bundle_seal(const struct mp_bundle *b, unsigned i, const void *payload,
    size_t len, uint8_t *out)
{
	const uint8_t *from = payload;

	if (len > 0 && from != out + BUNDLE_HEAD)
		memcpy(out + BUNDLE_HEAD, from, len);
	memcpy(out, i == 0 ? b->tx.hdr : b->rest, BUNDLE_HEAD);
	wire_put_seq(out, b->tx.seq + i);
	return seal_ready_packet(out, WIRE_HEAD + len, b->tx.suite, b->ready);
}

void
mp_bundle_wipe(struct mp_bundle *b)
{
	crypto_wipe(b->ready, sizeof(b->ready));
}

void
bundle_count(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    unsigned n, unsigned sent)
{
	if (n == 1 && sent == 1) {
		send_single(m, s, f, now);
		return;
	}
	if (n > 1)
		offload_bundled(&f->offload, -(int)(n - sent));
	send_count_bundles(m, s, f, now);
}

bool
bundle_refused(struct flow *f, uint64_t now, unsigned n, int error)
{
	return n > 1 && offload_refused(&f->offload, now, error);
}

int
mp_bundle_commit(struct mp *m, uint64_t now, struct mp_bundle *b,
    unsigned sent, int error, const void *payload, size_t stride, size_t len,
    size_t last)
{
	struct session *s = state_session_gen(m, b->tx.session, b->tx.gen);
	struct flow *f = s != NULL ? state_flow(m, s, b->tx.flow) : NULL;
	const uint8_t *data = payload;
	struct mp_tx tx = b->tx;
	unsigned i;

	mp_bundle_wipe(b);
	if (f == NULL || !state_keys(s)->live)
		return sent < b->n ? error : 0;
	for (i = 0; i < sent && i < b->n; i++, tx.seq++)
		(void)send_done(m, s, f, now, &tx, data + i * stride,
		    i + 1 < b->n ? len : last, NULL);
	bundle_count(m, s, f, now, b->n, i);
	if (i == b->n)
		return 0;
	for (i = sent; i < b->n; i++)
		loss_skip(f);
	if (error == 0 || bundle_refused(f, now, b->n, error))
		return 1;
	return send_failed(m, s, f, now, error,
	    sent + 1 < b->n ? len : last, false);
}
