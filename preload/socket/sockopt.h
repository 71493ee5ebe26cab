/* SPDX-License-Identifier: ISC */
/*
 * Options of the program that the kernel cannot keep for it.
 *
 * An attached socket carries packets, not the program's datagrams.  So the
 * kernel is told, for both families, what the program wants to know of each
 * datagram (TOS, TTL), and is not told what would be about the packets instead
 * (errors, offloads).
 */
#ifndef SOCKOPT_H
#define SOCKOPT_H

#include <stdbool.h>

struct sock;

/* Bits of SO_TIMESTAMPING (linux/net_tstamp.h). */
enum {
	/* which stamps are made of datagrams that are sent */
	SOCKOPT_STAMP_TX = 1 << 0 | 1 << 1 | 1 << 8 | 1 << 9 | 1 << 18,
	SOCKOPT_STAMP_CMSG = 1 << 10, /* with control messages */
	SOCKOPT_STAMP_BARE = 1 << 11, /* without the datagram */
};

/* An integer option of the kernel's socket, or -1. */
int sockopt_get(int fd, int level, int option);
/* Has the socket an SO_RCVTIMEO? */
bool sockopt_waits(int fd);
/* Reads, once, what was set before this process knew the socket; of an attached
 * one also does sockopt_apply(), once. */
void sockopt_know(int fd, struct sock *);
/* The program's SO_RCVBUF is what the kernel's is now: notes it, and makes the
 * kernel's larger. */
void sockopt_room(int fd, struct sock *);
/* The program's SO_RCVBUF; 0: the kernel's is it. */
int sockopt_room_of(const struct sock *);
/*
 * Makes the kernel's SO_SNDBUF of an attached socket larger than the program's
 * in the proportion of these two numbers, so that both hold as many datagrams:
 * false, it is, or cannot be.
 */
bool sockopt_send_room(int fd, struct sock *, int much, int little);
/* The program's SO_SNDBUF is what the kernel's is now. */
void sockopt_send_room_forget(struct sock *);
/* The program's SO_SNDBUF; 0: the kernel's is it. */
int sockopt_send_room_of(struct sock *);
/* Sets the kernel's options of an attached socket as these are now. */
void sockopt_apply(int fd, struct sock *);

#endif
