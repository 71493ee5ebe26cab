/* SPDX-License-Identifier: ISC */
/*
 * No datagram passes one that goes in parts: those come to the peer's program by
 * way of its agent, whole ones do not (PROTOCOL.md 4, Size).
 */
#ifndef PART_ORDER_H
#define PART_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct mp;
struct session;

/* Would the next datagram on that flow go behind one in parts of which nothing
 * was heard yet? */
bool part_order_behind(const struct session *, const struct flow *);
/* Does it, with `frame' bytes in front of each packet, go in
 * parts on that flow: because it must, or behind one that did? */
bool part_order_parts(const struct session *, const struct flow *, size_t len,
    size_t frame);
/* Must it wait until the ones in parts have arrived?  Not for long: it is to be
 * staged. */
bool part_order_waits(struct mp *, struct session *, const struct flow *,
    uint64_t now, size_t len, size_t frame);
/* The first part of a datagram is to be filled in for that flow. */
void part_order_begin(const struct mp *, struct session *,
    const struct flow *);
/* Both are: a datagram of that length goes in parts. */
void part_order_sent(struct mp *, struct session *, struct flow *, uint64_t now,
    size_t len, size_t frame);
/* The kernel has it. */
void part_order_gone(const struct mp *, struct session *,
    const struct flow *, uint64_t now, size_t len);
/* The peer's agent has read something that was sent on that flow, at `from' at
 * the earliest and at `to' at the latest. */
void part_order_passed(struct mp *, struct session *, const struct flow *,
    uint64_t from, uint64_t to, uint64_t now);

#endif
