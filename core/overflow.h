/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A program that reads too slowly makes the kernel drop datagrams at its socket,
 * which is no loss of the path: no other flow and no single datagrams would fare
 * better.  So what the socket had no room for is taken off what the peer is told
 * to be missing (COUNT, loss.h).
 *
 * The kernel counts what it drops at a socket, and says no more of it.  So the
 * library asks for that number (SO_MEMINFO) when datagrams are found missing
 * (mp_recv_missed()), and gives it to the engine (mp_recv_dropped()).  Any flow
 * of the socket may have sent what was dropped, and a bundle counts once: each
 * drop excuses `each' datagrams of those that are missing, and what it leaves
 * excuses others found within OVERFLOW_KEEP.
 *
 * The number also grows with each packet that the socket filter keeps out, and
 * whoever likes can send such.  So a drop excuses only where the program does
 * lag: it has read a datagram OVERFLOW_LAG after its arrival within
 * OVERFLOW_KEEP.
 *
 * The caller's lock is held.
 */
#ifndef OVERFLOW_H
#define OVERFLOW_H

#include <stdint.h>

struct flow;
struct mp;
struct session;

/* A datagram of this flow was read, which had arrived then. */
void overflow_read(struct mp *, const struct session *, const struct flow *,
    uint64_t arrival, uint64_t now);

#endif
