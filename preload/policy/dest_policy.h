/* SPDX-License-Identifier: ISC */
/*
 * What holds for one address: all that the rules and the kernel's routes say
 * about datagrams to it and from it, found at once and remembered for a second.
 */
#ifndef DEST_POLICY_H
#define DEST_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "dest_scope.h"
#include "rules.h"

struct mp_addr;

struct dest_policy {
	uint64_t hash;	       /* of the address and its port, never 0 */
	enum rules_way way;    /* which way a datagram to it goes */
	enum dest_scope scope; /* UNKNOWN where the rules say plain */
	bool prefer;	    /* goes in plaintext where no peer answers */
	bool is_dns;	    /* plain only because a name server has port 53 */
	bool plain_from;    /* plaintext from it may come in */
	bool plain_besides; /* it may, although the way there is protected */
};

/* Asks the kernel for the scope, where that decides and is not known. */
struct dest_policy dest_policy_of(const struct mp_addr *);
/* The same without asking: where the scope is UNKNOWN the way is that of the
 * rules alone. */
struct dest_policy dest_policy_known(const struct mp_addr *);
/* The same of an address that has a session, so it is another host's. */
struct dest_policy dest_policy_of_peer(const struct mp_addr *);

#endif
