/* SPDX-License-Identifier: ISC */
/*
 * The address of this host that the program is told a session's datagram came
 * to, and the interface that belongs to it.  The packet may have come to any
 * other: the program shall see what it would see without mpshim.
 */
#ifndef OWN_ADDR_H
#define OWN_ADDR_H

struct mp_addr;
struct net_info;
struct sock;

/* Replaces `local' and `ifindex' of what the kernel told about the packet, for
 * a datagram of this peer.  `fd' is the socket's, or -1. */
void own_addr_tell(int fd, const struct sock *, const struct mp_addr *peer,
    struct net_info *);

#endif
