/* SPDX-License-Identifier: ISC */
/* The control messages that a program asked for, of a datagram of a joined
 * socket: only these, in the program's family and the kernel's order. */
#ifndef CMSG_H
#define CMSG_H

#include <stdbool.h>
#include <sys/socket.h>

#include "socket/fdtab.h"
#include "shared/net.h"

/* Where the next control message goes; `cut': one found no room. */
struct cmsg_room {
	char *at;
	size_t left, used;
	bool cut;
};

/* One more, as the kernel writes it. */
void cmsg_put(struct cmsg_room *, int level, int type, const void *,
    size_t len);
/* Writes those of a datagram from `from' into msg_control; true: some found no
 * room.  It came sealed, or in clear. */
bool cmsg_give(const struct sock *, const struct mp_addr *from, bool sealed,
    const struct net_info *, struct msghdr *);

#endif
