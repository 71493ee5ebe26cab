/* SPDX-License-Identifier: ISC */
/*
 * What time alone does to a session, and when it does it next: timers.c opens
 * with the list of everything that is scheduled.
 */
#ifndef TIMERS_H
#define TIMERS_H

#include <stdint.h>

struct mp;
struct session;

/* Does what is due at `now', but for sending packets. */
void timers_session(struct mp *, struct session *, uint64_t now);
/* When timers_session() or mp_poll() has something to do for the session;
 * MP_NEVER. */
uint64_t timers_next(const struct mp *, const struct session *, uint64_t now);
/* When the peer counts as lost, because all flows that were probed are silent;
 * MP_NEVER. */
uint64_t timers_lost_at(const struct mp *, const struct session *);

#endif
