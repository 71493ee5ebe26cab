/* SPDX-License-Identifier: ISC */
/*
 * mpctl doctor: an examination, its checks and what they found.
 *
 * Each check is a row of a table: a function that looks and tells of what is
 * wrong, what to say of it, and the command that mends it.
 */
#ifndef EXAM_H
#define EXAM_H

#include <stdbool.h>
#include <stddef.h>

#include "host.h"
#include "policy/settings.h"

enum exam_bound { EXAM_FOUND = 64, EXAM_TEXT = 512 };

enum exam_weight {
	EXAM_FAULT,  /* stops multipath, or mpshim altogether */
	EXAM_SECOND, /* a fault where fewer than two ways out are left */
	EXAM_REMARK, /* worth to know */
};

struct exam;

struct check {
	const char *name;
	void (*run)(struct exam *, const struct check *);
	enum exam_weight weight;
	/* %1, %2 and %3 stand for what look() tells */
	const char *text, *mend; /* mend may be NULL: nothing is to be done */
};

struct exam_pair {
	struct mp_path path;
	bool answered;
	uint32_t rtt_us;
};

struct exam {
	const struct mp_addr *peer; /* or NULL */
	struct host host;
	struct settings settings;
	struct {
		const struct check *check;
		bool fault;
		char about[16]; /* the first word, as a link's name */
		char text[EXAM_TEXT], mend[EXAM_TEXT];
	} found[EXAM_FOUND];
	size_t nfound;
	struct exam_pair pair[MP_FLOWS_MAX];
	size_t npairs;
	char key[32]; /* under which the peer answered; or "" */
};

/* Something was found; a, b and c may be NULL. */
void exam_found(struct exam *, const struct check *, const char *a,
    const char *b, const char *c);

size_t exam_faults(const struct exam *);

/* How many keys there are; one of them, with its end or the other one: false,
 * it is not asked for.  Forgets them all. */
size_t exam_count_keys(void);
bool exam_make_keyring(const struct exam *, size_t i, bool other_end,
    struct mp_keyring *);
void exam_wipe_keys(void);

/* The tables, each up to a row without a name: what is ours (the settings come
 * first), keys, the network, the firewall, the peer. */
extern const struct check exam_setup[], exam_key[], exam_net[], exam_firewall[],
    exam_peer[];

#endif
