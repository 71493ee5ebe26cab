/* SPDX-License-Identifier: ISC */
/* What the kernel's routes say, by rtnetlink: what scratch sockets do not tell,
 * which interface. */
#ifndef FIB_H
#define FIB_H

#include <stdbool.h>
#include <stdint.h>

#include "mp.h"

struct fib_route {
	uint32_t ifindex;      /* by which packets leave */
	struct mp_addr source; /* that they have; port 0; zeros: not told */
};

/* The route to an address; from one of ours, unless that is NULL; by an
 * interface, unless that is 0.  False: there is none, or a seccomp filter
 * forbids to ask. */
bool fib_find(const struct mp_addr *to, const struct mp_addr *from, uint32_t by,
    struct fib_route *);
/* The interface that has this address of this host; 0: none, or unknown. */
uint32_t fib_owner(const struct mp_addr *);

#endif
