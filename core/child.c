/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A child is a session whose first keys come from another session's handshake,
 * its parent's: the second socket that talks to one peer.  So its first packet
 * carries a datagram.
 *
 * Each handshake makes a secret beside the traffic keys.  At the responder it
 * stays in struct keys, with a window of the numbers that were used.  At the
 * initiator the agent takes it out (ticket.c), so that one place counts the
 * children of all endpoints.  A ticket is one number with its seed; it begins
 * one session, in whichever endpoint it was put.
 *
 * At the initiator a child is MP_S_UP from its birth: flows, choice, copies and
 * resends work as ever.  What differs:
 *
 * Framed (keys.framed).  The peer has not told its sid.  Every packet goes as
 * CHILD: 16 bytes that name parent and number, then the packet, whose sid is our
 * own; sid_out is that sid meanwhile, and the peer takes it as a name of these
 * keys in COPYs.  WELCOME ends it.  From then on control packets go as they are,
 * and datagrams as soon as the last framed one is CHILD_GAP old: framed ones
 * reach the peer's program by way of its agent, and must not be overtaken.
 *
 * Not answered.  After the patience of a probe INIT goes out besides
 * (child_ask_at).  A RESP says whether the peer has the child.  If it has not,
 * it never will, for INIT has used the number up; so what went out is staged and
 * sent under the new keys.  Without any answer for CHILD_END the session
 * becomes MP_S_CONNECTING, with all of that staged; should RESP say then that
 * the peer had it, those records are dropped.
 *
 * At the responder a child is made by child_in.c, and is a session like others;
 * its keys also answer to the peer's own sid in COPYs.
 *
 * Invariants: a number makes one session; no datagram is taken twice, nor lost
 * because there was no parent.  Never: a child of a key that is itself a
 * child's, or of a peer that does not say that it takes them.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 2; what it is compared with
 * there, RFC 8446 (early data) and RFC 9000 (address tokens).
 */
#include "child.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "mp.h"
#include "noise.h"
#include "path.h"
#include "pool.h"
#include "session.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* --- Keys ----------------------------------------------------------------- */

void
child_secret(struct keys *k, const struct noise *n)
{
	static const char label[] = "mpshim1 child";

	noise_secret(n, label, sizeof(label) - 1, k->secret);
	k->parent = true;
	k->child_bits = 0;
	k->child_hi = 0;
}

void
child_seed(uint8_t seed[32], const uint8_t secret[32], uint32_t number)
{
	uint8_t n[4];

	put32(n, number);
	crypto_hmac2(seed, secret, n, sizeof(n), NULL, 0);
}

void
child_derive(const uint8_t seed[32], uint32_t number, uint8_t from[32],
    uint8_t to[32], uint8_t assoc[8])
{
	static const uint8_t which[3] = { 1, 2, 3 };
	uint8_t name[32];

	crypto_hmac2(from, seed, &which[0], 1, NULL, 0);
	crypto_hmac2(to, seed, &which[1], 1, NULL, 0);
	crypto_hmac2(name, seed, &which[2], 1, NULL, 0);
	put32(assoc, number);
	memcpy(assoc + 4, name, 4);
	crypto_wipe(name, sizeof(name));
}

/* --- Numbers -------------------------------------------------------------- */

bool
child_used(const struct keys *k, uint32_t number)
{
	uint32_t below = k->child_hi - number;

	if (number > k->child_hi)
		return number == UINT32_MAX;
	return number == 0 || below >= CHILD_BITS ||
	    (k->child_bits >> below & 1) != 0;
}

void
child_use(struct keys *k, uint32_t number)
{
	uint32_t above = number - k->child_hi;

	if (child_used(k, number))
		return;
	if (number > k->child_hi) {
		k->child_bits = above < CHILD_BITS ? k->child_bits << above : 0;
		k->child_hi = number;
	}
	k->child_bits |= UINT64_C(1) << (k->child_hi - number);
}

/* --- The frame ------------------------------------------------------------ */

size_t
child_frame(struct session *s, uint64_t now)
{
	if (!state_keys(s)->framed && s->frames_left > 0) {
		if (now >= s->last_send + CHILD_GAP)
			s->frames_left = 0;
		else
			s->frames_left--;
	}
	s->frame = state_keys(s)->framed || s->frames_left > 0;
	return s->frame ? WIRE_CHILD : 0;
}

bool
child_framed(struct session *s, bool datagram)
{
	return state_keys(s)->framed || (datagram && s->frame);
}

void
child_put_frame(const struct session *s, uint8_t *out)
{
	wire_put_child(out, s->parent, get32(s->assoc));
}

/* --- The peer's answer ---------------------------------------------------- */

void
child_heard(struct mp *m, struct session *s)
{
	if (!s->child_waits)
		return;
	s->child_waits = false;
	s->child_ask_at = MP_NEVER;
	session_drop_handshake(m, s);
}

void
child_known(struct mp *m, struct session *s, uint64_t now, uint32_t sid,
    uint16_t max_flows)
{
	state_keys(s)->sid_out = sid;
	state_keys(s)->framed = false;
	s->frames_left = CHILD_FRAMES;
	if (max_flows < s->max_flows) {
		s->max_flows = (uint8_t)max_flows;
		path_end_from(m, s, max_flows, now);
	}
}

/* All that went out as CHILD is staged again. */
static void
child_stage(struct mp *m, struct session *s, uint64_t now)
{
	pool_stage_recent(m, s, now);
	pool_clear(m, POOL_RECENT, s);
	s->staged_seq = 0;
	state_count(m, MP_C_child_failed);
}

/* No answer at all: from now on it is a session that connects. */
static void
child_end(struct mp *m, struct session *s, uint64_t now)
{
	struct keys *k = state_keys(s);

	child_stage(m, s, now);
	s->child_held = s->staged.number;
	s->child_waits = false;
	s->child_ask_at = MP_NEVER;
	s->state = MP_S_CONNECTING;
	s->connect_since = s->up_at;
	s->rekey_at = s->review_at = MP_NEVER;
	s->up_at = 0;
	s->resend = false;
	s->resend_rest = MP_NEVER;
	k->wipe_at = now + SESSION_ANSWER;
	session_ask(m, s, now);
}

void
child_timers(struct mp *m, struct session *s, uint64_t now)
{
	if (s->child_waits && now >= s->up_at + CHILD_END) {
		child_end(m, s, now);
	} else if (now >= s->child_ask_at) {
		s->child_ask_at = MP_NEVER;
		session_ask(m, s, now);
	}
}

uint64_t
child_due(const struct session *s)
{
	uint64_t end = s->child_waits ? s->up_at + CHILD_END : MP_NEVER;

	return s->child_ask_at < end ? s->child_ask_at : end;
}

void
child_settled(struct mp *m, struct session *s, uint64_t now, bool exists)
{
	struct record *r;

	s->child_waits = false;
	s->child_ask_at = MP_NEVER;
	s->frames_left = 0;
	s->frame = false;
	if (s->child_held == 0) {
		if (!exists)
			child_stage(m, s, now);
		return;
	}
	while (exists && (r = pool_first(m, POOL_HELD, s)) != NULL &&
	    r->number - s->child_held > UINT32_MAX / 2)
		pool_drop(m, POOL_HELD, s);
	s->child_held = 0;
}
