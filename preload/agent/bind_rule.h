/* SPDX-License-Identifier: ISC */
/*
 * The kernel's rule for sockets that share a UDP port, applied to what programs
 * asked for: sockets under mpshim all carry SO_REUSEPORT and most are bound to
 * the wildcard, so that the kernel would allow all of them.
 */
#ifndef BIND_RULE_H
#define BIND_RULE_H

#include <stdint.h>

struct ipc_request;
struct slot;

enum bind_rule {
	BIND_RULE_APART,   /* the two have nothing to do with each other */
	BIND_RULE_REFUSED, /* EADDRINUSE */
	BIND_RULE_SHARED,  /* both have SO_REUSEPORT */
};
/*
 * May the socket of the request be bound besides that one, which is bound to
 * this device (0: to none)?  Of the sockets of a port the newest that is not
 * apart decides, since the kernel looks no further.
 */
enum bind_rule bind_rule_of(const struct slot *, uint32_t device,
    const struct ipc_request *);

#endif
