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
 * CHILD: 16 bytes that name parent and number, then the packet, whose sid is
 * our own; sid_out is that sid meanwhile, and the peer takes it as a name of
 * these keys in COPYs.  WELCOME ends it.  From then on control packets go as
 * they are, and datagrams as soon as WELCOME names the last framed one: those
 * reach the peer's program by way of its agent, and must not be overtaken.
 * Where datagrams follow each other more quickly than WELCOME comes,
 * CHILD_FRAMES more are framed, and the next waits for WELCOME once
 * (child_holds()), staged.  The answer to a probe that was sent later on the
 * same flow tells as much.
 *
 * First answer late.  A CHILD that is lost is not made up for by a later one, of
 * a probe, that makes the session: what was sent until the first answer counts as
 * lost, if that came after child_ask_at (session.unheard_at, recent.c), and goes
 * again as COPYs.
 *
 * Not answered.  After the patience of a probe INIT goes out besides
 * (child_ask_at).  A RESP says whether the peer has the child.  If it has not,
 * it never will, for INIT has used the number up; so what went out is staged
 * and sent under the new keys.  Without any answer for CHILD_END the session
 * becomes MP_S_CONNECTING, with all of that staged; should RESP say then that
 * the peer had it, those records are dropped.
 *
 * At the responder a child is made by child_in.c, and is a session like others;
 * its keys also answer to the peer's own sid in COPYs.
 *
 * This file has what both ends share; child_out.c what happens to a child at
 * the initiator once it is there, child_in.c how the responder makes one.
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
#include "flow.h"
#include "mp.h"
#include "noise.h"
#include "rtt.h"
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

uint64_t
child_patience(const struct mp *m, const struct session *s)
{
	const struct flow *f = state_flow(m, s, s->current);

	return (f != NULL ? flow_patience(f) : 0) + RTT_MAX_DELACK;
}

void
child_hold(struct mp *m, struct session *s, uint64_t now)
{
	struct flow *f = state_flow(m, s, s->frame_flow);

	s->frames_left = 0;
	s->frames_until = now + CHILD_HOLD;
	if (f != NULL && !f->gone)
		f->probe_now = true; /* its answer tells, too */
	table_arm(m, s, now);
}

size_t
child_frame(struct mp *m, struct session *s, uint64_t now)
{
	bool known = !state_keys(s)->framed;

	s->frame = !known || s->frames_left > 0;
	if (known && s->frames_left > 0 && --s->frames_left == 0)
		child_hold(m, s, now);
	return s->frame ? WIRE_CHILD : 0;
}

bool
child_holds(const struct session *s, uint64_t now)
{
	return s->frames_left == 0 && now < s->frames_until;
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
