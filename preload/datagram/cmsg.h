/* SPDX-License-Identifier: ISC */
/* Control messages with a datagram of an attached socket: those that the
 * program asked for and no others, for the program's family, in the kernel's
 * order. */
#ifndef CMSG_H
#define CMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct mp_addr;
struct net_info;
struct sock;

/* The program's buffer for control messages. */
struct cmsg_room {
	char *at;	   /* the next one goes there */
	size_t left, used; /* bytes */
	bool cut;	   /* one was cut off or left out: MSG_CTRUNC */
};

/* Appends one as the kernel's put_cmsg() does. */
void cmsg_put(struct cmsg_room *, int level, int type, const void *,
    size_t len);
/* Writes those of a datagram from `from' into msg_control; true: MSG_CTRUNC.
 * Of a session's datagram, own_addr_tell() has been at `net_info'. */
bool cmsg_give(const struct sock *, const struct mp_addr *from,
    const struct net_info *, struct msghdr *);
/* Writes those of a packet that was sent and came back by the error queue:
 * `local' is where it was sent to; without an interface, only times. */
void cmsg_put_asked(struct cmsg_room *, const struct sock *,
    const struct net_info *);

#endif
