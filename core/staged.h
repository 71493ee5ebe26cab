/* SPDX-License-Identifier: ISC */
/* Datagrams that wait for their session: mp_stage(), and how they leave. */
#ifndef STAGED_H
#define STAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mp;
struct mp_bundle;
struct mp_out;
struct record;
struct session;


/* Takes the oldest of a session that is up for the agent, and seals it: the
 * packet's length, or 0. */
size_t staged_send(struct mp *, struct session *, uint64_t now, struct mp_out *,
    uint8_t *buf, size_t size);
/* The same of a session without a peer, as plain UDP: 1, or 0. */
int staged_send_plain(struct mp *, struct session *, uint64_t now,
    struct mp_out *, uint8_t *buf, size_t size);
/* The agent sent what it took by that packet, or had that error. */
void staged_poll_sent(struct mp *, struct session *, uint64_t now,
    const struct mp_out *, int error);
/* The next one of a session, if the agent or else a thread of the program may
 * take it now; and a thread has taken those up to that one, one by one (NULL) or
 * by a bundle. */
struct record *staged_take(struct mp *, struct session *, uint64_t now,
    bool agent);
void staged_taken(const struct mp *, struct session *, const struct record *,
    uint64_t now, const struct mp_bundle *);
/* Those up to this number have gone (`counted': by mp_send_commit()); the one
 * of this number did not, and is taken again, with those behind it. */
void staged_gone(struct mp *, struct session *, uint64_t now, uint32_t number,
    bool counted);
void staged_kept(struct mp *, struct session *, uint64_t now, uint32_t number);
/* The time of who took some is over. */
void staged_expire(struct mp *, struct session *, uint64_t now);
/* Those that were taken count as sent. */
void staged_settle(struct mp *, struct session *, uint64_t now);
/* When the next one is due, or what was taken is to be settled; MP_NEVER. */
uint64_t staged_due(const struct session *, uint64_t now);

#endif
