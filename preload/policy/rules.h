/* SPDX-License-Identifier: ISC */
/*
 * Which peers are protected: a list of rules by prefix and port, of which the
 * first that fits an address decides, and what holds where none fits.  Pure.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/sockfilter.h"

struct mp_addr;

enum {
	RULES_MAX = 64,	  /* rules; the socket filter has room for so many */
	RULES_NAMES = 53, /* port of name servers, which are always plain */
};

enum rules_way {
	WAY_PLAIN,   /* a datagram goes as the kernel sends it */
	WAY_PROTECT, /* through a session */
	WAY_REFUSE,  /* not at all */
};

/* What holds for peers that no rule is about. */
enum rules_rest {
	REST_REQUIRE, /* protected, or nothing is sent */
	REST_PREFER,  /* protected if they answer, else plain */
	REST_PLAIN,
};

struct rule {
	struct sockfilter_prefix peers;
	enum rules_way way;
	unsigned from, line; /* of its origin, as the caller counts */
};

struct rules {
	struct rule rule[RULES_MAX];
	size_t n;
	enum rules_rest rest;
	bool accept_plain; /* plaintext of protected peers may come in */
};

/* What the rules say about datagrams to and from one address. */
struct rules_policy {
	enum rules_way way; /* of a datagram to it */
	bool prefer;	 /* it goes in plaintext where no peer answers */
	bool is_dns;	 /* plain only because a name server has port 53 */
	bool plain_from; /* plaintext from the address may come in */
};

/* Parses ADDRESS[/LEN][:PORT]; IPv6 with a port is in brackets.  False: the
 * word is no such thing. */
bool rules_prefix(struct sockfilter_prefix *, const char *word);
/* Appends a rule; false: there are RULES_MAX already. */
bool rules_add(struct rules *, const struct rule *);
/* The first rule that fits the address, or NULL. */
const struct rule *rules_find(const struct rules *, const struct mp_addr *);
/* Is the address plain whatever the rules say?  Loopback, multicast, broadcast,
 * the unspecified address, and port 53. */
bool rules_exempt(const struct mp_addr *);
struct rules_policy rules_apply(const struct rules *, const struct mp_addr *);
/* The rules for incoming plaintext, as the socket filter takes them.  Returns
 * how many prefixes there are; *rest: may plaintext of all others come in? */
size_t rules_filter(const struct rules *, struct sockfilter_prefix[RULES_MAX],
    bool *rest);

#endif
