/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * SO_SNDBUF is to count the program's own bytes, as many of them as without
 * mpshim.  The kernel has room for a datagram as long as the memory of those
 * that have not left is less than the buffer.  That memory comes in sizes
 * (kernel fact K70), and two things of ours differ:
 *
 * A packet is longer than its datagram, by MP_OVERHEAD.  Of most lengths both
 * take the same memory; near some, the packet takes up to 1.8 times as much, and
 * fewer would fit.  So where the kernel has no room for a packet of such a
 * length, its buffer is made larger in that proportion, which is measured by
 * datagrams that are not sent (K71): tx_room_grow().  The program reads back
 * what it set.
 *
 * A bundle takes less memory than its datagrams alone, and goes whole where
 * there is any room (K61).  Where the kernel would take k datagrams and no more,
 * a bundle of single datagrams is no longer than k: tx_room_left() asks the
 * kernel, once for each bundle.  A buffer of few datagrams takes no bundles.  So
 * it is always the kernel that says EAGAIN or waits, to a single packet, and
 * readiness is the kernel's.  What remains: in a device that cuts bundles
 * itself, those that wait take less memory, so that a full buffer holds more
 * datagrams than without mpshim, as it does for a program that uses UDP_SEGMENT.
 * Making the buffer smaller for that would be wrong: where the kernel cuts
 * them, their memory is that of single ones.
 */
#ifndef TX_ROOM_H
#define TX_ROOM_H

#include <stdbool.h>
#include <stddef.h>

struct sock;

/* For how many single datagrams of that length the socket's buffer has room: 1
 * at least, since the kernel decides about one.  No more than there is room
 * for; 1 where the buffer is small. */
unsigned tx_room_left(int fd, size_t len);
/* The kernel has no room for a packet, by IPv4 or not, with a datagram of that
 * length to an address of IPv4 or not: makes its buffer larger if the datagram
 * alone would take less of it.  True: it did. */
bool tx_room_grow(int fd, struct sock *, size_t len, bool v4, bool packet_v4);

#endif
