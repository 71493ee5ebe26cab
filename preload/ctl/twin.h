/* SPDX-License-Identifier: ISC */
/* Whether another host has an IPv4 address of this one: the kernel does not look
 * (IPv6 does: RFC 4862, section 5.4). */
#ifndef TWIN_H
#define TWIN_H

#include <stdbool.h>
#include <stdint.h>

#include "mp.h"

enum { TWIN_TEXT = 18 }; /* bytes of "00:11:22:33:44:55", 0 included */

/* Asks on the link (ARP probe: RFC 5227, section 2.1.1), for 0.3 s at most.
 * True, and the other's hardware address: there is one.  Only root may ask. */
bool twin_found(uint32_t ifindex, const struct mp_addr *ours,
    char other[TWIN_TEXT]);

#endif
