/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * There is no 0-RTT: what the program sends before its session has keys is
 * staged (mp_stage()) and leaves when it has, oldest first, before anything
 * that the agent sends by itself but resends.  The record keeps the TOS, TTL
 * and DF that the program gave each datagram, for either family: which one it
 * leaves by is chosen then.
 *
 * A staged datagram ends in one of these ways:
 *
 * Sealed (staged_send()), once the session is up and has a flow that may carry
 * data: then it is counted and kept for resending like any other.
 *
 * Plain (staged_send_plain()), to the address that the program used:
 * only if the program's rule allows it (plain_us), no session ever was up, and
 * no peer answered for so long.
 *
 * Given up: 10 s after it was staged or the session began to connect
 * (timers.c), when the session is freed, or when newer ones need the room
 * (pool.c).  It is counted (drop_staged), as a full queue of the kernel would
 * drop it.
 *
 * The first mp_stage() also tells where plain UDP would leave from, which INIT
 * names as the source of the primary pair.  INIT waits for it, 20 ms at most
 * (SEND_SOURCE).
 *
 * Never: plaintext to a peer whose session was up once.  A datagram that the
 * program sends while staged ones are still leaving through a session may
 * overtake them; of plain ones it may not.
 *
 * The caller's lock is held; sealing happens within it, in mp_poll().
 *
 * Sources: PROTOCOL.md 2 ("No 0-RTT") and 9.
 */
#include "staged.h"

#include <string.h>

#include "addr.h"
#include "child.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "part.h"
#include "path_choice.h"
#include "pool.h"
#include "send.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* Takes what mp_stage() tells of the session: the source of the primary pair,
 * and how long to wait for a peer before plain UDP. */
static void
take_option(struct session *s, const struct mp_tx_option *option)
{
	static const uint8_t none[16];

	if (memcmp(option->source, none, sizeof(none)) != 0)
		memcpy(s->source, option->source, sizeof(s->source));
	if (s->up_at == 0)
		s->plain_us = option->plain_us;
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
	r = pool_put(m, POOL_HELD, s, now, payload, len);
	if (option != NULL)
		take_option(s, option);
	if (s->handshake_after <= now + SEND_SOURCE)
		s->handshake_after = 0;
	table_arm(m, s, now);
	if (r == NULL) {
		state_count(m, MP_C_drop_staged);
		return 0; /* as a full send queue of the kernel would */
	}
	if (option != NULL) {
		memcpy(r->option.tos, option->tos, sizeof(r->option.tos));
		memcpy(r->option.ttl, option->ttl, sizeof(r->option.ttl));
		r->df = option->df;
	}
	state_count(m, MP_C_staged);
	return 0;
}

/* Fills in where a staged datagram goes now, with its TOS, TTL and DF. */
static void
way_out(const struct mp *m, const struct session *s, const struct record *r,
    const struct flow *f, const struct mp_path *path, struct mp_out *out)
{
	int v6 = addr_is4(path->remote.ip) ? 0 : 1;

	send_out(m, s, f, path, out);
	out->tos = r->option.tos[v6];
	out->ttl = r->option.ttl[v6];
	out->df = r->df;
}

/* Fills in the packet of a staged datagram, or of one of its parts: of the
 * second, where the first one went by the last call. */
static void
staged_fill(struct mp *m, struct session *s, struct record *r,
    struct flow *f, uint64_t now, struct mp_tx *tx)
{
	struct wire_msg msg = { .flags = 0 };
	size_t len = pool_len(r);

	if (!part_needed(f, len, MP_OVERHEAD, s->frame ? WIRE_CHILD : 0)) {
		s->staged_seq = 0;
		send_fill(m, s, f, now, &msg, tx);
		return;
	}
	msg.flags = WIRE_FRAG;
	msg.total = (uint16_t)len;
	if (!r->part || s->staged_by != f->id)
		s->staged_seq = 0;
	msg.part = s->staged_seq != 0;
	msg.copy = (struct wire_ad) { .sid = s->frame ?
		state_keys(s)->sid_in : state_keys(s)->sid_out,
		.dir = !s->initiator, .flow = f->id, .seq = s->staged_seq };
	send_fill(m, s, f, now, &msg, tx);
	tx->part = true;
	tx->off = (uint16_t)part_begin(len, msg.part);
	tx->len = (uint16_t)part_len(len, msg.part);
	if (msg.part == 1) {
		tx->seq = s->staged_seq;
		s->staged_seq = 0;
		return;
	}
	s->staged_seq = (uint32_t)tx->seq;
	r->part = 1; /* its first one has gone */
	s->staged_by = f->id;
}

size_t
staged_send(struct mp *m, struct session *s, uint64_t now, struct mp_out *out,
    uint8_t *buf, size_t size)
{
	struct record *r = pool_first(m, POOL_HELD, s);
	struct flow *f;
	struct mp_tx tx;
	size_t len, need;
	uint8_t *payload;

	if (r == NULL)
		return 0;
	len = pool_len(r);
	need = child_frame(s, now) + len + MP_OVERHEAD;
	f = path_choice_flow(m, s, now, need);
	if (f == NULL || f->unproven || need > size)
		return 0;
	staged_fill(m, s, r, f, now, &tx);
	way_out(m, s, r, f, &f->path, out);
	/* A part is copied from behind its packet. */
	payload = tx.part ? buf + size - len : buf + tx.hdr_len;
	if (!pool_read(m, POOL_HELD, r, 0, payload, len))
		return 0;
	if (s->staged_seq == 0) { /* all of it has gone */
		pool_drop(m, POOL_HELD, s);
		send_done(m, s, f, &tx, payload, len, NULL);
	}
	out->len = mp_seal(&tx, payload, len, buf);
	crypto_wipe(&tx, sizeof(tx));
	return out->len;
}

int
staged_send_plain(struct mp *m, struct session *s, struct mp_out *out,
    uint8_t *buf, size_t size)
{
	struct record *r = pool_first(m, POOL_HELD, s);
	struct mp_path path = { .remote = s->shown };
	size_t len;

	if (r == NULL)
		return 0;
	len = pool_len(r);
	if (len > size || !pool_read(m, POOL_HELD, r, 0, buf, len)) {
		pool_drop(m, POOL_HELD, s);
		return 0;
	}
	memcpy(path.local.ip, s->source, sizeof(path.local.ip));
	if (!addr_pair_ok(path.local.ip, path.remote.ip))
		addr_any(path.local.ip, path.remote.ip);
	way_out(m, s, r, NULL, &path, out);
	pool_drop(m, POOL_HELD, s);
	out->len = len;
	state_count(m, MP_C_plain_out);
	return 1;
}
