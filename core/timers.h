/* SPDX-License-Identifier: ISC */
/*
 * What time alone does to a session, and when it does it next.
 *
 * All that is scheduled for a session:
 *	flows: the end of a wait, probes, delayed acknowledgements, challenges
 *	to a moved peer, padded probes; the end of a validation
 *	the choice: doubt, and a second unanswered probe
 *	keys: renewal, wiping of the former, all of them after silence
 *	a new handshake when every flow is silent; its rounds
 *	address requests and announcements
 *	held datagrams and unanswered peers given up
 */
#ifndef TIMERS_H
#define TIMERS_H

#include <stdint.h>

struct mp;
struct session;

/* Takes note of the time. */
void timers_session(struct mp *, struct session *, uint64_t now);
/* When to call again, or to send something; MP_NEVER. */
uint64_t timers_next(const struct mp *, const struct session *, uint64_t now);
/* When the peer counts as restarted or lost: all that was probed is silent. */
uint64_t timers_lost_at(const struct mp *, const struct session *);

#endif
