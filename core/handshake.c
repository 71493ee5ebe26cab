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
 * Which of the former goes next is looked up in an array beside them, of their
 * ranks (handshake_rank()): to read all records would take longer than a curve
 * operation, and when 10,000 clients come back it is asked for each INIT.
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
 * trip, none would ever be confirmed.  More records do no good: with 4096, when
 * 10,000 clients came back, more were answered than could confirm in time, and
 * 500 to 2000 handshakes were made twice.
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

/* In the rank of one that waits for its confirmation. */
#define HANDSHAKE_WAITS (UINT64_C(1) << 63)

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
	handshake_rank(m, sh);
}

/* --- Records of peers' handshakes ----------------------------------------- */

void
handshake_rank(struct mp *m, const struct handshake *sh)
{
	uint32_t i = (uint32_t)(sh - m->handshakes);
	uint64_t rank = 0;
	uint8_t name[8];

	if (i >= STATE_OPEN)
		return;
	if (sh->state == HANDSHAKE_DONE)
		rank = sh->born_at + 1;
	else if (sh->state == HANDSHAKE_OPEN)
		rank = sh->born_at | HANDSHAKE_WAITS;
	m->sh->handshake_rank[i] = rank;
	put64(name, sh->key_id);
	m->sh->handshake_peer[i] = (uint16_t)crypto_short(name, sizeof(name),
	    m->sh->hash_key);
}

/* The record that goes for another one: a free one, else the oldest of those
 * confirmed, else the oldest. */
static uint32_t
handshake_lowest(const struct mp *m)
{
	const uint64_t *rank = m->sh->handshake_rank;
	uint32_t i, lowest = 0;

	for (i = 1; i < STATE_OPEN && i < m->sh->handshake_used[0]; i++)
		if (rank[i] < rank[lowest])
			lowest = i;
	return lowest;
}

/* Has each record one that is younger than HANDSHAKE_YOUNG and not confirmed? */
static bool
handshake_crowded(const struct mp *m, uint32_t lowest, uint64_t now)
{
	uint64_t rank = m->sh->handshake_rank[lowest];

	return m->sh->handshake_used[0] >= STATE_OPEN &&
	    (rank & HANDSHAKE_WAITS) != 0 &&
	    now < (rank & ~HANDSHAKE_WAITS) + HANDSHAKE_YOUNG;
}

/* The oldest record of the peer that has most, where all are taken; NULL: none
 * has HANDSHAKE_MANY.  Peers of one bucket count as one. */
static struct handshake *
handshake_of_most(struct mp *m)
{
	const uint16_t *peer = m->sh->handshake_peer;
	const uint64_t *rank = m->sh->handshake_rank;
	uint16_t n[HANDSHAKE_BUCKETS] = { 0 };
	uint32_t i, most = 0, oldest = STATE_OPEN;

	for (i = 0; i < STATE_OPEN; i++)
		if (++n[peer[i] % HANDSHAKE_BUCKETS] > n[most])
			most = peer[i] % HANDSHAKE_BUCKETS;
	if (n[most] < HANDSHAKE_MANY)
		return NULL;
	for (i = 0; i < STATE_OPEN; i++)
		if (peer[i] % HANDSHAKE_BUCKETS == most &&
		    (oldest == STATE_OPEN || rank[i] < rank[oldest]))
			oldest = i;
	return oldest < STATE_OPEN ? &m->handshakes[oldest] : NULL;
}

bool
handshake_closed(struct mp *m, uint64_t now)
{
	return handshake_crowded(m, handshake_lowest(m), now) &&
	    handshake_of_most(m) == NULL;
}

struct handshake *
handshake_place(struct mp *m, uint64_t key_id, uint64_t now)
{
	uint32_t *used = &m->sh->handshake_used[0];
	uint32_t lowest = handshake_lowest(m);
	struct handshake *sh = &m->handshakes[lowest];

	if (*used < STATE_OPEN && (*used == 0 ||
	    m->sh->handshake_rank[lowest] != 0))
		return &m->handshakes[(*used)++];
	if (handshake_crowded(m, lowest, now)) {
		sh = handshake_of_most(m);
		if (sh == NULL || sh->key_id == key_id)
			return NULL;
	}
	handshake_free(m, sh);
	return sh;
}

/* --- Ours, and the time of both ------------------------------------------- */

struct handshake *
handshake_new(struct mp *m)
{
	uint32_t *used = &m->sh->handshake_used[1], i;
	struct handshake *sh = m->handshakes + STATE_OPEN;

	for (i = 0; i < STATE_SENT && i < *used; i++)
		if (sh[i].state == HANDSHAKE_FREE)
			return &sh[i];
	if (i == STATE_SENT)
		return NULL;
	*used = i + 1;
	return &sh[i];
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
