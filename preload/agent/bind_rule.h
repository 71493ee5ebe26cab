/* SPDX-License-Identifier: ISC */
/*
 * The kernel's rule for sockets that share a UDP port, applied to what programs
 * asked for: sockets under mpshim all carry SO_REUSEPORT and most are bound to
 * the wildcard, so that the kernel would allow all of them.
 */
#ifndef BIND_RULE_H
#define BIND_RULE_H

#include <stdbool.h>

struct ipc_request;
struct slot;

/* May the socket of the request be bound besides that one? */
bool bind_rule_allows(const struct slot *, const struct ipc_request *);

#endif
