/* SPDX-License-Identifier: ISC */
/* Which messages of a sendmmsg(2) may leave together. */
#ifndef TX_MANY_H
#define TX_MANY_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * How many of n messages (1 at least), from the first one on, are to the same
 * address and ask for the same, and have as many bytes, but the last one of
 * them perhaps less.  A message that the kernel would refuse before it looks
 * at the payload is like no other.
 */
unsigned tx_many_alike(const struct mmsghdr *, unsigned n);

/* Are name and control messages where memory can be? */
bool tx_many_readable(const struct msghdr *);

#endif
