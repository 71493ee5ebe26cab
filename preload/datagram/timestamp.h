/* SPDX-License-Identifier: ISC */
/*
 * SIOCGSTAMP and SIOCGSTAMPNS of a joined socket: when did the last datagram
 * come that the program took?  The kernel's socket tells us with each packet,
 * and does not keep it then.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdbool.h>

#include "socket/fdtab.h"
#include "shared/net.h"

/* The program was given a datagram. */
void timestamp_note(struct sock *, const struct net_info *);
/* Is this request one of them? */
bool timestamp_is_request(unsigned long request);
/* 0, or a negative errno. */
int timestamp_read(int fd, struct sock *, unsigned long request, void *arg);

#endif
