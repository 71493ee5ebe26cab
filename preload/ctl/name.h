/* SPDX-License-Identifier: ISC */
/* What people type where an address is wanted. */
#ifndef NAME_H
#define NAME_H

#include <stdbool.h>

#include "mp.h"

/* Finds the address of ADDRESS[:PORT] or NAME[:PORT], where the name is a peer's
 * whose at= has an address, or a host's; port 0 where none is given.  False:
 * there is none.  Asks the name service, which may take seconds. */
bool name_find(const char *word, struct mp_addr *);

#endif
