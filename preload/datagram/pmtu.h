/* SPDX-License-Identifier: ISC */
/*
 * The MTU towards a protected peer as the program sees it, and what a program
 * that sends a longer datagram is told: EMSGSIZE, and an entry in its error
 * queue.
 */
#ifndef PMTU_H
#define PMTU_H

#include <stdbool.h>
#include <sys/socket.h>

struct cmsg_room;
struct mp_addr;
struct sock;

/* Bytes: the largest datagram that is known to reach the peer unfragmented,
 * with the IP and UDP headers that the program counts (28 or 48).  The engine
 * then probes for more. */
int pmtu_of(int fd, struct sock *, const struct mp_addr *peer);
/* A datagram to this peer was too long: puts that into the error queue, if the
 * program has IP_RECVERR on. */
void pmtu_exceeded(int fd, struct sock *, const struct mp_addr *peer);
/* Is this message of an attached socket's error queue one that pmtu_exceeded()
 * made?  Then writes the program's error into the room and the address that it
 * sent to.  Else it is about the library's packets. */
bool pmtu_read_error(struct sock *, struct msghdr *, struct mp_addr *to,
    struct cmsg_room *);

#endif
