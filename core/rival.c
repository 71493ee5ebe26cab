/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Both ends may begin at about the same time.  A rival is the session that our
 * program began with the peer whose INIT comes meanwhile.  Of two handshakes
 * that of the end with the lower public key wins: there, the peer's INIT gives
 * way, and is dropped.  responder.c asks here which session that is, and which
 * one wins.
 *
 * Whose an INIT is follows from the address that it comes from or claims, which
 * is the one that our program uses.
 *
 * The caller's lock is held.  Source: PROTOCOL.md 2.
 */
#include "rival.h"

#include <string.h>

#include "addr.h"
#include "handshake.h"
#include "mp.h"
#include "state.h"
#include "table.h"
#include "wire.h"

/* Is a handshake of ours under way that is not inside a live session?  Its
 * session may have keys, whose peer is lost. */
static bool
rival_asks(const struct mp *m, const struct session *s)
{
	uint32_t i = STATE_ONCE(s->handshake);

	return s->state == MP_S_CONNECTING || (s->state == MP_S_UP &&
	    i < STATE_HANDSHAKES && !m->handshakes[i].inner);
}

/* Is it one that has just begun, of whose keys the peer has used none? */
bool
rival_is_new(const struct session *s, uint64_t now)
{
	return s->state == MP_S_CONNECTING || (s->state == MP_S_UP &&
	    now < s->up_at + HANDSHAKE_LIFE && !s->keys[s->cur & 1].heard);
}

/* Has our own handshake just been answered? */
bool
rival_has_won(const struct session *s, uint64_t now)
{
	const struct keys *k = &s->keys[s->cur & 1];

	return s->state == MP_S_UP && k->own &&
	    now < k->born_at + HANDSHAKE_LIFE;
}

/* Our own session with the peer of that address and key, which is new or asks
 * for new keys. */
static struct session *
rival_at(const struct mp *m, const struct handshake *sh,
    const struct mp_addr *a, uint64_t now)
{
	struct session *s;
	uint32_t slot;

	for (slot = 0; slot < MP_SLOTS_MAX; slot++) {
		if (!state_slot_open(m, slot))
			continue;
		s = table_find_addr(m, slot, a);
		if (s == NULL || !s->initiator ||
		    (s->key_id != sh->key_id && s->key_id != 0))
			continue;
		if (rival_asks(m, s) || rival_is_new(s, now) ||
		    rival_has_won(s, now))
			return s;
	}
	return NULL;
}

/*
 * Our own session with a peer whose INIT came from these addresses, where both
 * ends began at about the same time.  The INIT may come from another address
 * than our program knows; then it says which one plain UDP would have come from.
 */
struct session *
rival_find(const struct mp *m, const struct handshake *sh, uint64_t now)
{
	struct session *s = NULL;
	struct mp_addr claim;
	int i;

	memcpy(claim.ip, sh->claim, sizeof(claim.ip));
	for (i = 0; i < STATE_SOURCES && sh->source[i].n > 0 && s == NULL;
	    i++) {
		s = rival_at(m, sh, &sh->source[i].addr, now);
		claim.port = sh->source[i].addr.port;
		if (s == NULL)
			s = rival_at(m, sh, &claim, now);
	}
	return s;
}

/* Is this INIT dropped for a handshake of our own?  The end with
 * the lower public key wins.  But a peer
 * that asks from outside of a live session has lost its keys, and our rekey
 * inside does not help it. */
bool
rival_yields(const struct mp *m, const struct handshake *sh, uint64_t now)
{
	struct session *s = state_session_gen(m, sh->session, sh->gen);

	if (!sh->wins)
		return false;
	if (s != NULL)
		return s->handshake < STATE_HANDSHAKES &&
		    (sh->inner || !m->handshakes[s->handshake].inner);
	s = rival_find(m, sh, now);
	return s != NULL && rival_asks(m, s) &&
	    s->handshake < STATE_HANDSHAKES;
}

/*
 * The same INIT may come from other addresses, too, which say nothing of whose it
 * is: so what gave way to which session of ours is remembered.  Not for long: ours
 * may never arrive where it goes, and the peer be heard from elsewhere.
 */
static uint32_t
rival_noted(const struct mp *m, const uint8_t mac1[], uint64_t now)
{
	uint64_t tag;
	uint32_t i;

	memcpy(&tag, mac1, sizeof(tag));
	for (i = 0; i < STATE_YIELDS; i++)
		if (m->sh->yield[i].at != 0 && m->sh->yield[i].tag == tag &&
		    now < m->sh->yield[i].at + HANDSHAKE_LIFE)
			break;
	return i;
}

void
rival_note(struct mp *m, const struct handshake *sh, const uint8_t mac1[],
    uint64_t now)
{
	const struct session *s = sh->session == MP_NONE ?
	    rival_find(m, sh, now) : NULL;
	uint32_t i;

	if (s == NULL || rival_noted(m, mac1, now) < STATE_YIELDS)
		return;
	i = m->sh->yield_next++ % STATE_YIELDS;
	memcpy(&m->sh->yield[i].tag, mac1, sizeof(m->sh->yield[i].tag));
	m->sh->yield[i].at = now;
	m->sh->yield[i].session = state_index(m, s);
	m->sh->yield[i].gen = s->gen;
}

/* Did that INIT give way to one of ours that is answered, or may be yet? */
bool
rival_holds(const struct mp *m, const uint8_t mac1[], uint64_t now)
{
	uint32_t i = rival_noted(m, mac1, now);
	const struct session *s;

	if (i >= STATE_YIELDS)
		return false;
	s = state_session_gen(m, m->sh->yield[i].session,
	    m->sh->yield[i].gen);
	return s != NULL && (rival_has_won(s, now) || (rival_asks(m, s) &&
	    now < m->sh->yield[i].at + RIVAL_YIELD));
}
