/* SPDX-License-Identifier: ISC */
#include "plain.h"

#include "conf.h"
#include "guard.h"
#include "log.h"
#include "net.h"

enum {
	KNOWN = 4096, /* a power of two */
	HOPES = 64,
	PATIENCE_US = 1000000,
};

/* By hash: who spoke plaintext.  A lost entry costs a handshake that nobody
 * answers; it cannot send plaintext to another. */
static _Atomic uint64_t known[KNOWN];
/* By hash: since when a peer has not answered. */
static _Atomic uint64_t hope[HOPES], since[HOPES];

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

static size_t
slot_of(uint64_t h, size_t n)
{
	return (size_t)(h >> 32 ^ h >> 8) & (n - 1);
}

void
plain_came(const struct mp_addr *a)
{
	uint64_t h = hash(a);

	atomic_store(&known[slot_of(h, KNOWN)], h);
}

static bool
had_session(struct sock *s, const struct mp_addr *a)
{
	struct mp_session_info info;
	uint32_t session;
	bool had = false;

	if (s->map.arena == NULL || !guard_lock(s->map.arena))
		return false;
	session = mp_session_find(&s->map.mp, s->slot, a);
	if (session != MP_NONE &&
	    mp_session_info(&s->map.mp, session, &info) == 0)
		had = info.state == MP_S_UP || info.state == MP_S_DOWN;
	guard_unlock(s->map.arena);
	return had;
}

bool
plain_goes(struct sock *s, const struct mp_addr *a)
{
	uint64_t h = hash(a);

	return atomic_load(&known[slot_of(h, KNOWN)]) == h &&
	    !had_session(s, a);
}

bool
plain_comes(struct sock *s, const struct mp_addr *a)
{
	return !had_session(s, a);
}

bool
plain_instead(const struct mp_addr *a, uint64_t now)
{
	uint64_t h = hash(a);
	size_t i = slot_of(h, HOPES);
	char text[NET_TEXT];

	if (!conf_prefer(a))
		return false;
	if (atomic_exchange(&hope[i], h) != h) {
		atomic_store(&since[i], now);
		return false;
	}
	if (now - atomic_load(&since[i]) < PATIENCE_US)
		return false;
	plain_came(a);
	log_say(LOG_WARN, LOG_WAY, "no answer from %s: what goes there now is "
	    "not protected, since --prefer, or the configuration, allows it", net_text(a, text));
	return true;
}
