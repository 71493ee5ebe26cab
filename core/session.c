/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A session is one peer of an endpoint.  Its association (8 random bytes, the
 * flows, their estimates, the address that the program knows) outlives its
 * keys.  enum mp_session_state says what it may do:
 *
 * MP_S_FREE.  The record is on the free list (table.c).
 *
 * MP_S_CONNECTING.  A handshake is under way or about to begin; there is no key
 * to send with.  What the program sends is staged (staged.c).  session_new()
 * begins here, for the program's first datagram or for a handshake that a
 * packet confirmed.  Keys make it MP_S_UP; giving up (timers.c) MP_S_DOWN.
 *
 * MP_S_UP.  It has keys: all else of the engine works on such sessions.  It
 * becomes MP_S_DOWN after 180 s without a packet, or when the sequence numbers
 * of a flow are used up; MP_S_CLOSING when its slot closes.  A CLOSE of the
 * peer makes it MP_S_DOWN at the initiator, MP_S_CLOSED at the responder.
 *
 * MP_S_DOWN.  The association alone.  The next datagram of the program makes it
 * MP_S_CONNECTING, a handshake of the peer MP_S_UP.  After a CLOSE its keys
 * still receive for 60 s.  With `plain' set no peer ever answered, and the
 * program's datagrams go out unprotected.
 *
 * MP_S_CLOSING.  Our socket is gone.  No lookup by address finds it and its
 * packets are dropped; mp_poll() sends what is staged, CLOSE on two flows, and
 * frees it.
 *
 * Left.  Where the program answers a peer that sent CLOSE (its socket may be
 * gone for good, or another one have its port soon), what it says is staged for
 * SESSION_LEFT only, so that no other socket gets what was not meant for it.
 *
 * MP_S_CLOSED.  Responder only: the peer's socket is gone.  Neither address nor
 * association finds it; its keys deliver for 60 s what the peer sent before
 * its CLOSE, and take children until they are 180 s old; then it is freed.
 *
 * When the table is full or fewer than 8 flow records are left, a session is
 * pushed out for a new one (share.c): one that is down or closed, of the peer
 * that holds most.  One that is up is only pushed out where its peer holds at
 * least twice what the new one's does.
 *
 * Keys: keys[cur] sends and receives.  The other slot holds the former key,
 * which only receives, until 180 s after its birth and for 10 s at least.  The
 * new key is in use before the former goes, so a rekey loses nothing.  It is
 * due 120 s (+-10 %) after the last one, at the responder 30 s later.  What is
 * kept of a packet (struct record) names its keys by their id, as two changes
 * may follow each other: a COPY or a part that named the packet under the keys
 * that are in the same place by now would be another one to the peer.
 *
 * Invariants: a live key is in the table of sids, a session in the heap of
 * deadlines once at most; `gen' changes at each use of a record, so index and
 * gen name one session for good.  Never: a sequence number twice under one
 * key; `shown' changed; a key kept in memory after its time.
 *
 * The caller's lock is held.  Sources: PROTOCOL.md 2 (rekey, restart), 6 and 9
 * (CLOSE); the life of keys is WireGuard's (120 s, 180 s).
 */
#include "session.h"

#include <string.h>

#include "addr.h"
#include "budget.h"
#include "crypto.h"
#include "flow.h"
#include "mp.h"
#include "path.h"
#include "pool.h"
#include "share.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* Frees a session so that one of that peer has room.  False: there is none. */
static bool
push_out(struct mp *m, uint64_t key_id, bool for_flows)
{
	struct session *s = share_victim(m, key_id, for_flows);

	if (s == NULL)
		return false;
	if (s->state == MP_S_UP)
		share_refused(m, s->key_id);
	session_free(m, s);
	return true;
}

bool
session_allowed(struct mp *m, uint64_t key_id, uint32_t most, uint64_t now)
{
	struct session *s;

	if (!share_full(m, key_id, most))
		return true;
	s = share_unused(m, key_id, now);
	if (s == NULL) {
		state_count(m, MP_C_drop_most);
		return false;
	}
	session_free(m, s);
	return true;
}

struct session *
session_new(struct mp *m, uint64_t now, uint32_t slot,
    const struct mp_addr *shown, uint64_t key_id, const uint8_t assoc[8],
    bool initiator)
{
	struct session *s;

	while (table_flows_left(m) < SESSION_FLOWS && push_out(m, key_id, true))
		;
	s = table_new_session(m);
	if (s == NULL && push_out(m, key_id, false))
		s = table_new_session(m);
	if (s == NULL)
		return NULL;
	s->state = MP_S_CONNECTING;
	s->deadline = MP_NEVER;
	s->locals_gen = m->sh->locals_gen;
	s->slot = (uint8_t)slot;
	s->initiator = initiator;
	s->shown = *shown;
	s->key_id = key_id;
	memcpy(s->assoc, assoc, 8);
	s->current = s->selected = s->last_valid = STATE_NO_FLOW;
	s->resend_flow = STATE_NO_FLOW;
	s->resend_rest = s->staged_pos = MP_NEVER;
	s->max_flows = (uint8_t)m->limits.flows_each;
	s->handshake = MP_NONE;
	s->rekey_at = s->push_at = s->addr_at = s->review_at = MP_NEVER;
	s->child_ask_at = MP_NEVER;
	s->last_in = s->last_data = s->connect_since = now;
	table_link_addr(m, s);
	table_link_assoc(m, s);
	share_join(m, s);
	m->sh->initiators += initiator;
	return s;
}

void
session_drop_handshake(struct mp *m, struct session *s)
{
	struct handshake *sh;
	uint32_t i = STATE_ONCE(s->handshake);

	if (i < STATE_HANDSHAKES) {
		sh = &m->handshakes[i];
		if (sh->state == HANDSHAKE_SENT) {
			table_unlink_sid(m, table_handshake_ref(m, sh));
			crypto_wipe(sh, sizeof(*sh));
		}
	}
	s->handshake = MP_NONE;
	s->want_handshake = false;
}

/* Wipes the key of one slot of keys[].  The next one there has another id: what
 * a record names is of no use with it. */
static void
session_wipe_key(struct mp *m, struct session *s, int slot)
{
	struct keys *k = &s->keys[slot];
	unsigned id = (k->id & ~1U) + 2 + (unsigned)slot;

	if (k->live)
		table_unlink_sid(m, table_key_ref(m, s, slot));
	crypto_wipe(k, sizeof(*k));
	k->id = (uint8_t)id;
}

/* Puts a key in a slot of keys[]. */
static struct keys *
session_put_key(struct mp *m, struct session *s, uint64_t now, int slot,
    const struct keys *k)
{
	struct keys *put = &s->keys[slot];
	uint8_t id;

	session_wipe_key(m, s, slot);
	id = put->id;
	*put = *k;
	put->id = id;
	put->live = true;
	put->born_at = now;
	put->wipe_at = MP_NEVER;
	return put;
}

void
session_free(struct mp *m, struct session *s)
{
	uint32_t id;

	share_busy(m, s);
	share_leave(m, s);
	m->sh->initiators -= s->initiator && m->sh->initiators > 0;
	session_drop_handshake(m, s);
	pool_clear(m, POOL_HELD, s);
	pool_clear(m, POOL_RECENT, s);
	pool_clear(m, POOL_PARTS, s);
	session_wipe_key(m, s, 0);
	session_wipe_key(m, s, 1);
	for (id = 0; id < MP_FLOWS_MAX; id++)
		table_free_flow(m, state_flow_index(m, s, id));
	table_free_session(m, s);
}

void
session_install(struct mp *m, struct session *s, uint64_t now,
    const struct keys *k, uint16_t max_flows)
{
	struct keys *old = state_keys(s);
	struct flow *f;
	uint32_t id, spread = SESSION_REKEY / 5;

	session_drop_handshake(m, s);
	if (old->live) {
		old->wipe_at = old->born_at + SESSION_KEY_LIFE;
		if (old->wipe_at < now + SESSION_ANSWER)
			old->wipe_at = now + SESSION_ANSWER;
		crypto_wipe(old->tx, sizeof(old->tx));
		if (s->initiator) { /* children come of the new one */
			crypto_wipe(old->secret, sizeof(old->secret));
			old->parent = false;
		}
		s->cur ^= 1;
	}
	(void)session_put_key(m, s, now, s->cur & 1, k);
	table_link_sid(m, table_key_ref(m, s, s->cur & 1));
	for (id = 0; id < state_nflows(s); id++) {
		if ((f = state_flow(m, s, id)) == NULL)
			continue;
		flow_new_key(f, state_replay(m, f));
	}
	/* The initiator rekeys first; the responder only if that fails. */
	s->rekey_at = now + SESSION_REKEY - spread / 2 +
	    rng_below(&m->sh->rng, spread);
	if (!s->initiator)
		s->rekey_at += SESSION_REKEY / 4;
	if (max_flows > 0 && max_flows < s->max_flows) {
		s->max_flows = (uint8_t)max_flows;
		path_end_from(m, s, max_flows, now);
	}
	if (s->state != MP_S_UP)
		s->up_at = now;
	s->state = MP_S_UP;
	s->recall = false;
	share_busy(m, s);
	s->last_in = now;
	s->connect_since = MP_NEVER;
	if (!k->child)
		state_count(m, MP_C_handshake_done);
	session_resteer(m, s, now);
	table_arm(m, s, now);
}

void
session_resteer(struct mp *m, struct session *s, uint64_t now)
{
	if (s->state != MP_S_UP ||
	    WIRE_SID_SLOT(state_keys(s)->sid_in) == s->slot)
		return;
	s->rekey_at = now;
	table_arm(m, s, now);
}

void
session_install_former(struct mp *m, struct session *s, uint64_t now,
    const struct keys *k)
{
	int slot = (s->cur & 1) ^ 1;
	struct keys *put;
	struct flow *f;
	uint32_t id;

	put = session_put_key(m, s, now, slot, k);
	crypto_wipe(put->tx, CRYPTO_KEY);
	put->wipe_at = now + SESSION_KEY_LIFE;
	table_link_sid(m, table_key_ref(m, s, slot));
	for (id = 0; id < state_nflows(s); id++)
		if ((f = state_flow(m, s, id)) != NULL)
			flow_former_key(f, state_replay(m, f));
	s->last_in = now;
}

/* Stops all sending. */
static void
stop(struct mp *m, struct session *s)
{
	session_drop_handshake(m, s);
	s->state = MP_S_DOWN;
	s->recall = false;
	s->rekey_at = s->review_at = MP_NEVER;
	s->connect_since = MP_NEVER;
	s->resend = false;
	s->resend_rest = MP_NEVER;
	s->staged_seq = 0;
	pool_clear(m, POOL_RECENT, s);
	pool_clear(m, POOL_PARTS, s);
}

void
session_down(struct mp *m, struct session *s)
{
	stop(m, s);
	share_idle(m, s, false);
	session_wipe_key(m, s, 0);
	session_wipe_key(m, s, 1);
}

static void
session_note_left(struct mp *m, const struct mp_addr *peer, uint64_t now)
{
	uint32_t i = m->sh->left_next++ % STATE_LEFT;

	m->sh->left[i].addr = *peer;
	m->sh->left[i].at = now;
}

/* Is there an address of the peer that was not tried enough?  Short-lived
 * children know what this session leaves to them, and try nothing more. */
static bool
untried(const struct mp *m, const struct session *s)
{
	struct flow *f;

	if (s->keys[s->cur & 1].child)
		return false;
	STATE_FLOWS(m, s, f, id)
		if (!f->down && !f->failed && f->probes < SESSION_TRIES &&
		    !budget_answered(m, s, f))
			return true;
	return false;
}

bool
session_waits(const struct mp *m, const struct session *s)
{
	return s->child_waits || (s->initiator && s->state == MP_S_UP &&
	    (!s->told_all || untried(m, s)));
}

bool
session_has_left(const struct mp *m, const struct mp_addr *peer, uint64_t now)
{
	uint32_t i;

	for (i = 0; i < STATE_LEFT; i++)
		if (m->sh->left[i].at != 0 &&
		    now < m->sh->left[i].at + SESSION_LINGER &&
		    addr_equal(&m->sh->left[i].addr, peer))
			return true;
	return false;
}

void
session_closed(struct mp *m, struct session *s, uint64_t now)
{
	struct keys *k;
	uint64_t end;

	stop(m, s);
	for (k = s->keys; k < s->keys + 2; k++) {
		crypto_wipe(k->tx, sizeof(k->tx));
		end = now + SESSION_LINGER;
		if (k->parent && end < k->born_at + SESSION_KEY_LIFE)
			end = k->born_at + SESSION_KEY_LIFE;
		if (k->live && k->wipe_at > end)
			k->wipe_at = end;
	}
	if (!s->initiator) {
		s->state = MP_S_CLOSED;
		pool_clear(m, POOL_HELD, s);
		session_note_left(m, &s->shown, now);
		table_unlink_addr(m, s);
		table_unlink_assoc(m, s);
	}
	share_idle(m, s, s->state == MP_S_CLOSED);
	table_arm(m, s, session_keys_end(s));
}


void
session_expire_keys(struct mp *m, struct session *s, uint64_t now)
{
	int slot;

	for (slot = 0; slot < 2; slot++)
		if (s->keys[slot].live && now >= s->keys[slot].wipe_at)
			session_wipe_key(m, s, slot);
}

uint64_t
session_keys_end(const struct session *s)
{
	const struct keys *k;
	uint64_t at = MP_NEVER;

	for (k = s->keys; k < s->keys + 2; k++)
		if (k->live && k->wipe_at < at)
			at = k->wipe_at;
	return at;
}

void
session_ask(struct mp *m, struct session *s, uint64_t now)
{
	uint32_t i = STATE_ONCE(s->handshake);

	s->handshake_inner = false;
	path_make_all(m, s, now); /* INIT goes where the program said, too */
	if (i >= STATE_HANDSHAKES)
		s->want_handshake = true;
	else
		m->handshakes[i].inner = false;
	path_retry_handshake(m, s, now);
	table_arm(m, s, now);
}

void
session_connect(struct mp *m, struct session *s, uint64_t now)
{
	if (s->state == MP_S_DOWN) {
		s->state = MP_S_CONNECTING;
		share_busy(m, s);
	}
	s->connect_since = now;
	session_ask(m, s, now);
	table_arm(m, s, now);
}

void
session_turn(struct mp *m, struct session *s, const uint8_t assoc[8])
{
	table_unlink_assoc(m, s);
	memcpy(s->assoc, assoc, sizeof(s->assoc));
	table_link_assoc(m, s);
	s->initiator = s->turned = true;
	m->sh->initiators++;
	s->choice = 0;
	s->current = s->selected = STATE_NO_FLOW;
}
