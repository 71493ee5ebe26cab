/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * There is no 0-RTT, but for children (child.c): what the program sends before
 * its session has keys is staged (mp_stage()) and leaves when it has, oldest
 * first, before anything
 * that the agent sends by itself but resends.  The record keeps the TOS, TTL
 * and DF that the program gave each datagram.
 *
 * Order.  No datagram passes one that the program sent before it.  So while
 * anything of a session is staged, mp_send_begin() wants what comes next staged
 * behind it; and a staged datagram stays in its queue until the kernel has its
 * packet.  Two may send them: the agent (mp_poll(), mp_poll_sent()), which is
 * woken for them, and the program's own thread (mp_staged_begin(),
 * mp_staged_commit()), which sends right after it staged one, and so waits
 * where the kernel would make it wait.  One of them at a time:
 *
 *	staged_pos	the last one that was taken, and is perhaps not with the
 *			kernel yet; those up to it are taken
 *	staged_until	so long, STAGED_LEASE, nobody but their taker takes more
 *	staged_agent	the taker is the agent, which takes several at once
 *
 * The taker says which went (they leave the queue) or that one did not (it and
 * those behind it are taken again).  A taker that dies or is stopped in between
 * says nothing: when its time is over, those taken count as sent
 * (staged_settle()).  They may have been, and no datagram is delivered twice.
 *
 * Bundles.  The agent sends those alike that it took at one time as one packet
 * (UDP_SEGMENT), as far as bundles are trusted on their flow (offload.c).  What
 * may go so (`together') counts as bundled when it is taken, as the probe that
 * tells of it may be the next packet that the agent takes; what then did not
 * go does not count.
 *
 * A staged datagram ends in one of these ways:
 *
 * Sealed, once the session is up and has a flow that may carry data: then it is
 * counted and kept for resending like any other.  The agent makes no COPY beside
 * it; where one should have gone, the resend makes it (send_done()).
 *
 * Plain (staged_send_plain()), to the address that the program used:
 * only if the program's rule allows it (plain_us), no session ever was up, and
 * no peer answered for so long.
 *
 * Given up: 10 s after it was staged or the session began to connect
 * (timers.c), when the session is freed, or, while there is no session, when newer
 * ones need the room (pool.c) or are so many that it should not outlive
 * STAGED_BEGIN.  It is counted (drop_staged), as a full
 * queue of the kernel would drop it.
 *
 * The first mp_stage() also tells where plain UDP would leave from, which INIT
 * names as the source of the primary pair.  INIT waits for it, 20 ms at most
 * (SEND_SOURCE).
 *
 * Never: plaintext to a peer whose session was up once.
 *
 * The caller's lock is held; for the agent sealing happens within it, in
 * mp_poll().
 *
 * Sources: PROTOCOL.md 2 ("No 0-RTT") and 9.
 */
#include "staged.h"

#include <string.h>

#include "addr.h"
#include "child.h"
#include "crypto.h"
#include "flow.h"
#include "gather.h"
#include "mp.h"
#include "offload.h"
#include "part.h"
#include "part_order.h"
#include "path_choice.h"
#include "pool.h"
#include "rollback.h"
#include "send.h"
#include "state.h"
#include "table.h"
#include "wire.h"

enum {
	/* us that a taker has to send what it took and to say so */
	STAGED_LEASE = 500 * 1000,
	/* us in which all that a session's begin brings is kept: three rounds
	 * of INIT and a long round trip */
	STAGED_BEGIN = 2 * 1000 * 1000,
};

/* Takes what mp_stage() tells of the session: the source of the primary pair,
 * and how long to wait for a peer before plain UDP. */
static void
take_option(const struct mp *m, struct session *s,
    const struct mp_tx_option *option)
{
	static const uint8_t none[16];

	if (memcmp(option->source, none, sizeof(none)) != 0)
		memcpy(state_annex(m, s)->source, option->source,
		    sizeof(option->source));
	if (s->up_at == 0)
		s->plain_us = option->plain_us;
}

/* Of those older than STAGED_BEGIN no more are kept than of a session that is
 * up: to a peer that comes late nobody sends megabytes of the past at once. */
static void
staged_trim(struct mp *m, struct session *s, uint64_t now, size_t len)
{
	const struct record *r;

	while (!pool_fits(m, s, len) &&
	    (r = pool_first(m, POOL_HELD, s)) != NULL &&
	    now >= r->sent_at + STAGED_BEGIN) {
		pool_drop(m, POOL_HELD, s);
		state_count(m, MP_C_drop_staged);
	}
}

/* At a session's begin the oldest goes, later the program waits. */
static bool
staged_has_room(const struct mp *m, struct session *s, size_t len)
{
	if (s->state != MP_S_UP && !s->plain)
		return true;
	return s->part_need != 0 ? pool_fits_begin(m, s, len) :
				   pool_fits(m, s, len);
}

int
mp_stage(struct mp *m, uint64_t now, uint32_t slot, const struct mp_addr *dst,
    const struct mp_tx_option *option, const void *payload, size_t len)
{
	struct session *s;
	struct record *r;

	if (slot >= MP_SLOTS_MAX ||
	    (s = table_find_addr(m, slot, dst)) == NULL)
		return MP_EINVAL;
	if (!staged_has_room(m, s, len))
		return MP_EAGAIN;
	staged_trim(m, s, now, len);
	r = pool_put(m, POOL_HELD, s, now, payload, len);
	if (option != NULL)
		take_option(m, s, option);
	if (s->handshake_after <= now + SEND_SOURCE)
		s->handshake_after = 0;
	if (s->state != MP_S_UP) /* else the caller may send it at once */
		table_arm(m, s, now);
	if (r == NULL) {
		state_count(m, MP_C_drop_staged);
		return 0; /* as a full send queue of the kernel would */
	}
	if (option != NULL) {
		r->tos = option->tos;
		r->ttl = option->ttl;
		r->df = option->df;
	}
	state_count(m, MP_C_staged);
	return s->state == MP_S_UP;
}

/* --- Taken, and not gone yet ---------------------------------------------- */

static uint32_t
number_of(uint64_t pos)
{
	return (uint32_t)(pos >> 32);
}

/* Was number a given before b, or is it b?  They go round. */
static bool
up_to(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

/* Is there one that nobody has taken? */
static bool
staged_left(const struct session *s)
{
	return s->staged.n > 0 && (s->staged_pos == MP_NEVER ||
	    s->staged_seq != 0 ||
	    number_of(s->staged_pos) + 1 != s->staged.number);
}

/* The oldest that nobody has taken, or has taken half of; NULL: none. */
static struct record *
staged_next(struct mp *m, struct session *s)
{
	struct record *r;

	if (s->staged_pos == MP_NEVER)
		return pool_first(m, POOL_HELD, s);
	r = pool_at(m, POOL_HELD, s, s->staged_pos);
	if (r != NULL && pool_position(m, POOL_HELD, r) != s->staged_pos) {
		s->staged_pos = MP_NEVER; /* it was dropped meanwhile */
		s->staged_seq = 0;
		return r;
	}
	return r == NULL || s->staged_seq != 0 ? r :
	    pool_next(m, POOL_HELD, r);
}

struct record *
staged_take(struct mp *m, struct session *s, uint64_t now, bool agent)
{
	if (child_holds(s, now) || (agent && gather_holds(s, now)))
		return NULL;
	if (now >= s->staged_until)
		staged_expire(m, s, now);
	else if (!agent || !s->staged_agent)
		return NULL;
	if (!agent && s->again)
		return NULL;
	return staged_left(s) ? staged_next(m, s) : NULL;
}

/* It and those before it are taken; what its death would need comes before. */
static void
staged_took(const struct mp *m, struct session *s, const struct record *r,
    uint64_t now, bool agent)
{
	s->staged_pos = pool_position(m, POOL_HELD, r);
	s->staged_at = now;
	s->staged_until = now + (s->gather_at != 0 ? GATHER_LEASE :
	    STAGED_LEASE);
	s->staged_agent = agent;
}

/* Counts one that went, and keeps it for a resend. */
static void
staged_count(struct mp *m, struct session *s, const struct record *r,
    uint64_t now)
{
	struct mp_tx tx = { .seq = r->seq, .keys = r->keys,
		.part = r->part, .sent_at = s->staged_at, .tos = r->tos,
		.ttl = r->ttl, .df = r->df };
	struct flow *f = state_flow(m, s, r->flow);
	struct record *recent;

	if (s->plain)
		state_count(m, MP_C_plain_out);
	if (s->state != MP_S_UP || f == NULL || r->seq == 0)
		return;
	recent = send_done(m, s, f, now, &tx, NULL, pool_len(r), NULL);
	if (recent != NULL)
		pool_copy(m, POOL_HELD, r, POOL_RECENT, recent);
}

void
staged_gone(struct mp *m, struct session *s, uint64_t now, uint32_t number,
    bool counted)
{
	struct record *r;

	while ((r = pool_first(m, POOL_HELD, s)) != NULL &&
	    up_to(r->number, number)) {
		if (!counted)
			staged_count(m, s, r, now);
		pool_drop(m, POOL_HELD, s);
	}
	s->again = s->again && r != NULL;
	if (s->staged_pos != MP_NEVER &&
	    up_to(number_of(s->staged_pos), number)) {
		s->staged_pos = MP_NEVER;
		s->staged_until = 0;
	}
}

void
staged_kept(struct mp *m, struct session *s, uint64_t now, uint32_t number)
{
	struct record *r = pool_first(m, POOL_HELD, s), *before = NULL;

	if (r == NULL || !up_to(r->number, number) || s->staged_pos ==
	    MP_NEVER || !up_to(number, number_of(s->staged_pos)))
		return; /* its time was over */
	for (; r != NULL && r->number != number;
	     r = pool_next(m, POOL_HELD, r))
		before = r;
	s->staged_pos = before != NULL ? pool_position(m, POOL_HELD, before) :
	    MP_NEVER;
	s->staged_seq = 0;
	s->staged_until = 0;
	if (s->gather_at == 0)
		table_arm(m, s, now);
}

void
staged_settle(struct mp *m, struct session *s, uint64_t now)
{
	if (s->staged_pos == MP_NEVER)
		return;
	s->staged_seq = 0;
	staged_gone(m, s, now, number_of(s->staged_pos), false);
	s->staged_pos = MP_NEVER; /* or it was dropped */
	s->staged_until = 0;
}

/* --- Once more ------------------------------------------------------------ */

static void
staged_note(const struct mp *m, struct session *s, const struct mp_bundle *b)
{
	struct bundle *n = &state_annex(m, s)->bundle;

	memcpy(n->first, b->tx.hdr, sizeof(n->first));
	memcpy(n->rest, b->rest, sizeof(n->rest));
	n->seq = b->tx.seq;
	n->number = b->tx.number;
	n->n = (uint16_t)b->n;
	n->flow = (uint8_t)b->tx.flow;
	n->keys = b->tx.keys;
	n->sid = s->keys[b->tx.keys & 1].sid_out;
}

void
staged_taken(const struct mp *m, struct session *s, const struct record *r,
    uint64_t now, const struct mp_bundle *b)
{
	if (b != NULL)
		staged_note(m, s, b);
	else if (s->annexed)
		state_annex(m, s)->bundle.n = 0;
	staged_took(m, s, r, now, false);
}

/* Is that one of the bundle whose taker died? */
static bool
staged_again(const struct mp *m, const struct session *s,
    const struct record *r)
{
	const struct bundle *b = &state_annexed(m, s)->bundle;

	return s->again && r->number - b->number < b->n;
}

/*
 * Who took a bundle did not tell in time: killed, stopped, or waiting for a
 * processor.  Its packets go once more, byte for byte (so no nonce serves two
 * of them), before those behind it.  The peer drops those that it has.
 */
void
staged_expire(struct mp *m, struct session *s, uint64_t now)
{
	struct record *r = pool_first(m, POOL_HELD, s);
	const struct bundle *b = &state_annexed(m, s)->bundle;

	if (s->staged_pos == MP_NEVER || s->staged_agent || b->n == 0 ||
	    (s->state != MP_S_UP && s->state != MP_S_CLOSING) || r == NULL ||
	    r->number != b->number) {
		staged_settle(m, s, now);
		return;
	}
	s->again = true;
	s->staged_pos = MP_NEVER;
	s->staged_until = 0;
	s->staged_seq = 0;
	table_arm(m, s, now);
}

/* The packet of such a one, on the flow that it returns; NULL: it cannot go
 * again, and counts as sent. */
static struct flow *
staged_fill_again(struct mp *m, struct session *s, const struct record *r,
    uint64_t now, struct mp_tx *tx)
{
	const struct bundle *b = &state_annexed(m, s)->bundle;
	uint32_t i = r->number - b->number;
	struct flow *f = state_flow(m, s, b->flow);
	const struct keys *k = &s->keys[b->keys & 1];

	if (!k->live || k->sid_out != b->sid || f == NULL ||
	    !flow_usable(f)) {
		s->again = false;
		s->staged_at = now;
		staged_gone(m, s, now, b->number + b->n - 1, false);
		table_arm(m, s, now);
		return NULL;
	}
	memset(tx, 0, sizeof(*tx));
	tx->hdr_len = sizeof(b->rest);
	memcpy(tx->hdr, i == 0 ? b->first : b->rest,
	    tx->hdr_len);
	wire_put_seq(tx->hdr, b->seq + i);
	tx->suite = k->suite;
	memcpy(tx->key, k->tx, sizeof(tx->key));
	return f;
}

uint64_t
staged_due(const struct session *s, uint64_t now)
{
	if (now < s->staged_until && (!staged_left(s) || !s->staged_agent))
		return s->staged_until;
	if (s->staged.n > 0 && child_holds(s, now))
		return s->frames_until;
	if (gather_holds(s, now))
		return MP_NEVER; /* gather_due() */
	return s->staged.n > 0 ? s->staged_again : MP_NEVER;
}

/* Is the packet's datagram on its way, or lost by an error that another try
 * would meet, too? */
static bool
staged_is_over(int error)
{
	return !send_path_error(error) && error != MP_EAGAIN &&
	    error != MP_ENOBUFS;
}

/* What offload.c is to know of a packet that the agent took. */
static void
staged_tell_offload(struct mp *m, struct session *s, struct flow *f,
    uint64_t now, const struct mp_out *out, int error)
{
	if (error != 0 && !out->together)
		offload_single_failed(&f->offload, error);
	else if (error != 0)
		offload_bundled(&f->offload, -(int)out->bundled);
	else if (out->together)
		send_count_bundles(m, s, f, now);
	else
		send_single(m, s, f, now);
}

void
staged_poll_sent(struct mp *m, struct session *s, uint64_t now,
    const struct mp_out *out, int error)
{
	struct flow *f = state_flow(m, s, out->flow);

	if (f != NULL)
		staged_tell_offload(m, s, f, now, out, error);
	if (staged_is_over(error)) {
		if (!out->half)
			staged_gone(m, s, now, out->number, false);
		if (s->state == MP_S_CLOSING)
			table_arm(m, s, now);
		return;
	}
	if (!send_path_error(error))
		s->staged_again = now + MS;
	staged_kept(m, s, now, out->number);
}

/* --- Sent by the agent ---------------------------------------------------- */

/* Fills in where a staged datagram goes now, with its TOS, TTL and DF. */
static void
way_out(const struct mp *m, const struct session *s, const struct record *r,
    const struct flow *f, const struct mp_path *path, struct mp_out *out)
{
	send_out(m, s, f, path, out);
	out->tos = r->tos;
	out->ttl = r->ttl;
	out->df = r->df;
	out->staged = true;
	out->number = r->number;
}

/* Fills in the packet of a staged datagram, or of one of its parts: of the
 * second, where the first one went by the last call. */
static void
staged_fill(struct mp *m, struct session *s, struct record *r,
    struct flow *f, uint64_t now, struct mp_tx *tx)
{
	struct wire_msg msg = { .flags = 0 };
	size_t len = pool_len(r), frame = s->frame ? WIRE_CHILD : 0;

	/* Both parts are of one flow's number under one key. */
	if (s->staged_by != f->id || r->keys != state_keys(s)->id)
		s->staged_seq = 0;
	r->part = s->staged_seq != 0 || part_order_parts(s, f, len, frame);
	if (!r->part) {
		s->staged_seq = 0;
		send_fill(m, s, f, now, &msg, tx);
		r->seq = (uint32_t)tx->seq;
		return;
	}
	if (s->staged_seq == 0)
		part_order_begin(m, s, f);
	msg.flags = WIRE_FRAG;
	msg.total = (uint16_t)len;
	msg.part = s->staged_seq != 0;
	msg.copy = (struct wire_ad) { .sid = s->frame ?
		state_keys(s)->sid_in : state_keys(s)->sid_out,
		.dir = !s->initiator, .flow = f->id, .seq = s->staged_seq };
	send_fill(m, s, f, now, &msg, tx);
	tx->part = true;
	tx->off = (uint16_t)part_begin(len, msg.part);
	tx->len = (uint16_t)part_len(len, msg.part);
	if (msg.part == 1) {
		part_order_sent(m, s, f, now, len, frame);
		s->staged_seq = 0;
		return;
	}
	s->staged_seq = r->seq = (uint32_t)tx->seq;
	s->staged_by = f->id;
}

/* The packet of one that goes for the first time, of at most `size' bytes, on
 * the flow that it returns; NULL: none can carry it now. */
static struct flow *
staged_fill_new(struct mp *m, struct session *s, struct record *r,
    uint64_t now, size_t size, struct mp_tx *tx)
{
	size_t len = pool_len(r), frame = child_frame(m, s, now);
	size_t need = frame + len + MP_OVERHEAD;
	struct flow *f = path_choice_flow(m, s, now, need);

	if (f == NULL || f->unproven || need > size || (s->staged_seq == 0 &&
	    part_order_waits(m, s, f, now, len, frame)))
		return NULL;
	staged_fill(m, s, r, f, now, tx);
	r->flow = f->id;
	r->keys = state_keys(s)->id;
	return f;
}

/* The one that the agent took just before r, if r can follow it in one bundle;
 * else NULL. */
static const struct record *
staged_before(struct mp *m, struct session *s, const struct record *r,
    const struct flow *f, uint64_t now)
{
	const struct record *p = s->staged_pos == MP_NEVER ? NULL :
	    pool_at(m, POOL_HELD, s, s->staged_pos);

	return s->staged_group > 0 && s->staged_agent &&
	    s->staged_at == now && p != NULL && p->number + 1 == r->number &&
	    p->flow == f->id && pool_len(r) <= pool_len(p) &&
	    p->tos == r->tos && p->ttl == r->ttl && p->df == r->df ? p : NULL;
}

/* May r, which the agent takes now, go with others: those before it or, if it
 * is the first, after it?  A shorter one is the last. */
static bool
staged_together(struct mp *m, struct session *s, const struct record *r,
    struct flow *f, uint64_t now, struct mp_out *out)
{
	const struct record *p = staged_before(m, s, r, f, now);
	unsigned group = p == NULL ? 0 : s->staged_group;
	unsigned room = offload_room(&f->offload, now, MP_BUNDLE_MAX);

	s->staged_group = 0;
	if (room < 2 || group >= room)
		return false;
	out->bundled = group == 0 ? 0 : group == 1 ? 2 : 1;
	offload_bundled(&f->offload, out->bundled);
	if (p == NULL || pool_len(r) == pool_len(p))
		s->staged_group = (uint8_t)(group + 1);
	return true;
}

size_t
staged_send(struct mp *m, struct session *s, uint64_t now, struct mp_out *out,
    uint8_t *buf, size_t size)
{
	struct record *r = now < s->staged_again ? NULL :
	    staged_take(m, s, now, true);
	struct flow *f;
	struct mp_tx tx;
	size_t len;
	uint8_t *payload;

	if (r == NULL)
		return 0;
	len = pool_len(r);
	s->again = staged_again(m, s, r);
	f = s->again ? staged_fill_again(m, s, r, now, &tx) :
	    staged_fill_new(m, s, r, now, size, &tx);
	if (f == NULL)
		return 0;
	way_out(m, s, r, f, &f->path, out);
	out->half = s->staged_seq != 0;
	if (tx.part || s->again || s->frame)
		s->staged_group = 0;
	else
		out->together = staged_together(m, s, r, f, now, out);
	/* A part is copied from behind its packet. */
	payload = tx.part ? buf + size - len : buf + tx.hdr_len;
	if (!pool_read(m, POOL_HELD, r, 0, payload, len))
		return 0;
	staged_took(m, s, r, now, true);
	out->len = mp_seal(&tx, payload, len, buf);
	crypto_wipe(&tx, sizeof(tx));
	return out->len;
}

int
staged_send_plain(struct mp *m, struct session *s, uint64_t now,
    struct mp_out *out, uint8_t *buf, size_t size)
{
	struct record *r = now < s->staged_again ? NULL :
	    staged_take(m, s, now, true);
	struct mp_path path = { .remote = s->shown };
	size_t len;

	if (r == NULL)
		return 0;
	len = pool_len(r);
	if (len > size || !pool_read(m, POOL_HELD, r, 0, buf, len))
		return 0;
	memcpy(path.local.ip, state_annexed(m, s)->source,
	    sizeof(path.local.ip));
	if (!addr_pair_ok(path.local.ip, path.remote.ip))
		addr_any(path.local.ip, path.remote.ip);
	way_out(m, s, r, NULL, &path, out);
	staged_took(m, s, r, now, true);
	out->len = len;
	return 1;
}

/* --- Sent by the program's thread ----------------------------------------- */

int
mp_staged_begin(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *dst, struct mp_tx tx[], struct mp_tx_option *option,
    uint8_t *payload, size_t size, size_t *len)
{
	struct session *s;
	struct record *r;
	struct flow *f;
	size_t frame;
	int n;

	rollback_look(m, now);
	s = table_find_addr(m, slot, dst);
	if (s == NULL || s->state != MP_S_UP || s->staged.n == 0)
		return 0;
	r = staged_take(m, s, now, false);
	*len = r == NULL ? 0 : pool_len(r);
	frame = child_frame(m, s, now);
	f = path_choice_flow(m, s, now, frame + *len + MP_OVERHEAD);
	if (r == NULL || f == NULL || f->unproven || *len > size ||
	    part_order_waits(m, s, f, now, *len, frame) ||
	    !pool_read(m, POOL_HELD, r, 0, payload, *len)) {
		if (s->staged.n > 0)
			table_arm(m, s, now);
		return 0;
	}
	memset(option, 0, sizeof(*option));
	option->tos = r->tos;
	option->ttl = r->ttl;
	option->df = r->df;
	n = send_fill_all(m, s, f, now, *len, tx);
	tx[0].tos = r->tos;
	tx[0].ttl = r->ttl;
	tx[0].df = r->df;
	tx[0].number = r->number;
	r->seq = (uint32_t)tx[0].seq;
	r->flow = f->id;
	r->keys = state_keys(s)->id;
	r->part = tx[0].part;
	staged_taken(m, s, r, now, NULL);
	return n;
}

int
mp_staged_commit(struct mp *m, uint64_t now, struct mp_tx *tx, int n,
    const void *payload, size_t len)
{
	struct session *s = state_session_gen(m, tx->session, tx->gen);
	uint32_t number = tx->number;
	int error = mp_send_commit(m, now, tx, n, payload, len);

	if (s == NULL)
		return error;
	if (error != 1 && staged_is_over(error))
		staged_gone(m, s, now, number, true);
	else
		staged_kept(m, s, now, number);
	return error;
}
