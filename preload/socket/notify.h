/* SPDX-License-Identifier: ISC */
/* What the data path tells others: the agent, that it has something to do, and
 * people, that a peer does not answer. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "fdtab.h"
#include "shared/internal.h"

/* The engine's deadline is nearer than the agent thinks; it will be woken by
 * the caller, who is under the lock, after it. */
bool notify_due(struct sock *);
void notify_agent(int fd, struct sock *);
/* An internal datagram from this socket: see internal.h. */
int notify_internal(int fd, struct sock *, const struct internal *,
    const void *payload, size_t len, uint8_t *buf);

/* Says so in a line. */
void notify_silent_peer(const struct mp_addr *peer);

#endif
