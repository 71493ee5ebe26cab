/* SPDX-License-Identifier: ISC */
/*
 * Ends what was made with keys that are gone from the keyring: a peer's line
 * was removed, or its public key is another one.
 *
 * A session that is up gets nothing more to send and becomes MP_S_CLOSING, so
 * that its peer hears a CLOSE and asks anew, in vain; what the peer still sends
 * is dropped.  All else is freed.
 */
#include <string.h>

#include "crypto.h"
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
		if (s->state != MP_S_FREE && revoke_is_gone(ring, s->key_id))
			revoke_session(m, s, now);
	}
	/* Those that peers began; ours went with their sessions. */
	for (i = 0; i < STATE_OPEN; i++)
		if (m->handshakes[i].state != HANDSHAKE_FREE &&
		    revoke_is_gone(ring, m->handshakes[i].key_id))
			handshake_free(m, &m->handshakes[i]);
	for (t = m->sh->ticket; t < m->sh->ticket + STATE_TICKETS; t++)
		if (revoke_is_gone(ring, t->peer.key_id))
			crypto_wipe(t, sizeof(*t));
}
