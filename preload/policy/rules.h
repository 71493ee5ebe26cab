/* SPDX-License-Identifier: ISC */
/*
 * Which peers are protected: rules by prefix and port, of which the first that
 * fits decides, and what holds for all others.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "mp.h"
#include "shared/sockfilter.h"

enum {
	RULES_MAX = 64,	  /* what the kernel's filter has room for */
	RULES_NAMES = 53, /* the port of name servers, always plain */
};

enum conf_way {
	WAY_PLAIN,   /* as the kernel sends it */
	WAY_PROTECT, /* through a session */
	WAY_REFUSE,  /* not at all */
};

/* What holds for those that no rule is about. */
enum rules_rest {
	REST_REQUIRE, /* protected, or nothing goes */
	REST_PREFER,  /* protected if they answer */
	REST_PLAIN,
};

struct rule {
	struct sockfilter_prefix peers;
	enum conf_way way;
	unsigned from, line; /* where it was asked for; the caller's */
};

struct rules {
	struct rule rule[RULES_MAX];
	size_t n;
	enum rules_rest rest;
	bool accept_plain; /* plaintext of protected peers may come in */
};

/* ADDRESS[/LEN][:PORT]; IPv6 with a port in brackets.  False: it is none. */
bool rules_prefix(struct sockfilter_prefix *, const char *word);
/* One more at the end; false: there are too many. */
bool rules_add(struct rules *, const struct rule *);
/* The rule that fits, or NULL. */
const struct rule *rules_find(const struct rules *, const struct mp_addr *);

/* What is plain whatever the rules say: it stays on this host, goes to many, or
 * asks for names. */
bool rules_exempt(const struct mp_addr *);
/* Which way a datagram to this address goes. */
enum conf_way rules_way(const struct rules *, const struct mp_addr *);
/* Is it sent in plaintext where there is no answer? */
bool rules_prefer(const struct rules *, const struct mp_addr *);
/* Is this a name server that is plain for no other reason? */
bool rules_is_dns(const struct rules *, const struct mp_addr *);
/* May plaintext come in from this address? */
bool rules_plain_from(const struct rules *, const struct mp_addr *);
/* The same for the kernel: what to do with each prefix; returns how many there
 * are.  *rest: with all others. */
size_t rules_filter(const struct rules *, struct sockfilter_prefix[RULES_MAX],
    bool *rest);

#endif
