/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that are gathered: staged by mp_gather(), sent together by
 * mp_gather_begin() and mp_gather_commit().  Their times are gather.c's, their
 * order is staged.c's, their packets are those of a bundle (bundle_out.c).
 */
#include <string.h>

#include "bundle_out.h"
#include "child.h"
#include "flow.h"
#include "gather.h"
#include "loss.h"
#include "mp.h"
#include "offload.h"
#include "path_choice.h"
#include "pool.h"
#include "rollback.h"
#include "send.h"
#include "staged.h"
#include "state.h"
#include "table.h"

/* Does a datagram of that length go in one packet on a flow without doubts, as
 * those do that go together? */
static bool
gather_may(struct mp *m, struct session *s, uint64_t now, size_t len)
{
	struct flow *f = state_flow(m, s, s->current);

	return f != NULL && len <= MP_PAYLOAD_MAX && mp_bundle_most(len) > 1 &&
	    bundle_session_ok(m, s, now) &&
	    (s->gather_at != 0 || offload_may(&f->offload, now)) &&
	    bundle_flow_ok(s, f, len + MP_OVERHEAD) &&
	    path_choice_copy(m, s, now, f, len + MP_COPY_OVERHEAD) == NULL &&
	    !s->again && (s->gather_at != 0 || s->staged.n == 0);
}

/* Begins to gather, with a datagram for which, and for others, there is room: 1;
 * 0: not with this one; or 3: as mp_gather(). */
static int
gather_begin(struct mp *m, struct session *s, uint64_t now, unsigned room,
    size_t len, uint64_t hurry_at)
{
	if (room == 0) {
		s->hurry_at = hurry_at; /* it will be counted again */
		return 3;
	}
	if (room < 2 || !gather_start(m, s, now))
		return 0;
	if (room > mp_bundle_most(len))
		room = mp_bundle_most(len);
	s->gather_most = (uint8_t)room;
	return 1;
}

/* May no more wait? */
static bool
gather_full(const struct session *s, size_t len)
{
	return s->staged.n >= s->gather_most ||
	    s->staged.n >= mp_bundle_most(len);
}

int
mp_gather(struct mp *m, uint64_t now, uint32_t slot, const struct mp_addr *dst,
    const struct mp_tx_option *option, unsigned room, const void *payload,
    size_t len)
{
	struct session *s = table_find_addr(m, slot, dst);
	struct record *r;
	uint64_t before;
	bool hurry;
	int begun;

	if (s == NULL || s->state != MP_S_UP)
		return 0;
	before = s->hurry_at;
	hurry = gather_hurry(s, now);
	if ((!hurry && s->gather_at == 0) || !gather_may(m, s, now, len))
		return 0;
	if ((s->gather_at != 0 && gather_full(s, len)) ||
	    !pool_fits(m, s, len))
		return MP_EAGAIN;
	begun = s->gather_at != 0 ? 1 :
	    gather_begin(m, s, now, room, len, before);
	if (begun != 1)
		return begun;
	if (s->staged.n == 0)
		s->gather_len = (uint16_t)len;
	r = pool_put(m, POOL_HELD, s, now, payload, len);
	if (r == NULL)
		return 0;
	r->tos = option->tos;
	r->ttl = option->ttl;
	r->df = option->df;
	state_count(m, MP_C_gathered);
	return !hurry || len != s->gather_len ||
	    now >= s->gather_since + GATHER_OWN || gather_full(s, len) ? 2 : 1;
}

/* Were they sent with the same options? */
static bool
gather_alike(const struct record *a, const struct record *b)
{
	return a->tos == b->tos && a->ttl == b->ttl && a->df == b->df;
}

/* Takes those that go together, from the first one on, and writes each where it
 * lies in its packet: the last one, with how many they are. */
