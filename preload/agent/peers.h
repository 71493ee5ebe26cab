/* SPDX-License-Identifier: ISC */
/*
 * The file of peers: one a line, its name and public key, then options; blank
 * lines, and words from one that begins with # on, are skipped.
 *
 *	home mp1...  at=203.0.113.9,2001:db8::/48 psk=home.psk
 *
 * Pure: bytes in; a peer, or one error message, out.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp.h"

enum peers_bound {
	PEERS_NAME = 32,   /* bytes of a name, 0 included */
	PEERS_AT = 16,	   /* prefixes of one peer's at= */
	PEERS_WORD = 1024, /* bytes of a word, 0 included */
	PEERS_FAULT = 256, /* bytes of an error message */
	PEERS_MAX = 64 << 20, /* bytes of a file */
};

struct peer {
	char name[PEERS_NAME];
	uint8_t pub[32];
	char psk[PEERS_WORD]; /* path of a file, or "" */
	char ssh[PEERS_WORD]; /* how mpctl unpair reaches it, or "" */
	struct mp_prefix at[PEERS_AT], from[MP_FROM_MAX];
	unsigned nat, nfrom;
	uint32_t sessions; /* that it may have; 0: any number */
};

/* The state of reading a file. */
struct peers {
	const char *text;
	size_t len, at;
	unsigned line;
	char fault[PEERS_FAULT]; /* "expected ..., found ..." */
};

/* 1 to 31 characters of [A-Za-z0-9._-], the first no dot and no dash. */
bool peers_name_ok(const char *);

void peers_begin(struct peers *, const char *text, size_t len);
/* The next peer: 1; 0 at the end; -EINVAL: line `line' is wrong, by `fault',
 * and the others can still be read. */
int peers_next(struct peers *, struct peer *);
/* The same, of the lines with this name alone. */
int peers_find(struct peers *, const char *name, struct peer *);

#endif
