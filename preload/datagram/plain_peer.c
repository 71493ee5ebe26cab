/* SPDX-License-Identifier: ISC */
#include "plain_peer.h"

#include <stdatomic.h>

#include "mp.h"
#include "policy/conf.h"
#include "policy/dest_policy.h"
#include "process/log.h"
#include "process/reentry.h"
#include "shared/net.h"
#include "shared/sibling.h"
#include "socket/fdtab.h"

enum { KNOWN = 4096 /* a power of two */ };

/* What the engine knows of a peer. */
enum meeting {
	NEVER,	/* there is no session with it */
	ASKING, /* a handshake is under way */
	SILENT, /* the peer did not answer */
	MET,	/* its session was up once */
};

/* Hashes of addresses that sent plaintext or did not answer.  An entry that
 * another address overwrites costs a handshake that nobody answers. */
static _Atomic uint64_t known[KNOWN];

static _Atomic uint64_t *
plain_peer_place(const struct dest_policy *p)
{
	return &known[(p->hash >> 32 ^ p->hash >> 8) & (KNOWN - 1)];
}

static bool
plain_peer_is_known(const struct dest_policy *p)
{
	return atomic_load(plain_peer_place(p)) == p->hash;
}

static void
plain_peer_remember(const struct dest_policy *p)
{
	atomic_store(plain_peer_place(p), p->hash);
}

static enum meeting
plain_peer_meeting(struct sock *s, const struct mp_addr *a)
{
	struct mp_session_info info;
	enum meeting how = NEVER;
	uint32_t session;

	if (s->map.arena == NULL || !reentry_lock(s->map.arena))
		return NEVER;
	session = mp_session_find(&s->map.mp, sibling_sender(&s->map, s->slot,
	    a), a);
	if (session != MP_NONE &&
	    mp_session_get(&s->map.mp, session, &info) == 0)
		how = info.up_at != 0 ? MET : info.plain ? SILENT : ASKING;
	reentry_unlock(s->map.arena);
	return how;
}

bool
plain_peer_has_session(struct sock *s, const struct mp_addr *a)
{
	return plain_peer_meeting(s, a) == MET;
}

bool
plain_peer_may_send(struct sock *s, const struct mp_addr *a,
    const struct dest_policy *p)
{
	return plain_peer_is_known(p) && plain_peer_meeting(s, a) != MET;
}

bool
plain_peer_may_receive(struct sock *s, const struct mp_addr *a,
    const struct dest_policy *p)
{
	enum meeting how = plain_peer_meeting(s, a);

	if (how == SILENT)
		plain_peer_prefer(a, p);
	else if (how == NEVER || (how == ASKING &&
	    conf_get()->set.rules.accept_plain))
		plain_peer_remember(p);
	return how != MET;
}

void
plain_peer_prefer(const struct mp_addr *a, const struct dest_policy *p)
{
	char text[NET_TEXT];

	if (plain_peer_is_known(p))
		return;
	plain_peer_remember(p);
	log_say(LOG_WARN, LOG_WAY, "no answer from %s: what goes there now is "
	    "not protected, since --prefer, or the configuration, allows it",
	    net_text(a, text));
}
