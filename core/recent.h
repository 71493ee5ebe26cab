/* SPDX-License-Identifier: ISC */
/* Which of the datagrams sent lately need not be sent again (PROTOCOL.md 5). */
#ifndef RECENT_H
#define RECENT_H

#include <stdbool.h>
#include <stdint.h>

struct flow;
struct mp;
struct record;
struct session;

/* us that a datagram may be sent again, from its first sending: by default, and
 * at most. */
enum recent_limit { RECENT_LONGEST = 1000 * 1000, RECENT_MOST = 10000 * 1000 };

/* Has what was sent on the flow then arrived, for certain? */
bool recent_arrived(const struct session *, const struct flow *, uint64_t at);
/* Is it too long ago that the datagram was sent first? */
bool recent_stale(const struct mp *, const struct record *, uint64_t now);
/* How many of a record's via[] count. */
unsigned recent_vias(const struct record *);
/* When the first datagram after `at' was sent on the flow, that is kept and not
 * far from the oldest one; MP_NEVER. */
uint64_t recent_after(struct mp *, struct session *, const struct flow *,
    uint64_t at);
/* Drops, oldest first, `most' records at most that need not be sent again. */
void recent_trim(struct mp *, struct session *, uint64_t now, unsigned most);

#endif
