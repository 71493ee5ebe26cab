/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A datagram that no good flow is known to carry goes in two packets that the
 * flow carries, its parts: the first half of its bytes (and the odd one), and
 * the rest.  Each names the datagram by flow and sequence number of its first
 * part's packet, as a COPY does, and tells the whole length and which part it
 * is.  They go to the peer's agent (C = 1), for the program's socket must not
 * become readable by a part alone.
 *
 * The receiver keeps the part that comes first in a pool of its own (pool.c:
 * POOL_PARTS), where a session has 64 KiB at most and parts leave PART_AGE
 * after they came, oldest first.  When the other one comes, the datagram's
 * number is taken in the replay window and mp_recv_join() puts both together.
 * So it is delivered once, or not at all, whatever was lost, copied or
 * replayed: a first part alone does not take its number.  A COPY of the whole
 * names the same number; a COPY in parts has the same names and lengths, and
 * may bring the missing one.
 *
 * A part is in the pool and waits (`seq' not 0), or was joined (`seq' 0) and
 * leaves when it is the oldest.
 *
 * Both lengths follow from the whole one and are checked (wire.c), so parts
 * that fit by number fit by length.  Only who has the session's key gets that
 * far: a stranger costs nothing.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 1 and 4 (Size).
 */
#include "part.h"

#include <string.h>

#include "flow.h"
#include "pool.h"
#include "state.h"
#include "wire.h"

bool
part_needed(const struct flow *f, size_t len, size_t overhead, size_t frame)
{
	return len + overhead + frame > f->size && len > 1 &&
	    part_len(len, 0) + PART_OVERHEAD + frame <= f->size;
}

size_t
part_len(size_t total, unsigned part)
{
	return part == 0 ? total - total / 2 : total / 2;
}

size_t
part_begin(size_t total, unsigned part)
{
	return part == 0 ? 0 : total - total / 2;
}

/* The session's parts from the oldest that waits on. */
static struct record *
part_first(struct mp *m, struct session *s, uint64_t now)
{
	struct record *r;

	while ((r = pool_first(m, POOL_PARTS, s)) != NULL &&
	    (r->seq == 0 || now > r->sent_at + PART_AGE)) {
		if (r->seq != 0)
			state_count(m, MP_C_drop_part);
		pool_drop(m, POOL_PARTS, s);
	}
	return r;
}

uint64_t
part_came(struct mp *m, struct session *s, uint64_t now,
    const struct wire_msg *msg, unsigned slot, const uint8_t *data)
{
	const struct wire_ad *name = &msg->copy;
	struct record *r;

	for (r = part_first(m, s, now); r != NULL;
	     r = pool_next(m, POOL_PARTS, r)) {
		if (r->seq != (uint32_t)name->seq || r->flow != name->flow ||
		    r->keys != s->keys[slot & 1].id)
			continue;
		if (r->part != msg->part && pool_len(r) == part_len(msg->total,
		    !msg->part))
			return pool_position(m, POOL_PARTS, r);
		state_count(m, MP_C_drop_replay);
		return MP_NEVER;
	}
	r = pool_put(m, POOL_PARTS, s, now, data, msg->len);
	if (r == NULL)
		return MP_NEVER;
	r->seq = (uint32_t)name->seq;
	r->flow = (uint8_t)name->flow;
	r->keys = s->keys[slot & 1].id;
	r->part = msg->part & 1;
	return MP_NEVER;
}

enum mp_verdict
mp_recv_join(struct mp *m, struct mp_rx *rx, uint8_t *out, size_t room)
{
	struct session *s = state_session_gen(m, rx->session, rx->gen);
	struct record *r = s == NULL ? NULL :
	    pool_at(m, POOL_PARTS, s, rx->part_pos);
	size_t other, here = rx->len;
	bool ok;

	if (r == NULL || r->seq == 0 ||
	    pool_position(m, POOL_PARTS, r) != rx->part_pos)
		return MP_DROPPED;
	other = pool_len(r);
	if (here > room || rx->off > room - here || other > room - here)
		return MP_DROPPED;
	memmove(out + (r->part == 0 ? other : 0), out + rx->off, here);
	ok = pool_read(m, POOL_PARTS, r, 0, out + (r->part == 0 ? 0 : here),
	    other);
	r->seq = 0;
	rx->off = 0;
	rx->len = here + other;
	return ok ? MP_DELIVER : MP_DROPPED;
}
