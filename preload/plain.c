/* SPDX-License-Identifier: ISC */
#include "plain.h"

#include "conf.h"
#include "guard.h"
#include "log.h"
#include "net.h"

enum { KNOWN = 4096 /* a power of two */ };

/* What the engine knows of a peer. */
enum meeting { NEVER, ASKING, SILENT, MET };

/* By hash: who spoke plaintext.  A lost entry costs a handshake that nobody
 * answers; it cannot send plaintext to another. */
static _Atomic uint64_t known[KNOWN];

/* FNV-1a, never 0. */
static uint64_t
hash(const struct mp_addr *a)
{
	uint64_t h = 14695981039346656037u ^ a->port;
	size_t i;

	for (i = 0; i < sizeof(a->ip); i++)
		h = (h ^ a->ip[i]) * 1099511628211u;
	return h | 1;
}

static _Atomic uint64_t *
place(uint64_t h)
{
	return &known[(h >> 32 ^ h >> 8) & (KNOWN - 1)];
}

static bool
is_known(const struct mp_addr *a)
{
	uint64_t h = hash(a);

	return atomic_load(place(h)) == h;
}

static void
remember(const struct mp_addr *a)
{
	uint64_t h = hash(a);

	atomic_store(place(h), h);
}

static enum meeting
meeting(struct sock *s, const struct mp_addr *a)
{
	struct mp_session_info info;
	enum meeting how = NEVER;
	uint32_t session;

	if (s->map.arena == NULL || !guard_lock(s->map.arena))
		return NEVER;
	session = mp_session_find(&s->map.mp, s->slot, a);
	if (session != MP_NONE &&
	    mp_session_info(&s->map.mp, session, &info) == 0)
		how = info.up_at != 0 ? MET : info.plain ? SILENT : ASKING;
	guard_unlock(s->map.arena);
	return how;
}

bool
plain_goes(struct sock *s, const struct mp_addr *a)
{
	return is_known(a) && meeting(s, a) != MET;
}

bool
plain_comes(struct sock *s, const struct mp_addr *a)
{
	enum meeting how = meeting(s, a);

	if (how == SILENT)
		plain_prefer(a);
	else if (how == NEVER || (how == ASKING &&
	    conf_get()->set.rules.accept_plain))
		remember(a);
	return how != MET;
}

void
plain_prefer(const struct mp_addr *a)
{
	char text[NET_TEXT];

	if (is_known(a))
		return;
	remember(a);
	log_say(LOG_WARN, LOG_WAY, "no answer from %s: what goes there now is "
	    "not protected, since --prefer, or the configuration, allows it",
	    net_text(a, text));
}
