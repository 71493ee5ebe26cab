/* SPDX-License-Identifier: ISC */
/*
 * list: what befalls some hosts, one operation after the other, and its text.
 *
 *	seed 17			chance in the network
 *	world 2 1 v6 third	links of the client and the server; what else
 *	send c s 10 1200 5000	operations: verbs.c says what there is
 *	wait 250000
 *
 * Empty lines, and what follows a '#', are skipped.  Hosts are c and d, clients,
 * and s, the server; c1 is the second link of c.  Times are microseconds.
 */
#ifndef SIM_LIST_H
#define SIM_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum list_bound {
	LIST_ARGS = 5,
	LIST_OPS = 200,
	LIST_LINKS = 3,
	LIST_HOSTS = 3,
};

enum list_host { LIST_C, LIST_S, LIST_D };

/* What a world has besides: the word is what a list says. */
#define LIST_FLAGS(X)                                                         \
	X(V6, "v6")	  /* each link has IPv6, too */                       \
	X(NAT, "nat")	  /* IPv4 of c's links is behind NATs */              \
	X(THIRD, "third") /* host d, whose key is another one */              \
	X(FIRST, "first") /* s knows c's address, and may begin */            \
	X(BUNDLE, "bundle") /* datagrams go and come in bundles */            \
	X(SMALL, "small") /* little memory for sessions and datagrams */      \
	X(AES, "aes")	  /* AES-256-GCM, where the machine has it */         \
	X(LATE, "late")	  /* agents and programs run some ms late */

enum list_flag_bit {
#define X(name, word) LIST_BIT_##name,
	LIST_FLAGS(X)
#undef X
	LIST_BITS
};

enum list_flag {
#define X(name, word) LIST_##name = 1 << LIST_BIT_##name,
	LIST_FLAGS(X)
#undef X
};

struct op {
	unsigned verb;
	uint32_t arg[LIST_ARGS];
};

struct list {
	uint64_t seed;
	unsigned links[2]; /* of c, of s */
	unsigned flags;
	size_t n;
	struct op op[LIST_OPS];
};

/* A link as an argument: host * LIST_LINKS + number. */
void list_write(FILE *, const struct list *);
/* False: a line is none of a list; says which on stderr. */
bool list_read(FILE *, const char *name, struct list *);
/* The list of that seed. */
void list_make(struct list *, uint64_t seed);

#endif
