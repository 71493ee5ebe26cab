/* SPDX-License-Identifier: ISC */
/*
 * Which socket has which index of a port's reuseport group, asked of the kernel.
 *
 * For each index, the steering sends INTERNAL_LOCATE there.  The filters of
 * data sockets drop that, and the kernel counts it among the socket's drops,
 * which are listed; so nobody but the one who is looked for notices.  The index
 * that nobody's count grows for is the control socket's.
 */
#ifndef GROUP_INDEX_H
#define GROUP_INDEX_H

#include <stdbool.h>

#include "port.h"

/* Fills in the indices of all sockets of the port; false: they cannot be told
 * apart, for instance because somebody floods them. */
bool group_index_find(struct port *);

#endif
