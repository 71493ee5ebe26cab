/* SPDX-License-Identifier: ISC */
/* Initiator: a child that waits for its peer's answer (PROTOCOL.md 2,
 * Children). */
#ifndef CHILD_OUT_H
#define CHILD_OUT_H

#include <stdbool.h>
#include <stdint.h>

struct mp;
struct session;
struct wire_welcome;

/* A packet arrived under the child's keys, so the peer has it. */
void child_heard(struct mp *, struct session *, uint64_t now);
/* The peer's sid, and what else it told, is known. */
void child_known(struct mp *, struct session *, uint64_t now,
    const struct wire_welcome *);
/* The peer's agent has read what was sent on that flow at that time: so it has
 * passed on all CHILDs before that. */
void child_passed(struct mp *, struct session *, uint32_t flow, uint64_t sent,
    uint64_t now);
/* Does what time does to a child without an answer; and when: MP_NEVER. */
void child_timers(struct mp *, struct session *, uint64_t now);
uint64_t child_due(const struct session *);
/* A handshake of our own gave it keys.  `exists': the peer had the child. */
void child_settled(struct mp *, struct session *, uint64_t now, bool exists);

#endif
