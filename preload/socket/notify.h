/* SPDX-License-Identifier: ISC */
/* Messages of the data path: to the agent, that it has something to do, and to
 * people, that a peer does not answer. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct internal;
struct mp_addr;
struct sock;

/* Is the engine's deadline before `wakeup_at'?  Then sets that, and the caller
 * calls notify_agent() after the unlock.  Under the arena's lock. */
bool notify_due(struct sock *);
/* Wakes the agent. */
void notify_agent(int fd, struct sock *);
/* Sends an internal datagram from this socket: 0, or a negative errno.  `buf'
 * has room for len + INTERNAL_OVERHEAD bytes. */
int notify_internal(int fd, struct sock *, const struct internal *,
    const void *payload, size_t len, uint8_t *buf);

/* Logs that the peer does not answer. */
void notify_silent_peer(const struct mp_addr *peer);

#endif
