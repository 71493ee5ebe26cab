/* SPDX-License-Identifier: ISC */
/*
 * SIOCGSTAMP and SIOCGSTAMPNS of a joined socket: when did the last datagram
 * come that the program took?  The kernel's socket tells us with each packet,
 * and does not keep it then.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>

#include "fdtab.h"
#include "net.h"

/* The program was given a datagram. */
void stamp_came(struct sock *, const struct net_info *);
/* Is this request one of them? */
bool stamp_is(unsigned long request);
/* 0, or a negative errno. */
int stamp_ask(int fd, struct sock *, unsigned long request, void *arg);

#endif
