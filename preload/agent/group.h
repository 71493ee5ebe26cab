/* SPDX-License-Identifier: ISC */
/* Steers a port's group, and learns from the kernel which socket has which
 * index where that is unknown. */
#ifndef GROUP_H
#define GROUP_H

struct port;

/* Steers the group for the slots as they are now.  Takes milliseconds where an
 * index is unknown. */
void group_steer(struct port *);

#endif
