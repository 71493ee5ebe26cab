/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A packet's nonce is its key's flow and number, and the next number is in the
 * block.  A block that is brought back from a copy (an image of the memory, a
 * process that another restored in part) has old numbers, with keys under which
 * they were used: the next packets would have the nonces of others, which gives
 * away both, and lets others forge.  The replay windows are old ones, too.
 *
 * So the block counts the numbers that were given, in `numbers', over all
 * sessions, and each view of the block, which lies in a process's own memory,
 * remembers the highest count that it has seen.  rollback_look(), before
 * anything is sent or taken, compares the two.  The count never goes back by
 * itself; where it did, all sessions, handshakes and tickets end, as if the host
 * had been started anew, and the count goes on far beyond any that another view
 * may have seen, so that it does this once.
 *
 * The clock counts from the host's boot.  If it is SLACK behind the time of the
 * last number, then the block is of another boot: the same.  To look changes
 * nothing else, for whoever sends a packet makes us look.
 *
 * `hash_key' names the block, since a view may be given another one.
 *
 * What it cannot see: a copy of the whole, the views included, on one boot (a
 * virtual machine's snapshot, CRIU), and a process that sends before it has
 * looked since the copy was made.  doc/security.md says so.
 *
 * The caller's lock is held.
 */
#include "rollback.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "handshake.h"
#include "mp.h"
#include "session.h"
#include "state.h"

#define ROLLBACK_SLACK SEC /* us; clocks of processors differ by less */
#define ROLLBACK_APART (UINT64_C(1) << 40) /* numbers */

void
rollback_count(struct mp *m, uint64_t now, uint32_t packets)
{
	m->sh->numbers += packets;
	m->numbers = m->sh->numbers;
	if (now > m->sh->counted_at + ROLLBACK_SLACK / 4)
		m->sh->counted_at = now;
}

/* Ends all that has a key. */
static void
rollback_end(struct mp *m)
{
	uint32_t i;

	for (i = 0; i < m->sh->session_used && i < m->limits.sessions; i++)
		if (m->sessions[i].state != MP_S_FREE)
			session_free(m, &m->sessions[i]);
	for (i = 0; i < STATE_OPEN; i++)
		if (m->handshakes[i].state != HANDSHAKE_FREE)
			handshake_free(m, &m->handshakes[i]);
	crypto_wipe(m->sh->ticket, sizeof(m->sh->ticket));
	state_count(m, MP_C_rolled_back);
}

void
rollback_look(struct mp *m, uint64_t now)
{
	uint64_t block = get64(m->sh->hash_key);

	if (m->block != block) {
		m->block = block;
		m->numbers = m->sh->numbers;
	}
	if (m->sh->numbers < m->numbers ||
	    now + ROLLBACK_SLACK < m->sh->counted_at) {
		rollback_end(m);
		m->sh->numbers = m->numbers + ROLLBACK_APART;
		m->sh->counted_at = now;
	}
	m->numbers = m->sh->numbers;
}
