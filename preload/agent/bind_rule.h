/* SPDX-License-Identifier: ISC */
/*
 * The kernel's rule for who may bind a UDP port besides others.  Our sockets
 * all carry SO_REUSEPORT and most are bound to the wildcard, so we rule by what
 * the programs asked for.
 */
#ifndef BIND_RULE_H
#define BIND_RULE_H

#include <stdbool.h>

#include "shared/arena.h"
#include "shared/ipc.h"

/* May the asking socket be bound besides that one? */
bool bind_rule_allows(const struct slot *, const struct ipc_request *);

#endif
