/* SPDX-License-Identifier: ISC */
/* What the data path tells others: the agent, that it has something to do, and
 * people, that a peer does not answer. */
#ifndef WAKE_H
#define WAKE_H

#include "fdtab.h"
#include "inner.h"

/* The engine's deadline is nearer than the agent thinks; it will be woken by
 * the caller, who is under the lock, after it. */
bool wake_late(struct sock *);
void wake_agent(int fd, struct sock *);
/* An internal datagram from this socket: see inner.h. */
int wake_inner(int fd, struct sock *, const struct inner *,
    const void *payload, size_t len, uint8_t *buf);

/* Says so in a line. */
void wake_say_silent(const struct mp_addr *peer);

#endif
