/* SPDX-License-Identifier: ISC */
/* The status of each link of this host, out of that of the paths by it. */
#ifndef LINKS_H
#define LINKS_H

#include <stddef.h>

struct ipc_row;

/* Prints a line for each interface that paths leave by, in the order of their
 * names: how many answer, and how fast; or since when none does. */
void links_put(const struct ipc_row *, size_t n);

#endif
