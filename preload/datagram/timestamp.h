/* SPDX-License-Identifier: ISC */
/*
 * SIOCGSTAMP and SIOCGSTAMPNS of an attached socket: when did the last datagram
 * arrive that the program received?  The library has SO_TIMESTAMPNS on, and
 * with that the kernel keeps no time for these requests.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdbool.h>

struct net_info;
struct sock;

/* Notes that the program was given a datagram. */
void timestamp_note(struct sock *, const struct net_info *);
/* Is this request one of them? */
bool timestamp_is_request(unsigned long request);
/* As ioctl(2): 0, or a negative errno. */
int timestamp_read(int fd, struct sock *, unsigned long request, void *arg);

#endif
