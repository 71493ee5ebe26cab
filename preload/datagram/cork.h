/* SPDX-License-Identifier: ISC */
/*
 * Datagrams that a program makes with several calls, by MSG_MORE or UDP_CORK.
 * At most 16 sockets of a process can have one unfinished at a time.
 */
#ifndef CORK_H
#define CORK_H

#include <sys/socket.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/net.h"

struct sock;

enum { CORK_MAX = 65507 }; /* bytes: the longest payload over IPv4 */

struct cork {
	_Atomic uint64_t owner;	 /* the socket's cookie; 0: free */
	_Atomic uint32_t busy;	 /* a call has it, 0 or 1 */
	struct msghdr msg;	 /* the datagram so far; points at the rest */
	struct iovec iov;
	struct sockaddr_storage name;
	uint64_t control[NET_CONTROL / sizeof(uint64_t)];
	uint8_t data[CORK_MAX + 1];
};

/* The cork of this socket, or an empty one, for the caller alone until
 * cork_leave().  NULL: another call has it, or there is no memory. */
struct cork *cork_enter(struct sock *);
/* `stays': the datagram is not finished, the socket keeps its cork. */
void cork_leave(struct cork *, bool stays);
/* Copies name and control messages of the datagram's first call: 0, or a
 * negative errno. */
int cork_begin(struct cork *, const struct msghdr *);
/* Appends a call's payload: bytes, or a negative errno. */
ssize_t cork_add(struct cork *, const struct msghdr *);

#endif
