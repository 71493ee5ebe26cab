/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A handshake makes the keys of a session: INIT, RESP, and the first packet
 * under the new keys, which confirms it (Noise IKpsk2, noise.c).  This file has
 * what both ends share, and the table of handshakes; initiator.c sends INIT,
 * initiator_reply.c takes RESP and COOKIE, responder.c answers INIT and
 * confirms.  "Ours" is a handshake that this end began, whichever role it has
 * in the association: either end may renew keys.
 *
 * The table has 1024 records for handshakes that peers began, then 1024 for
 * ours; memory is touched up to the most that were in use (handshake_used).
 *
 * HANDSHAKE_FREE.  Unused.
 *
 * HANDSHAKE_SENT.  Ours.  INIT goes out on every pair at 0, 0.3 and 0.9 s, from
 * 2.1 s on one pair in turn (after CLOSE more often in the first second); a rekey goes inside the session, on one flow at a
 * time.  After 5 s the next INIT has a new ephemeral key.  A COOKIE makes it go
 * out once more on that flow, with mac2.  The first RESP with a right mac
 * that opens installs the keys and frees the record; but one of another pair
 * waits 200 ms for that of the primary pair (PROTOCOL.md 6).  The
 * record goes as well when its session is freed, goes down or is closed.
 *
 * HANDSHAKE_OPEN.  A peer's, answered, not confirmed.  Its keys and sid are
 * ready, and no session has changed: an INIT can be replayed.  A copy of the
 * INIT gets the same RESP, 4 in all to each source.  The first packet
 * that opens under its keys confirms it: the session of its association gets
 * the keys, or one is made (peer_addr.c).  5 s after the INIT it is freed.
 *
 * HANDSHAKE_DONE.  A peer's, confirmed.  The keys are the session's and wiped
 * here; late copies of the INIT are answered until 5 s after the first.
 *
 * An INIT is checked from cheap to dear: length and version, mac1 (for us),
 * mac2, whether it is a copy, the rate limits, one curve operation for its
 * sender's public key, whether we know that, one for its payload, and only then
 * the three of an answer.  A stranger costs no memory and gets no answer.  When
 * the 1024 records are taken, the oldest of those confirmed goes, else the oldest
 * that has waited for a second, else the oldest of the peer that has most, if
 * that is another one and has many.  Younger ones stay, and the INIT is dropped
 * (its sender asks again): else, where more begin than can be answered in a round
 * trip, none would ever be confirmed.
 *
 * Both ends may begin at once.  The handshake of the end with the lower public
 * key, A, wins: A drops B's INIT while its own is under way, B answers A's and
 * gives its own session to it (responder_adopt()).  But if A had answered B's before it began, B's wins.
 *
 * Never: a change to a live session by a peer's unconfirmed handshake; a
 * long-term key in the block (the keyring is the agent's, mp.h); a DH of zero.
 *
 * The caller's lock is held.  Time: HANDSHAKE_LIFE; handshake_sweep() runs each
 * second while peers' records are in use.  Sources: the Noise Protocol
 * Framework, revision 34; PROTOCOL.md 2 and 6; mac1, mac2 and the cookie are
 * WireGuard's.
 */
#include "handshake.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "mp.h"
#include "state.h"
#include "table.h"

enum { HANDSHAKE_BUCKETS = 1024, HANDSHAKE_MANY = 16 };

void
handshake_prologue(uint8_t out[HANDSHAKE_PROLOGUE], const uint8_t *packet)
{
	memcpy(out, "mpshim1", 8);
	memcpy(out + 8, packet, WIRE_HANDSHAKE);
}

void
handshake_ephemeral(struct mp *m, const struct mp_keyring *ring,
    uint8_t secret[32])
{
	if (ring->random != NULL)
		ring->random(secret, 32);
	else
		rng_bytes(&m->sh->rng, secret, 32);
}

uint32_t
handshake_features(const struct mp *m, uint32_t more)
{
	return (m->sh->aes ? WIRE_F_AES : 0U) | WIRE_F_PARENT | more;
}

void
handshake_free(struct mp *m, struct handshake *sh)
{
	if (sh->state == HANDSHAKE_SENT || sh->state == HANDSHAKE_OPEN)
		table_unlink_sid(m, table_handshake_ref(m, sh));
	crypto_wipe(sh, sizeof(*sh));
}

/* Which of two of peers' handshakes goes for a new one? */
static bool
handshake_less(const struct handshake *a, const struct handshake *b)
{
	bool done = a->state == HANDSHAKE_DONE;

	return done != (b->state == HANDSHAKE_DONE) ? done :
	    a->born_at < b->born_at;
}

/* Has each record for peers' handshakes one that is younger than HANDSHAKE_YOUNG
 * and not confirmed? */
static bool
handshake_crowded(const struct mp *m, uint64_t now)
{
	const struct handshake *sh;

	if (m->sh->handshake_used[0] < STATE_OPEN)
		return false;
	for (sh = m->handshakes; sh < m->handshakes + STATE_OPEN; sh++)
		if (sh->state != HANDSHAKE_OPEN ||
		    now >= sh->born_at + HANDSHAKE_YOUNG)
			return false;
	return true;
}

static uint32_t
handshake_bucket(const struct mp *m, const struct handshake *sh)
{
	uint8_t name[8];

	put64(name, sh->key_id);
	return (uint32_t)(crypto_short(name, sizeof(name), m->sh->hash_key) %
	    HANDSHAKE_BUCKETS);
}

/* The oldest record of the peer that has most, where all are taken; NULL: none
 * has HANDSHAKE_MANY.  Peers of one bucket count as one. */
static struct handshake *
handshake_of_most(struct mp *m)
{
	uint16_t n[HANDSHAKE_BUCKETS] = { 0 }, at[STATE_OPEN];
	uint32_t i, most = 0;
	struct handshake *oldest = NULL;

	for (i = 0; i < STATE_OPEN; i++) {
		at[i] = (uint16_t)handshake_bucket(m, &m->handshakes[i]);
		if (++n[at[i]] > n[most])
			most = at[i];
	}
	if (n[most] < HANDSHAKE_MANY)
		return NULL;
	for (i = 0; i < STATE_OPEN; i++)
		if (at[i] == most && (oldest == NULL ||
		    m->handshakes[i].born_at < oldest->born_at))
			oldest = &m->handshakes[i];
	return oldest;
}

bool
handshake_closed(struct mp *m, uint64_t now)
{
	return handshake_crowded(m, now) && handshake_of_most(m) == NULL;
}

struct handshake *
handshake_place(struct mp *m, uint64_t key_id, uint64_t now)
{
	struct handshake *sh;

	if (!handshake_crowded(m, now))
		return handshake_new(m, 0, STATE_OPEN, true);
	sh = handshake_of_most(m);
	if (sh == NULL || sh->key_id == key_id)
		return NULL;
	handshake_free(m, sh);
	return sh;
}

struct handshake *
handshake_new(struct mp *m, uint32_t first, uint32_t n, bool oldest)
{
	uint32_t *used = &m->sh->handshake_used[first > 0], i;
	struct handshake *sh, *found = NULL;

	for (i = 0; i < n && i < *used; i++) {
		sh = &m->handshakes[first + i];
		if (sh->state == HANDSHAKE_FREE)
			return sh;
		if (found == NULL || handshake_less(sh, found))
			found = sh;
	}
	if (i < n) {
		*used = i + 1;
		return &m->handshakes[first + i];
	}
	if (!oldest || found == NULL)
		return NULL;
	handshake_free(m, found);
	return found;
}

void
handshake_sweep(struct mp *m, uint64_t now)
{
	struct handshake *sh;
	uint32_t i;

	m->sh->sweep_at = MP_NEVER;
	for (i = 0; i < STATE_OPEN && i < m->sh->handshake_used[0]; i++) {
		sh = &m->handshakes[i];
		if (sh->state == HANDSHAKE_FREE)
			continue;
		if (now >= sh->born_at + HANDSHAKE_LIFE)
			handshake_free(m, sh);
		else
			m->sh->sweep_at = now + SEC;
	}
}
