/* SPDX-License-Identifier: ISC */
#include "plain_peer.h"

#include "policy/conf.h"
#include "process/reentry.h"
#include "process/log.h"
#include "shared/net.h"

enum { KNOWN = 4096 /* a power of two */ };

/* What the engine knows of a peer. */
enum meeting { NEVER, ASKING, SILENT, MET };

/* By hash: who spoke plaintext.  A lost entry costs a handshake that nobody
 * answers; it cannot send plaintext to another. */
static _Atomic uint64_t known[KNOWN];

/* FNV-1a, never 0. */
static uint64_t
plain_peer_hash(const struct mp_addr *a)
{
	uint64_t h = 14695981039346656037u ^ a->port;
	size_t i;

	for (i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 1099511628211u;
	return h | 1;
}

static _Atomic uint64_t *
plain_peer_place(uint64_t h)
{
	return &known[(h >> 32 ^ h >> 8) & (KNOWN - 1)];
}

static bool
is_known(const struct mp_addr *a)
{
	uint64_t h = plain_peer_hash(a);

	return atomic_load(plain_peer_place(h)) == h;
}

static void
plain_peer_remember(const struct mp_addr *a)
{
	uint64_t h = plain_peer_hash(a);

	atomic_store(plain_peer_place(h), h);
}

static enum meeting
plain_peer_meeting(struct sock *s, const struct mp_addr *a)
{
	struct mp_session_info info;
	enum meeting how = NEVER;
	uint32_t session;

	if (s->map.arena == NULL || !reentry_lock(s->map.arena))
		return NEVER;
	session = mp_session_find(&s->map.mp, s->slot, a);
	if (session != MP_NONE &&
	    mp_session_get(&s->map.mp, session, &info) == 0)
		how = info.up_at != 0 ? MET : info.plain ? SILENT : ASKING;
	reentry_unlock(s->map.arena);
	return how;
}

bool
plain_peer_may_send(struct sock *s, const struct mp_addr *a)
{
	return is_known(a) && plain_peer_meeting(s, a) != MET;
}

bool
plain_peer_may_receive(struct sock *s, const struct mp_addr *a)
{
	enum meeting how = plain_peer_meeting(s, a);

	if (how == SILENT)
		plain_peer_prefer(a);
	else if (how == NEVER || (how == ASKING &&
	    conf_get()->set.rules.accept_plain))
		plain_peer_remember(a);
	return how != MET;
}

void
plain_peer_prefer(const struct mp_addr *a)
{
	char text[NET_TEXT];

	if (is_known(a))
		return;
	plain_peer_remember(a);
	log_say(LOG_WARN, LOG_WAY, "no answer from %s: what goes there now is "
	    "not protected, since --prefer, or the configuration, allows it",
	    net_text(a, text));
}
