/* SPDX-License-Identifier: ISC */
/*
 * Ends what was made with keys that are gone from the keyring: a peer's line
 * was removed, or its public key is another one; and sessions that a peer began
 * and has at none of the addresses that its line allows by now.
 *
 * A session that is up gets nothing more to send and becomes MP_S_CLOSING, so
 * that its peer hears a CLOSE and asks anew, in vain; what the peer still sends
 * is dropped.  All else is freed.
 */
#include <string.h>

#include "crypto.h"
#include "flow.h"
#include "handshake.h"
#include "mp.h"
#include "pool.h"
#include "session.h"
#include "state.h"
#include "table.h"

/* Was it made with a key, and is that gone? */
static bool
revoke_is_gone(const struct mp_keyring *ring, uint64_t key_id)
{
	return key_id != 0 && mp_keyring_find(ring, key_id) == NULL;
}

/* The sessions that a peer may have by its line as it is now; 0: any number. */
static uint32_t
revoke_most(const struct mp_keyring *ring, uint64_t key_id)
{
	const struct mp_key *k = key_id == 0 ? NULL :
	    mp_keyring_find(ring, key_id);

	return k != NULL ? k->most : 0;
}

/* Did the peer begin it, and does none of its flows work where it may come
 * from? */
static bool
revoke_is_elsewhere(const struct mp *m, const struct session *s,
    const struct mp_keyring *ring, uint64_t now)
{
	const struct mp_key *k = s->key_id == 0 || s->initiator ? NULL :
	    mp_keyring_find(ring, s->key_id);
	struct flow *f;

	if (k == NULL || k->nfrom == 0)
		return false;
	STATE_FLOWS(m, s, f, id)
		if (flow_usable(f) && !flow_lost(f, now) &&
		    mp_keyring_admits(k, &f->path.remote))
			return false;
	return true;
}

static void
revoke_session(struct mp *m, struct session *s, uint64_t now)
{
	if (s->state != MP_S_UP && s->state != MP_S_CLOSING) {
		session_free(m, s);
		return;
	}
	session_drop_handshake(m, s);
	pool_clear(m, POOL_HELD, s);
	pool_clear(m, POOL_RECENT, s);
	pool_clear(m, POOL_PARTS, s);
	if (s->state == MP_S_UP) {
		s->state = MP_S_CLOSING;
		table_unlink_addr(m, s);
	}
	table_set_deadline(m, s, now);
}

void
mp_revoke(struct mp *m, const struct mp_keyring *ring, uint64_t now)
{
	struct mp_ticket *t;
	struct session *s;
	uint32_t i;

	for (i = 0; i < m->sh->session_used && i < m->limits.sessions; i++) {
		s = &m->sessions[i];
		if (s->state != MP_S_FREE && (revoke_is_gone(ring, s->key_id) ||
		    revoke_is_elsewhere(m, s, ring, now)))
			revoke_session(m, s, now);
	}
	/* Those that peers began; ours went with their sessions. */
	for (i = 0; i < STATE_OPEN; i++)
		if (m->handshakes[i].state != HANDSHAKE_FREE &&
		    revoke_is_gone(ring, m->handshakes[i].key_id))
			handshake_free(m, &m->handshakes[i]);
	for (i = 0; i < m->sh->share_used && i < m->limits.sessions; i++)
		if (m->shares[i].sessions > 0)
			m->shares[i].most = revoke_most(ring,
			    m->shares[i].key_id);
	for (t = m->sh->ticket; t < m->sh->ticket + STATE_TICKETS; t++)
		if (revoke_is_gone(ring, t->peer.key_id))
			crypto_wipe(t, sizeof(*t));
}
