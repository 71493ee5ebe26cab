/* SPDX-License-Identifier: ISC */
#include "notify.h"

#include "fdtab.h"
#include "mp.h"
#include "process/log.h"
#include "shared/internal.h"
#include "shared/net.h"
#include "shared/seccomp.h"

bool
notify_due(struct sock *s)
{
	uint64_t deadline = mp_deadline(&s->map.mp);

	if (deadline >= atomic_load(&s->map.arena->wakeup_at))
		return false;
	atomic_store(&s->map.arena->wakeup_at, deadline);
	return true;
}

/* The port's own address is asked for each time, since another process may have
 * changed it; where a seccomp filter may forbid that, it is the one of the time
 * of attaching. */
int
notify_internal(int fd, struct sock *s, const struct internal *in,
    const void *payload,
    size_t len, uint8_t *buf)
{
	struct net_self self = s->self; /* a copy: other threads use that one */

	if (seccomp_unfiltered())
		(void)net_self_learn(fd, &self);
	return internal_send_as(&self, s->map.arena, fd, in, payload, len, buf);
}

void
notify_agent(int fd, struct sock *s)
{
	struct internal in = { .kind = INTERNAL_WAKE };
	uint8_t buf[INTERNAL_OVERHEAD];

	(void)notify_internal(fd, s, &in, NULL, 0, buf);
}

void
notify_silent_peer(const struct mp_addr *peer)
{
	char text[NET_TEXT];

	log_say(LOG_WARN, LOG_PEER, "no answer from %s: is the program there "
	    "run under mpshim, do both hosts know each other's key, and is its "
	    "UDP port open?", net_text(peer, text));
}
