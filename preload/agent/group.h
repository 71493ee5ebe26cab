/* SPDX-License-Identifier: ISC */
/* Steers a port's group, and learns from the kernel which socket has which
 * index where that is unknown. */
#ifndef GROUP_H
#define GROUP_H

#include <stdbool.h>
#include <stdint.h>

struct port;

/* Steers the group for the slots as they are now.  Takes milliseconds where an
 * index is unknown. */
void group_steer(struct port *);
/* Is it to be steered: since something changed, or to try again to learn an
 * index?  port.locate_at says when. */
bool group_is_due(const struct port *, uint64_t now);

#endif
