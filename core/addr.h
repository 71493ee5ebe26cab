/* SPDX-License-Identifier: ISC */
/* Classes of addresses: which pairs can work, what peers are told. */
#ifndef ADDR_H
#define ADDR_H

#include "mp.h"

enum addr_scope { ADDR_LOOPBACK, ADDR_LINK, ADDR_PRIVATE, ADDR_GLOBAL };

bool addr_is4(const uint8_t ip[16]);
bool addr_equal(const struct mp_addr *, const struct mp_addr *); /* and port */
/* Unspecified, multicast, broadcast, or port 0: no host has it. */
bool addr_unusable(const struct mp_addr *);
/* RFC 1918, RFC 6598 and RFC 4193 addresses are private. */
enum addr_scope addr_scope_of(const uint8_t ip[16]);
/* May these form a flow (paper, 3.1)?  Same family, both loopback or neither,
 * both link-local or neither. */
bool addr_pair_ok(const uint8_t local[16], const uint8_t remote[16]);
/* May a peer at address `peer' be told of `ip'? */
bool addr_may_tell(const uint8_t ip[16], const uint8_t peer[16],
    bool tell_private);
/* The unspecified address of the family of `like'. */
void addr_any(uint8_t ip[16], const uint8_t like[16]);
/* Can a socket of that family express this address? */
bool addr_fits(enum mp_family, const uint8_t ip[16]);
/* Synthetic address number n: 198.18.0.0/15 (RFC 2544), or 2001:2::/48 (RFC
 * 5180) for an IPv6-only socket. */
void addr_synthetic(uint8_t ip[16], enum mp_family, uint32_t n);
bool addr_is_synthetic(const uint8_t ip[16]);

#endif
