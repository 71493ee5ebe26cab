/* SPDX-License-Identifier: ISC */
#include "wake.h"

#include "allowed.h"
#include "log.h"
#include "net.h"

bool
wake_late(struct sock *s)
{
	uint64_t deadline = mp_deadline(&s->map.mp);

	if (deadline >= atomic_load(&s->map.arena->armed))
		return false;
	atomic_store(&s->map.arena->armed, deadline);
	return true;
}

/* The way there is asked for each time, since another process may have changed
 * it, or else known from when the socket was joined. */
int
wake_inner(int fd, struct sock *s, const struct inner *in, const void *payload,
    size_t len, uint8_t *buf)
{
	struct net_self self = s->self; /* another thread may ask as well */

	if (allowed_all())
		(void)net_self(fd, &self);
	return inner_send_as(&self, s->map.arena, fd, in, payload, len, buf);
}

void
wake_agent(int fd, struct sock *s)
{
	struct inner in = { .kind = INNER_WAKE };
	uint8_t buf[INNER_OVERHEAD];

	(void)wake_inner(fd, s, &in, NULL, 0, buf);
}

void
wake_say_silent(const struct mp_addr *peer)
{
	char text[NET_TEXT];

	log_say(LOG_WARN, LOG_PEER, "no answer from %s: is the program there "
	    "run under mpshim with the other half of the same key, and is its "
	    "UDP port open?", net_text(peer, text));
}
