/* SPDX-License-Identifier: ISC */
/* What each peer holds of the endpoint's records, and who gives some back when
 * they are all taken. */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct mp;
struct session;

/* A session counts for the peer of its key_id from now on; no longer. */
void share_join(struct mp *, struct session *);
void share_leave(struct mp *, struct session *);
/* The session's peer turns out to be this one. */
void share_set_key(struct mp *, struct session *, uint64_t key_id);
/* The peer may have so many sessions; 0: any number.  It holds as long as the
 * peer has a session. */
void share_set_most(struct mp *, uint64_t key_id, uint32_t most);
/* What was set; 0: any number. */
uint32_t share_most(const struct mp *, uint64_t key_id);
/* Has the peer so many sessions, or more?  0: never. */
bool share_full(const struct mp *, uint64_t key_id, uint32_t most);
/* One that it does not use any more: idle, or nothing was heard of it for
 * SHARE_UNHEARD.  NULL: none. */
struct session *share_unused(const struct mp *, uint64_t key_id, uint64_t now);
/* The session is idle from now on, which may be pushed out; `first': before
 * those that are idle already. */
void share_idle(struct mp *, struct session *, bool first);
void share_busy(struct mp *, struct session *);
/* The session has a flow record more. */
void share_flow_new(struct mp *, const struct session *);
/* May the session have one more of the flow records that are left? */
bool share_flow_ok(const struct mp *, const struct session *);

/* That peer was refused something, or lost it to others, since it takes more than
 * its share: it is counted, and remembered for the agent's log (mp_hog()). */
void share_refused(struct mp *, uint64_t key_id);

/* The session that gives way to a new one of that peer; `flows': what is wanted
 * is flow records.  NULL: none. */
struct session *share_victim(struct mp *, uint64_t key_id, bool flows);

#endif
