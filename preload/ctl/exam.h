/* SPDX-License-Identifier: ISC */
/*
 * mpctl doctor: an examination of this host, its checks and its findings.
 *
 * Each check is a row of a table: a function that reports each fault with
 * exam_found(), the text of such a finding, and the command that mends it.
 */
#ifndef EXAM_H
#define EXAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "mp.h"
#include "policy/settings.h"

enum exam_bound { EXAM_FOUND = 64, EXAM_TEXT = 512 };

enum exam_weight {
	EXAM_FAULT,  /* stops multipath, or all of mpshim */
	EXAM_SECOND, /* a fault if fewer than two uplinks are left */
	EXAM_REMARK, /* no fault, but worth knowing */
};

struct exam;

struct check {
	const char *name;
	void (*run)(struct exam *, const struct check *);
	enum exam_weight weight;
	/* %1, %2 and %3 stand for the words given to exam_found() */
	const char *text;
	const char *mend; /* a command, or NULL */
};

struct exam_finding {
	const struct check *check;
	bool fault;
	char about[64]; /* %1, for checks that look for a link's name or an
			 * address of the peer */
	char text[EXAM_TEXT], mend[EXAM_TEXT]; /* with the words filled in */
};

struct exam_pair {
	struct mp_path path;
	bool answered;
	uint32_t rtt_us;
};

struct exam {
	const struct mp_addr *peer; /* NULL: only this host is examined */
	struct host host;
	struct settings settings;
	struct exam_finding found[EXAM_FOUND];
	size_t nfound;
	struct exam_pair pair[MP_FLOWS_MAX];
	size_t npairs;
	char key[32]; /* name of the key that the peer answered to, or "" */
};

/* Reports a finding; the words a, b and c (%1, %2, %3) may be NULL. */
void exam_found(struct exam *, const struct check *, const char *a,
    const char *b, const char *c);

size_t exam_faults(const struct exam *);
/* Prints "wlan0  192.0.2.1 -> 192.0.2.2:7000: 20.1 ms", or "no answer". */
void exam_put_pair(const struct exam *, const struct exam_pair *);
/* Runs the checks of a table. */
void exam_run(struct exam *, const struct check *);
/* Shakes hands with x->peer, with x->key or, where that is "", each key, which
 * x->key becomes, and probes all pairs: x->pair.  False: it does not answer. */
bool exam_talk(struct exam *x);

/* The keys that exam_key found.  exam_make_keyring() makes a keyring of key i
 * alone: false, the settings do not ask for that key.  exam_wipe_keys() overwrites and frees all. */
size_t exam_count_keys(void);
bool exam_make_keyring(const struct exam *, size_t i, struct mp_keyring *);
/* Would a program that names no peer find one at that address? */
bool exam_has_peer_at(const struct exam *, const struct mp_addr *);
void exam_wipe_keys(void);

/* The tables of checks, in the order in which they run: the set-up of mpshim
 * (reads the settings), keys, the network, the firewall, the peer.  Each ends
 * with a row without a name. */
extern const struct check exam_setup[], exam_key[], exam_net[], exam_firewall[],
    exam_peer[];

#endif
