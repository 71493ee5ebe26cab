/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that a program makes of several calls, by MSG_MORE or UDP_CORK.  A
 * few sockets of a process can have one under way.
 */
#ifndef CORK_H
#define CORK_H

#include <sys/socket.h>

#include "socket/fdtab.h"
#include "shared/net.h"

enum { CORK_MAX = 65507 };

struct cork {
	_Atomic uint64_t owner;	 /* cookie of the socket, 0: nobody's */
	_Atomic uint32_t busy;	 /* a call is at it */
	struct msghdr msg;	 /* the datagram so far */
	struct iovec iov;
	struct sockaddr_storage name;
	uint64_t control[NET_CONTROL / sizeof(uint64_t)];
	uint8_t data[CORK_MAX + 1];
};

/* The one of this socket, for the caller alone until cork_leave(); a new one is
 * empty.  NULL: another call is at it. */
struct cork *cork_enter(struct sock *);
/* It stays for the next call, or is done with. */
void cork_leave(struct cork *, bool stays);
/* The datagram's name and control messages, from its first call: 0, or a
 * negative errno. */
int cork_begin(struct cork *, const struct msghdr *);
/* More of it: bytes, or a negative errno. */
ssize_t cork_add(struct cork *, const struct msghdr *);

#endif
