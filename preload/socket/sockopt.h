/* SPDX-License-Identifier: ISC */
/*
 * What the program set by setsockopt(2) and the kernel cannot keep for it.
 *
 * A joined socket carries our packets: the kernel is told for both families
 * what the program wants to know of its datagrams, and is not told what would
 * concern our packets instead of them (errors, transmit times, offloads).
 */
#ifndef SOCKOPT_H
#define SOCKOPT_H

#include "fdtab.h"

/* From linux/net_tstamp.h: what is told of datagrams sent. */
enum { SOCKOPT_STAMP_TX = 1 << 0 | 1 << 1 | 1 << 8 | 1 << 9 | 1 << 18 };

/* An integer option of the kernel's socket, or -1. */
int sockopt_get(int fd, int level, int option);
/* Has it an SO_RCVTIMEO? */
bool sockopt_waits(int fd);
/* Learns what the program set before this process had the socket; of a joined
 * one also tells the kernel what it shall do. */
void sockopt_know(int fd, struct sock *);
/* Something of it changed. */
void sockopt_apply(int fd, struct sock *);

#endif
