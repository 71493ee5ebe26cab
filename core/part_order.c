/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Parts of a datagram come to the peer's agent, which gives the program the
 * whole; whole datagrams come to the program at once.  So a whole one would pass
 * those in parts that were sent before it, by as much as the agent is late: when
 * a size is proven and parts are no longer needed, or when a short datagram
 * follows a long one.
 *
 * So what follows on the same flow goes in parts as well, until an answer says
 * that the peer's agent has read the last ones, and has handed them on
 * (mp_recv_given()).  However long that takes: the agent may be late, or the
 * host that both run on.  A steady stream never
 * comes to that: after ORDER_MORE datagrams that need no parts the next ones
 * wait for the answer to a probe, ORDER_US at most, and until the place where
 * they wait is full: the program is not to wait as well.  Where longer ones need
 * parts on that flow still, they do not wait: short ones go whole then, and
 * could pass only what the agent has not read for so many datagrams.  Nor does
 * one wait that is too long for two parts: it goes whole, and may pass those
 * before it by as much as the agent is late.  To wait would cost a program that
 * mixes both a round trip for each of them.
 *
 * An answer tells only within bounds what it answers.  Where no other packet
 * was sent on the flow between those, whatever it was, it is for the last one in
 * parts.
 *
 *	part_flow	the flow of the last datagram in parts, sent at order.at
 *	order.prev	when a packet before it was sent there
 *	order.seq	the last number used there, before it and then by it
 *	order.gone	when the kernel had it
 *	part_mixed	other packets were sent while it went: they have later
 *			time stamps, and may have gone before it
 *	part_left	datagrams that may yet follow in parts; 0: the next waits
 *	part_need	how long the last packet would have been that had to go
 *			in parts; 0: nothing is to be watched
 *
 * The caller's lock is held.  Source: PROTOCOL.md 4 (Size).
 */
#include "part_order.h"

#include "flow.h"
#include "mp.h"
#include "part.h"
#include "pool.h"
#include "state.h"
#include "table.h"

enum {
	ORDER_MORE = 64,       /* datagrams */
	ORDER_US = 250 * 1000,
	ORDER_SPARE = 128 * 1024, /* bytes left where datagrams wait */
};

bool
part_order_behind(const struct session *s, const struct flow *f)
{
	return s->part_need != 0 && s->part_flow == f->id;
}

bool
part_order_parts(const struct session *s, const struct flow *f, size_t len,
    size_t frame)
{
	return part_needed(f, len, MP_OVERHEAD, frame) ||
	    (part_order_behind(s, f) &&
		len + MP_OVERHEAD + frame <= f->size);
}

bool
part_order_waits(struct mp *m, struct session *s, const struct flow *f,
    uint64_t now, size_t len, size_t frame)
{
	uint64_t at;

	if (s->part_left > 0 || !part_order_behind(s, f) ||
	    part_needed(f, len, MP_OVERHEAD, frame))
		return false;
	at = state_annexed(m, s)->order.at;
	if (now >= at + ORDER_US ||
	    !pool_fits_begin(m, s, len + ORDER_SPARE)) {
		s->part_need = 0;
		s->staged_again = 0;
		return false;
	}
	s->staged_again = at + ORDER_US;
	return true;
}

void
part_order_begin(const struct mp *m, struct session *s, const struct flow *f)
{
	struct part_order *o = &state_annex(m, s)->order;

	o->prev = f->stamp_at;
	o->seq = f->tx_seq;
}

void
part_order_sent(struct mp *m, struct session *s, struct flow *f, uint64_t now,
    size_t len, size_t frame)
{
	struct part_order *o = &state_annex(m, s)->order;

	s->part_mixed = f->tx_seq != o->seq + 2;
	o->seq = f->tx_seq;
	o->at = o->gone = now;
	s->part_flow = f->id;
	if (part_needed(f, len, MP_OVERHEAD, frame)) {
		s->part_need = (uint16_t)(len + MP_OVERHEAD + frame);
		s->part_left = ORDER_MORE;
	} else if (s->part_left > 0 && --s->part_left == 0) {
		if (s->part_need > f->size) {
			s->part_need = 0;
			return;
		}
		f->probe_now = true;
		table_arm(m, s, now);
	}
}

void
part_order_gone(const struct mp *m, struct session *s, const struct flow *f,
    uint64_t now, size_t len)
{
	struct part_order *o;

	if (s->part_flow != f->id)
		return;
	o = &state_annex(m, s)->order;
	o->gone = now;
	s->part_mixed |= f->tx_seq != o->seq;
	if (s->part_need == 0)
		s->part_need = (uint16_t)(len + MP_OVERHEAD);
}

void
part_order_passed(struct mp *m, struct session *s, const struct flow *f,
    uint64_t from, uint64_t to, uint64_t now)
{
	const struct part_order *o;

	if (s->part_need == 0 || s->part_flow != f->id)
		return;
	o = &state_annexed(m, s)->order;
	if (to < o->at ||
	    (from < o->gone && (from <= o->prev || s->part_mixed)))
		return;
	if (s->part_left == 0) {
		s->staged_again = 0;
		table_arm(m, s, now); /* what is staged may go */
	}
	s->part_need = 0;
}
