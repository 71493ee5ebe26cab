/* SPDX-License-Identifier: ISC */
/*
 * Which plaintext each socket of a port gets: what the kernel would give it, if
 * the sockets were bound and connected as their programs say.
 */
#ifndef CLAIMS_H
#define CLAIMS_H

#include <stddef.h>

#include "mp.h"
#include "shared/sockfilter.h"

struct port;

/* The claims of the port's sockets, the one that the kernel prefers first: how
 * many.  [lock] */
size_t claims_plan(const struct port *,
    struct sockfilter_claim claim[MP_SLOTS_MAX]);

#endif