static struct record *
gather_take(struct mp *m, const struct session *s, struct record *first,
    const struct flow *f, unsigned most, uint8_t *packets, size_t *last,
    unsigned *taken)
{
	size_t len = pool_len(first), stride = len + MP_OVERHEAD, next;
	struct record *r = first, *end = NULL;
	unsigned n = 0;

	for (*last = len; r != NULL && n < most && *last == len; n++) {
		next = pool_len(r);
		if (next > len || !gather_alike(first, r) ||
		    !pool_read(m, POOL_HELD, r, 0, packets + n * stride +
			mp_bundle_head(), next))
			break;
		r->flow = f->id;
		r->keys = s->keys[s->cur & 1].id;
		r->part = 0;
		r->seq = (uint32_t)(f->tx_seq + 1 + n);
		*last = next;
		end = r;
		r = pool_next(m, POOL_HELD, r);
	}
	*taken = n;
	return end;
}

unsigned
mp_gather_begin(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, struct mp_bundle *b, struct mp_tx_option *option,
    uint8_t *packets, size_t size, size_t *len, size_t *last)
{
	struct session *s;
	struct record *r, *end;
	struct flow *f;
	unsigned n;

	b->n = 0;
	rollback_look(m, now);
	s = table_find_addr(m, slot, dst);
	if (s == NULL || s->staged.n == 0 || !bundle_session_ok(m, s, now) ||
	    (r = staged_take(m, s, now, false)) == NULL)
		return 0;
	*len = pool_len(r);
	n = mp_bundle_most(*len);
	(void)child_frame(m, s, now); /* the last frame is known to be there */
	f = send_choose(m, s, now, *len + MP_OVERHEAD);
	if (f == NULL || !bundle_flow_ok(s, f, *len + MP_OVERHEAD) ||
	    path_choice_copy(m, s, now, f, *len + MP_COPY_OVERHEAD) != NULL ||
	    n * (*len + MP_OVERHEAD) > size || s->staged_seq != 0)
		return 0;
	n = n < send_numbers_left(f) ? n : (unsigned)send_numbers_left(f);
	if (!path_choice_settled(s, f, now))
		n = 1;
	n = offload_room(&f->offload, now, n);
	if (s->staged.n < GATHER_FEW)
		gather_calm(s);
	memset(option, 0, sizeof(*option));
	option->tos = r->tos;
	option->ttl = r->ttl;
	option->df = r->df;
	end = gather_take(m, s, r, f, n, packets, last, &b->n);
	if (b->n == 0)
		return 0;
	bundle_fill(m, s, f, now, b);
	b->tx.number = r->number;
	b->tx.len = (uint16_t)*len;
	gather_wait(m, s, now + GATHER_LEASE);
	staged_taken(m, s, end, now, b);
	return b->n;
}

int
mp_gather_commit(struct mp *m, uint64_t now, struct mp_bundle *b,
    unsigned sent, int error)
{
	struct session *s = state_session_gen(m, b->tx.session, b->tx.gen);
	struct flow *f = s != NULL ? state_flow(m, s, b->tx.flow) : NULL;
	unsigned i;

	mp_bundle_wipe(b);
	if (f == NULL)
		return sent < b->n ? error : 0;
	bundle_count(m, s, f, now, b->n, sent);
	if (sent > 0)
		staged_gone(m, s, now, b->tx.number + sent - 1, false);
	if (sent < b->n)
		staged_kept(m, s, now, b->tx.number + sent);
	if (s->staged.n == 0)
		gather_end(m, s);
	else if (!gather_start(m, s, now))
		table_arm(m, s, now);
	if (sent >= b->n)
		return 0;
	for (i = sent; i < b->n; i++)
		loss_skip(f);
	if (error == MP_EAGAIN || error == MP_ENOBUFS) {
		gather_wait(m, s, now + GATHER_FULL);
		s->gather_most = 0; /* none besides */
		return MP_EAGAIN;
	}
	if (error == 0 || bundle_refused(f, now, b->n, error))
		return 1;
	return send_failed(m, s, f, now, error, b->tx.len, false);
}
