/* SPDX-License-Identifier: ISC */
/*
 * bundle: programs that send several datagrams at a time, and a kernel that
 * hands on together what arrives together (UDP_SEGMENT, UDP_GRO).
 */
#ifndef SIM_BUNDLE_H
#define SIM_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

struct host;

enum { BUNDLE_MOST = MP_BUNDLE_MAX };

/* The program sends n datagrams of one length, which lie side by side; they go
 * as bundles of any number and as single ones.  result[i] is what host_send()
 * would return for one. */
void bundle_send(struct host *, const struct mp_addr *dst, const uint8_t *,
    size_t len, unsigned n, uint16_t stream, uint32_t seq, int result[]);
/* The program reads what its kernel has bundled of the first packets that
 * wait; false: the first one is to be read alone. */
bool bundle_take(struct host *);

#endif
