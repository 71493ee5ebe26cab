/* SPDX-License-Identifier: ISC */
/* Tunnels (/dev/net/tun) of programs under mpshim. */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <stdbool.h>

enum { TUNNEL_PROGRAM = 48 }; /* bytes of "NAME (PID)" */

/* Is this interface of the network namespace a tunnel that a program under
 * mpshim holds, as far as this user may see?  Then says which. */
bool tunnel_holder(const char *link, char program[TUNNEL_PROGRAM]);

#endif
